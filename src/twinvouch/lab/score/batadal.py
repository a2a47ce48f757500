"""The score of the BATADAL competition (Taormina et al., J. Water Resour. Plann. Manage. 144(8), 2018).

S = 0.5 S_TTD + 0.5 S_CLF; S_TTD = 1 - mean over attacks of (time to detect / length), an attack that is not found
counting as its whole length; S_CLF = (share of attacked rows alarmed + share of normal rows not alarmed) / 2. Alarming
always scores .75, never .25: read S against these.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.spans import spans


@dataclass(frozen=True, slots=True)
class Batadal:
    """The score and its two halves, 0 to 1."""

    s: float
    ttd: float
    clf: float


def score(alarm: NDArray[np.bool_], attacked: NDArray[np.bool_]) -> Batadal:
    """Score alarms bool[R] against labels bool[R]; a half that no row speaks of counts as perfect."""
    late = []
    for start, end in spans(attacked).tolist():
        within = np.flatnonzero(alarm[start:end])
        late.append((int(within[0]) if within.size else end - start) / (end - start))
    ttd = 1.0 - float(np.mean(late)) if late else 1.0
    found = float(alarm[attacked].mean()) if attacked.any() else 1.0
    quiet = float((~alarm[~attacked]).mean()) if (~attacked).any() else 1.0
    clf = (found + quiet) / 2
    return Batadal((ttd + clf) / 2, ttd, clf)
