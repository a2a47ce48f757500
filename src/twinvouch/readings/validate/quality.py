"""quality: the source itself says not to trust a value."""

from collections.abc import Sequence

from twinvouch.core.batch import Batch, Quality
from twinvouch.core.finding import Severity
from twinvouch.readings.view import Cells, View

NAME = "quality"
TECHNIQUE = ""
SEVERITY = Severity.LOW
CAP = 60
WHOLE_ROWS = False


def check(batch: Batch, view: View) -> Cells | None:
    """Cells marked UNCERTAIN or BAD; MISSING is no reading at all."""
    if view.is_good:
        return None
    cells = (batch.quality == Quality.UNCERTAIN) | (batch.quality == Quality.BAD)
    return cells if cells.any() else None


def tell(
    batch: Batch, view: View, row: int, column: int
) -> tuple[str, Sequence[tuple[str, float]]]:
    """The sentence about one cell."""
    said = Quality(int(batch.quality[row, column]))
    return f"the source marks `{view.group.ids[column]}` as {said.name.lower()}", (
        ("quality", float(said)),
    )
