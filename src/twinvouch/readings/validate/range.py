"""range: a value lies in the physically possible range of its tag."""

from collections.abc import Sequence

from twinvouch.core.batch import Batch
from twinvouch.core.finding import Severity
from twinvouch.readings.view import Cells, View, present

NAME = "range"
TECHNIQUE = "T0856"
SEVERITY = Severity.HIGH
CAP = 0
WHOLE_ROWS = False


def check(batch: Batch, view: View) -> Cells | None:
    """Present cells below `low` or above `high` (units of the tag)."""
    low, high = view.group.low, view.group.high
    if (view.least >= low).all() and (view.most <= high).all():
        return None
    cells = present(batch, view) & ((batch.values < low) | (batch.values > high))
    return cells if cells.any() else None


def tell(
    batch: Batch, view: View, row: int, column: int
) -> tuple[str, Sequence[tuple[str, float]]]:
    """The sentence about one cell."""
    tag, value = view.group.tags[column], float(batch.values[row, column])
    sentence = f"`{tag.id}` is {value:.6g} {tag.unit}, possible is {tag.low:.6g} to {tag.high:.6g}"
    return sentence, (("value", value), ("low", tag.low), ("high", tag.high))
