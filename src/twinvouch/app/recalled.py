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
        """Some of them, in this order."""
        c, told = self.clock, self.reasons
        clock = Clock(c.t_ns[places], c.received_ns[places], c.entry[places], c.row[places])
        columns = (self.values[places], self.quality[places], self.axes[:, places])
        reasons = {n: told[p] for n, p in enumerate(places.tolist()) if p in told} if told else {}
        return Readings(clock, *columns, self.fresh_until[places], reasons)

    def first(self, count: int) -> "Readings":
        """The first `count`."""
        return self if len(self) <= count else self.take(np.arange(count))

    def last(self, count: int) -> "Readings":
        """The last `count`."""
        if len(self) <= count:
            return self
        return self.take(np.arange(len(self) - count, len(self)))

    def within(self, span: tuple[int, int]) -> "Readings":
        """Those made in span[0]..span[1]."""
        t_ns = self.clock.t_ns
        first, end = np.searchsorted(t_ns, span[0]), np.searchsorted(t_ns, span[1], side="right")
        return self if end - first == len(self) else self.take(np.arange(first, end))

    def split(self, t_ns: int | None) -> tuple["Readings", "Readings"]:
        """Those made before `t_ns` and the others; None: all are before."""
        if t_ns is None:
            return self, nothing()
        at = int(np.searchsorted(self.clock.t_ns, t_ns))
        return self.take(np.arange(at)), self.take(np.arange(at, len(self)))

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
    return whole.take(np.lexsort((clock.row, clock.entry, clock.t_ns)))


def of_column(
    clock: Clock, column: Column, reasons: Sequence[Reason], remarks: Remarks
) -> Readings:
    """The readings of one tag out of the rows of a chunk.

    What was said of the tag belongs to its readings; what was said of rows to those that are flagged: not GOOD, or an
    axis besides identity below full.
    """
    rows = column.rows
    times = Clock(clock.t_ns[rows], clock.received_ns[rows], clock.entry[rows], clock.row[rows])
    flagged = column.quality != Quality.GOOD
    for axis in _DOUBTED:
        flagged = flagged | (column.axes[axis] < FULL)
    told: dict[int, tuple[Reason, ...]] = {}
    _tell(told, rows, column.remarks, reasons)
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
