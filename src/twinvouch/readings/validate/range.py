"""range: a value outside what is physically possible (`range` of the tag). Both ends are allowed values."""

import numpy as np

from twinvouch.core.batch import Batch
from twinvouch.core.finding import Severity
from twinvouch.readings.flagged import Evidence, Flagged, Rule, per_tag
from twinvouch.readings.view import View, every, present

NAME = "range"
TECHNIQUE = "T0856"
CAP = 20
RULE = Rule(NAME, Severity.HIGH, TECHNIQUE)


def check(batch: Batch, view: View) -> Flagged | None:
    """Finite cells below `low` or above `high`; what is not finite belongs to `finite`."""
    group = view.group
    if every(view.smallest >= group.low) and every(view.largest <= group.high):
        return None
    mask = ((batch.values < group.low) | (batch.values > group.high)) & np.isfinite(batch.values)
    mask &= present(batch)
    if not mask.any():
        return None

    def tell(row: int, k: int) -> tuple[str, Evidence]:
        value, low, high = float(batch.values[row, k]), float(group.low[k]), float(group.high[k])
        words = f"is {value:.6g} {group.tags[k].unit}, range is {low:g} to {high:g}"
        return words, (("value", value), ("low", low), ("high", high))

    return Flagged(mask, CAP, per_tag(RULE, group, mask, tell))
