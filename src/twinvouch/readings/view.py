"""View: all that a rule of gate 1 may look at. Rules cannot reach the engine, the configuration or the clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Batch, Quality
from twinvouch.core.context import Context
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import ScanGroup
from twinvouch.readings.link import Link
from twinvouch.twin.frame import Frame

Cells = NDArray[np.bool_]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One scan group at `now_ns` (received time): its limits, and what was live before this batch.

    `least`, `most` [K]: smallest and largest cell of each column, NaN where one is. `is_good`: the source marks no
    cell. `is_whole`: besides, every cell is a finite number, so that most rules need not look at cells at all.
    `last_values`, `last_t_ns` [K]: the last live reading, NaN and 0 where there is none; `newest_ns` the source time
    of the last live row; `actuators` where each that only the twin may move was seen last. A late batch is compared
    with nothing but itself.
    """

    group: ScanGroup
    least: Values
    most: Values
    is_good: bool
    is_whole: bool
    last_values: Values
    last_t_ns: NDArray[np.int64]
    newest_ns: int
    actuators: Mapping[str, float]
    context: Context
    now_ns: int


class Check(Protocol):
    """One rule of gate 1: flagged cells, and how to tell them. Modules of `validate/` fit this."""

    NAME: str
    TECHNIQUE: str
    SEVERITY: Severity
    CAP: int  # plausibility of a flagged cell is at most this
    WHOLE_ROWS: bool  # it flags rows, not cells, and is told once about the edge

    def check(self, batch: Batch, view: View) -> Cells | None:
        """Flagged cells bool[R, K]; None where there are none."""
        ...

    def tell(
        self, batch: Batch, view: View, row: int, column: int
    ) -> tuple[str, Sequence[tuple[str, float]]]:
        """The sentence about the first flagged cell of a column, and its numbers."""
        ...


def make_view(
    batch: Batch, group: ScanGroup, before: tuple[Frame, Link] | None, context: Context, now_ns: int
) -> View:
    """The view of one batch; `before` is what was live before it, None for a late one."""
    columns = batch.values.shape[1]
    extremes = np.empty((2, columns))
    batch.values.min(axis=0, out=extremes[0])
    batch.values.max(axis=0, out=extremes[1])
    is_good = not batch.quality.any()
    is_whole = is_good and bool(np.isfinite(extremes).all())
    live: tuple[Values, NDArray[np.int64], int, Mapping[str, float]]
    if before is None:
        live = np.full(columns, np.nan), np.zeros(columns, np.int64), 0, {}
    else:
        frame, link = before
        live = *frame.readings(group.name), frame.newest_ns(group.name), dict(link.actuators)
    return View(group, extremes[0], extremes[1], is_good, is_whole, *live, context, now_ns)


def present(batch: Batch, view: View) -> Cells:
    """Cells that are readings with a finite value, bool[R, K]."""
    if view.is_whole:
        return np.broadcast_to(np.True_, batch.values.shape)
    cells: Cells = np.isfinite(batch.values) & (batch.quality != Quality.MISSING)
    return cells


def comparable(batch: Batch, view: View) -> Cells:
    """Cells that others may be compared with, bool[R, K]: finite readings that the source does not call BAD."""
    told = present(batch, view)
    return told if view.is_good else told & (batch.quality < Quality.BAD)


def previous(batch: Batch, view: View) -> tuple[Values, Values]:
    """Value and source time (ns) of the comparable reading before each cell, both [R, K]; NaN and 0 where there is none."""
    count = len(batch.t_ns)
    rows = np.arange(1, count + 1)[:, None]
    told = np.where(comparable(batch, view), rows, 0)
    told = np.maximum.accumulate(told, axis=0)
    before = np.concatenate([np.zeros_like(told[:1]), told[:-1]])
    values = np.concatenate([view.last_values[None], batch.values])
    times = np.concatenate([view.last_t_ns[None], np.broadcast_to(batch.t_ns[:, None], told.shape)])
    return (
        np.take_along_axis(values, before, axis=0),
        np.take_along_axis(times, before, axis=0).astype(np.float64),
    )


def findings_of(rule: Check, batch: Batch, view: View, cells: Cells) -> list[Finding]:
    """One finding a flagged tag, or one for whole rows, told by the first flagged cell."""
    columns = [0] if rule.WHOLE_ROWS else np.flatnonzero(cells.any(axis=0)).tolist()
    told = []
    for column in columns:
        rows = np.flatnonzero(cells[:, column])
        first, count = int(rows[0]), len(rows)
        subject = view.group.edge if rule.WHOLE_ROWS else view.group.ids[column]
        sentence, numbers = rule.tell(batch, view, first, column)
        how = rule.SEVERITY, sentence, rule.TECHNIQUE, tuple(numbers)
        told.append(Finding(rule.NAME, subject, *how, rows=count, first_row=first))
    return told
