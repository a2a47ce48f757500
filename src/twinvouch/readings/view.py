"""View: all that a rule of gate 1 may look at beside the batch. Rules reach no engine, configuration or clock."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Batch, Quality
from twinvouch.core.inventory import ScanGroup
from twinvouch.twin.frame import BEFORE_ALL, Columns

Mask: TypeAlias = NDArray[np.bool_]
Values: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.intp]

FOLD = 8  # rows that are laid side by side


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What is known around one batch of R rows and K columns.

    `sound` bool[R]: rows whose time can be; `is_sound` all of them. `is_good`: every cell has quality GOOD.
    `smallest`, `largest` float64[K] of each column: NaN where a cell is, so that one comparison of K numbers
    clears all cells (`every`). `before` is the frame's part of the group; None for a batch that came late.
    `late` bool[R, K]: cells that came too late to be compared with anything live; None where there are none.
    """

    group: ScanGroup
    now_ns: int
    before: Columns | None
    sound: NDArray[np.bool_]
    is_sound: bool
    is_good: bool
    smallest: NDArray[np.float64]
    largest: NDArray[np.float64]
    late: Mask | None = None

    @property
    def is_late(self) -> bool:
        """True for a batch that fills a gap: nothing live may be compared with it."""
        return self.before is None

    @property
    def after_ns(self) -> int:
        """Source time of the row before the batch."""
        return BEFORE_ALL if self.before is None else self.before.row_ns


def look(
    batch: Batch,
    group: ScanGroup,
    before: Columns | None,
    sound: NDArray[np.bool_],
    now_ns: int,
    late: Mask | None = None,
) -> View:
    """The view of a batch; two passes over its cells."""
    smallest, largest = _extremes(batch.values)
    return View(
        group,
        now_ns,
        before,
        sound,
        every(sound),
        not batch.quality.any(),
        smallest,
        largest,
        late,
    )


def every(cells: NDArray[np.bool_]) -> bool:
    """True where all are; on short arrays twice as fast as `.all()`."""
    return bool(np.count_nonzero(cells) == cells.size)


def present(batch: Batch) -> NDArray[np.bool_]:
    """Cells that are readings: not MISSING, bool[R, K]."""
    cells: NDArray[np.bool_] = batch.quality != Quality.MISSING
    return cells


def among(columns: Mask, batch: Batch, objects: Callable[[Values, Places], Mask]) -> Mask | None:
    """Present cells bool[R, K] that a rule objects to, looked for in some columns only; None where there are none."""
    k = np.flatnonzero(columns)
    found = objects(batch.values[:, k], k) & (batch.quality[:, k] != Quality.MISSING)
    if not found.any():
        return None
    mask = np.zeros(batch.values.shape, np.bool_)
    mask[:, k] = found
    return mask


def usable(batch: Batch, view: View, columns: Places) -> Mask:
    """Cells of some columns that may be compared: finite, GOOD or UNCERTAIN, in a sound row, not late."""
    cells: Mask = np.isfinite(batch.values[:, columns])
    if not view.is_good:
        cells &= batch.quality[:, columns] <= Quality.UNCERTAIN
    if not view.is_sound:
        cells &= view.sound[:, None]
    if view.late is not None:
        cells &= ~view.late[:, columns]
    return cells


def _extremes(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each column's smallest and largest value. numpy reduces long rows faster: eight lie side by side."""
    rows, width = values.shape
    if rows < 8 * FOLD:
        return values.min(axis=0), values.max(axis=0)
    left = rows % FOLD
    wide = values[left:].reshape(rows // FOLD, -1)
    smallest = wide.min(axis=0).reshape(FOLD, width).min(axis=0)
    largest = wide.max(axis=0).reshape(FOLD, width).max(axis=0)
    if left:
        smallest = np.minimum(smallest, values[:left].min(axis=0))
        largest = np.maximum(largest, values[:left].max(axis=0))
    return smallest, largest
