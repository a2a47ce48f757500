"""A signal that stands still to the last digit: how long each tag ever did so in training.

Noise makes a sensor's last digit move; a frozen one repeats. Standing at its lowest or highest value of the
training (an idle pump, a full tank) says nothing.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_RARER: Final = 100.0  # than the longest run of the training
_NEAR: Final = 0.05  # of a tag's range
_ROWS: Final = 3


def lengths(
    values: NDArray[np.float64], before: NDArray[np.float64], run: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How many rows each value has been the same, int64[R, K]; `before` float64[K] came `run` int64[K] rows long."""
    same = values == np.vstack((before, values[:-1]))
    row = np.arange(1, len(values) + 1)[:, None]
    broke = np.maximum.accumulate(np.where(same, 0, row), axis=0)
    length: NDArray[np.int64] = np.where(broke > 0, row - broke + 1, row + run)
    return length


def learn(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The longest run each tag may have, int64[K], and its lowest and highest value float64[2, K]."""
    ends = np.stack((values.min(axis=0), values.max(axis=0)))
    length = lengths(values, np.full(values.shape[1], np.nan), np.zeros(values.shape[1], np.int64))
    inside = (values != ends[0]) & (values != ends[1])
    longest = np.where(inside, length, 0).max(axis=0)
    # of R rows the longest run grows as ln R where runs end by chance: so the fewer rows, the more room
    more = 1 + np.log(_RARER) / np.log(max(len(values), 2))
    most: NDArray[np.int64] = np.maximum((longest * more).astype(np.int64), longest + _ROWS)
    return most, ends


def idle(
    widest: NDArray[np.float64], step: NDArray[np.float64], ends: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Between which values each tag may not stand for long, float64[K] each: a flow at its new zero after a recalibration is as idle as before.

    `widest` float64[K] is the largest spread of its error, in its unit.
    """
    near = np.clip(widest, 2 * step, _NEAR * (ends[1] - ends[0]))
    return ends[0] + near, ends[1] - near


def frozen(
    values: NDArray[np.float64],
    length: NDArray[np.int64],
    most: NDArray[np.int64],
    idle: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.bool_]:
    """Cells bool[R, K] that have stood still too long, between the ends float64[K] of `idle` values."""
    found: NDArray[np.bool_] = length > most
    if np.count_nonzero(found):
        found &= (values > idle[0]) & (values < idle[1])
    return found
