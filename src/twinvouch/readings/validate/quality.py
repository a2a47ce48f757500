"""quality: the source itself says that a value is BAD or UNCERTAIN. MISSING is no reading and no finding."""

import numpy as np

from twinvouch.core.batch import Batch, Quality
from twinvouch.core.finding import Severity
from twinvouch.readings.flagged import Evidence, Flagged, Rule, per_tag
from twinvouch.readings.view import View

NAME = "quality"
TECHNIQUE = ""
CAP = 0  # of BAD cells
CAP_UNCERTAIN = 120
RULE = Rule(NAME, Severity.LOW, TECHNIQUE)


def check(batch: Batch, view: View) -> Flagged | None:
    """Cells that the source marked; BAD ones count for nothing, UNCERTAIN ones for less."""
    if view.is_good:
        return None
    bad, uncertain = batch.quality == Quality.BAD, batch.quality == Quality.UNCERTAIN
    mask = bad | uncertain
    if not mask.any():
        return None
    bad_rows = bad.sum(axis=0)

    def tell(row: int, k: int) -> tuple[str, Evidence]:
        word = Quality(int(batch.quality[row, k])).name.lower()
        return f"is marked {word} by its source", (("bad", int(bad_rows[k])),)

    caps = np.where(bad, np.uint8(CAP), np.uint8(CAP_UNCERTAIN))
    return Flagged(mask, caps, per_tag(RULE, view.group, mask, tell))
