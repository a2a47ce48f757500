"""Attack, or a change of the plant that nobody announced: what an alarm is called as it begins.

Physics and control logic are two witnesses. A pump that switches where it never did, while every reading agrees with
every other, is operated differently: a candidate for an operating change. A reading that does not agree with the others lies.
After a candidate the plant may be in a state that training never showed, and estimates are off in many tags at once:
that is still the candidate, for a day from when it was seen last, unless one tag's lie would explain all of it.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect.blame import Trial
from twinvouch.readings.detect.state import ATTACK, CHANGE, State

AGREES_U: Final = 3.0  # -log10 p of a row, below which the readings agree with each other
_DAY_NS: Final = 86_400_000_000_000

Try = Callable[[Sequence[int]], Trial]


def is_open(state: State) -> bool:
    """Whether a candidate was seen within the last day."""
    return state.candidate_ns > 0 and state.t_ns - state.candidate_ns <= _DAY_NS


def begun(
    state: State, logic: NDArray[np.bool_], surprise: float, share: float, trial: Try
) -> tuple[NDArray[np.bool_], int]:
    """The tags bool[K] at which an alarm begins, and what it is: ATTACK or CHANGE.

    `logic` bool[K] are tags that break the control logic, `surprise` the -log10 p of the row's errors alone, `share`
    the largest part of a slow limit.
    """
    if logic.any() and surprise < AGREES_U and (share < 1 or is_open(state)):
        return logic, CHANGE
    found = trial(np.flatnonzero(logic).tolist())
    is_candidate = (logic.any() or is_open(state)) and not found.is_one_lie
    blamed = logic.copy()
    if not blamed.any():
        blamed[found.culprit] = True
    return blamed, CHANGE if is_candidate else ATTACK
