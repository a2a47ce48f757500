"""The estimates of a part for one joint state of its switches, laid side by side: one product scores a row.

What has been put together is kept, the latest used of each part; a plant meets some hundred joint states.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect import design, regimes
from twinvouch.readings.detect.learned import RARE_CELL, Learned, Part
from twinvouch.readings.detect.tails import Tails

_KEPT: Final = 256  # joint states of a part


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """How the n tags of a part are estimated in one joint state: first fast, then still, side by side.

    `weights` float64[2n, 2n] of the tags now and before, `calendar` float64[H, 2n] by hour (`Kernel.hours`). Of the fast
    error `per_q` is 1 / q and `steep` as of `tails`, of the still one `spread` and `per_spread` 1 / spread; all 0 for what is
    not estimated.
    """

    weights: NDArray[np.float64]
    calendar: NDArray[np.float64]
    per_q: NDArray[np.float64]
    steep: NDArray[np.float64]
    spread: NDArray[np.float64]
    per_spread: NDArray[np.float64]


class Kernel:
    """Estimates of one part by joint state, made when first needed."""

    def __init__(self, learned: Learned, part: Part) -> None:
        self.part = part
        # of the others the state is a feature and no regime
        used = sorted({s for split in part.splits for s in split})
        self._switches = part.switches[np.array(used, np.intp)]
        self._columns = learned.columns
        # of each split: its switches' places among those used, and the tags that have it
        self._splits = [
            (
                split,
                tuple(used.index(s) for s in split),
                [n for n, s in enumerate(part.splits) if s == split],
            )
            for split in dict.fromkeys(part.splits)
        ]
        self._has_calendar = learned.columns.has_calendar
        self._is_estimated = np.isin(part.tags, learned.columns.continuous)
        self._spread = learned.spread[:, part.tags]
        self._q, self._b = learned.q[:, part.tags], learned.b[:, part.tags]
        self._made: OrderedDict[bytes, Estimates] = OrderedDict()

    def states(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """The joint states of rows 1 to R-1 of `values` float64[R, K]: of each switch that counts before and now."""
        return regimes.states(self._columns.on(values, self._switches))

    def of(self, states: NDArray[np.int64], *, is_rare: bool) -> Estimates:
        """The estimates in one of the joint states int64[s]."""
        key = b"" if is_rare else states.tobytes() + b"."
        found = self._made.get(key)
        if found is None:
            found = self._assemble(states, is_rare=is_rare)
            self._made[key] = found
            if len(self._made) > _KEPT:
                self._made.popitem(last=False)
        else:
            self._made.move_to_end(key)
        return found

    def hours(self, t_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which row of a calendar each time takes."""
        if not self._has_calendar:
            return np.zeros(len(t_ns), np.int64)
        hour, is_weekend = design.hours(t_ns)
        return hour + design.HOURS * is_weekend

    def _assemble(self, states: NDArray[np.int64], *, is_rare: bool) -> Estimates:
        part, count = self.part, len(self.part.tags)
        weights = np.concatenate((part.weights[()][0], part.still[()][0]), axis=1)
        cells = np.full(count, RARE_CELL)
        if not is_rare:
            for split, places, of in self._splits:
                cells[of] = int(regimes.cells_of(places, states[None, :])[0])
                if split:
                    weights[:, of] = part.weights[split][cells[of[0]]]
                    weights[:, [n + count for n in of]] = part.still[split][cells[of[0]]]
        weights *= np.tile(self._is_estimated, 2)
        place = (cells, np.arange(count))
        tails = Tails(self._q[place], self._b[place])
        spread = self._spread[place]
        return Estimates(
            np.ascontiguousarray(weights[: 2 * count]),
            self._calendar(weights[2 * count :]),
            1.0 / tails.q,
            tails.steep(),
            spread * self._is_estimated,
            self._is_estimated / spread,
        )

    def _calendar(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """What hour and constant add, float64[H, 2n]: hours of a working day, then those of a weekend's."""
        if not self._has_calendar:
            return weights[-1:]
        day, weekend = weights[: design.HOURS], weights[design.HOURS : 2 * design.HOURS]
        both: NDArray[np.float64] = np.concatenate((day, day + weekend)) + weights[-1]
        return both
