"""The first estimator of a virtual sensor: a metered mass balance, from where the level was before it may have lied.

While a level counts, marks are set of it beside what its meters have added up to. Once it does not, the estimate starts
at two of them: the newest, as if the lie began when it was found, and one a window earlier, as if it began that long
before. Both are carried on by the meters alone; the interval is the hull of both, and the estimate stays with the newest
(it widens before it moves) until a second group of evidence confirms the lie, or time has passed. Where a person says that
the level lies, its own meters are such a group; where only a rule of gate 1 does, they may be what the rule went by, and
independent tags are asked. What the tag says meanwhile is never looked at.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.virtual import HOUR_NS, Axes, Curve, Lost, StandIn, Virtual, worst

SECOND = 1e9
FULL: Axes = (255, 255, 255, 255)


@dataclass(frozen=True, slots=True)
class Meter:
    """What one flow has added up to: `total` in its unit times seconds, up to its newest value at `at_ns` (source time).

    It is whole since `since_ns`: before that, values were missing for too long, or did not count.
    """

    total: float
    value: float
    at_ns: int
    since_ns: int
    entry: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the level was, while it counted, and what its meters had added up to then, in the order of the flows."""

    level: float
    at_ns: int
    received_ns: int
    entry: int
    axes: Axes  # the worst of the level's label then and of its flows' since the mark before
    totals: tuple[float, ...]
    driven: tuple[tuple[str, float], ...] = ()  # the same of drivers that were read, by tag


@dataclass(frozen=True, slots=True)
class Pending:
    """A mark whose meters have not all spoken of its moment yet: None where one has not."""

    level: float
    at_ns: int
    received_ns: int
    entry: int
    axes: Axes
    totals: tuple[float | None, ...]
    driven: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Track:
    """All that is remembered for one virtual sensor; `axes` are the worst of its flows' since the last mark."""

    meters: Mapping[str, Meter] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    axes: Axes = FULL
    counted_ns: int = 0  # when the level counted last, by receipt; 0: never
    pending: Pending | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """Rows of one tag that count, of one batch: times int64[n] and values float64[n], its label and its entry."""

    t_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    axes: Axes
    entry: int


@dataclass(frozen=True, slots=True)
class Situation:
    """The moment of an estimate: `lost` flows do not count now; `since_ns` the level has not counted.

    `is_said`: a person distrusts it. `witness` is what independent tags that do count say of the level, with their tolerance; None: there is none.
    """

    now_ns: int
    since_ns: int
    lost: Collection[str] = ()
    witness: tuple[float, float] | None = None
    is_said: bool = False


def metered(v: Virtual, track: Track, tag: str, reading: Reading) -> Track:
    """Add what a flow brought: trapezoids between its values, rectangles of means; a gap longer than `gap_ns` begins anew."""
    newer = reading.t_ns > (before.at_ns if (before := track.meters.get(tag)) else -1)
    t, q = reading.t_ns[newer], reading.values[newer]
    if not len(t):
        return track
    if before is None:
        meter = Meter(0.0, float(q[0]), int(t[0]), int(t[0]), reading.entry)
    else:
        meter = before
    at = np.concatenate([[meter.at_ns], t])
    values = np.concatenate([[meter.value], q])
    steps = np.diff(at)
    wide = np.flatnonzero(steps > v.gap_ns)
    since = meter.since_ns if not wide.size else int(at[wide[-1] + 1])
    is_mean = any(f.is_mean for f in v.flows if f.tag == tag)
    heights = values[1:] if is_mean else (values[1:] + values[:-1]) / 2
    totals = meter.total + np.concatenate([[0.0], np.cumsum(steps / SECOND * heights)])
    now = Meter(float(totals[-1]), float(q[-1]), int(t[-1]), since, reading.entry)
    axes = worst(track.axes, reading.axes)
    track = replace(track, meters={**track.meters, tag: now}, axes=axes)
    return _completed(v, track, tag, (at, totals))


def marked(v: Virtual, track: Track, reading: Reading, now_ns: int) -> Track:
    """Set a mark of a level that counts, where the last one is old enough and every flow has been metered at all.

    It counts once every meter has spoken of its moment: what is metered since must not hold what came before.
    """
    if not len(reading.t_ns) or any(f.tag not in track.meters for f in v.flows):
        return track
    last = track.pending or (track.marks[-1] if track.marks else None)
    if last is not None and now_ns - last.received_ns < v.spacing_ns:
        return track
    at_ns, level = int(reading.t_ns[-1]), float(reading.values[-1])
    meters = [track.meters[f.tag] for f in v.flows]
    totals = tuple(_total(m, at_ns) if m.at_ns >= at_ns else None for m in meters)
    read = [(tag, _driven(v, track.meters.get(tag), at_ns)) for tag in v.drivers]
    driven = tuple((tag, total) for tag, total in read if total is not None)
    pending = Pending(level, at_ns, now_ns, reading.entry, reading.axes, totals, driven)
    return _set(v, replace(track, pending=pending))


