"""What an estimate is made from: the tags of a part now and one row before, and the calendar.

Features are standardised; the own value of a tag at the same row never explains it (`ridge.py` takes it out).
A row after a gap has no row before, so nothing is estimated there.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect.columns import Columns

CALENDAR: Final = 48  # hours of a day, hours of a weekend's day
_HOUR_NS: Final = 3_600_000_000_000
HOURS: Final = 24
GAP: Final = 1.5  # periods
_THURSDAY: Final = 3  # 1970-01-01, counted from Monday


def width(columns: Columns, tags: int) -> int:
    """Number of features of a part of so many tags."""
    return 2 * tags + (CALENDAR if columns.has_calendar else 0) + 1


def scaled(columns: Columns, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of all tags in standard deviations from their mean."""
    away: NDArray[np.float64] = (values - columns.mean) / columns.scale
    return away


def features(
    columns: Columns,
    t_ns: NDArray[np.int64],
    away: NDArray[np.float64],
    tags: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Rows 1 to R-1 of R `scaled` rows, for a part of n tags: float64[R-1, F], the tags themselves first."""
    part = away[:, tags]
    count, rows = len(tags), len(away) - 1
    made = np.zeros((rows, width(columns, count)))
    made[:, :count] = part[1:]
    made[:, count : 2 * count] = part[:-1]
    made[:, -1] = 1.0
    if columns.has_calendar:
        hour, weekend = hours(t_ns[1:])
        at = 2 * count + hour
        row = np.arange(rows)
        made[row, at] = 1.0
        made[row[weekend], at[weekend] + HOURS] = 1.0
    return made


def hours(t_ns: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The hour of the day of each time (UTC), and whether that is a weekend's."""
    hour = t_ns // _HOUR_NS
    return hour % HOURS, (hour // HOURS + _THURSDAY) % 7 >= 5


def hour_of(t_ns: int) -> int:
    """Which row of a calendar one time takes: the hours of a working day, then those of a weekend's."""
    hour = t_ns // _HOUR_NS
    return hour % HOURS + HOURS * ((hour // HOURS + _THURSDAY) % 7 >= 5)


def follows(columns: Columns, t_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of rows 1 to R-1 come about one period after the row before them."""
    near: NDArray[np.bool_] = np.diff(t_ns) <= GAP * columns.period_ns
    return near
