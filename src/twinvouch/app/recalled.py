"""Readings of one tag as the history gives them back: columns, always in its one order, and how pieces become one.

The order: source time, then ledger index, then place in the batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Quality
from twinvouch.core.label import FULL, Axis
from twinvouch.wire.chunk import Clock, Column, Reason

Places = NDArray[np.intp]
Remarks = NDArray[np.int64]
_DOUBTED = (Axis.INTEGRITY, Axis.PLAUSIBILITY, Axis.CALIBRATION)  # a low identity says nothing odd


class Cursor(NamedTuple):
    """A place in the history of a tag: a reading's source time, ledger index and place in its batch."""

    t_ns: int
    entry: int
    row: int

    def __str__(self) -> str:
        return ".".join(map(str, self))


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """n readings of one tag; `reasons` by their place here, where there are any."""

    clock: Clock
    values: NDArray[np.float64]
    quality: NDArray[np.uint8]
    axes: NDArray[np.uint8]
    fresh_until: NDArray[np.int64]
    reasons: Mapping[int, tuple[Reason, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, places: Places) -> "Readings":
        """Some of them, in this order, each at most once."""
        c = self.clock
        clock = Clock(c.t_ns[places], c.received_ns[places], c.entry[places], c.row[places])
        columns = (self.values[places], self.quality[places], self.axes[:, places])
        return Readings(clock, *columns, self.fresh_until[places], _moved(self.reasons, places))

    def cut(self, first: int, end: int) -> "Readings":
        """Those from place `first` up to `end`, without copying."""
        if first == 0 and end == len(self):
            return self
        c, of = self.clock, slice(first, end)
        clock = Clock(c.t_ns[of], c.received_ns[of], c.entry[of], c.row[of])
        columns = (self.values[of], self.quality[of], self.axes[:, of], self.fresh_until[of])
        told = {n - first: said for n, said in self.reasons.items() if first <= n < end}
        return Readings(clock, *columns, told)

    def first(self, count: int) -> "Readings":
        """The first `count`."""
        return self.cut(0, min(count, len(self)))

    def last(self, count: int) -> "Readings":
        """The last `count`."""
        return self.cut(max(0, len(self) - count), len(self))

    def within(self, span: tuple[int, int]) -> "Readings":
        """Those made in span[0]..span[1]."""
        t_ns = self.clock.t_ns
        first, end = np.searchsorted(t_ns, span[0]), np.searchsorted(t_ns, span[1], side="right")
        return self.cut(int(first), int(end))

    def split(self, t_ns: int | None) -> tuple["Readings", "Readings"]:
        """Those made before `t_ns` and the others; None: all are before."""
        at = len(self) if t_ns is None else int(np.searchsorted(self.clock.t_ns, t_ns))
        return self.cut(0, at), self.cut(at, len(self))

    def behind(self, cursor: Cursor | None) -> "Readings":
        """Those behind a place; None: all."""
        if cursor is None:
            return self
        c = self.clock
        inside = (c.entry > cursor.entry) | ((c.entry == cursor.entry) & (c.row > cursor.row))
        return self.take(
            np.flatnonzero((c.t_ns > cursor.t_ns) | ((c.t_ns == cursor.t_ns) & inside))
        )

    def cursor(self, place: int) -> Cursor:
        """Where one of them stands."""
        c = self.clock
        return Cursor(int(c.t_ns[place]), int(c.entry[place]), int(c.row[place]))


def nothing() -> Readings:
    """No readings."""
    none = np.zeros(0, np.int64)
    clock = Clock(none, none, none, none)
    return Readings(clock, np.zeros(0), np.zeros(0, np.uint8), np.zeros((4, 0), np.uint8), none)


def joined(parts: Sequence[Readings]) -> Readings:
    """Several pieces as one, in order."""
    parts = [part for part in parts if len(part)]
    if len(parts) < 2:
        return parts[0] if parts else nothing()
    clock = Clock(
        np.concatenate([p.clock.t_ns for p in parts]),
        np.concatenate([p.clock.received_ns for p in parts]),
        np.concatenate([p.clock.entry for p in parts]),
        np.concatenate([p.clock.row for p in parts]),
    )
    reasons: dict[int, tuple[Reason, ...]] = {}
    start = 0
    for part in parts:
        reasons |= {start + place: told for place, told in part.reasons.items()}
        start += len(part)
    whole = Readings(
        clock,
        np.concatenate([p.values for p in parts]),
        np.concatenate([p.quality for p in parts]),
        np.concatenate([p.axes for p in parts], axis=1),
        np.concatenate([p.fresh_until for p in parts]),
        reasons,
    )
    if (clock.t_ns[1:] > clock.t_ns[:-1]).all():
        return whole
    return whole.take(np.lexsort((clock.row, clock.entry, clock.t_ns)))


def of_column(
    clock: Clock, column: Column, reasons: Sequence[Reason], remarks: Remarks
) -> Readings:
    """The readings of one tag out of the rows of a chunk, with what the chunk says of rows and no single tag.

    What was said of the tag belongs to its readings; what was said of rows to those that are flagged: not GOOD, or an
    axis besides identity below full.
    """
    rows = column.rows
    times = Clock(clock.t_ns[rows], clock.received_ns[rows], clock.entry[rows], clock.row[rows])
    flagged = column.quality != Quality.GOOD
    for axis in _DOUBTED:
        flagged = flagged | (column.axes[axis] < FULL)
    told: dict[int, tuple[Reason, ...]] = {}
    _tell(told, rows, column.remarks, column.reasons)
    doubted = np.flatnonzero(flagged)
    if len(remarks) and len(doubted):
        some: dict[int, tuple[Reason, ...]] = {}
        _tell(some, rows[doubted], remarks, reasons)
        for place, said in some.items():
            told[int(doubted[place])] = told.get(int(doubted[place]), ()) + said
    fresh = times.received_ns + column.age_ns
    return Readings(times, column.values, column.quality, column.axes, fresh, told)


def _tell(
    told: dict[int, tuple[Reason, ...]], rows: Remarks, remarks: Remarks, reasons: Sequence[Reason]
) -> None:
    """Add reasons by the places that their rows have in `rows`, which ascend."""
    places = np.searchsorted(rows, remarks[:, 0])
    inside = places < len(rows)
    inside[inside] = rows[places[inside]] == remarks[inside, 0]
    for place, what in zip(places[inside].tolist(), remarks[inside, 1].tolist(), strict=True):
        told[place] = (*told.get(place, ()), reasons[what])


def _moved(told: Mapping[int, tuple[Reason, ...]], places: Places) -> dict[int, tuple[Reason, ...]]:
    """Reasons by where their readings come to stand."""
    if not told or not len(places):
        return {}
    order = np.argsort(places, kind="stable")
    keys = np.fromiter(told, np.int64, len(told))
    found = np.minimum(np.searchsorted(places, keys, sorter=order), len(places) - 1)
    stands = order[found]
    inside = places[stands] == keys
    return {
        n: told[key] for n, key in zip(stands[inside].tolist(), keys[inside].tolist(), strict=True)
    }
