"""A chunk of the history: rows of one scan group that the core admitted on one day, one tag readable without the others.

    header  8 bytes: magic `TVCH`, format u16 = 1, flags u16 = 0 (little-endian)
    parts   without gaps: `rows`, `reasons`, then one a tag, in the order of the footer's ids
    footer  raw deflate of CBOR (below)
    tail    16 bytes: length of the footer u32, length of its CBOR u32, CRC-32 u32 of the footer and those lengths,
            magic `HCVT`

Parts and footer may be encrypted, each by itself (wire/encrypted.py, place `chunk`); lengths and digests are of what is
stored. The digest of a chunk is the SHA-256 of its stored footer, which holds a digest of every part: who knows it can check
one tag of one day and read nothing else. Rows are ordered by source time, then by ledger index, then by place in the batch.

    footer  [1, plant, group, edge, day, rows, entries, times, ids, lengths, digests, salt]
            ids: of the tags, a text with a line each; day: of receipt, since 1970, UTC; entries: first and last ledger index; times: earliest and latest source time;
            lengths: of the parts, packed; digests: the first 16 bytes of each part's SHA-256, joined; salt: 16 random bytes
    rows    t_ns, received_ns, entry, row: four columns of packed integers (wire/packed.py)
    reasons what was said of rows and no single tag: a count; where it is not 0, two packed columns, of rows and of places in
            the reasons, then those: length of the CBOR as CBOR integer, raw deflate of
            `[[entry, rule, subject, severity, sentence, technique] ...]`
    a tag   quality (packed), 3 where the row has no reading; of the n readings: a count and 4 bytes of axes each of the
            distinct labels, which label (packed), age of `fresh_until` at receipt in ns (packed); what was said of it, as in
            `reasons`; the n values (wire/exact.py)

A reader takes nothing else; what is damaged is a MalformedError that says where.
"""

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Quality
from twinvouch.core.errors import MalformedError
from twinvouch.core.label import AXES, FULL
from twinvouch.wire.cbor import decode, encode, head, head_at
from twinvouch.wire.exact import pack_doubles, unpack_doubles
from twinvouch.wire.fields import ID, LARGEST, Fields
from twinvouch.wire.packed import deflated, inflated, pack, unpack

MOST_ROWS: Final = 1 << 17
MOST_TAGS: Final = 50_000
MOST_REASONS: Final = 1 << 20
HEADER: Final = b"TVCH\x01\x00\x00\x00"
TAIL: Final = 16
SALT: Final = 16
PLACE: Final = b"chunk"
ROWS, REASONS, FIRST_TAG = 0, 1, 2  # numbers of parts
_TAIL = struct.Struct("<III4s")
_END: Final = b"HCVT"
_DIGEST: Final = 16
_LONGEST: Final = 1 << 28  # CBOR of a footer or of reasons
Seal: TypeAlias = Callable[[bytes], bytes]
Part = TypeVar("Part")


class Reason(NamedTuple):
    """A finding as a chunk keeps it, and the ledger index of the batch it is about."""

    entry: int
    rule: str
    subject: str
    severity: int
    sentence: str
    technique: str


@dataclass(frozen=True, slots=True, eq=False)
class Clock:
    """The columns that all tags of a chunk share, int64[R] each; `entry` is a ledger index, `row` the place in its batch."""

    t_ns: NDArray[np.int64]
    received_ns: NDArray[np.int64]
    entry: NDArray[np.int64]
    row: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The n readings of one tag in a chunk: which row each is in (ascending), what it says, and what was said of it.

    `rows` int64[n], `values` float64[n], `quality` uint8[n] (never MISSING), `axes` uint8[4, n], `age_ns` int64[n] (fresh_until
    minus received_ns). `remarks` int64[m, 2]: row and place in `reasons`.
    """

    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    quality: NDArray[np.uint8]
    axes: NDArray[np.uint8]
    age_ns: NDArray[np.int64]
    remarks: NDArray[np.int64]
    reasons: Sequence[Reason]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """R rows in the order of the history: a column a tag, and reasons with remarks int64[m, 2] about no single tag."""

    clock: Clock
    columns: Sequence[Column]
    remarks: NDArray[np.int64]
    reasons: Sequence[Reason]


@dataclass(frozen=True, slots=True)
class About:
    """Whose rows a chunk holds: `day` is that of receipt, since 1970, UTC."""

    plant: str
    group: str
    edge: str
    day: int
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Footer:
    """What a chunk says of itself; `spans` are offset and length of each part in the file, `digests` 16 bytes each."""

    about: About
    rows: int
    entries: tuple[int, int]
    times: tuple[int, int]
    spans: tuple[tuple[int, int], ...]
    digests: tuple[bytes, ...]
    digest: bytes  # SHA-256 of the stored footer


Read: TypeAlias = "Callable[[Footer, bytes], Part]"


def write_chunk(about: About, rows: Rows, salt: bytes, seal: Seal = bytes) -> tuple[bytes, bytes]:
    """The file of these rows (1..MOST_ROWS, sorted), each part through `seal`, and the chunk's digest."""
    clock, count = rows.clock, len(rows.clock.t_ns)
    assert 0 < count <= MOST_ROWS, count
    assert len(rows.columns) == len(about.ids), about.ids
    shared = b"".join(pack(c) for c in (clock.t_ns, clock.received_ns, clock.entry, clock.row))
    parts = [seal(shared), seal(_write_said(rows.remarks, rows.reasons))]
    parts += [seal(_write_column(column, count)) for column in rows.columns]
    cbor = encode(
        [
            1, about.plant, about.group, about.edge, about.day, count,
            [int(clock.entry.min()), int(clock.entry.max())], [int(clock.t_ns[0]), int(clock.t_ns[-1])],
            "\n".join(about.ids), pack(np.array([len(p) for p in parts], np.int64)),
            b"".join(sha256(p).digest()[:_DIGEST] for p in parts), salt,
        ]
    )  # fmt: skip
    footer = seal(deflated(cbor))
    lengths = struct.pack("<II", len(footer), len(cbor))
    tail = _TAIL.pack(len(footer), len(cbor), zlib.crc32(footer + lengths), _END)
    return b"".join((HEADER, *parts, footer, tail)), sha256(footer).digest()


