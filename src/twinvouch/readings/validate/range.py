"""range: a value lies in the physically possible range of its tag."""

from collections.abc import Sequence

import numpy as np

from twinvouch.core.batch import Batch
from twinvouch.core.finding import Severity
from twinvouch.readings.view import Cells, View

NAME = "range"
TECHNIQUE = "T0856"
SEVERITY = Severity.HIGH
CAP = 0


def check(batch: Batch, view: View) -> Cells | None:
    """Present cells below `low` or above `high` (units of the tag)."""
    low, high = view.group.low, view.group.high
    with np.errstate(invalid="ignore"):
        inside = (batch.values >= low) & (batch.values <= high)
    if inside.all():
        return None
    cells = view.present & ~inside
    return cells if cells.any() else None


def tell(
    batch: Batch, view: View, row: int, column: int
) -> tuple[str, Sequence[tuple[str, float]]]:
    """The sentence about one cell."""
    tag, value = view.group.tags[column], float(batch.values[row, column])
    sentence = f"`{tag.id}` is {value:.6g} {tag.unit}, possible is {tag.low:.6g} to {tag.high:.6g}"
    return sentence, (("value", value), ("low", tag.low), ("high", tag.high))