def _completed(
    v: Virtual,
    track: Track,
    tag: str,
    told: tuple[NDArray[np.int64], NDArray[np.float64]],
) -> Track:
    """With what a meter had added up to at the moment of a mark that waits for it."""
    pending, (at, totals) = track.pending, told
    if pending is None or at[-1] < pending.at_ns:
        return track
    then = float(np.interp(pending.at_ns, at, totals))
    named = zip(v.flows, pending.totals, strict=True)
    known = tuple(then if f.tag == tag and x is None else x for f, x in named)
    return _set(v, replace(track, pending=replace(pending, totals=known)))


def _set(v: Virtual, track: Track) -> Track:
    """The mark that waits, once all meters have spoken of its moment."""
    p = track.pending
    totals = () if p is None else tuple(t for t in p.totals if t is not None)
    if p is None or len(totals) < len(v.flows):
        return track
    now_ns, axes = p.received_ns, worst(p.axes, track.axes)
    mark = Mark(p.level, p.at_ns, p.received_ns, p.entry, axes, totals, p.driven)
    aged = [m for m in track.marks if now_ns - m.received_ns >= v.window_ns]
    limit_ns = 2 * v.window_ns + v.spacing_ns
    kept = [m for m in track.marks if now_ns - m.received_ns <= limit_ns or m in aged[-1:]]
    return replace(track, marks=(*kept, mark)[-v.most_marks :], axes=FULL, pending=None)


def forgotten(
    track: Track, during: tuple[int, int], flows: Iterable[str], *, is_level: bool
) -> Track:
    """Without what the level said in a time that is disavowed, and without what these flows have added up to."""
    marks, (since_ns, until_ns) = track.marks, during
    if is_level:
        marks = tuple(m for m in marks if not since_ns <= m.received_ns <= until_ns)
    left = {tag: m for tag, m in track.meters.items() if tag not in {*flows}}
    return replace(track, marks=marks, meters=left, pending=None)


def estimate(v: Virtual, track: Track, at: Situation) -> StandIn | None:
    """What stands in for the level now; None where no mark is old enough, or no curve is for the meters that are left."""
    early = [m for m in track.marks if m.received_ns <= at.since_ns - v.window_ns]
    late = [m for m in track.marks if m.received_ns <= at.since_ns]
    if not early:
        return None
    paths = [_carried(v, track, mark, at) for mark in dict.fromkeys((early[-1], late[-1]))]
    told = [p for p in paths if p is not None]
    if len(told) < len(paths):
        return None
    kept, why = _believed(v, told, at)
    centre = kept[-1].value
    low, high = min(p.low for p in kept), max(p.high for p in kept)
    axes = _axes(track, early[-1])
    used = tuple(dict.fromkeys(t for p in kept for t in p.used))
    rests = {(v.tag, p.mark.entry) for p in kept} | {(t, track.meters[t].entry) for t in used}
    hours = max(p.hours for p in kept)
    left_h = min(_left_h(v, p) for p in kept)
    return StandIn(
        *(v.tag, centre, low, high, axes, tuple(sorted(rests)), used),
        lost=tuple(f.tag for f in v.flows if f.tag not in used),
        hours_blind=hours,
        left_s=max(0.0, min(left_h * 3600.0, (v.max_blind_ns - hours * HOUR_NS) / SECOND)),
        why=why,
    )


def is_blind(v: Virtual, s: StandIn) -> bool:
    """True where its interval touches the limits, or the level has not been seen for too long."""
    return s.low <= v.low or s.high >= v.high or s.hours_blind * HOUR_NS >= v.max_blind_ns


@dataclass(frozen=True, slots=True)
class _Path:
    """One start, carried on: `used` flows were metered from it until now."""

    mark: Mark
    value: float
    low: float
    high: float
    hours: float
    used: tuple[str, ...]
    curve: Curve


