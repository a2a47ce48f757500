"""Skew: how the clock of one edge stands to that of the core, estimated from source and receive times.

The lag of a batch is receive time minus the source time of its last row: the way, and the difference of the clocks.
The smallest lag of ten seconds is hardly touched by delays; the median of six such minima is the estimate, and holds
where they lie within a second (in a backlog that is worked off they do not). Integers only, so that a replay gives
the same. Times are claims and may be anything an int64 holds: Python integers, and compared before they are believed.
"""

from collections.abc import Mapping
from typing import NamedTuple

WINDOW_NS = 10_000_000_000
KEPT = 6  # windows
STEADY_NS = 1_000_000_000
JUMP_NS = 500_000_000  # what a clock may move at once, unseen
DRIFT_NS = 500_000_000  # what it may move slowly
FASTEST = (
    100  # a slow drift is at most one part in so many; what is faster is a delay that came or went
)


class Seen(NamedTuple):
    """A scan group's newest batch that came in order: source time of its last row, and when it was received."""

    t_ns: int
    received_ns: int


class Skew(NamedTuple):
    """What is known of one edge's clock. `lag_ns` is the estimate, None until there is one.

    `minima` are the smallest lags of the last windows, `least_ns` that of the window opened at `opened_ns`;
    `base` is the estimate and its time that drift is counted from.
    """

    last: Mapping[str, Seen] = {}
    opened_ns: int = 0
    least_ns: int | None = None
    minima: tuple[int, ...] = ()
    lag_ns: int | None = None
    base: tuple[int, int] | None = None


UNKNOWN = Skew()  # of an edge that was not heard yet


class Span(NamedTuple):
    """A batch in time: the source time of its last row, its rows, the scan group's period, when it was received."""

    group: str
    t_ns: int
    rows: int
    period_ns: int
    received_ns: int


class Moved(NamedTuple):
    """A clock that moved by `by_ns` (ahead is positive): at once, or in `over_ns`."""

    by_ns: int
    over_ns: int = 0


def follow(skew: Skew, batch: Span) -> tuple[Skew, Moved | None]:
    """What is known after a batch that came in order, and whether its clock has moved."""
    jump = _jump(skew, batch)
    seen = Seen(batch.t_ns, batch.received_ns)
    if jump:
        # the other groups will show the same jump, which is told already
        shifted = {name: s._replace(t_ns=s.t_ns + jump) for name, s in skew.last.items()}
        return Skew({**shifted, batch.group: seen}, batch.received_ns), Moved(jump)
    lag = batch.received_ns - batch.t_ns
    least = lag if skew.least_ns is None else min(lag, skew.least_ns)
    last, opened_ns = {**skew.last, batch.group: seen}, skew.opened_ns or batch.received_ns
    now = Skew(last, opened_ns, least, skew.minima, skew.lag_ns, skew.base)
    if batch.received_ns - opened_ns < WINDOW_NS:
        return now, None
    return _close(now, least, batch.received_ns)


def _jump(skew: Skew, batch: Span) -> int:
    """How far the clock moved at once between two batches of a scan group; 0 where it did not.

    Back: source time went back. Ahead: more source time than receive time passed, more
    than the rows explain, and less lag is left than ever; a backlog and a pause of the source are neither.
    """
    last = skew.last.get(batch.group)
    if last is None:
        return 0
    passed, took = batch.t_ns - last.t_ns, batch.rows * batch.period_ns
    more = passed - (batch.received_ns - last.received_ns)
    if passed < -JUMP_NS:
        return min(more, passed)
    is_unexplained = passed > took + JUMP_NS
    is_ahead = batch.received_ns - batch.t_ns < (skew.lag_ns or 0) - JUMP_NS
    return more if more > JUMP_NS and is_unexplained and is_ahead else 0


def _close(skew: Skew, least: int, at_ns: int) -> tuple[Skew, Moved | None]:
    """The end of a window: a new estimate where the minima are steady, and drift against the base."""
    minima = (*skew.minima, least)[-KEPT:]
    fresh = skew._replace(opened_ns=at_ns, least_ns=None, minima=minima)
    if skew.base is not None and least < min(skew.base[0], 0) - DRIFT_NS:
        # ahead of the core by more than ever, which no delay explains, however fast it came to that
        moved = Moved(skew.base[0] - least, at_ns - skew.base[1])
        return fresh._replace(minima=(), lag_ns=least, base=(least, at_ns)), moved
    if len(minima) < KEPT or max(minima) - min(minima) > STEADY_NS:
        return fresh, None
    lag = sorted(minima)[KEPT // 2]
    fresh = fresh._replace(lag_ns=lag)
    if skew.base is None:
        return fresh._replace(base=(lag, at_ns)), None
    by, over = skew.base[0] - lag, at_ns - skew.base[1]
    if abs(by) < DRIFT_NS:
        return fresh, None
    is_slow = abs(by) * FASTEST <= over
    return fresh._replace(base=(lag, at_ns)), Moved(by, over) if is_slow else None


def skew_content(skew: Skew) -> list[object]:
    """As plain data for the state store."""
    last = {name: list(seen) for name, seen in skew.last.items()}
    base = None if skew.base is None else list(skew.base)
    return [last, skew.opened_ns, skew.least_ns, list(skew.minima), skew.lag_ns, base]


def read_skew(stored: list[object]) -> Skew:
    """The inverse of `skew_content`."""
    last: Mapping[str, list[int]]
    last, opened, least, minima, lag, base = stored  # type: ignore[assignment]
    seen = {name: Seen(*s) for name, s in last.items()}
    return Skew(seen, opened, least, tuple(minima), lag, None if base is None else tuple(base))  # type: ignore[arg-type]
