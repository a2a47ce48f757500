"""SenML packs (RFC 8428): in CBOR as the payload of a batch, pivoted to rows by distinct time, and as messages.

Understood are the base fields bn, bt, bu, bv, bver and n, u, v, vs, vb, vd, t. Names are tag ids of the
scan group, a unit must be that of the tag, a time must be absolute (2**28 s or more, section 4.5.3).
A number or boolean is a GOOD cell, text or data a BAD one (NaN), a cell without a record is MISSING;
a record without a value only sets base fields. Other labels are ignored unless they must be understood
(text ending in `_`). Foreign encoders' long numbers and unsorted keys are taken, duplicates are not.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, nan
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from twinvouch.core.batch import Quality
from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.wire.cbor import Item, decode, encode
from twinvouch.wire.columns import Cells
from twinvouch.wire.mqtt_json import MAX_MESSAGE
from twinvouch.wire.mqtt_json import read_message as read_json

BVER, BN, BT, BU, BV = -1, -2, -3, -4, -5
N, U, V, VS, VB, T, VD = 0, 1, 2, 3, 4, 6, 8
SENML = 10  # the SenML version where a pack does not say
RELATIVE_S = 1 << 28  # times below are relative to now, which a signed record must not be
_SECOND = 1_000_000_000
_MOST = 1.7e308  # JSON has longer integers than a float can hold
_VALUES = (V, VS, VB, VD)
_LABELS = {
    "bver": BVER,
    "bn": BN,
    "bt": BT,
    "bu": BU,
    "bv": BV,
    "n": N,
    "u": U,
    "v": V,
    "vs": VS,
    "vb": VB,
    "t": T,
    "vd": VD,
}

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


class Resolved(NamedTuple):
    """A resolved record; `t_ns` None: its time is relative to a moment that is not known."""

    name: str
    unit: str
    t_ns: int | None
    value: float
    quality: Quality


def read_message(raw: bytes, now_ns: int | None) -> Iterator[Resolved]:
    """The resolved records (section 4.6) of a pack that came as a message, JSON or CBOR; MalformedError else.

    Times below 2**28 s are relative to `now_ns`, which is None where the message may be of any age.
    """
    if len(raw) > MAX_MESSAGE:
        raise MalformedError(f"senml: {len(raw)} bytes, limit is {MAX_MESSAGE}")
    is_json = raw.lstrip()[:1] == b"["
    records: Any = (
        _numbered(read_json(raw)) if is_json else decode(raw, canonical=False, items=len(raw))
    )
    if not isinstance(records, list):
        raise MalformedError("senml: expected an array of records")
    base = _Base()
    for record in records:
        told = base.tell(record)
        if told is None:
            continue
        name, unit, t_ns, value, quality = told
        if abs(t_ns) < RELATIVE_S * _SECOND:
            yield Resolved(name, unit, None if now_ns is None else now_ns + t_ns, value, quality)
        elif not 0 <= t_ns < 1 << 63:
            raise MalformedError(f"senml: `{name:.60}`: {t_ns} ns is no time")
        else:
            yield Resolved(name, unit, t_ns, value, quality)


def _numbered(records: Any) -> Any:
    """JSON records with the labels that CBOR has (section 6, table 6)."""
    if not isinstance(records, list):
        return records
    return [
        {_LABELS.get(label, label): value for label, value in r.items()}
        if isinstance(r, dict)
        else r
        for r in records
    ]


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
        told = self.tell(item)
        if told is None:
            return None
        name, unit, t_ns, value, quality = told
        if name not in units or unit not in {"", units[name]}:
            raise MalformedError(
                f"senml: expected a tag of the group in its unit, got `{name:.60}`"
            )
        if not RELATIVE_S * _SECOND <= t_ns < 1 << 63:
            raise MalformedError(f"senml: `{name}`: expected an absolute time")
        return (t_ns, name), (value, quality)

    def tell(self, item: Item) -> tuple[str, str, int, float, Quality] | None:
        """Name, unit, time as written, value and quality of one record; None where it only sets base fields."""
        record = _record(item)
        self._set(record)
        told = [label for label in _VALUES if label in record]
        if not told:
            return None
        if len(told) > 1:
            raise MalformedError("senml: a record has two values")
        name = self.name + _text(record.get(N, ""))
        unit = _text(record.get(U, self.unit))
        t_ns = self.t_ns + _ns(record.get(T, 0))
        return name, unit, t_ns, *self._cell(told[0], record[told[0]])

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
    if type(value) is int and abs(value) > _MOST:
        raise MalformedError(f"senml: a number of {value.bit_length()} bits")
    return value


def _ns(value: Item) -> int:
    """Seconds as nanoseconds; whole ones exactly."""
    seconds = _number(value)
    if not isfinite(float(seconds) * _SECOND):
        raise MalformedError("senml: expected a finite time")
    return round(seconds * _SECOND)


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
