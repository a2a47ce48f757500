"""finite: a reading is a finite number."""

from collections.abc import Sequence

import numpy as np

from twinvouch.core.batch import Batch, Quality
from twinvouch.core.finding import Severity
from twinvouch.readings.view import Cells, View

NAME = "finite"
TECHNIQUE = "T0856"
SEVERITY = Severity.MEDIUM
CAP = 0
WHOLE_ROWS = False


def check(batch: Batch, view: View) -> Cells | None:
    """NaN and infinity in cells that claim to be readings; BAD cells say so themselves."""
    if view.is_whole:
        return None
    cells = ~np.isfinite(batch.values) & (batch.quality < Quality.BAD)
    return cells if cells.any() else None


def tell(
    batch: Batch, view: View, row: int, column: int
) -> tuple[str, Sequence[tuple[str, float]]]:
    """The sentence about one cell."""
    return (
        f"`{view.group.ids[column]}` is {batch.values[row, column]}, which is no number a sensor can measure",
        (),
    )
