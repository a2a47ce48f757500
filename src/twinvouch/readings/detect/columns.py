"""What kind of signal each tag is, learned from commissioning data: the ground all detectors stand on.

A *switch* has two values (a pump's status, a valve's), everything else that moves is continuous. What never
moved in training is constant: it is estimated from nothing, and leaving its value is a finding of its own.
Rows are rounded to each tag's step, because live data comes rounded where history often is not.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.table import Table

DECIMALS: Final = 0.01  # what historians commonly keep
_HOUR_NS: Final = 3_600_000_000_000
_RARE_ROWS: Final = 200  # a switch that was less often in one of its states tells no regime
_CALENDAR_NS: Final = 14 * 24 * _HOUR_NS  # two of each weekday before a calendar is learned


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Of K tags: step, mean and scale float64[K], and places of the switches and continuous tags.

    `low` float64[K] is the smaller value of a switch. `rare` are switches that hardly ever moved, `usual` bool of
    each the state they are in. `period_ns` is the usual time between rows.
    """

    ids: tuple[str, ...]
    step: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    low: NDArray[np.float64]
    continuous: NDArray[np.intp]
    switches: NDArray[np.intp]
    rare: NDArray[np.intp]
    usual: NDArray[np.bool_]
    constant: NDArray[np.intp]
    period_ns: int
    has_calendar: bool

    def on(self, values: NDArray[np.float64], columns: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which switches are in their higher state, bool[R, n]."""
        higher: NDArray[np.bool_] = values[:, columns] > self.low[columns] + self.step[columns] / 2
        return higher


def assumed_step(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A step for tags that declare none, float64[K]: two decimals, or three digits of the largest value if finer."""
    # column by column: a table may be most of the memory there is
    largest = np.array([np.abs(column[~np.isnan(column)]).max(initial=0.0) for column in values.T])
    digits = 10.0 ** (np.floor(np.log10(np.where(largest > 0, largest, 1.0))) - 2)
    step: NDArray[np.float64] = np.minimum(DECIMALS, digits)
    return step


def rounded(values: NDArray[np.float64], step: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each value at the nearest multiple of its tag's step."""
    whole: NDArray[np.float64] = values / step
    np.rint(whole, out=whole)
    whole *= step
    return whole


def filled(values: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each missing value replaced by the last one read of its tag, those before the first by `before` float64[K]."""
    known = np.isfinite(values)
    if np.count_nonzero(known) == known.size:
        return values
    stacked = np.vstack((before, values))
    here = np.where(
        np.vstack((np.ones(len(before), np.bool_), known)), np.arange(len(stacked))[:, None], 0
    )
    last = np.maximum.accumulate(here, axis=0)[1:]
    full: NDArray[np.float64] = np.take_along_axis(stacked, last, axis=0)
    return full


def moments(
    values: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each column over what was read, float64[K]; 0 where nothing was."""
    known = np.isfinite(values)
    counted = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0.0).sum(axis=0) / counted
    away = np.where(known, values - mean, 0.0)
    return mean, np.sqrt((away**2).sum(axis=0) / counted)


def survey(table: Table, step: NDArray[np.float64] | None = None) -> Columns:
    """Learn the columns of a training table; `step` float64[K] where the inventory declares it."""
    width = len(table.ids)
    step = assumed_step(table.values) if step is None else step
    values = rounded(table.values, step)
    known = np.isfinite(values)
    counted = np.maximum(known.sum(axis=0), 1)
    mean, scale = moments(values)
    kinds = [np.unique(values[known[:, k], k])[:3] for k in range(width)]
    still = np.array([len(found) < 2 for found in kinds])
    two = np.array([len(found) == 2 for found in kinds])
    low = np.array([found[0] if len(found) else 0.0 for found in kinds])
    scale[still | (~two & (scale < step / 2))] = 1.0
    share = np.array(
        [(values[known[:, k], k] > low[k]).mean() if two[k] else 0.0 for k in range(width)]
    )
    rare = two & (np.minimum(share, 1 - share) * counted < _RARE_ROWS)
    gaps = np.diff(table.t_ns)
    period_ns = int(np.median(gaps)) if len(gaps) else 0
    span_ns = int(table.t_ns[-1] - table.t_ns[0]) if len(gaps) else 0
    return Columns(
        table.ids,
        step,
        mean,
        scale,
        low,
        np.flatnonzero(~still & ~two),
        np.flatnonzero(two & ~rare),
        np.flatnonzero(rare),
        share[rare] > 0.5,
        np.flatnonzero(still & known.any(axis=0)),  # of what was never read nothing is known
        period_ns,
        span_ns >= _CALENDAR_NS and 0 < period_ns <= 6 * _HOUR_NS,
    )
