"""SenML packs in CBOR (RFC 8428) as the payload of a batch, pivoted to rows by distinct time.

Understood are the base fields bn, bt, bu, bv, bver and n, u, v, vs, vb, vd, t. Names are tag ids of the
scan group, a unit must be that of the tag, a time must be absolute (2**28 s or more, section 4.5.3).
A number or boolean is a GOOD cell, text or data a BAD one (NaN), a cell without a record is MISSING;
a record without a value only sets base fields. Other labels are ignored unless they must be understood
(text ending in `_`). Foreign encoders' long numbers and unsorted keys are taken, duplicates are not.
"""

from collections.abc import Mapping, Sequence
from math import isfinite, nan
from typing import TypeAlias

import numpy as np

from twinvouch.core.batch import Quality
from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.wire.cbor import Item, decode, encode
from twinvouch.wire.columns import Cells

BVER, BN, BT, BU, BV = -1, -2, -3, -4, -5
N, U, V, VS, VB, T, VD = 0, 1, 2, 3, 4, 6, 8
SENML = 10  # the SenML version where a pack does not say
RELATIVE_S = 1 << 28  # times below are relative to now, which a signed record must not be
_SECOND = 1_000_000_000
_VALUES = (V, VS, VB, VD)

Record: TypeAlias = dict[int | str, Item]
Cell: TypeAlias = tuple[float, Quality]


def read_pack(pack: bytes, ids: Sequence[str], units: Sequence[str], max_cells: int) -> Cells:
    """Times [R] in order, values [R, K], qualities [R, K] of the K tags; MalformedError else."""
    records = decode(pack, canonical=False, items=1 + 32 * max_cells)
    if not isinstance(records, list):
        raise MalformedError("senml: expected an array of records")
    base = _Base()
    cells: dict[tuple[int, str], Cell] = {}
    expected = dict(zip(ids, units, strict=True))
    for record in records:
        resolved = base.resolve(record, expected)
        if resolved is None:
            continue
        place, cell = resolved
        if place in cells:
            raise MalformedError(f"senml: `{place[1]}` has two values at {place[0]} ns")
        cells[place] = cell
    return _pivot(cells, ids, max_cells)


def write_pack(ids: Sequence[str], units: Sequence[str], cells: Cells) -> bytes:
    """The pack of these cells; UsageError for a quality that SenML has no place for."""
    t_ns, values, quality = cells
    if not np.isin(quality, (Quality.GOOD, Quality.MISSING)).all():
        raise UsageError("expected GOOD or MISSING cells: SenML has no place for other qualities")
    present = quality != Quality.MISSING
    records: list[dict[int, object]] = []
    for row, time in enumerate(t_ns.tolist()):
        seconds, rest = divmod(time, _SECOND)
        base = {BT: seconds}
        for k in np.flatnonzero(present[row]).tolist():
            cell = {N: ids[k], U: units[k], V: float(values[row, k])}
            records.append({**base, **cell, **({T: rest / _SECOND} if rest else {})})
            base = {}
    return encode(records)


class _Base:
    """The base fields as they stand: each record may set them for itself and those after it."""

    __slots__ = ("name", "t_ns", "unit", "value")

    def __init__(self) -> None:
        self.name = ""
        self.t_ns = 0
        self.unit = ""
        self.value = 0.0

    def resolve(self, item: Item, units: Mapping[str, str]) -> tuple[tuple[int, str], Cell] | None:
        """Time and tag, value and quality of one record; None where it only sets base fields."""
        record = _record(item)
        self._set(record)
        told = [label for label in _VALUES if label in record]
        if not told:
            return None
        if len(told) > 1:
            raise MalformedError("senml: a record has two values")
        name = self.name + _text(record.get(N, ""))
        unit = _text(record.get(U, self.unit))
        if name not in units or unit not in {"", units[name]}:
            raise MalformedError(
                f"senml: expected a tag of the group in its unit, got `{name:.60}`"
            )
        t_ns = self.t_ns + _ns(record.get(T, 0))
        if not RELATIVE_S * _SECOND <= t_ns < 1 << 63:
            raise MalformedError(f"senml: `{name}`: expected an absolute time")
        return (t_ns, name), self._cell(told[0], record[told[0]])

    def _set(self, record: Record) -> None:
        if BN in record:
            self.name = _text(record[BN])
        if BT in record:
            self.t_ns = _ns(record[BT])
        if BU in record:
            self.unit = _text(record[BU])
        if BV in record:
            self.value = float(_number(record[BV]))

    def _cell(self, label: int, value: Item) -> Cell:
        if label == V:
            return self.value + _number(value), Quality.GOOD
        if label == VB:
            if not isinstance(value, bool):
                raise MalformedError("senml: expected a boolean")
            return float(value), Quality.GOOD
        if not isinstance(value, str | bytes):
            raise MalformedError("senml: expected text or data")
        return nan, Quality.BAD


def _record(item: Item) -> Record:
    if not isinstance(item, dict):
        raise MalformedError("senml: expected a record")
    for label in item:
        if isinstance(label, str) and label.endswith("_"):
            raise MalformedError(f"senml: field `{label:.60}` must be understood and is not")
    version = item.get(BVER, SENML)
    if type(version) is not int or version > SENML:
        raise MalformedError(f"senml: expected version {SENML} or lower, got {version!r:.60}")
    return item


def _text(value: Item) -> str:
    if not isinstance(value, str):
        raise MalformedError(f"senml: expected text, got {value!r:.60}")
    return value


def _number(value: Item) -> float:
    if type(value) is not int and type(value) is not float:
        raise MalformedError(f"senml: expected a number, got {value!r:.60}")
    return value


def _ns(value: Item) -> int:
    """Seconds as nanoseconds; whole ones exactly."""
    ns = _number(value) * _SECOND
    if not isfinite(ns):
        raise MalformedError("senml: expected a finite time")
    return round(ns)


def _pivot(cells: Mapping[tuple[int, str], Cell], ids: Sequence[str], max_cells: int) -> Cells:
    """Rows by distinct time; what no record told is MISSING."""
    times = sorted({time for time, _ in cells})
    if not 0 < len(times) * len(ids) <= max_cells:
        raise MalformedError(f"senml: expected 1..{max_cells} cells")
    rows = {time: row for row, time in enumerate(times)}
    columns = {name: k for k, name in enumerate(ids)}
    values = np.full((len(times), len(ids)), nan)
    quality = np.full(values.shape, Quality.MISSING, np.uint8)
    for (time, name), (value, told) in cells.items():
        row, k = rows[time], columns[name]
        values[row, k] = value
        quality[row, k] = told
    return np.array(times, np.int64), values, quality
