"""How fast a series rises, whatever a few outliers do: the Theil-Sen slope and its confidence interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np

_Z: Final = 1.96  # 95 %


@dataclass(frozen=True, slots=True)
class Slope:
    """The median of the slopes between all pairs of points, and where it lies with 95 % confidence."""

    value: float
    low: float
    high: float


def theil_sen(at: Sequence[float], values: Sequence[float]) -> Slope:
    """The slope of `values` over `at` (growing), at least two points; the interval is Kendall's (Sen 1968)."""
    x, y = np.asarray(at, np.float64), np.asarray(values, np.float64)
    first, second = np.triu_indices(len(x), 1)
    slopes = np.sort((y[second] - y[first]) / (x[second] - x[first]))
    n, pairs = len(x), len(slopes)
    spread = _Z * sqrt(n * (n - 1) * (2 * n + 5) / 18)
    low = max(0, int((pairs - spread) / 2))
    high = min(pairs - 1, int((pairs + spread) / 2) + 1)
    return Slope(float(np.median(slopes)), float(slopes[low]), float(slopes[high]))
