"""The new zero of an instrument that is recalibrated: how far it departs from its estimate, averaged while people work on it and a week beyond.

Rows count by how well the estimate knows the tag in their regime. When during the work the zero moves is not known, so
older rows fade; once the work is over they do not.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_WORK_ROWS: Final = 96.0  # usual rows that count while the work goes on
_MOST_ROWS: Final = 1000.0


def weights(spread: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many usual rows each departure counts as, float64[R, K]; `usual` float64[K] is a tag's usual spread."""
    counted: NDArray[np.float64] = np.where(
        spread > 0, (usual / np.where(spread > 0, spread, 1.0)) ** 2, 0.0
    )
    return np.minimum(counted, _WORK_ROWS / 4)


def found_out(
    bias: NDArray[np.float64],
    rows: NDArray[np.float64],
    moved: NDArray[np.float64],
    counted: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean departure float64[K] and how many rows it stands for, after rows that depart by `moved` and count as `counted`."""
    for row, weight in zip(moved, counted, strict=True):
        rows = np.where(weight > 0, np.minimum(rows + weight, _WORK_ROWS), rows)
        bias = bias + (row - bias) * weight / np.maximum(rows, 1e-9)
    return bias, rows


def settled(
    rows: NDArray[np.float64], moved: NDArray[np.float64], counted: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """By how much more the zero has moved, float64[K], where `moved` float64[R, K] is left, and the rows it stands for now."""
    more = np.minimum(rows + counted.sum(axis=0), _MOST_ROWS)
    by = (moved * counted).sum(axis=0) / np.maximum(more, 1.0)
    return by, more
