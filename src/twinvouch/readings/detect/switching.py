"""When each pump and valve switches, learned: at which level of one tag, or at which time of the day.

A *point* says: the switch goes on where the tag is in one narrow band, off where it is in another, far from the
first. The tag moves slowly through both, or it is what the switch does to the tag. A switch that moves elsewhere
breaks it (somebody moved its limit, or forced it), and so does one that did not move beyond its band. Where
set-point tags show the bands, they move with them. A *clock* says at which times of the day the switch was always on, or
always off.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect.columns import Columns

_LEAST: Final = 20  # times it went each way in training
_WIDE: Final = 0.75  # of the room between the bands: the middle .9 of a band
_SMOOTH: Final = 0.5  # of that room: how far the tag moves in a row that switches
_MARGIN: Final = 0.5  # of a band's width on both sides
_STEPS: Final = 3.0
_SETPOINT: Final = 0.05  # of the tag's range: how far a band is from its set-point at most
_DAY_NS: Final = 86_400_000_000_000
_CLOCK_DAYS: Final = 28
_CERTAIN: Final = 0.9  # of the times of the day


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """`switch` goes off (`bands[0]`) and on (`bands[1]`) where `tag` is within a band, float64[2, 2], margins included.

    `setpoints` are the tags that show where each band is (-1: none), `shown` float64[2] what they showed.
    """

    switch: int
    tag: int
    bands: NDArray[np.float64]
    setpoints: tuple[int, int]
    shown: NDArray[np.float64]

    def between(self, row: NDArray[np.float64], *, was: bool, now: bool) -> tuple[float, float]:
        """Between which values of the tag a row float64[K] does not break it, the switch as it `was` and is `now`."""
        edges = self.bands.copy()
        for way, place in enumerate(self.setpoints):
            if place >= 0:
                edges[way] += row[place] - self.shown[way]
        (off_low, off_high), (on_low, on_high) = edges.tolist()
        least, most = -np.inf, np.inf
        if was != now:
            least, most = (on_low, on_high) if now else (off_low, off_high)
        if self.bands[0, 0] > self.bands[1, 0]:  # it fills
            return (least, min(most, off_high)) if now else (max(least, on_low), most)
        return (max(least, off_low), most) if now else (least, min(most, on_high))

    def broken(self, on: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Rows 1 to R-1 of `values` float64[R, K], the switch `on` bool[R], that break it, bool[R-1]."""
        level = values[1:, self.tag]
        edges = np.empty((2, 2, len(level)))
        for way, place in enumerate(self.setpoints):
            moved = values[1:, place] - self.shown[way] if place >= 0 else np.zeros(len(level))
            edges[way] = self.bands[way][:, None] + moved
        (off_low, off_high), (on_low, on_high) = edges
        went_off, went_on = on[:-1] & ~on[1:], ~on[:-1] & on[1:]
        found: NDArray[np.bool_] = went_off & ((level < off_low) | (level > off_high))
        found |= went_on & ((level < on_low) | (level > on_high))
        if self.bands[0, 0] > self.bands[1, 0]:  # it fills
            found |= np.where(on[1:], level > off_high, level < on_low)
        else:
            found |= np.where(on[1:], level < off_low, level > on_high)
        return found

    def seen(self, way: int, row: NDArray[np.float64], step: float) -> tuple[float, float]:
        """Where training switched, off (0) or on (1), margins left out, as set-points show it in a row float64[K]; `step` is that of the tag."""
        low, high = self.bands[way].tolist()
        place = self.setpoints[way]
        moved = float(row[place] - self.shown[way]) if place >= 0 else 0.0
        margin = max((high - low) * _MARGIN / (1 + 2 * _MARGIN), _STEPS * step)
        return low + margin + moved, high - margin + moved