def footer_span(head_: bytes, tail: bytes, size: int) -> tuple[int, int]:
    """Offset and length of the footer, by the first 8 and the last 16 bytes of a file of `size` bytes."""
    if head_ != HEADER or len(tail) != TAIL or not tail.endswith(_END):
        raise MalformedError("byte 0: expected a chunk of the history, format 1")
    length = _TAIL.unpack(tail)[0]
    start = size - TAIL - length
    if start < len(HEADER):
        raise MalformedError(f"byte {size - TAIL}: a footer of {length} bytes in {size}")
    return start, length


def read_footer(stored: bytes, tail: bytes, start: int, open_: Seal = bytes) -> Footer:
    """The footer at offset `start`, which `footer_span` named; `open_` takes off what `seal` put on."""
    length, size, crc, _ = _TAIL.unpack(tail)
    if length != len(stored) or zlib.crc32(stored + tail[:8]) != crc or size > _LONGEST:
        raise MalformedError(f"byte {start}: the footer is damaged")
    items = decode(inflated(open_(stored), size, start))
    fields = Fields(items, 12, "chunk")
    fields.integer("version", 1, 1)
    plant, group, edge = (fields.text(name, ID) for name in ("plant", "group", "edge"))
    day, rows = fields.integer("day", 0, (1 << 32) - 1), fields.integer("rows", 1, MOST_ROWS)
    entries = _pair(fields.inner("entries", 2), "entry")
    times = fields.each("times", 2, lambda each: each.integer("time", -LARGEST - 1))
    ids = tuple(fields.text("ids", MOST_TAGS * (2 * ID + 2)).split("\n"))
    packed, digests = fields.octets("lengths"), fields.octets("digests")
    fields.octets("salt", SALT)
    parts = len(ids) + FIRST_TAG
    lengths, end = unpack(packed, 0, parts)
    if end != len(packed) or len(digests) != parts * _DIGEST or len(times) != 2:
        raise MalformedError(f"byte {start}: expected {parts} parts of {len(ids)} tags")
    ends = np.cumsum(lengths) + len(HEADER)
    if int(lengths.min()) < 0 or int(lengths.max()) > start or int(ends[-1]) != start:
        raise MalformedError(f"byte {start}: the parts end at {int(ends[-1])}")
    spans = tuple(zip((ends - lengths).tolist(), lengths.tolist(), strict=True))
    each = tuple(digests[at : at + _DIGEST] for at in range(0, len(digests), _DIGEST))
    about = About(plant, group, edge, day, ids)
    return Footer(about, rows, entries, (times[0], times[1]), spans, each, sha256(stored).digest())


def checked(footer: Footer, number: int, stored: bytes) -> bytes:
    """The bytes of part `number` where they are those of the footer; MalformedError otherwise."""
    if sha256(stored).digest()[:_DIGEST] != footer.digests[number]:
        name = {ROWS: "rows", REASONS: "reasons"}.get(number) or footer.about.ids[number - 2]
        raise MalformedError(f"byte {footer.spans[number][0]}: part `{name}` is damaged")
    return stored


def read_clock(footer: Footer, raw: bytes) -> Clock:
    """The columns that all tags share."""
    at, columns = 0, []
    for _ in range(4):
        column, at = unpack(raw, at, footer.rows)
        columns.append(column)
    _expect_end(raw, at)
    return Clock(*columns)


