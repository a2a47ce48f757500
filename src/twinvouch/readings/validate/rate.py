"""rate: a value does not change faster than its tag physically can.

Between each reading and the one before it, which may lie behind missing cells or in an earlier batch, over source
time. One resolution step is always allowed, so that a slow tag read often does not trip over its own quantisation.
BAD values are junk by their source's own word: they are neither judged nor compared with.
"""

from collections.abc import Sequence

import numpy as np

from twinvouch.core.batch import Batch
from twinvouch.core.finding import Severity
from twinvouch.readings.view import Cells, Values, View, comparable, previous

NAME = "rate"
TECHNIQUE = "T0856"
SEVERITY = Severity.HIGH
CAP = 40
WHOLE_ROWS = False
ROUNDING = 1.0 + 1e-9


def check(batch: Batch, view: View) -> Cells | None:
    """Comparable cells that are further from the one before than rate x time + resolution."""
    if not view.group.has_rate or (view.is_whole and _is_slow(batch, view)):
        return None
    change, allowed = _steps(batch, view)
    cells = (change > allowed) & comparable(batch, view)
    return cells if cells.any() else None


def tell(
    batch: Batch, view: View, row: int, column: int
) -> tuple[str, Sequence[tuple[str, float]]]:
    """The sentence about one cell."""
    change, allowed = _steps(batch, view)
    tag = view.group.tags[column]
    moved, limit = float(change[row, column]), float(allowed[row, column])
    sentence = f"`{tag.id}` moved by {moved:.6g} {tag.unit} in one step, possible is {limit:.6g} (rate {tag.rate:.6g}/s)"
    return sentence, (
        ("change", moved),
        ("allowed", limit),
        ("value", float(batch.values[row, column])),
    )


def _is_slow(batch: Batch, view: View) -> bool:
    """True where all that a column moved, in one step, would do in the shortest of them: most batches end here."""
    t = batch.t_ns.astype(np.float64)
    shortest = (t[1:] - t[:-1]).min(initial=t[0] - view.newest_ns)
    with np.errstate(over="ignore"):
        moved = np.fmax(view.most, view.last_values) - np.fmin(view.least, view.last_values)
    return bool((moved <= _allowed(shortest, view)).all())


def _steps(batch: Batch, view: View) -> tuple[Values, Values]:
    """|change| and what is allowed, both [R, K]; NaN where there is nothing to compare with."""
    values, t_ns = previous(batch, view)
    with np.errstate(invalid="ignore", over="ignore"):
        change = np.abs(batch.values - values)
        return change, _allowed(batch.t_ns.astype(np.float64)[:, None] - t_ns, view)


def _allowed(time_ns: Values | float, view: View) -> Values:
    seconds = np.maximum(time_ns, 0.0) / 1e9
    with np.errstate(invalid="ignore"):  # no time at an infinite rate: NaN, which nothing exceeds
        return np.asarray((seconds * view.group.rate + view.group.resolution) * ROUNDING)
