"""Windows: the integral and the change of a value over windows of time that lie on whole multiples of their length.

Only the newest row is kept between batches, with what its window adds up to so far, so that the sums are the same in
however many batches the rows come. A gap longer than allowed ends the window without a sum.
"""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.declared import SECOND

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Rows in time: `flow` float64[L] is integrated over seconds, `stock` float64[L] is differenced.

    Between two rows both are a straight line, or `is_held` at the first; longer than `longest_ns` apart is a gap.
    `window_ns` is at least `longest_ns`, so that a gap that is none crosses one boundary at most.
    """

    t_ns: Times
    flow: Floats
    stock: Floats
    window_ns: int
    longest_ns: int
    is_held: bool


@dataclass(frozen=True, slots=True)
class Open:
    """The newest row (`t_ns` 0: there is none), the integral since its window began, and the stock then (NaN: unknown)."""

    t_ns: int = 0
    flow: float = 0.0
    stock: float = 0.0
    total: float = 0.0
    start: float = nan


@dataclass(frozen=True, slots=True, eq=False)
class _Path:
    """Rows, the newest one of before first; of each step the area under `flow`, and how many gaps came before a row."""

    t_ns: Times
    flow: Floats
    stock: Floats
    area: Floats
    gaps: NDArray[np.int64]


def closed(track: Track, before: Open) -> tuple[Open, Times, Floats]:
    """What is open after the rows; the numbers int64[m] of the windows they close; and what each adds up to, float64[m]."""
    newer = track.t_ns > before.t_ns
    if not newer.any():
        return before, np.zeros(0, np.int64), np.zeros(0)
    path = _path(track, before, newer)
    step, at, flow, stock = _boundaries(track, path)
    seconds = (at - path.t_ns[step]) / SECOND
    begun = np.concatenate(
        ([-before.total], path.area[step] + seconds * (path.flow[step] + flow) / 2)
    )
    stocks = np.concatenate(([before.start], stock))
    gaps = np.concatenate(([0], path.gaps[step]))
    sums = np.diff(begun) + np.diff(stocks)
    whole = np.isfinite(sums) & (np.diff(gaps) == 0)
    now = Open(int(path.t_ns[-1]), float(path.flow[-1]), float(path.stock[-1]))
    if path.gaps[-1] == gaps[-1]:
        now = Open(
            now.t_ns, now.flow, now.stock, float(path.area[-1] - begun[-1]), float(stocks[-1])
        )
    return now, (at // track.window_ns - 1)[whole], sums[whole]


def _path(track: Track, before: Open, newer: NDArray[np.bool_]) -> _Path:
    t_ns, flow, stock = track.t_ns[newer], track.flow[newer], track.stock[newer]
    if before.t_ns:
        t_ns = np.concatenate(([before.t_ns], t_ns))
        flow = np.concatenate(([before.flow], flow))
        stock = np.concatenate(([before.stock], stock))
    spans = np.diff(t_ns)
    is_gap = spans > track.longest_ns
    ends = flow[:-1] if track.is_held else flow[1:]
    area = np.where(is_gap, 0.0, spans / SECOND * (flow[:-1] + ends) / 2)
    summed = np.concatenate(([0.0], np.cumsum(area)))
    return _Path(t_ns, flow, stock, summed, np.concatenate(([0], np.cumsum(is_gap))))


def _boundaries(track: Track, path: _Path) -> tuple[NDArray[np.intp], Times, Floats, Floats]:
    """Steps that cross into another window: their number, the time of the boundary, flow and stock there."""
    windows = path.t_ns // track.window_ns
    crosses = (np.diff(windows) > 0) & (np.diff(path.gaps) == 0)
    step = np.flatnonzero(crosses)
    at = windows[step + 1] * track.window_ns
    if track.is_held:
        return step, at, path.flow[step], path.stock[step]
    part = (at - path.t_ns[step]) / (path.t_ns[step + 1] - path.t_ns[step])
    flow = path.flow[step] + part * (path.flow[step + 1] - path.flow[step])
    stock = path.stock[step] + part * (path.stock[step + 1] - path.stock[step])
    return step, at, flow, stock
