"""Batches gathered into the rows of a chunk: sorted, one column a tag, each reading with what was said of it.

Order of the history: source time, then ledger index, then place in the batch. A finding about a tag belongs to the readings
of that tag, from its first row on, whose plausibility is below full: to that row alone where it is about one. What is about
no tag of the group (its edge, something declared of several tags) belongs to rows: from its first row on, or all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.app.admitted import Taken
from twinvouch.core.batch import Quality
from twinvouch.core.finding import Finding
from twinvouch.core.inventory import ScanGroup
from twinvouch.core.label import AXES, FULL, Axis
from twinvouch.wire.chunk import Clock, Column, Reason, Rows
from twinvouch.wire.encrypted import DAY_NS

MOST_ROWS: Final = 1 << 16
MOST_CELLS: Final = 1 << 20  # readings gathered for one chunk
NOBODY: Final = -1  # the column of a remark that is about no single tag

Ints = NDArray[np.int64]


@dataclass(slots=True)
class Gathered:
    """Readings of one scan group of one day of receipt, as they came."""

    group: ScanGroup
    day: int
    record: int  # the first that is in here, in the log and the ledger
    leaf: int
    rows: int = 0
    present: int = 0
    _clock: list[tuple[Ints, int, int]] = field(default_factory=list)
    _cells: list[tuple[Ints, Ints, NDArray[np.float64], NDArray[np.uint8], Ints, Ints]] = field(
        default_factory=list
    )
    _marks: list[Ints] = field(default_factory=list)  # row, column, reason
    _reasons: list[Reason] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        """True where another batch may not fit."""
        return self.rows >= MOST_ROWS or self.present >= MOST_CELLS

    def add(self, taken: Taken) -> None:
        """Take a batch in."""
        batch = taken.batch
        there = np.flatnonzero(batch.quality.ravel() != Quality.MISSING)
        row, column = np.divmod(there, batch.values.shape[1])
        axes = np.ascontiguousarray(taken.axes.reshape(AXES, -1)[:, there].T).view("<u4").ravel()
        self._cells.append(
            (
                row + self.rows,
                column,
                batch.values.ravel()[there],
                batch.quality.ravel()[there],
                axes.astype(np.int64),
                taken.age_ns.ravel()[there],
            )
        )
        for finding in taken.findings:
            self._remark(taken, finding)
        self._clock.append((batch.t_ns, taken.now_ns, taken.entry))
        self.rows += len(batch.t_ns)
        self.present += len(there)

    def pieces(self) -> Iterator[tuple[tuple[str, ...], Rows]]:
        """Ids of the tags that have readings, and their rows: those made about when they came, then the others.

        What came a day late, or has an impossible time, lies apart: chunks that overlap in time are read together.
        """
        t_ns, received, entry, row = self._clocks()
        is_near = np.abs(t_ns.astype(np.float64) - received) <= DAY_NS
        order = np.lexsort((row, entry, t_ns))
        for part in (order[is_near[order]], order[~is_near[order]]):
            for at in range(0, len(part), MOST_ROWS):
                some = part[at : at + MOST_ROWS]
                clock = Clock(t_ns[some], received[some], entry[some], row[some])
                yield self._piece(some, clock)

    def _remark(self, taken: Taken, finding: Finding) -> None:
        batch, place = taken.batch, len(self._reasons)
        f = finding
        said = (f.rule, f.subject, int(f.severity), f.sentence, f.technique)
        self._reasons.append(Reason(taken.entry, *said))
        first, column = min(f.first_row, len(batch.t_ns)), NOBODY
        rows = np.arange(first, len(batch.t_ns))
        if f.subject in self.group.ids:
            column = self.group.ids.index(f.subject)
            doubted = taken.axes[Axis.PLAUSIBILITY][rows, column] < FULL
            rows = rows[:1] if f.rows == 1 else rows[doubted]
        marks = np.stack(
            (rows + self.rows, np.full_like(rows, column), np.full_like(rows, place)), axis=1
        )
        self._marks.append(marks)

    def _clocks(self) -> tuple[Ints, Ints, Ints, Ints]:
        t_ns = np.concatenate([t for t, _, _ in self._clock])
        sizes = [len(t) for t, _, _ in self._clock]
        received = np.repeat([now for _, now, _ in self._clock], sizes)
        entry = np.repeat([index for _, _, index in self._clock], sizes)
        row = np.concatenate([np.arange(n) for n in sizes])
        return t_ns, received, entry, row

    def _piece(self, some: Ints, clock: Clock) -> tuple[tuple[str, ...], Rows]:
        """The rows `some`, in that order."""
        place = np.full(self.rows, -1, np.int64)
        place[some] = np.arange(len(some))
        rows, columns, values, quality, axes, ages = (
            np.concatenate(parts) for parts in zip(*self._cells, strict=True)
        )
        rows = place[rows]
        here = np.flatnonzero(rows >= 0)
        here = here[np.argsort(rows[here], kind="stable")]
        here = here[np.argsort(columns[here].astype(np.uint16), kind="stable")]
        marks = np.concatenate([np.zeros((0, 3), np.int64), *self._marks])
        marks = np.stack((place[marks[:, 0]], marks[:, 1], marks[:, 2]), axis=1)
        marks = marks[marks[:, 0] >= 0]
        width = len(self.group.ids)
        bounds = np.searchsorted(columns[here], np.arange(width + 1))
        found, ids = [], []
        for k in np.flatnonzero(np.diff(bounds)).tolist():
            of = here[bounds[k] : bounds[k + 1]]
            label = np.ascontiguousarray(axes[of].astype("<u4").view(np.uint8).reshape(-1, AXES).T)
            cells = (rows[of], values[of], quality[of], label, ages[of])
            found.append(Column(*cells, *self._said(marks, k)))
            ids.append(self.group.ids[k])
        return tuple(ids), Rows(clock, found, *self._said(marks, NOBODY))

    def _said(self, marks: Ints, column: int) -> tuple[Ints, list[Reason]]:
        """What was said of one column: rows and places in the reasons that come with it."""
        marks = marks[marks[:, 1] == column][:, ::2]
        kept, places = np.unique(marks[:, 1], return_inverse=True)
        told = np.stack((marks[:, 0], places.astype(np.int64)), axis=1)
        return told, [self._reasons[n] for n in kept.tolist()]


def only(taken: Taken, tag: str) -> Taken:
    """The same batch as if its group had this one tag, with what was said of it and of no other tag."""
    group, batch = taken.group, taken.batch
    k = group.ids.index(tag)
    one = slice(k, k + 1)
    others = set(group.ids) - {tag}
    return replace(
        taken,
        group=replace(group, tags=group.tags[one], dtypes=group.dtypes[one]),
        batch=replace(batch, values=batch.values[:, one], quality=batch.quality[:, one]),
        axes=taken.axes[:, :, one],
        age_ns=taken.age_ns[:, one],
        findings=tuple(f for f in taken.findings if f.subject not in others),
    )
