"""All that holds of the tags of one part while its switches, and what never moves, are as they are: put together once.

A row that comes alone is then one product, and its control logic two comparisons. `quiet.py` uses it.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect.errors import Errors
from twinvouch.readings.detect.kernel import Estimates, Kernel
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.state import ATTACK

_KEPT: Final = 64  # of a part
STEEP, UNITS, LOW, HIGH = range(4)


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """Of n tags, `doubted` intp[d] of them: errors of one row.

    `weights` float64[2n, 2n] and `calendar` float64[H, 2n] give fast errors in .98 quantiles and still ones in robust sd of
    the tags now and before. `table` float64[4, n] has the steepness of tails (STEEP), units of a quantile (UNITS), and
    between which values a tag breaks no rule (LOW, HIGH). `stand_in` float64[2n, d] and `stand_in_calendar` float64[H, d]
    give the still estimates of what is doubted; `scale` float64[2, d] is what its errors are measured by. `slots` says of
    each time of the day whether the switches keep their clocks (None: they have none).
    """

    weights: NDArray[np.float64]
    calendar: NDArray[np.float64]
    table: NDArray[np.float64]
    doubted: NDArray[np.intp]
    stand_in: NDArray[np.float64]
    stand_in_calendar: NDArray[np.float64]
    scale: NDArray[np.float64]
    slots: NDArray[np.bool_] | None


class Joints:
    """The joints of one part, made when first needed; the latest used are kept."""

    def __init__(self, learned: Learned, errors: Errors, kernel: Kernel) -> None:
        self._learned, self._kernel = learned, kernel
        known, tags = learned.columns, kernel.part.tags
        self._scale, self._is_estimated = errors.scale[tags], errors.is_estimated
        still = np.concatenate((known.switches, known.rare, known.constant))
        self._told_by = np.intersect1d(still, tags)
        self._constant = np.intersect1d(known.constant, tags)
        self._rare = np.isin(known.rare, tags)
        self._rules = [r for r in learned.rules if r.tag in tags]
        self._points = [p for p in learned.points if p.tag in tags]
        self._clocks = [c for c in learned.clocks if c.switch in tags]
        self._made: OrderedDict[bytes, Joint | None] = OrderedDict()

    def of(
        self, before: NDArray[np.float64], row: NDArray[np.float64], alarm: bytes
    ) -> Joint | None:
        """The joint of a row float64[K] after another one, under alarms uint8[n] of the part's tags.

        None where something is as it hardly ever was, or never.
        """
        told_by = self._told_by
        key = before.take(told_by).tobytes() + row.take(told_by).tobytes() + alarm
        if key in self._made:
            self._made.move_to_end(key)
            return self._made[key]
        whole = np.zeros(len(row), np.uint8)
        whole[self._kernel.part.tags] = np.frombuffer(alarm, np.uint8)
        made = self._assemble(np.stack((before, row)), whole)
        self._made[key] = made
        if len(self._made) > _KEPT:
            self._made.popitem(last=False)
        return made

    def _assemble(self, rows: NDArray[np.float64], alarm: NDArray[np.uint8]) -> Joint | None:
        known, ends = self._learned.columns, self._learned.ends
        is_rare = known.on(rows, known.rare[self._rare]) != known.usual[self._rare]
        moved = np.abs(rows[1, self._constant] - ends[0, self._constant])
        if is_rare.any() or (moved > known.step[self._constant] / 2).any():
            return None
        tags = self._kernel.part.tags
        count = len(tags)
        of = self._kernel.of(self._kernel.states(rows)[0], is_rare=False)
        per = np.concatenate((of.per_q, of.per_spread))
        weights = -of.weights
        own = np.arange(count)
        weights[own, own] += 1.0
        weights[own, count + own] += 1.0
        doubted = np.flatnonzero((alarm[tags] == ATTACK) & self._is_estimated[tags])
        low, high = self._bounds(rows, alarm)
        return Joint(
            weights * per,
            of.calendar * per,
            np.stack((of.steep, self._units(of), low[tags], high[tags])),
            doubted,
            np.ascontiguousarray(of.weights[:, count + doubted]),
            of.calendar[:, count + doubted],
            np.stack((of.per_q[doubted], of.per_spread[doubted])),
            self._slots(rows[1:], alarm),
        )

    def _units(self, of: Estimates) -> NDArray[np.float64]:
        """How much of a tag's unit a .98 quantile is; 0 for what is not estimated."""
        is_known = of.per_q > 0
        found: NDArray[np.float64] = np.where(
            is_known, self._scale / np.where(is_known, of.per_q, 1.0), 0.0
        )
        return found

    def _bounds(
        self, rows: NDArray[np.float64], alarm: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Between which values, float64[K], a tag breaks no rule and no point while switches do what they do in two rows."""
        known = self._learned.columns
        low, high = np.full(len(alarm), -np.inf), np.full(len(alarm), np.inf)
        for rule in self._rules:
            is_other = known.on(rows[1:], np.array([rule.switch]))[0, 0] != rule.is_on
            if is_other and not alarm[rule.switch] and not alarm[rule.tag]:
                limit = float(rule.limits(rows[1:])[0])
                if rule.is_upper:
                    high[rule.tag] = min(high[rule.tag], limit + rule.margin)
                else:
                    low[rule.tag] = max(low[rule.tag], limit - rule.margin)
        for point in self._points:
            if not alarm[point.switch] and not alarm[point.tag]:
                was, now = known.on(rows, np.array([point.switch]))[:, 0].tolist()
                least, most = point.between(rows[1], was=was, now=now)
                low[point.tag] = max(low[point.tag], least)
                high[point.tag] = min(high[point.tag], most)
        return low, high

    def _slots(
        self, row: NDArray[np.float64], alarm: NDArray[np.uint8]
    ) -> NDArray[np.bool_] | None:
        """At which times of the day all clocks are kept."""
        clocks = [c for c in self._clocks if not alarm[c.switch]]
        if not clocks:
            return None
        kept = np.ones(len(clocks[0].state), np.bool_)
        for clock in clocks:
            on = self._learned.columns.on(row, np.array([clock.switch]))[0, 0]
            kept &= (clock.state < 0) | (clock.state == on)
        return kept
