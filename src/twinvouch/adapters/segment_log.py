"""The record of truth on disk: an append-only, numbered log in segment files (format: segment_file.py).

A group is what one `sync` makes durable: all of it or, where writing failed, nothing. It never spans
two segments, so a segment is larger than `segment_bytes` only where a single group is.

Start-up tells a crash from damage. A crash leaves a torn tail: of the last group, which was never
acknowledged, some records may not verify; it is cut there and said in `repairs`. Everything else that
does not verify is damage and refused with CorruptError: a record before which a later group was written,
one that the state store has consumed (`known`), and, where no `known` is given, one with anything intact
behind it.
"""

import os
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from twinvouch.adapters.disk import OS, Disk
from twinvouch.adapters.segment_file import (
    HEADER_SIZE,
    MAX_RECORD,
    PLAIN,
    Behind,
    DamageError,
    group_start,
    intact_behind,
    make_header,
    read_header,
    record_head,
    segment_name,
    walk,
    write_all,
)
from twinvouch.core.errors import CorruptError, UnavailableError, UsageError

SEGMENT_BYTES: Final = 64 * 1024 * 1024
_SEGMENT: Final = re.compile(r"[0-9]{20}\.seg")


class SegmentLog:
    """An append-only log of records in `directory`; one opener, one writing thread.

    `key_id` names the key store that payloads are encrypted with; where it changes, a new segment begins.
    `records` may run in other threads meanwhile. `known` is how many records were acknowledged at least
    (`log_end` of the state store); None where nothing outside says so.
    """

    def __init__(
        self,
        directory: Path,
        segment_bytes: int = SEGMENT_BYTES,
        known: int | None = None,
        disk: Disk = OS,
        key_id: bytes = PLAIN,
    ) -> None:
        self._directory = directory
        self._disk = disk
        self._limit = segment_bytes
        self._key_id = key_id
        self._file = -1
        self._mark = b""
        self._size = 0  # bytes of the last segment that are durable
        self._firsts: list[int] = []
        self._durable = self._next = 0
        self._pending: list[bytes] = []  # head, payload, head, payload ...
        self._pending_size = 0
        self._broken = ""
        self._is_begun = False  # a new segment may have its name and is not written to yet
        self.repairs: tuple[str, ...] = ()
        disk.make_directory(directory)
        self._lock = disk.hold(directory / "lock")
        try:
            self._open(known)
        except BaseException:
            self.close()
            raise

    @property
    def first(self) -> int:
        """Number of the oldest record that is kept."""
        return self._firsts[0]

    @property
    def end(self) -> int:
        """Number that the next durable record gets: all below are durable."""
        return self._durable

    def append(self, record: bytes) -> int:
        """Add `record` to the group and return its number; durable after `sync` only."""
        if len(record) > MAX_RECORD:
            raise UsageError(f"a record has at most {MAX_RECORD} bytes, got {len(record)}")
        number = self._next
        place = number - self._durable
        self._pending += (record_head(self._mark, number, place, record), record)
        self._pending_size += len(record) + len(self._pending[-2])
        self._next = number + 1
        return number

    def sync(self) -> None:
        """Make the group durable.

        Raises UnavailableError where the disk refused: nothing of the group is kept then, and its
        numbers are given again. Where that cannot be guaranteed the log refuses everything from then on.
        """
        if self._broken:
            raise UnavailableError(self._broken)
        if not self._pending:
            return
        try:
            is_over = self._size > HEADER_SIZE and self._size + self._pending_size > self._limit
            if is_over or self._is_begun:
                self._start_segment()
            write_all(self._disk, self._file, self._pending, self._size)
        except OSError as error:
            raise UnavailableError(self._take_back(error)) from None
        try:
            self._disk.fdatasync(self._file)
        except OSError as error:  # what is on disk is unknown now, and asking again would not tell
            self._broken = f"log `{self._directory}` is broken, restart: {error.strerror}"
            raise UnavailableError(self._broken) from None
        self._size += self._pending_size
        self._durable = self._next
        self._pending, self._pending_size = [], 0

    def records(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Durable records from number `start`; raises CorruptError at the first that is damaged."""
        firsts, end = tuple(self._firsts), self._durable
        if start < firsts[0]:
            raise UsageError(f"record {start} was dropped, the log begins at {firsts[0]}")
        if start >= end:
            return
        for place in range(bisect_right(firsts, start) - 1, len(firsts)):
            stop = firsts[place + 1] if place + 1 < len(firsts) else end
            path = self._directory / segment_name(firsts[place])
            with self._opened(path, firsts[place]) as file:
                mark, _ = read_header(file, path, firsts[place], self._key_id)
                for number, record in walk(file, path, mark, firsts[place], stop):
                    if number >= start:
                        yield number, record

    def older_than(self, cutoff_ns: int) -> int:
        """Number of the first record in a segment that was written to at `cutoff_ns` or later.

        Times are those of the file system; the last segment always counts as written to.
        """
        for first in self._firsts[:-1]:
            if self._disk.modified_ns(self._directory / segment_name(first)) >= cutoff_ns:
                return first
        return self._firsts[-1]

    def drop_before(self, number: int) -> int:
        """Remove whole segments of records below `number`, never the last; returns how many."""
        dropped = 0
        while len(self._firsts) > 1 and self._firsts[1] <= number:
            self._disk.unlink(self._directory / segment_name(self._firsts[0]))
            self._firsts.pop(0)
            dropped += 1
        if dropped:
            self._disk.sync_directory(self._directory)
        return dropped

    def close(self) -> None:
        """Release files and lock; appended records that were not synced are not kept."""
        self._broken = self._broken or f"log `{self._directory}` is closed"
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                self._disk.close(descriptor)
        self._file = self._lock = -1

    def _opened(self, path: Path, first: int) -> BinaryIO:
        try:
            return self._disk.reader(path)
        except FileNotFoundError:
            if first < self.first:
                raise UsageError(f"`{path}` was dropped while it was read") from None
            raise CorruptError(f"`{path}` is missing: restore it from a copy") from None

    def _open(self, known: int | None) -> None:
        names = self._disk.names(self._directory)
        for leftover in names:
            if leftover.endswith(".tmp"):
                self._disk.unlink(self._directory / leftover)
        self._firsts = sorted(int(name[:20]) for name in names if _SEGMENT.fullmatch(name))
        if self._firsts:
            self._read_last(known)
        else:
            self._start_segment()
        if known is not None and self._durable < known:
            last = self._directory / segment_name(self._firsts[-1])
            raise CorruptError(
                f"`{last}` offset {self._size}: the log ends before record {self._durable}, "
                f"but {known} records were acknowledged: restore it from a copy"
            )

    def _read_last(self, known: int | None) -> None:
        first = self._firsts[-1]
        path = self._directory / segment_name(first)
        self._file = self._disk.open(path, os.O_RDWR, 0o600)
        self._size, self._durable = HEADER_SIZE, first
        offsets = array("Q")
        with self._disk.reader(path) as file:
            self._mark, key_id = read_header(file, path, first, self._key_id)
            try:
                for number, _ in walk(file, path, self._mark, first):
                    offsets.append(self._size)
                    self._size, self._durable = file.tell(), number + 1
            except DamageError as damage:
                behind = intact_behind(file, self._mark, damage)
                if not _is_torn(damage, behind, known):
                    raise CorruptError(f"{damage}, and it is not the tail of a crash") from None
                self.repairs = (_cut(self._disk, self._file, path, damage, behind),)
            if offsets:
                self._store_again(file, group_start(file, offsets))
        self._next = self._durable
        if key_id != self._key_id:
            self._start_segment()

    def _store_again(self, file: BinaryIO, start: int) -> None:
        """Write the last group once more and sync it, and the segment's name.

        A process that was killed before its sync, or whose sync failed, leaves a group that reads well and may
        never reach the disk; a later sync would not tell (Linux takes such pages for clean).
        """
        file.seek(start)
        write_all(self._disk, self._file, [file.read(self._size - start)], start)
        self._disk.fdatasync(self._file)
        self._disk.sync_directory(self._directory)

    def _start_segment(self) -> None:
        """Begin a new segment, durably; the pending group is sealed again under its mark."""
        first = self._durable
        path = self._directory / segment_name(first)
        draft = path.with_suffix(".tmp")
        mark = os.urandom(4)
        file = self._disk.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            write_all(self._disk, file, [make_header(first, mark, self._key_id)], 0)
            self._disk.fsync(file)
            self._is_begun = True
            self._disk.rename(draft, path)
            self._disk.sync_directory(self._directory)
        except OSError:
            self._disk.close(file)
            raise
        if self._file >= 0:
            self._disk.close(self._file)
        self._file, self._mark, self._size = file, mark, HEADER_SIZE
        self._is_begun = False
        if first not in self._firsts[-1:]:  # else one without records was replaced
            self._firsts.append(first)
        records = self._pending[1::2]
        heads = [record_head(mark, first + i, i, r) for i, r in enumerate(records)]
        self._pending[::2] = heads

    def _take_back(self, error: OSError) -> str:
        """Forget the group after a failed write; returns the sentence for the caller."""
        said = f"log `{self._directory}` cannot be written, the group is not kept: {error.strerror}"
        try:
            self._disk.ftruncate(self._file, self._size)
        except OSError as second:
            self._broken = f"{said}; and it cannot be cut back, restart: {second.strerror}"
        self._next = self._durable
        self._pending, self._pending_size = [], 0
        return self._broken or said


def _is_torn(damage: DamageError, behind: Behind | None, known: int | None) -> bool:
    """Whether a crash explains the damage: nobody can have been told that these records are durable."""
    if known is None:
        return behind is None
    return damage.number >= known and (behind is None or not behind.is_later)


def _cut(
    disk: Disk, descriptor: int, path: Path, damage: DamageError, behind: Behind | None
) -> str:
    """Cut a torn tail off, durably; returns the sentence that says so."""
    size = disk.size(descriptor)
    disk.ftruncate(descriptor, damage.offset)
    disk.fsync(descriptor)
    more = "" if behind is None else f"; the record intact at offset {behind.offset} went with it"
    return (
        f"`{path}`: {size - damage.offset} bytes that were never acknowledged cut at offset "
        f"{damage.offset}: record {damage.number} {damage.why}{more}"
    )
