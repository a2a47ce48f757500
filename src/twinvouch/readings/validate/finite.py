"""finite: a reading is a finite number. NaN and infinity come from broken sensors, drivers and attackers.

Every comparison with NaN is false, so it would pass each later check unseen.
"""

import numpy as np

from twinvouch.core.batch import Batch
from twinvouch.core.finding import Severity
from twinvouch.readings.flagged import Evidence, Flagged, Rule, per_tag
from twinvouch.readings.view import View, among, every

NAME = "finite"
TECHNIQUE = "T0856"
CAP = 0
RULE = Rule(NAME, Severity.MEDIUM, TECHNIQUE)


def check(batch: Batch, view: View) -> Flagged | None:
    """Cells that hold NaN or infinity; MISSING ones are no readings."""
    columns = np.isfinite(view.smallest) & np.isfinite(view.largest)
    if every(columns):
        return None
    mask = among(~columns, batch, lambda values, _: ~np.isfinite(values))
    if mask is None:
        return None

    def tell(row: int, k: int) -> tuple[str, Evidence]:
        return f"is {batch.values[row, k]}, expected a finite number", ()

    return Flagged(mask, CAP, per_tag(RULE, view.group, mask, tell))
