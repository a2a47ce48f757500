"""How far a figure may be from the truth: intervals of 95 % for shares and for what groups of measurements say.

Measurements of one group (a seed, a day) are alike, so groups are drawn again, not measurements (Efron 1979).
"""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

_Z: Final = 1.959964  # of a normal distribution, 95 % in the middle
_DRAWS: Final = 2000
_SEED: Final = 0
Interval = tuple[float, float]


def wilson(found: int, of: int) -> Interval:
    """Of a share of independent trials (Wilson 1927); 0 to 1 where there was none.

    >>> [round(end, 3) for end in wilson(9, 10)]
    [0.596, 0.982]
    """
    if not of:
        return 0.0, 1.0
    share, square = found / of, _Z**2
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = _Z * sqrt(share * (1 - share) / of + square / (4 * of**2)) / (1 + square / of)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def bootstrap(
    groups: Sequence[NDArray[np.float64]], figure: Callable[[NDArray[np.float64]], float]
) -> Interval:
    """Of `figure` over all measurements, by groups drawn again; no interpolation, so measurements may be infinite."""
    chance = np.random.default_rng(_SEED)
    drawn = np.sort(
        [
            figure(np.concatenate([groups[n] for n in of]))
            for of in chance.integers(0, len(groups), (_DRAWS, len(groups)))
        ]
    )
    return float(drawn[int(0.025 * _DRAWS)]), float(drawn[int(0.975 * _DRAWS)])
