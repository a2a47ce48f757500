"""Small departures that last: exponential means over rows, hours and days of each tag's errors.

Two errors are averaged. *Bias*: that of an estimate which leaves out the tag's own past (or a lie would soon explain
itself), signed. *Energy*: the size of the fast error, for noise that is added to a signal. Both are clipped, so that
one row never decides.
A mean over w rows forgets by itself, which a cumulative sum does not (Roberts 1959; Page 1954 for the sum).

Each tag has a limit of its own for each mean, beyond the largest of its out-of-fold errors: a limit for all tags is
that of the most restless one, and blinds the rest.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

HOURS_NS: Final = tuple(h * 3_600_000_000_000 for h in (1, 6, 24, 96))
ENERGY_ROWS: Final = (8, 24, 96)
CLIP: Final = 4.0  # robust standard deviations
CLIP_FAST: Final = 2.0  # .98 quantiles
_SPANS: Final = 40  # a window is at most this part of the training
_ROWS: Final = 4  # and at least so many rows
_BEYOND: Final = 1.1  # of the largest mean of the training
_LEAST_SD: Final = 5.0  # of the means of the training
BIAS, ENERGY = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """One mean over `rows` rows of one error; beyond `limit` float64[K], on either side, it is an alarm of the tag."""

    error: int
    rows: float
    limit: NDArray[np.float64]


def clipped(
    bias: NDArray[np.float64], fast: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    """What is averaged: still errors in robust sd, and the size of fast errors in units of their .98 quantile."""
    return np.clip(bias, -CLIP, CLIP), np.minimum(np.abs(fast), CLIP_FAST)


def means(
    values: NDArray[np.float64],
    rows: float,
    before: NDArray[np.float64],
    counts: NDArray[np.bool_],
    out: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Exponential means float64[R, K] that start from `before` float64[K], in `out` where that is given.

    Rows, or cells, that do not count change nothing. Blocks are short against the range of a double:
    (1 - 1/rows)**R stays above 1e-300.
    """
    made = np.empty_like(values) if out is None else out
    counts = counts[:, None] if counts.ndim == 1 else counts
    if len(values) == 1:
        made[:] = np.where(counts, before + (values - before) / rows, before)
        return made
    if np.count_nonzero(counts) == counts.size:
        counts = np.ones((len(values), 1), np.bool_)
    kept = np.log1p(-1 / rows)
    block = max(int(-300 / kept), 1)
    for start in range(0, len(values), block):
        part, count = values[start : start + block], counts[start : start + block]
        left = np.exp(kept * np.cumsum(count, axis=0))
        found = np.multiply(part, count / (rows * left), out=made[start : start + block])
        np.cumsum(found, axis=0, out=found)
        found += before
        found *= left
        before = found[-1]
    return made


def windows(error: int, period_ns: int, rows: int) -> tuple[float, ...]:
    """How many rows each mean takes, as far as the training is long enough."""
    most = max(rows / _SPANS, _ROWS)
    if error == BIAS:
        wanted = [max(ns / max(period_ns, 1), _ROWS) for ns in HOURS_NS]
    else:
        wanted = [float(w) for w in ENERGY_ROWS]
    return tuple(dict.fromkeys(float(min(w, most)) for w in wanted))


def learn(errors: tuple[NDArray[np.float64], ...], period_ns: int) -> tuple[Channel, ...]:
    """Channels from out-of-fold `clipped` errors float64[R, K]."""
    found = []
    width = errors[0].shape[1]
    for which, error in enumerate(errors):
        middle = error.mean(axis=0) if which == ENERGY else np.zeros(width)
        for rows in windows(which, period_ns, len(error)):
            counts = np.ones(len(error), np.bool_)
            mean = np.abs(means(error - middle, rows, np.zeros(width), counts))
            usual = _LEAST_SD * np.sqrt((mean**2).mean(axis=0))
            largest = np.maximum(mean.max(axis=0), usual)
            found.append(Channel(which, rows, np.where(largest > 0, _BEYOND * largest, np.inf)))
    return tuple(found)
