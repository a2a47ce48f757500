"""Cells that nothing explains: a rule of the control logic is broken, a signal is frozen, what never moved has moved.

What is doubted already breaks no rule: a second alarm would say nothing new.
"""

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect import runs
from twinvouch.readings.detect.columns import rounded
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.state import ATTACK, State


class Logic:
    """What was learned of switches and ends, side by side, so that all rules are looked at at once."""

    def __init__(self, learned: Learned) -> None:
        self._learned = learned
        known = learned.columns
        self.is_estimated = np.zeros(len(known.ids), np.bool_)
        self.is_estimated[known.continuous] = True
        widest = learned.spread.max(axis=0) * known.scale
        self.idle = runs.idle(widest, known.step, learned.ends)
        rules = learned.rules
        self._switch = np.array([r.switch for r in rules], np.intp)
        self._tag = np.array([r.tag for r in rules], np.intp)
        self._setpoint = np.array([max(r.setpoint, 0) for r in rules], np.intp)
        self._is_shown = np.array([r.setpoint >= 0 for r in rules], np.bool_)
        self._limit = np.array([r.limit for r in rules])
        self._margin = np.array([r.margin if r.is_upper else -r.margin for r in rules])
        self._is_upper = np.array([r.is_upper for r in rules], np.bool_)
        self._is_on = np.array([r.is_on for r in rules], np.bool_)

    def broken(
        self,
        t_ns: NDArray[np.int64],
        lagged: NDArray[np.float64],
        read: tuple[NDArray[np.int64], NDArray[np.bool_]],
        state: State,
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Of rows 1 to R-1 of `lagged` float64[R, K] the cells that are frozen, and those that break a rule or left what never moved.

        Both are bool[R-1, K]. `read` are how long each value has stood int64[R-1, K], and which cells count.
        """
        learned, known = self._learned, self._learned.columns
        if state.offset.any():
            lagged = rounded(lagged - state.offset * known.scale, known.step)
        values, (length, counts) = lagged[1:], read
        doubted = state.at_work | (state.alarm == ATTACK)
        frozen = runs.frozen(values, length, learned.runs, self.idle)
        frozen &= self.is_estimated & counts
        found = np.zeros_like(frozen)
        self._rules(values, counts, doubted, found)
        self._points(lagged, counts, doubted, found)
        for clock in learned.clocks:
            if not doubted[clock.switch]:
                on = known.on(values, np.array([clock.switch]))[:, 0]
                found[clock.broken(on, t_ns[1:]), clock.switch] = True
        still = known.constant[~state.at_work[known.constant]]
        moved = np.abs(values[:, still] - learned.ends[0, still])
        found[:, still] = moved > known.step[still] / 2
        found &= counts & ~frozen
        return frozen, found

    def _rules(
        self,
        values: NDArray[np.float64],
        counts: NDArray[np.bool_],
        doubted: NDArray[np.bool_],
        found: NDArray[np.bool_],
    ) -> None:
        """Limits that a tag has passed while the switch is in the other state."""
        shown = np.where(self._is_shown, values[:, self._setpoint], 0.0) + self._limit
        edge, level = shown + self._margin, values[:, self._tag]
        broken = np.where(self._is_upper, level > edge, level < edge)
        broken &= self._learned.columns.on(values, self._switch) != self._is_on
        if np.count_nonzero(broken):
            broken &= counts[:, self._tag] & ~(doubted[self._switch] | doubted[self._tag])
            for n in np.flatnonzero(broken.any(axis=0)).tolist():
                found[broken[:, n], self._switch[n]] = True
                found[broken[:, n], self._tag[n]] = True

    def _points(
        self,
        lagged: NDArray[np.float64],
        counts: NDArray[np.bool_],
        doubted: NDArray[np.bool_],
        found: NDArray[np.bool_],
    ) -> None:
        """Switches that moved outside their bands, or did not move beyond them."""
        points = self._learned.points
        switches = np.array([p.switch for p in points], np.intp)
        on = self._learned.columns.on(lagged, switches)
        for n, point in enumerate(points):
            if not doubted[[point.switch, point.tag]].any():
                broken = point.broken(on[:, n], lagged)
                if np.count_nonzero(broken):
                    broken &= counts[:, point.tag]
                    found[broken, point.switch] = True
                    found[broken, point.tag] = True