def read_reasons(footer: Footer, raw: bytes) -> tuple[tuple[Reason, ...], NDArray[np.int64]]:
    """What was said of no single tag: the reasons, and int64[m, 2] of rows and places in these."""
    remarks, reasons, at = _said_at(raw, 0, footer.rows)
    _expect_end(raw, at)
    return reasons, remarks


def read_column(footer: Footer, raw: bytes) -> Column:
    """One tag."""
    quality, at = unpack(raw, 0, footer.rows)
    if int(quality.min()) < 0 or int(quality.max()) > Quality.MISSING:
        raise MalformedError(f"byte 0: expected qualities 0..{Quality.MISSING}")
    rows = np.flatnonzero(quality != Quality.MISSING)
    axes, at = _axes_at(raw, at, len(rows))
    age_ns, at = unpack(raw, at, len(rows))
    remarks, reasons, at = _said_at(raw, at, footer.rows)
    values, at = unpack_doubles(raw, at, len(rows))
    _expect_end(raw, at)
    return Column(rows, values, quality[rows].astype(np.uint8), axes, age_ns, remarks, reasons)


def _write_column(column: Column, count: int) -> bytes:
    quality = np.full(count, Quality.MISSING, np.int64)
    quality[column.rows] = column.quality
    labels = np.ascontiguousarray(column.axes.T).view("<u4").ravel()
    table, places = np.unique(labels, return_inverse=True)
    return b"".join(
        (
            pack(quality),
            head(0, len(table)),
            table.astype("<u4").tobytes(),
            pack(places.astype(np.int64)),
            pack(column.age_ns),
            _write_said(column.remarks, column.reasons),
            pack_doubles(column.values),
        )
    )


def _write_said(marks: NDArray[np.int64], reasons: Sequence[Reason]) -> bytes:
    """Remarks and the reasons that they name; of none one byte."""
    if not len(marks):
        return head(0, 0)
    marks = marks[np.argsort(marks[:, 0], kind="stable")]
    rows, places = (np.ascontiguousarray(marks[:, c]) for c in (0, 1))
    cbor = encode([list(r) for r in reasons])
    small = deflated(cbor)
    told = (head(0, len(cbor)), head(2, len(small)), small)
    return b"".join((head(0, len(marks)), pack(rows), pack(places), *told))


def _said_at(raw: bytes, at: int, rows: int) -> tuple[NDArray[np.int64], tuple[Reason, ...], int]:
    start = at
    major, count, at = head_at(raw, at)
    if major != 0 or count > MOST_REASONS:
        raise MalformedError(f"byte {start}: expected at most {MOST_REASONS} remarks")
    if not count:
        return np.zeros((0, 2), np.int64), (), at
    of, at = unpack(raw, at, count)
    what, at = unpack(raw, at, count)
    major, size, at = head_at(raw, at)
    kind, length, at = head_at(raw, at)
    body, end = raw[at : at + length], at + length
    if major != 0 or kind != 2 or size > _LONGEST or len(body) != length:
        raise MalformedError(f"byte {at}: expected reasons")
    items = decode(inflated(body, size, at), items=size)
    reasons = Fields([items], 1, "reasons").each(
        "reasons", MOST_REASONS, lambda each: _reason(each.inner("reason", 6))
    )
    if int(of.min()) < 0 or int(of.max()) >= rows:
        raise MalformedError(f"byte {start}: a remark beyond {rows} rows")
    if int(what.min()) < 0 or int(what.max()) >= len(reasons):
        raise MalformedError(f"byte {start}: a remark beyond {len(reasons)} reasons")
    return np.stack((of, what), axis=1), reasons, end


def _axes_at(raw: bytes, at: int, count: int) -> tuple[NDArray[np.uint8], int]:
    start = at
    major, size, at = head_at(raw, at)
    end = at + AXES * size
    if major != 0 or not min(count, 1) <= size <= count or end > len(raw):
        raise MalformedError(f"byte {start}: expected up to {count} labels")
    table = np.frombuffer(raw[at:end], np.uint8).reshape(size, AXES)
    places, at = unpack(raw, end, count)
    if count and (int(places.min()) < 0 or int(places.max()) >= size):
        raise MalformedError(f"byte {end}: a label beyond the table of {size}")
    return np.take(np.ascontiguousarray(table.T), places, axis=1), at


def _reason(fields: Fields) -> Reason:
    return Reason(
        fields.integer("entry"),
        fields.text("rule", ID),
        fields.text("subject", LARGEST),
        fields.integer("severity", 0, FULL),
        fields.text("sentence", LARGEST),
        fields.text("technique", LARGEST),
    )


def _pair(fields: Fields, name: str) -> tuple[int, int]:
    first, last = fields.integer(name), fields.integer(name)
    return first, last


def _expect_end(raw: bytes, at: int) -> None:
    if at != len(raw):
        raise MalformedError(f"byte {at}: expected the end, got {len(raw) - at} more")
