"""Who is to blame for surprises: of the most suspicious tags the one without which the last rows make most sense.

A liar's error is seen in every tag that leans on it. Each suspect is in turn replaced by its estimate from the others, a
switch by the state it was in: without the liar the rest agrees. Where no single suspect explains the surprise, it is the
plant that does what it never did in training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect import design
from twinvouch.readings.detect.errors import Errors
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.state import ATTACK, State

EXPLAINED_U: Final = 2.0  # what may be left without the liar, as of one row in a hundred
_SUSPECTS: Final = 6
_MOST: Final = 1e3  # -log10 p


@dataclass(frozen=True, slots=True)
class Trial:
    """`culprit` is the place of the tag without which the rows make most sense; `left` the surprise without the best liar."""

    culprit: int
    left: float

    @property
    def is_one_lie(self) -> bool:
        """One tag's lie would explain all."""
        return self.left <= EXPLAINED_U


def tried(
    errors: Errors,
    learned: Learned,
    state: State,
    suspects: NDArray[np.float64],
    also: Sequence[int] = (),
) -> Trial:
    """The trial of the most suspicious tags, float64[K] (0: not at all), and of others, by the past rows of a state."""
    likely = [k for k in np.argsort(-suspects)[:_SUSPECTS].tolist() if suspects[k] > 0]
    likely += [k for k in also if k not in likely]
    if len(likely) < 2 or len(state.past_ns) < 2:
        return Trial(int(suspects.argmax()) if not likely else likely[0], 0.0)
    out = (state.alarm == ATTACK) | state.at_work
    follows = design.follows(learned.columns, state.past_ns)
    left = [_left(errors, learned, state, (out, follows), k) for k in likely]
    sizes, surprises = zip(*left, strict=True)
    return Trial(likely[int(np.argmin(sizes))], min(surprises))


def _left(
    errors: Errors,
    learned: Learned,
    state: State,
    of: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    k: int,
) -> tuple[float, float]:
    """How much surprise is left without tag k: summed over rows and tags, and of the most surprising row."""
    (out, follows), past = of, state.past
    doubted = out.copy()
    doubted[k] = True
    if not errors.is_estimated[k]:
        on = learned.columns.on(past, np.array([k]))[:, 0]
        past = past.copy()
        past[:, k] = np.where(on == on[0], past[:, k], past[0, k])
    raw = design.scaled(learned.columns, past) - state.offset
    away = errors.replaced(state.past_ns, raw, past, doubted & errors.is_estimated)
    fast = errors.of(state.past_ns, away, raw, past).fast
    fast = np.where(doubted, 0.0, fast)[follows]
    worst = learned.fusion.fused(fast.max(axis=1)).max(initial=0.0)
    return float(np.log1p(np.minimum(fast, _MOST)).sum()), float(worst)