@dataclass(frozen=True, slots=True, eq=False)
class Clock:
    """`switch` is on (1) or off (0), or either (-1), at each time of the day, int8[n]."""

    switch: int
    state: NDArray[np.int8]

    def broken(self, on: NDArray[np.bool_], t_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Rows that break it, bool[R]."""
        expected = self.state[t_ns % _DAY_NS * len(self.state) // _DAY_NS]
        found: NDArray[np.bool_] = (expected >= 0) & (expected != on)
        return found


def learn(columns: Columns, values: NDArray[np.float64]) -> tuple[Point, ...]:
    """The point of each switch that has one, from training values float64[R, K] (filled, rounded)."""
    span = np.maximum(np.ptp(values, axis=0), 1e-12)
    found = []
    for switch in columns.switches.tolist():
        on = columns.on(values, np.array([switch]))[:, 0]
        ways = [np.flatnonzero((on[1:] == way) & (on[:-1] != way)) + 1 for way in (False, True)]
        if min(len(w) for w in ways) < _LEAST:
            continue
        scored = [(_spread(columns, values, ways, k), k) for k in columns.continuous]
        best, tag = min(scored)
        if best < 1:
            bands = np.array([[values[w, tag].min(), values[w, tag].max()] for w in ways])
            found.append(_point(columns, values, (switch, int(tag)), bands, float(span[tag])))
    return tuple(found)


def clocks(
    columns: Columns, t_ns: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[Clock, ...]:
    """The clocks of switches that keep one."""
    slots = _DAY_NS // max(columns.period_ns, 1)
    if not 2 <= slots <= 1440 or t_ns[-1] - t_ns[0] < _CLOCK_DAYS * _DAY_NS:
        return ()
    slot = t_ns % _DAY_NS * slots // _DAY_NS
    counted = np.maximum(np.bincount(slot, minlength=slots), 1)
    found = []
    for switch in columns.switches.tolist():
        on = columns.on(values, np.array([switch]))[:, 0]
        share = np.bincount(slot, on, minlength=slots) / counted
        state = np.where(share == 1, 1, np.where(share == 0, 0, -1)).astype(np.int8)
        if (state >= 0).mean() >= _CERTAIN and (state == 0).any() and (state == 1).any():
            found.append(Clock(switch, state))
    return tuple(found)


def _spread(
    columns: Columns,
    values: NDArray[np.float64],
    ways: list[NDArray[np.intp]],
    tag: int,
) -> float:
    """How wide the bands of a tag are against the room between them; 1 or more: it is not what switches."""
    parts = [values[w, tag] for w in ways]
    if min(float(part.std()) for part in parts) < columns.step[tag] / 2:
        return 1.0  # a flow that is nil
    jumps = max(float(np.median(np.abs(values[w, tag] - values[w - 1, tag]))) for w in ways)
    wide = max(float(np.quantile(p, 0.95) - np.quantile(p, 0.05)) for p in parts)
    low, high = sorted(parts, key=lambda p: float(p.mean()))
    apart = float(high.min() - low.max())
    if apart <= 0 or wide > _WIDE * apart or jumps > _SMOOTH * apart:
        return 1.0
    return wide / apart


def _point(
    columns: Columns,
    values: NDArray[np.float64],
    of: tuple[int, int],
    bands: NDArray[np.float64],
    span: float,
) -> Point:
    """A point with its margins, and the set-points of the same asset that show its bands."""
    switch, tag = of
    assets = [name.rpartition("/")[0] for name in columns.ids]
    own = [k for k in columns.constant.tolist() if assets[k] and assets[k] == assets[switch]]
    shown = np.zeros(2)
    setpoints = [-1, -1]
    for way, (low, high) in enumerate(bands.tolist()):
        near = {k: max(low - values[-1, k], values[-1, k] - high, 0.0) for k in own}
        near = {k: d for k, d in near.items() if d <= _SETPOINT * span}
        if near:
            setpoints[way] = min(near, key=lambda k: near[k])
            shown[way] = values[-1, setpoints[way]]
    margin = np.maximum(_MARGIN * np.diff(bands, axis=1), _STEPS * columns.step[tag])
    wider = bands + np.hstack((-margin, margin))
    return Point(switch, tag, wider, (setpoints[0], setpoints[1]), shown)
