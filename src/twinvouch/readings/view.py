"""View: all that a rule of gate 1 may look at beside the batch. Rules reach no engine, configuration or clock."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Batch, Quality
from twinvouch.core.inventory import ScanGroup
from twinvouch.twin.frame import BEFORE_ALL, Columns


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What is known around one batch of R rows and K columns.

    `sound` bool[R]: rows whose time can be; `is_sound` all of them. `is_good`: every cell has quality GOOD.
    `smallest`, `largest` float64[K] of each column: NaN where a cell is, so that one comparison of K numbers
    clears a column. `before` is the frame's part of the group; None for a batch that came late.
    """

    group: ScanGroup
    now_ns: int
    before: Columns | None
    sound: NDArray[np.bool_]
    is_sound: bool
    is_good: bool
    smallest: NDArray[np.float64]
    largest: NDArray[np.float64]

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
) -> View:
    """The view of a batch; two passes over its cells."""
    return View(
        group,
        now_ns,
        before,
        sound,
        bool(sound.all()),
        not batch.quality.any(),
        batch.values.min(axis=0),
        batch.values.max(axis=0),
    )


def present(batch: Batch) -> NDArray[np.bool_]:
    """Cells that are readings: not MISSING, bool[R, K]."""
    cells: NDArray[np.bool_] = batch.quality != Quality.MISSING
    return cells


def usable(batch: Batch, view: View, columns: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Cells of some columns that may be compared: finite, GOOD or UNCERTAIN, in a sound row."""
    cells: NDArray[np.bool_] = np.isfinite(batch.values[:, columns])
    if not view.is_good:
        cells &= batch.quality[:, columns] <= Quality.UNCERTAIN
    if not view.is_sound:
        cells &= view.sound[:, None]
    return cells
