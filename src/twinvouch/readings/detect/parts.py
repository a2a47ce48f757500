"""A plant of many tags in parts of related ones, so that the cost of a tag does not grow with the plant.

Each tag is estimated from the tags of its own part alone. Up to MOST tags are one part.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

MOST: Final = 64
_FULL: Final = 48
_ROWS: Final = 4000  # so many rows, evenly spread, tell who is related


def divide(away: NDArray[np.float64]) -> tuple[NDArray[np.intp], ...]:
    """Places of the tags of each part, rising, from standardised training rows float64[R, K]."""
    width = away.shape[1]
    if width <= MOST:
        return (np.arange(width),)
    sample = away[:: max(len(away) // _ROWS, 1)]
    related = np.abs(sample.T @ sample) / len(sample)
    np.fill_diagonal(related, 0.0)
    left = np.ones(width, np.bool_)
    found = []
    while left.any():
        members = [int(np.where(left, related @ left, -1.0).argmax())]
        left[members[0]] = False
        near = related[members[0]].copy()
        while len(members) < _FULL and left.any():
            nearest = int(np.where(left, near, -1.0).argmax())
            left[nearest] = False
            members.append(nearest)
            near += related[nearest]
        found.append(np.array(sorted(members)))
    return tuple(found)
