"""Where a tag was while it was trusted: what look-ahead starts from once it is not.

Two windows side by side, the present one and the one before it. A lie that began within a window before it was found is
inside the hull of both, with the truth before it. From there the interval widens with time, and never moves by what the
distrusted tag says.
"""

from dataclasses import dataclass, replace
from math import inf

from twinvouch.core.lookahead import Interval, Source
from twinvouch.core.virtual import HOUR_NS, Axes, StandIn, worst


@dataclass(frozen=True, slots=True)
class Window:
    """Trusted values since `since_ns`: the smallest, the largest, the worst label, the newest entry and when it came."""

    low: float
    high: float
    axes: Axes
    since_ns: int
    last_ns: int
    entry: int


@dataclass(frozen=True, slots=True)
class Trusted:
    """What is remembered of one tag."""

    now: Window
    before: Window | None = None

    @property
    def axes(self) -> Axes:
        """The worst label of all of it, axis by axis."""
        return self.now.axes if self.before is None else worst(self.now.axes, self.before.axes)

    @property
    def entries(self) -> tuple[int, ...]:
        """Ledger indices of the newest batches of both windows."""
        return (self.now.entry,) if self.before is None else (self.before.entry, self.now.entry)


def remember(
    known: Trusted | None, value: float, axes: Axes, entry: int, moment: tuple[int, int]
) -> Trusted:
    """Add a finite value that is trusted; `moment` is now and how long a window is, ns."""
    now_ns, window_ns = moment
    fresh = Window(value, value, axes, now_ns, now_ns, entry)
    if known is None:
        return Trusted(fresh)
    w = known.now
    if now_ns - w.since_ns >= window_ns:
        return Trusted(fresh, w)
    grown = replace(
        w,
        low=min(w.low, value),
        high=max(w.high, value),
        axes=worst(w.axes, axes),
        last_ns=now_ns,
        entry=entry,
    )
    return replace(known, now=grown)


def exact(source: Source, value: float) -> Interval:
    """A value that is trusted now, in the model's unit, within what the quantity can be."""
    ends = value - source.error, value, value + source.error
    low, centre, high = (min(max(end, source.low), source.high) for end in ends)
    return _converted(source, low, centre, high)


def estimated(source: Source, instead: StandIn) -> Interval:
    """What a virtual sensor says in the model's unit, no narrower than a reading that counts would be taken."""
    low = min(instead.low, instead.value - source.error)
    high = max(instead.high, instead.value + source.error)
    ends = (min(max(end, source.low), source.high) for end in (low, instead.value, high))
    return _converted(source, *ends)


def widened(source: Source, known: Trusted | None, now_ns: int) -> Interval:
    """Where a tag may be that is not trusted now: around where it was, or anywhere where nothing is known."""
    if known is None:
        return _converted(source, source.low, (source.low + source.high) / 2, source.high)
    since_ns = (known.before or known.now).since_ns
    away = source.error + source.drift_per_h * max(0, now_ns - since_ns) / HOUR_NS
    lows = [known.now.low, known.before.low if known.before else inf]
    highs = [known.now.high, known.before.high if known.before else -inf]
    low, high = max(min(lows) - away, source.low), min(max(highs) + away, source.high)
    if not low <= high:
        return widened(source, None, now_ns)
    return _converted(source, low, (low + high) / 2, high)


def reaching(source: Source, found: Interval, coming: tuple[float, ...]) -> Interval:
    """An actuator's interval with the values on their way to it, newest last: that one is most believed.

    Who starts from the reading alone lets two commands pass in one scan that are unsafe together.
    """
    values = reached(source, coming)
    if not values:
        return found
    low, high = min(found.low, *values), max(found.high, *values)
    return Interval(low, values[-1], high)


def reached(source: Source, values: tuple[float, ...]) -> tuple[float, ...]:
    """Values that are written, in the model's unit."""
    ends = (min(max(v, source.low), source.high) for v in values)
    return tuple(source.factor * v + source.offset for v in ends)


def _converted(source: Source, low: float, centre: float, high: float) -> Interval:
    ends = [source.factor * v + source.offset for v in (low, centre, high)]
    return Interval(min(ends), ends[1], max(ends))
