"""The estimates of a part for one joint state of its switches, laid side by side: one product scores a row.

What has been put together is kept, the latest used of each part; a plant meets some hundred joint states.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect import regimes
from twinvouch.readings.detect.learned import RARE_CELL, Learned, Part
from twinvouch.readings.detect.regimes import Split
from twinvouch.readings.detect.tails import Tails

_KEPT: Final = 256  # joint states of a part


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """`weights` float64[F, 2n]: fast, then still; `tails` of the fast, `spread` of the still error of the n tags."""

    weights: NDArray[np.float64]
    tails: Tails
    spread: NDArray[np.float64]


class Kernel:
    """Estimates of one part by joint state, made when first needed."""

    def __init__(self, learned: Learned, part: Part) -> None:
        self.part = part
        # of the others the state is a feature and no regime
        self.used = np.array(sorted({s for split in part.splits for s in split}), np.intp)
        self._by_split: dict[Split, list[int]] = {}
        for n, split in enumerate(part.splits):
            self._by_split.setdefault(split, []).append(n)
        self._spread = learned.spread[:, part.tags]
        self._q, self._b = learned.q[:, part.tags], learned.b[:, part.tags]
        self._made: OrderedDict[bytes, Estimates] = OrderedDict()

    def of(self, pairs: NDArray[np.int64], *, is_rare: bool) -> Estimates:
        """The estimates where the switches' states, before and now, are `pairs` int64[s]."""
        key = b"" if is_rare else pairs[self.used].tobytes() + b"."
        found = self._made.get(key)
        if found is None:
            found = self._assemble(pairs, is_rare=is_rare)
            self._made[key] = found
            if len(self._made) > _KEPT:
                self._made.popitem(last=False)
        else:
            self._made.move_to_end(key)
        return found

    def _assemble(self, pairs: NDArray[np.int64], *, is_rare: bool) -> Estimates:
        part, count = self.part, len(self.part.tags)
        weights = np.concatenate((part.weights[()][0], part.still[()][0]), axis=1)
        cells = np.full(count, RARE_CELL)
        if not is_rare:
            for split, of in self._by_split.items():
                cells[of] = int(regimes.cells_of(split, pairs[None, :])[0])
                if split:
                    weights[:, of] = part.weights[split][cells[of[0]]]
                    weights[:, [n + count for n in of]] = part.still[split][cells[of[0]]]
        place = (cells, np.arange(count))
        return Estimates(weights, Tails(self._q[place], self._b[place]), self._spread[place])
