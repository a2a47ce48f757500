"""A virtual sensor: what a tag is, worked out without it, while its own reading does not count.

A `Virtual` says of one level how: what it holds, which metered flows fill and empty it, and how far such an estimate was
off in the past, by the hours that nobody has seen the level and by the meters that are left. A `StandIn` is what it says
at a moment. Curves were calibrated on stretches with known truth: the spread of an estimate saturates while its error
grows, so the growth is a table and not a model.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import Final

HOUR_NS: Final = 3_600_000_000_000
Axes = tuple[int, int, int, int]
Lost = frozenset[str]


class Turn(StrEnum):
    """What happens to a virtual sensor: it stands in, it is withdrawn because it sees too little, its tag is back."""

    STANDS_IN = "stands_in"
    BLIND = "blind"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Curve:
    """Half widths (unit of the tag) that held 95 % of the errors so many hours after the level was last known; rising.

    It begins at 0 h with 0, and beyond its last point it goes on as steeply as before it.
    """

    hours: tuple[float, ...]
    widths: tuple[float, ...]

    def at(self, hours: float) -> float:
        """The half width after so many hours."""
        h, w = (0.0, *self.hours), (0.0, *self.widths)
        n = min(max(bisect_right(h, hours), 1), len(h) - 1)
        slope = (w[n] - w[n - 1]) / (h[n] - h[n - 1])
        return max(0.0, w[n - 1] + slope * (hours - h[n - 1]))

    def until(self, width: float) -> float:
        """The hours after which it is wider than this; infinite where it never is."""
        h, w = (0.0, *self.hours), (0.0, *self.widths)
        for n in range(1, len(h)):
            if w[n] > width:
                slope = (w[n] - w[n - 1]) / (h[n] - h[n - 1])
                return h[n - 1] + max(0.0, width - w[n - 1]) / slope
        slope = (w[-1] - w[-2]) / (h[-1] - h[-2])
        return inf if slope <= 0 else h[-1] + (width - w[-1]) / slope


@dataclass(frozen=True, slots=True)
class Instead:
    """What a flow is by what drives it: `base` and for each tag its gain times its reading, in the unit of the flow."""

    base: float
    gains: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Flow:
    """A metered flow: one unit of it changes the volume by `factor` a second, in the level's unit cubed (negative: out).

    Where its meter is lost and a curve for that was calibrated it is taken for what `instead` makes of other tags, or, where
    those do not count either, for `usual`; in the unit of the flow.
    `is_mean`: a reading is the mean since the one before it, as loggers and totals give it, and not of its moment.
    """

    tag: str
    factor: float
    usual: float | None = None
    is_mean: bool = False
    instead: Instead | None = None


@dataclass(frozen=True, slots=True)
class Virtual:
    """The virtual sensor of one level tag. Times in ns.

    `levels` and `volumes` are points of the volume that it holds, both rising. `curves` are by which flows are lost; a
    set without a curve is one without an estimate. `instead` are the same where all lost flows are worked out from what drives
    them. `low..high` are the limits that its interval may not touch. A lie may
    have begun `window_ns` before it was found. `settle_ns` after that the estimate moves even where nothing confirms it.
    `demands` are what a reading must reach to count, by axis.
    """

    tag: str
    levels: tuple[float, ...]
    volumes: tuple[float, ...]
    flows: tuple[Flow, ...]
    error: float
    curves: Mapping[Lost, Curve]
    low: float
    high: float
    max_blind_ns: int
    window_ns: int
    settle_ns: int
    gap_ns: int
    demands: Axes = (0, 0, 0, 0)
    assets: tuple[str, ...] = ()  # that step down when it goes blind
    instead: Mapping[Lost, Curve] = field(default_factory=dict)

    @property
    def drivers(self) -> tuple[str, ...]:
        """Tags that flows are worked out from while their meters are lost; meters of other flows are none."""
        told = [t for f in self.flows if f.instead is not None for t, _ in f.instead.gains]
        return tuple(dict.fromkeys(told))

    @property
    def inputs(self) -> tuple[str, ...]:
        """All that its level is worked out from: meters, then drivers."""
        return (*(f.tag for f in self.flows), *self.drivers)

    @property
    def spacing_ns(self) -> int:
        """Between two marks: a twelfth of a window."""
        return max(1, self.window_ns // 12)

    @property
    def most_marks(self) -> int:
        """That are kept: two windows and what the spacing leaves over."""
        return 26


@dataclass(frozen=True, slots=True)
class StandIn:
    """What stands in for a tag at a moment, in the tag's unit: where it is most believed to be, and between what.

    `axes` are the worst of all it rests on, `rests` its tags and the entries of their batches, `sources` the flows it was
    metered by and what drives those that were not, `lost` flows that were not metered. `left_s` is the time to blind. `entry` is where it took
    over, and what a command declares that was made from it; -1 before it has.
    """

    tag: str
    value: float
    low: float
    high: float
    axes: Axes
    rests: tuple[tuple[str, int], ...]
    sources: tuple[str, ...]
    lost: tuple[str, ...]
    hours_blind: float
    left_s: float
    why: str
    entry: int = -1

    @property
    def entries(self) -> tuple[int, ...]:
        """Ledger indices of all it rests on."""
        return tuple(sorted({e for _, e in (*self.rests, ("", self.entry)) if e >= 0}))


def reaches(axes: Axes, demands: Axes) -> bool:
    """True where no axis is below what is demanded of it."""
    a, b, c, d = axes
    return a >= demands[0] and b >= demands[1] and c >= demands[2] and d >= demands[3]


def worst(a: Axes, b: Axes) -> Axes:
    """The smaller of two labels, axis by axis."""
    return min(a[0], b[0]), min(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
