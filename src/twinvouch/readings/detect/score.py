"""Scores rows against what was learned: alarms, the tags they name, and what was expected.

State goes in and comes out, so that rows may come one at a time or many.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect import control, design, evidence, regimes, runs, slow
from twinvouch.readings.detect.columns import filled, rounded
from twinvouch.readings.detect.evidence import Belief
from twinvouch.readings.detect.kernel import Kernel
from twinvouch.readings.detect.learn import rare_rows
from twinvouch.readings.detect.learned import Learned

BROKEN_U = 6.0  # what a broken control rule, a frozen signal or a state never seen says


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What a row leaves behind.

    Its time and values float64[K] (NaN before the first), how long each value has stood int64[K],
    the means float64[C, K] of the channels, and the belief.
    """

    t_ns: int
    values: NDArray[np.float64]
    run: NDArray[np.int64]
    means: NDArray[np.float64]
    belief: Belief


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Alarms of R rows and why.

    Alarms bool[R], surprise of the row float64[R], by tag `fast` float64[R, K] (-log10 p) and `slow`
    float64[R, K] (parts of the limit); `error` float64[R, K] in the tags' units: value minus expectation.
    """

    raised: NDArray[np.bool_]
    drift: NDArray[np.bool_]
    u: NDArray[np.float64]
    fast: NDArray[np.float64]
    slow: NDArray[np.float64]
    error: NDArray[np.float64]


def begin(learned: Learned) -> State:
    """Nothing seen yet."""
    width = len(learned.columns.ids)
    means = np.zeros((len(learned.channels), width))
    return State(0, np.full(width, np.nan), np.zeros(width, np.int64), means, Belief())


class Scorer:
    """Scores rows by what was learned; keeps what it has put together, and no state of the plant."""

    def __init__(self, learned: Learned) -> None:
        self.learned = learned
        self._kernels = [Kernel(learned, part) for part in learned.parts]
        self._is_estimated = np.zeros(len(learned.columns.ids), np.bool_)
        self._is_estimated[learned.columns.continuous] = True

    def score(
        self, state: State, t_ns: NDArray[np.int64], values: NDArray[np.float64]
    ) -> tuple[State, Scored]:
        """Score rows `values` float64[R, K] read at `t_ns` int64[R], NaN where nothing was read."""
        learned, known = self.learned, self.learned.columns
        before = np.where(np.isfinite(state.values), state.values, known.mean)
        full = filled(rounded(values, known.step), before)
        at, lagged = np.concatenate(([state.t_ns], t_ns)), np.vstack((before, full))
        follows = design.follows(known, at)
        error, bias, size, energy = self._errors(at, lagged)
        counts = np.isfinite(values) & follows[:, None]
        length = runs.lengths(full, state.values, state.run)
        fast = np.where(counts, size, 0.0)
        fast = np.maximum(fast, self._broken(full, length) * counts)
        largest = fast.max(axis=1)
        u = np.where(largest >= BROKEN_U, np.maximum(largest, BROKEN_U), 0.0)
        u = np.maximum(u, learned.fusion.fused(largest))
        belief, raised = evidence.follow(state.belief, evidence.says(u))
        part, means = self._slow(
            state, slow.clipped(bias / learned.spread, energy), follows & ~raised
        )
        after = State(int(t_ns[-1]), full[-1], length[-1], means, belief)
        return after, Scored(raised, part.max(axis=1) > 1, u, fast, part, error * known.scale)

    def _errors(
        self, t_ns: NDArray[np.int64], values: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], ...]:
        """Of rows 1 to R-1: fast and still error in standard deviations, surprise and energy, each float64[R-1, K]."""
        known = self.learned.columns
        made = np.zeros((4, len(values) - 1, values.shape[1]))
        away, rare = design.scaled(known, values), rare_rows(known, values)
        for kernel in self._kernels:
            part = kernel.part
            features = design.features(known, t_ns, away, part.tags)
            pairs = regimes.states(known.on(values, part.switches))
            for rows in _alike(pairs[:, kernel.used], rare):
                estimates = kernel.of(pairs[rows[0]], is_rare=bool(rare[rows[0]]))
                expected = features[rows] @ estimates.weights
                count = len(part.tags)
                fast = features[rows, :count] - expected[:, :count]
                still = features[rows, :count] - expected[:, count:]
                size = np.abs(fast)
                place = np.ix_(rows, part.tags)
                made[0][place], made[1][place] = fast, still
                made[2][place] = estimates.tails.surprise(size)
                made[3][place] = size / estimates.tails.q
        made[:, :, ~self._is_estimated] = 0.0
        return tuple(made)

    def _broken(
        self, values: NDArray[np.float64], length: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """BROKEN_U at the cells that break a rule of the control logic, are frozen, or left what never moved."""
        learned, known = self.learned, self.learned.columns
        found = runs.frozen(values, length, learned.runs, learned.ends) & self._is_estimated
        for rule, rows in control.broken(learned.rules, known, values):
            found[rows, rule.switch] = True
            found[rows, rule.tag] = True
        still = known.constant
        moved = np.abs(values[:, still] - learned.ends[0, still])
        found[:, still] = moved > known.step[still] / 2
        return np.where(found, BROKEN_U, 0.0)

    def _slow(
        self, state: State, averaged: tuple[NDArray[np.float64], ...], counts: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The largest part of a limit by tag float64[R, K], and the means after the last row."""
        centred = (
            averaged[slow.BIAS],
            (averaged[slow.ENERGY] - self.learned.rest) * self._is_estimated,
        )
        part, after = np.zeros_like(centred[0]), np.empty_like(state.means)
        for n, channel in enumerate(self.learned.channels):
            mean = slow.means(centred[channel.error], channel.rows, state.means[n], counts)
            part = np.maximum(part, channel.surprise(mean))
            after[n] = mean[-1]
        return part, after


def _alike(pairs: NDArray[np.int64], rare: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Rows by joint state; rows with a rare switch are alike whatever the others do."""
    if len(pairs) == 1:
        return [np.zeros(1, np.intp)]
    keyed = np.where(rare[:, None], -1, pairs)
    _, of = np.unique(np.column_stack((keyed, rare)), axis=0, return_inverse=True)
    order = np.argsort(of, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(of[order])) + 1)
