"""The format of one segment of a SegmentLog, and how its records are read back.

All numbers are little-endian. A segment is one header and then records without gaps:

    header   32 bytes: magic `TVSG`, format u16 = 1, flags u16 = 0, number of the first record u64,
             key id 8 bytes (zero: not encrypted), mark 4 bytes, CRC-32 u32 of the 28 bytes before it
    record   24 bytes: the segment's mark, length u32, number u64, how many records of its group
             stand before it u32, CRC-32 u32 of the 20 bytes before it and of the payload; then
             `length` bytes of payload

A group is what was made durable together; the next group is written only when the one before it is
durable. An intact record of a later group therefore proves that what stands before it was durable.

The mark is drawn at random for each segment: a payload whose author knows the format, but not the
file, cannot imitate a record. CRC-32 finds every single flipped bit; it is no defence against a
person who can write to the disk, which is the ledger's task.
"""

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final
from zlib import crc32

from twinvouch.adapters.disk import Disk
from twinvouch.core.errors import CorruptError, UsageError

MAX_RECORD: Final = 64 * 1024 * 1024
HEADER_SIZE: Final = 32
RECORD_HEAD: Final = 24

_MAGIC: Final = b"TVSG"
_FORMAT: Final = 1
_PLAIN: Final = bytes(8)
_HEADER = struct.Struct("<4sHHQ8s4s")
_HEAD = struct.Struct("<4sIQI")
_CRC = struct.Struct("<I")


class DamageError(CorruptError):
    """Bytes in a segment that are not the record they should be: where, and which record is missing."""

    def __init__(self, path: Path, offset: int, number: int, why: str) -> None:
        super().__init__(f"`{path}` offset {offset}: record {number} {why}")
        self.offset = offset
        self.number = number
        self.why = why


def segment_name(first: int) -> str:
    """The file name of the segment that begins with record `first`; names sort like numbers."""
    return f"{first:020d}.seg"


def make_header(first: int, mark: bytes) -> bytes:
    """The 32 bytes that open a segment."""
    head = _HEADER.pack(_MAGIC, _FORMAT, 0, first, _PLAIN, mark)
    return head + _CRC.pack(crc32(head))


def record_head(mark: bytes, number: int, place: int, payload: bytes) -> bytes:
    """The 24 bytes that stand before `payload`, which is the `place`-th of its group, from 0."""
    head = _HEAD.pack(mark, len(payload), number, place)
    return head + _CRC.pack(crc32(payload, crc32(head)))


def read_header(file: BinaryIO, path: Path, first: int) -> bytes:
    """The segment's mark; raises CorruptError, or UsageError for formats that are not ours to read."""
    raw = file.read(HEADER_SIZE)
    if len(raw) < HEADER_SIZE or _CRC.unpack(raw[28:])[0] != crc32(raw[:28]):
        raise CorruptError(f"`{path}` offset 0: the segment's header is damaged ({len(raw)} bytes)")
    magic, version, flags, number, key, mark = _HEADER.unpack(raw[:28])
    if magic != _MAGIC or number != first:
        raise CorruptError(
            f"`{path}` offset 0: a segment that begins with record {first} was expected, "
            f"got {magic!r} and record {number}"
        )
    if version != _FORMAT or flags or key != _PLAIN:
        raise UsageError(
            f"`{path}`: format {version}, flags {flags}, key id {key.hex()}: this version reads "
            f"format {_FORMAT} without encryption; use the version that wrote it"
        )
    return bytes(mark)


def walk(
    file: BinaryIO, path: Path, mark: bytes, number: int, end: int | None = None
) -> Iterator[tuple[int, bytes]]:
    """Records from `number` up to `end` (None: the end of the file), the file standing at the first.

    Raises DamageError at the first that does not verify.
    """
    offset = file.tell()
    while end is None or number < end:
        head = file.read(RECORD_HEAD)
        if not head and end is None:
            return
        payload, why = _payload(file, head, mark, number)
        if why:
            raise DamageError(path, offset, number, why)
        yield number, payload
        number += 1
        offset += RECORD_HEAD + len(payload)


def _payload(file: BinaryIO, head: bytes, mark: bytes, number: int) -> tuple[bytes, str]:
    """A record's payload, or why it is none."""
    if len(head) < RECORD_HEAD:
        return b"", f"is missing: its header ends after {len(head)} of {RECORD_HEAD} bytes"
    found, length, written, _ = _HEAD.unpack_from(head)
    if found != mark or length > MAX_RECORD or written != number:
        return b"", "has no valid header"
    payload = file.read(length)
    if len(payload) < length:
        return b"", f"is cut short: {len(payload)} of {length} bytes"
    if crc32(payload, crc32(head[: _HEAD.size])) != _CRC.unpack_from(head, _HEAD.size)[0]:
        return b"", "has a wrong checksum"
    return payload, ""


@dataclass(frozen=True, slots=True)
class Behind:
    """What is intact behind a damage: the offset of the first such record.

    `is_later`: one of them is of a later group, so that the damaged record must have been durable.
    """

    offset: int
    is_later: bool


def intact_behind(file: BinaryIO, mark: bytes, damage: DamageError) -> Behind | None:
    """The intact records behind `damage`; None: only a torn tail follows."""
    file.seek(damage.offset)
    rest = file.read()
    first: int | None = None
    place = rest.find(mark, 1)
    while place >= 0:
        group = _group_start(rest, place, damage.number)
        if group is not None:
            first = damage.offset + place if first is None else first
            if group > damage.number:
                return Behind(first, is_later=True)
        place = rest.find(mark, place + 1)
    return None if first is None else Behind(first, is_later=False)


def _group_start(raw: bytes, offset: int, after: int) -> int | None:
    """Number of the first record of the group of the record at `offset`; None: no intact one is there."""
    if len(raw) - offset < RECORD_HEAD:
        return None
    _, length, number, place = _HEAD.unpack_from(raw, offset)
    start = offset + RECORD_HEAD
    payload = memoryview(raw)[start : start + length]
    if number < after or len(payload) != length:
        return None
    crc = crc32(payload, crc32(raw[offset : offset + _HEAD.size]))
    return number - place if crc == _CRC.unpack_from(raw, offset + _HEAD.size)[0] else None


def group_start(file: BinaryIO, offsets: Sequence[int]) -> int:
    """Where the group of the last record begins; `offsets` are those of all intact records of the segment."""
    file.seek(offsets[-1])
    place: int = _HEAD.unpack(file.read(_HEAD.size))[3]
    return offsets[max(0, len(offsets) - 1 - place)]


def write_all(disk: Disk, descriptor: int, chunks: list[bytes], offset: int) -> None:
    """Write `chunks` one after the other at `offset`, without joining them first."""
    limit = os.sysconf("SC_IOV_MAX")
    for start in range(0, len(chunks), limit):
        part = chunks[start : start + limit]
        size = sum(map(len, part))
        done = disk.pwritev(descriptor, part, offset)
        if done < size:  # a disk that is nearly full takes a part
            rest = memoryview(b"".join(part))
            while done < size:
                done += disk.pwritev(descriptor, [rest[done:]], offset + done)
        offset += size
