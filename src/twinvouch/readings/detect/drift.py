"""Alarms of what is small and lasts: each slow channel of each tag sets one beyond its limit, and clears it below half of it.

A tag that lies a little moves the errors of those that lean on it too, each by its partial correlation, so never as far
as its own (Lauritzen, Graphical Models, 1996, 5.1.3). So of all tags only the one that is furthest beyond its limits
begins an alarm.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_CLEAR: Final = 0.5  # parts of a limit


def latched(
    shares: NDArray[np.float64], watched: NDArray[np.bool_], before: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which channels of which tags are in alarm, bool[C, R, K].

    `shares` float64[C, R, K] are parts of limits; `before` bool[C, K] was in alarm before; `watched` bool[K] may be.
    """
    if not before.any() and not (shares > 1).any():
        return np.zeros(shares.shape, np.bool_)
    seen = np.where(watched, shares, 0.0)
    most = seen.max(axis=0, initial=0.0)
    is_first = most >= most.max(axis=1, keepdims=True)
    begins = (seen > 1) & is_first
    clears = seen < _CLEAR
    row = np.arange(1, shares.shape[1] + 1)[:, None]
    last_begun = np.maximum.accumulate(np.where(begins, row, 0), axis=1)
    last_clear = np.maximum.accumulate(np.where(clears, row, 0), axis=1)
    held = before[:, None, :] & (last_clear == 0)
    found: NDArray[np.bool_] = (last_begun > last_clear) | held
    return found
