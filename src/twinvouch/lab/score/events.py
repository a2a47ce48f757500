"""Event by event: which attacks were found and when, and how often people would have been called for nothing.

An alarm is an event that begins after six quiet hours; one that begins more than an hour away from any labelled row is
false: the effect of an attack shows an hour before or after its label in public data sets.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.spans import spans, starts

HOUR_NS: Final = 3_600_000_000_000
QUIET_NS: Final = 6 * HOUR_NS
NEAR_NS: Final = HOUR_NS
_MONTH_NS: Final = 30 * 24 * HOUR_NS


@dataclass(frozen=True, slots=True)
class Events:
    """Attacks, those with an alarm inside, and hours until it (NaN: not found); false alarms in 30 days of normal rows."""

    events: int
    found: int
    delays_h: tuple[float, ...]
    false_alarms: int
    false_alarms_per_30d: float


def score(alarm: NDArray[np.bool_], attacked: NDArray[np.bool_], t_ns: NDArray[np.int64]) -> Events:
    """Score alarms bool[R] against labels bool[R] at times `t_ns` int64[R]."""
    delays = []
    for start, end in spans(attacked).tolist():
        within = np.flatnonzero(alarm[start:end])
        late = (t_ns[start + within[0]] - t_ns[start]) / HOUR_NS if within.size else np.nan
        delays.append(float(late))
    near = _near(attacked, t_ns)
    false = int(np.count_nonzero(~near[starts(alarm, t_ns, QUIET_NS)]))
    gaps = np.diff(t_ns)
    period = float(np.median(gaps)) if gaps.size else 0.0
    months = np.count_nonzero(~attacked) * period / _MONTH_NS
    found = int(np.count_nonzero(np.isfinite(delays)))
    per_month = false / months if months else 0.0
    return Events(len(delays), found, tuple(delays), false, per_month)


def _near(attacked: NDArray[np.bool_], t_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Rows in or at most NEAR_NS away from an attack."""
    near = attacked.copy()
    for start, end in spans(attacked).tolist():
        first, last = t_ns[start] - NEAR_NS, t_ns[end - 1] + NEAR_NS
        near[np.searchsorted(t_ns, first) : np.searchsorted(t_ns, last, side="right")] = True
    return near
