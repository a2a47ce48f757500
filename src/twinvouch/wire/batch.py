"""The content of a batch of readings: a header and, by its kind, columns or a SenML pack.

`[1, 1, plant, edge, epoch, seq, prev, origin, group, columns_digest, t_ns, [arrays], quality]`
(wire/columns.py), `[1, 2, plant, ..., columns_digest, pack]` (wire/senml.py) or `[1, 13, plant, ...,
columns_digest, t_ns, column, values, quality]` (wire/changes.py). In the same chain stand reports of an edge about
its sources, `[1, 12, plant, ..., columns_digest, reports]` (wire/report.py). The header is read
without the cells, so that a batch can be refused before it costs anything. NaN and infinity are
readings like others: gate 1 judges them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Batch, Identity, Origin
from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.core.inventory import ScanGroup
from twinvouch.core.kind import VERSION, Kind
from twinvouch.core.report import Report
from twinvouch.wire import senml
from twinvouch.wire.cbor import encode, octets_at, scalars_at
from twinvouch.wire.changes import Changes, read_changes, write_changes
from twinvouch.wire.columns import Cells, read_columns, write_columns
from twinvouch.wire.fields import DIGEST, ID, LARGEST
from twinvouch.wire.report import read_reports, write_reports

_KINDS = {
    bytes((0x8D, VERSION, Kind.BATCH)): Kind.BATCH,
    bytes((0x8B, VERSION, Kind.BATCH_SENML)): Kind.BATCH_SENML,
    bytes((0x8B, VERSION, Kind.SOURCE_REPORT)): Kind.SOURCE_REPORT,
    bytes((0x8E, VERSION, Kind.BATCH_CHANGES)): Kind.BATCH_CHANGES,
}
_ORIGINS = tuple(Origin)


@dataclass(frozen=True, slots=True)
class Header:
    """What a batch says of itself before its cells are read.

    `columns` is the digest of its scan group's columns, `body` the offset of what follows the header.
    """

    kind: Kind
    plant: str
    identity: Identity
    prev: bytes
    origin: Origin
    group: str
    columns: bytes
    body: int = 0


def columns_digest(name: str, ids: Sequence[str], dtypes: Sequence[str]) -> bytes:
    """SHA-256 of CBOR `[name, [[tag, dtype] ...]]`: ScanGroup.digest."""
    return sha256(encode([name, [list(pair) for pair in zip(ids, dtypes, strict=True)]])).digest()


def read_header(content: bytes) -> Header:
    """The header of a batch of any kind; MalformedError for anything else. Cells stay unread."""
    kind = _KINDS.get(content[:3])
    if kind is None:
        raise MalformedError(
            "byte 0: expected a batch: [1, 1, 2, 12 or 13, ...] of 13, 11, 11 or 14 elements"
        )
    (plant, edge, epoch, seq, prev, origin, group, columns), at = scalars_at(content, 3, 8)
    for name in (plant, edge, group):
        if type(name) is not str or not 0 < len(name) <= ID or not name.isprintable():
            raise MalformedError(f"batch: expected ids of 1..{ID} printable characters")
    for number in (epoch, seq):
        if type(number) is not int or number > LARGEST:
            raise MalformedError("batch: expected epoch and sequence 0..2**63-1")
    for digest in (prev, columns):
        if type(digest) is not bytes or len(digest) != DIGEST:
            raise MalformedError(f"batch: expected digests of {DIGEST} bytes")
    if type(origin) is not int or origin > Origin.SHADOW:
        raise MalformedError(f"batch: expected an origin 0..{Origin.SHADOW}")
    return Header(
        kind, plant, Identity(edge, epoch, seq), prev, _ORIGINS[origin], group, columns, at
    )


def read_batch(
    content: bytes, digest: bytes, header: Header, group: ScanGroup, max_cells: int
) -> Batch:
    """The cells of a batch whose columns are those of `group`; MalformedError for anything else.

    `header` and `digest` are those of this content. Arrays are read-only, views on `content` where
    the wire type allows; a batch of more than `max_cells` cells is refused unread.
    """
    if header.group != group.name or header.columns != group.digest:
        raise MalformedError(f"batch: the columns are not those of scan group `{group.name}`")
    if header.kind is Kind.BATCH_SENML:
        cells = _read_pack(content, header.body, group, max_cells)
    elif header.kind is Kind.BATCH_CHANGES:
        cells = read_changes(content, header.body, len(group.tags), max_cells)
    else:
        cells = read_columns(content, header.body, group.dtypes, max_cells)
    h = header
    return Batch(h.plant, h.identity, h.prev, h.origin, h.group, *cells, digest)


def write_batch(
    header: Header,
    group: ScanGroup,
    t_ns: NDArray[np.int64],
    values: NDArray[np.float64],
    quality: NDArray[np.uint8] | None = None,
) -> bytes:
    """The content to sign: R times, R x K values in engineering units, R x K qualities (None: GOOD).

    An integer column takes the nearest integer; what it cannot hold is written as the nearest it can,
    marked BAD. Raises UsageError where shapes or header do not fit `group`.
    """
    shape = (len(t_ns), len(group.tags))
    if quality is None:
        quality = np.zeros(shape, np.uint8)
    if values.shape != shape or quality.shape != shape or not values.size:
        raise UsageError(f"expected {shape} cells, at least one, got {values.shape}")
    cells = (t_ns, values, quality)
    if header.kind is Kind.BATCH_SENML:
        body: tuple[object, ...] = (senml.write_pack(group.ids, _units(group), cells),)
    else:
        body = write_columns(group.dtypes, cells)
    return _content(header, group, body)


def write_changed(header: Header, group: ScanGroup, changes: Changes) -> bytes:
    """The content to sign of readings made one by one (kind 13): at least one, each of a column of `group`."""
    if not len(changes.t_ns) or int(changes.column.max()) >= len(group.tags):
        raise UsageError(f"expected readings of the {len(group.tags)} columns of `{group.name}`")
    return _content(header, group, write_changes(changes))


def write_report(header: Header, group: ScanGroup, reports: Sequence[Report]) -> bytes:
    """The content to sign of reports (kind 12) about the sources of `group`."""
    return _content(header, group, (write_reports(reports),))


def read_report(content: bytes, header: Header) -> tuple[Report, ...]:
    """The reports behind a header of kind 12; MalformedError for anything else."""
    return read_reports(content[header.body :])


def _content(header: Header, group: ScanGroup, body: Sequence[object]) -> bytes:
    h = header
    if (h.group, h.columns) != (group.name, group.digest):
        raise UsageError(f"the header is not one of scan group `{group.name}`")
    identity = (h.identity.edge, h.identity.epoch, h.identity.seq)
    content = encode(
        [VERSION, h.kind, h.plant, *identity, h.prev, h.origin, h.group, h.columns, *body]
    )
    try:
        read_header(content)
    except MalformedError as error:
        raise UsageError(f"cannot be written: {error}") from None
    return content


def _read_pack(content: bytes, at: int, group: ScanGroup, max_cells: int) -> Cells:
    start, end = octets_at(content, at)
    if end != len(content):
        raise MalformedError(f"byte {end}: expected the end, got {len(content) - end} more")
    return senml.read_pack(content[start:], group.ids, _units(group), max_cells)


def _units(group: ScanGroup) -> tuple[str, ...]:
    return tuple(tag.unit for tag in group.tags)
