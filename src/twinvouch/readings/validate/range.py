"""range: a value outside what is physically possible (`range` of the tag). Both ends are allowed values."""

import numpy as np

from twinvouch.core.batch import Batch
from twinvouch.core.finding import Severity
from twinvouch.readings.flagged import Evidence, Flagged, Rule, per_tag
from twinvouch.readings.view import Mask, Places, Values, View, among, every

NAME = "range"
TECHNIQUE = "T0856"
CAP = 20
RULE = Rule(NAME, Severity.HIGH, TECHNIQUE)


def check(batch: Batch, view: View) -> Flagged | None:
    """Finite cells below `low` or above `high`; what is not finite belongs to `finite`."""
    group = view.group
    columns = (view.smallest >= group.low) & (view.largest <= group.high)
    if every(columns):
        return None

    def outside(values: Values, k: Places) -> Mask:
        return ((values < group.low[k]) | (values > group.high[k])) & np.isfinite(values)

    mask = among(~columns, batch, outside)
    if mask is None:
        return None

    def tell(row: int, k: int) -> tuple[str, Evidence]:
        value, low, high = float(batch.values[row, k]), float(group.low[k]), float(group.high[k])
        words = f"is {value:.6g} {group.tags[k].unit}, range is {low:g} to {high:g}"
        return words, (("value", value), ("low", low), ("high", high))

    return Flagged(mask, CAP, per_tag(RULE, group, mask, tell))
