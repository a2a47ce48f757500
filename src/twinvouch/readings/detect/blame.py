"""Who is to blame for surprises: of the most suspicious tags the one without which the last rows make most sense.

A liar's error is seen in every tag that leans on it. Each suspect is in turn replaced by its estimate from the others:
without the liar the rest agrees.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect import design
from twinvouch.readings.detect.errors import Errors
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.state import State

_SUSPECTS: Final = 6
_MOST: Final = 1e3  # -log10 p


def culprit(errors: Errors, learned: Learned, state: State, suspects: NDArray[np.float64]) -> int:
    """The place of one of the tags that are suspicious, float64[K] (0: not at all), by the past rows of a state."""
    tried = [k for k in np.argsort(-suspects)[:_SUSPECTS].tolist() if suspects[k] > 0]
    if len(tried) < 2 or len(state.past_ns) < 2:
        return int(suspects.argmax())
    raw = design.scaled(learned.columns, state.past) - state.offset
    out = (state.alarm > 0) | state.at_work
    follows = design.follows(learned.columns, state.past_ns)
    left = []
    for k in tried:
        doubted = out.copy()
        doubted[k] = True
        away = errors.replaced(state.past_ns, raw, state.past, doubted & errors.is_estimated)
        fast = errors.of(state.past_ns, away, raw, state.past).fast
        size = np.log1p(np.minimum(fast, _MOST)) * ~doubted
        left.append(float(size[follows].sum()))
    return int(tried[int(np.argmin(left))])
