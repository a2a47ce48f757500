"""Small departures that last: exponential means over hours and days of each tag's error.

Two errors are averaged: *bias*, that of an estimate which leaves out the tag's own past (or a lie would soon
explain itself), signed and clipped; and *energy*, the size of the fast error, for noise that is added to a signal.
A mean over w rows forgets by itself, which a cumulative sum does not (Roberts 1959; Page 1954 for the sum). How
surprising a mean is, is learned out of fold like any error, tag by tag, then over tags; its limit is beyond all
that training has shown.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect import fusion, tails
from twinvouch.readings.detect.fusion import Fusion
from twinvouch.readings.detect.tails import Tails

WINDOWS_NS: Final = tuple(h * 3_600_000_000_000 for h in (1, 6, 24, 96))
CLIP: Final = 4.0
_CLIP_ENERGY: Final = 3.0
_SPANS: Final = 40  # a window is at most this part of the training
_ROWS: Final = 4  # and at least so many rows
_BEYOND: Final = 1.1  # of the largest surprise of the training
BIAS, ENERGY = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """One mean over `rows` rows of one error; `limit` is where its fused surprise is an alarm."""

    error: int
    rows: float
    tails: Tails
    fusion: Fusion
    limit: float

    def surprise(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of means float64[R, K], in parts of the limit by tag: above 1 is an alarm that names the tag."""
        u = self.tails.surprise(np.abs(mean))
        part: NDArray[np.float64] = self.fusion.fused(u) / self.limit
        return part


def clipped(
    bias: NDArray[np.float64], fast: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    """What is averaged: errors in robust standard deviations, and |errors| in units of their .98 quantile."""
    return np.clip(bias, -CLIP, CLIP), np.minimum(fast, _CLIP_ENERGY)


def means(
    values: NDArray[np.float64], rows: float, before: NDArray[np.float64], counts: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Exponential means float64[R, K] that start from `before` float64[K]; rows that do not count change nothing.

    Blocks are short against the range of a double: (1 - 1/rows)**R stays above 1e-300.
    """
    made = np.empty_like(values)
    kept = np.log1p(-1 / rows)
    block = max(int(-300 / kept), 1)
    for start in range(0, len(values), block):
        part, count = values[start : start + block], counts[start : start + block, None]
        left = np.exp(kept * np.cumsum(count, axis=0))
        added = np.cumsum(np.where(count, part / (rows * left), 0.0), axis=0)
        made[start : start + block] = left * (before + added)
        before = made[start + len(part) - 1]
    return made


def windows(period_ns: int, rows: int) -> tuple[float, ...]:
    """How many rows each mean takes: hours and days, as far as the training is long enough."""
    most = rows / _SPANS
    wanted = [max(ns / max(period_ns, 1), _ROWS) for ns in WINDOWS_NS]
    return tuple(dict.fromkeys(float(min(w, max(most, _ROWS))) for w in wanted))


def learn(errors: tuple[NDArray[np.float64], ...], period_ns: int) -> tuple[Channel, ...]:
    """Channels from out-of-fold `clipped` errors float64[R, K]."""
    found = []
    width = errors[0].shape[1]
    for which, error in enumerate(errors):
        middle = np.zeros(width) if which == BIAS else error.mean(axis=0)
        for rows in windows(period_ns, len(error)):
            counts = np.ones(len(error), np.bool_)
            mean = means(error - middle, rows, np.zeros(width), counts)
            q, b = zip(*(tails.tail(np.abs(mean[:, k]), 0.0) for k in range(width)), strict=True)
            tail = Tails(np.maximum(q, 1e-9), np.maximum(b, 1e-9))
            u = tail.surprise(np.abs(mean))
            fused = fusion.learn(u.max(axis=1))
            limit = _BEYOND * float(fused.fused(u.max(axis=1)).max())
            found.append(Channel(which, rows, tail, fused, limit))
    return tuple(found)
