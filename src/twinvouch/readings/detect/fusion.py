"""From many surprises of one row to one: the largest, and how rare a largest that large is.

The largest of K surprises is not one surprise: how it is distributed in normal operation is learned out of fold,
empirically up to its .99 quantile F, above it one for one: u = 2 + (largest - F).
"""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_PART: Final = 0.01
_POINTS: Final = 200


@dataclass(frozen=True, slots=True, eq=False)
class Fusion:
    """`at` float64[n] rising: quantiles of the largest surprise; `u` float64[n]: -log10 of the share above each."""

    at: NDArray[np.float64]
    u: NDArray[np.float64]

    def fused(self, largest: NDArray[np.float64]) -> NDArray[np.float64]:
        """-log10 p of rows whose largest surprise is `largest` float64[R]."""
        inside = np.interp(largest, self.at, self.u)
        found: NDArray[np.float64] = inside + np.maximum(largest - self.at[-1], 0.0)
        return found


class Line:
    """A fusion for one number at a time, without an array."""

    def __init__(self, fusion: Fusion) -> None:
        self._at, self._u = fusion.at.tolist(), fusion.u.tolist()

    def fused(self, largest: float) -> float:
        """-log10 p of a row whose largest surprise is `largest`, as `Fusion.fused` gives it."""
        at, u = self._at, self._u
        if largest >= at[-1]:
            return float(u[-1] + largest - at[-1])
        n = bisect_right(at, largest) - 1
        if n < 0:
            return float(u[0])
        return float(u[n] + (u[n + 1] - u[n]) / (at[n + 1] - at[n]) * (largest - at[n]))


def learn(largest: NDArray[np.float64]) -> Fusion:
    """From the largest surprise of each out-of-fold row, float64[R]."""
    share = np.linspace(1.0, _PART, _POINTS)
    at = np.quantile(largest, 1 - share)
    return Fusion(at, -np.log10(share))