def _carried(v: Virtual, track: Track, mark: Mark, at: Situation) -> _Path | None:
    added, used = 0.0, list[str]()
    seconds = max(0, at.now_ns - mark.received_ns) / SECOND
    for k, flow in enumerate(v.flows):
        meter = _whole(v, track, flow.tag, (mark, at))
        if meter is not None:
            used.append(flow.tag)
            added += flow.factor * (_total(meter, at.now_ns) - mark.totals[k])
    lost: Lost = frozenset(f.tag for f in v.flows) - {*used}
    curve, other = v.instead.get(lost), _instead(v, track, lost, (mark, at))
    if curve is not None and other is not None:
        added += other
        told = [f.instead for f in v.flows if f.tag in lost and f.instead is not None]
        used += dict.fromkeys(t for i in told for t, _ in i.gains)
    else:
        curve, other = v.curves.get(lost), _usual(v, lost, seconds)
        if curve is None or other is None:
            return None
        added += other
    volume = float(np.interp(mark.level, v.levels, v.volumes)) + added
    value = float(np.interp(volume, v.volumes, v.levels))
    hours = seconds / 3600.0
    half = v.error + curve.at(hours)
    low, high = max(value - half, v.levels[0]), min(value + half, v.levels[-1])
    return _Path(mark, value, low, high, hours, tuple(used), curve)


def _whole(v: Virtual, track: Track, tag: str, of: tuple[Mark, Situation]) -> Meter | None:
    """What a tag has added up to, where it counts now and was read without a gap since the mark."""
    meter, (mark, at) = track.meters.get(tag), of
    if meter is None or tag in at.lost or meter.since_ns > mark.at_ns:
        return None
    return meter if at.now_ns - meter.at_ns <= v.gap_ns else None


def _usual(v: Virtual, lost: Lost, seconds: float) -> float | None:
    """The volume that lost flows have usually brought in this time; None where one has no usual value."""
    told = [(f.factor, f.usual) for f in v.flows if f.tag in lost]
    return (
        sum(a * (u or 0.0) for a, u in told) * seconds
        if all(u is not None for _, u in told)
        else None
    )


def _instead(v: Virtual, track: Track, lost: Lost, of: tuple[Mark, Situation]) -> float | None:
    """The volume that lost flows have brought since the mark by what drives them; None where one of those is not known."""
    mark, at = of
    seconds = max(0, at.now_ns - mark.at_ns) / SECOND
    began = dict(mark.driven)
    added = 0.0
    for flow in (f for f in v.flows if f.tag in lost):
        if flow.instead is None:
            return None
        amount = flow.instead.base * seconds
        for tag, gain in flow.instead.gains:
            meter, then = _whole(v, track, tag, of), began.get(tag)
            if meter is None or then is None:
                return None
            amount += gain * (_total(meter, at.now_ns) - then)
        added += flow.factor * amount
    return added


def _driven(v: Virtual, meter: Meter | None, at_ns: int) -> float | None:
    """What a driver had added up to at a mark, as if its newest reading still held; the mark does not wait for it."""
    if meter is None or meter.since_ns > at_ns or at_ns - meter.at_ns > v.gap_ns:
        return None
    return _total(meter, at_ns)


def _believed(v: Virtual, paths: Sequence[_Path], at: Situation) -> tuple[list[_Path], str]:
    """The starts that still count, the one the estimate stays with last, and why."""
    if len(paths) == 1:
        return [*paths], "one start was a window before the level ceased to count"
    early, late = paths
    if at.witness is not None:
        value, tolerance = at.witness
        fits = [p.low - tolerance <= value <= p.high + tolerance for p in (early, late)]
        if fits == [True, False]:
            return [
                early
            ], "independent tags agree with the start before the lie, not with the last reading"
        if fits == [False, True]:
            return [late], "independent tags agree with the last reading that counted"
    if at.is_said and _contradict(v, early, late):
        return [
            early
        ], "a person distrusts it, and its meters contradict its last reading that counted"
    if at.now_ns - at.since_ns >= v.settle_ns:
        return [early], "nothing has refuted the start before the lie for long enough"
    return [early, late], "the hull of a start before the lie and of the last reading that counted"


def _contradict(v: Virtual, early: _Path, late: _Path) -> bool:
    """True where the newest mark is further from what the meters made of the older one than they were ever off."""
    hours = (late.mark.received_ns - early.mark.received_ns) / HOUR_NS
    return abs(late.value - early.value) > 2 * v.error + early.curve.at(hours)


def _left_h(v: Virtual, p: _Path) -> float:
    """Hours until growth alone takes its interval to a limit."""
    room = min(p.value - v.low, v.high - p.value) - v.error
    return max(0.0, p.curve.until(room) - p.hours) if room > 0 else 0.0


def _axes(track: Track, since: Mark) -> Axes:
    axes = track.axes
    for mark in track.marks:
        if mark.received_ns >= since.received_ns:
            axes = worst(axes, mark.axes)
    return axes


def _total(meter: Meter, at_ns: int) -> float:
    """As if its newest value had lasted until then (or had been so before it)."""
    return meter.total + meter.value * (at_ns - meter.at_ns) / SECOND
