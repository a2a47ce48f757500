"""rate: a value does not change faster than its tag physically can.

Between consecutive rows, and from the last live value to the first row, over source time. One resolution step is
always allowed, so that a slow tag read often does not trip over its own quantisation.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Batch
from twinvouch.core.finding import Severity
from twinvouch.readings.view import Cells, View

NAME = "rate"
TECHNIQUE = "T0856"
SEVERITY = Severity.HIGH
CAP = 40


def check(batch: Batch, view: View) -> Cells | None:
    """Present cells that are further from the one before than rate x time + resolution."""
    if not np.isfinite(view.group.rate).any():
        return None
    change, allowed = _steps(batch, view)
    with np.errstate(invalid="ignore"):
        cells = change > allowed
    if not cells.any():
        return None
    cells &= view.present
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


def _steps(batch: Batch, view: View) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """|change| and what is allowed, both [R, K]; NaN where there is nothing to compare with."""
    with np.errstate(invalid="ignore", over="ignore"):
        change = np.empty_like(batch.values)
        np.subtract(batch.values[1:], batch.values[:-1], out=change[1:])
        np.subtract(batch.values[0], view.last_values, out=change[0])
        np.abs(change, out=change)
        seconds = np.diff(batch.t_ns.astype(np.float64)) / 1e9
        allowed = np.empty_like(batch.values)
        np.multiply.outer(np.maximum(seconds, 0.0), view.group.rate, out=allowed[1:])
        since = (float(batch.t_ns[0]) - view.last_t_ns.astype(np.float64)) / 1e9
        np.multiply(np.maximum(since, 0.0), view.group.rate, out=allowed[0])
        allowed *= 1.0 + 1e-9
        allowed += view.group.resolution
    return change, allowed
