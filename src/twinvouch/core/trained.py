"""R6: the label of a model: the worst of its trainer, of what it was trained on, and of the gate that tried it.

Of what it was trained on a low quantile counts instead of the minimum, weighted by influence: in a month of data there
is always some bad reading. So a share of the influence, which the caller names, may be of any quality: that share
is what an attacker has.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.errors import UsageError
from twinvouch.core.label import Label, derive, nothing

WHOLE = 1000  # a share is told in thousandths, so that it is exact
INFLUENCE_MAX = 2**53  # of all sources together: sums stay exact


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """What a model was trained on: the labels of n sources and the influence of each, int64[n], in any unit.

    `spared` thousandths of the influence may be worse than what the sources count as; 0: none.
    """

    sources: Label
    influence: NDArray[np.int64]
    spared: int


def trained(on: Training, trainer: Label, verdict: Label) -> Label:
    """R6: per axis min(trainer, low quantile of the sources, verdict of gate 2); fresh as long as trainer and verdict.

    The quantile is the largest level below which no more than the spared share of the influence lies; sources without
    influence do not count. Trained on nothing, a model has no trust. UsageError where influences are negative or huge.
    """
    weights = on.influence
    total = int(weights.sum(dtype=np.object_)) if len(weights) else 0
    if len(weights) and (int(weights.min()) < 0 or total > INFLUENCE_MAX):
        raise UsageError(
            f"influence of training sources: expected numbers from 0 on, {INFLUENCE_MAX} together, got {total}"
        )
    if not 0 <= on.spared < WHOLE:
        raise UsageError(f"spared share {on.spared}: expected 0 to {WHOLE - 1} thousandths")
    if not total:
        return nothing(1)
    axes = np.array([_quantile(axis, weights, total * on.spared) for axis in on.sources.axes])
    learned = Label(axes.astype(np.uint8)[:, None], derive([trainer, verdict]).fresh_until)
    return derive([trainer, learned, verdict])


def _quantile(levels: NDArray[np.uint8], weights: NDArray[np.int64], spared: int) -> int:
    """The largest level below which at most `spared` thousandths of a unit of influence lie."""
    below = np.concatenate([[0], np.cumsum(np.bincount(levels, weights, minlength=256))])[:256]
    held = np.flatnonzero(np.bincount(levels[weights > 0], minlength=256))
    return int(max(level for level in held.tolist() if int(below[level]) * WHOLE <= spared))
