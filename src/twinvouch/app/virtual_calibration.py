"""How far the estimate of a virtual sensor is off, by hours blind and by the meters that are left: from history with known truth.

Every quarter of an hour a blind stretch begins: from the level then the meters alone carry on, and what they come to is
held against the level that was read. The first half of each history makes the curves, the second half says how often they
hold. What counts is the largest error until then, since who is blind has one start and not their average: a width holds
95 % of all stretches for as long, and 90 % of them in nine of ten histories, where several are given: plants differ, and an
average hides the one whose meters are off.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.errors import UsageError
from twinvouch.core.table import Table
from twinvouch.core.virtual import Curve, Flow, Instead, Lost, Virtual

HOURS: Final = (0.25, 1.0, 4.0, 8.0, 16.0)
SHARE: Final = 0.95
_EVERY_S: Final = 900.0
_STEP_H: Final = 0.25
_FEWEST: Final = 20  # errors that a point of a curve is made of
_MOST_FLOWS: Final = 4
_RUNS, _OF_RUN = 0.9, 0.9  # in this share of histories this share of errors
_SECOND: Final = 1e9


@dataclass(frozen=True, slots=True)
class Point:
    """Until `hours`: the half width beyond `error`, and which share of `tried` stretches of the other half stayed inside it."""

    hours: float
    width: float
    made_of: int
    coverage: float
    tried: int


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The curves by what is lost, and what lost meters are taken for: usually, and by what drives their flows."""

    usual: dict[str, float]
    points: dict[Lost, tuple[Point, ...]]
    instead: dict[str, Instead] = field(default_factory=dict)
    driven: dict[Lost, tuple[Point, ...]] = field(default_factory=dict)

    def curve(self, lost: Lost) -> Curve:
        """One of them for use."""
        told = self.points[lost]
        return Curve(tuple(p.hours for p in told), tuple(p.width for p in told))


def calibrate(v: Virtual, runs: Sequence[Table]) -> Calibrated:
    """Curves from histories that hold the level and its meters; UsageError where they do not, or are too short."""
    if len(v.flows) > _MOST_FLOWS:
        raise UsageError(
            f"`{v.tag}` has {len(v.flows)} flows: at most {_MOST_FLOWS} are calibrated by set"
        )
    halves = [_halves(v, run) for run in runs]
    first, second = [a for a, _ in halves], [b for _, b in halves]
    usual = {f.tag: _usual(first, f.tag) for f in v.flows}
    of = replace(v, flows=tuple(replace(f, usual=usual[f.tag]) for f in v.flows))
    points: dict[Lost, tuple[Point, ...]] = {}
    for lost in _sets(v):
        fewer = [told for known, told in points.items() if known < lost]
        points[lost] = tuple(_points(of, (first, second), lost, fewer))
    if not points[frozenset()]:
        hours = HOURS[0]
        raise UsageError(f"too short: fewer than {_FEWEST} stretches of {hours:g} h in half of it")
    instead = {f.tag: _fitted(first, f, f.instead) for f in v.flows if f.instead is not None}
    by = replace(
        of, flows=tuple(replace(f, usual=None, instead=instead.get(f.tag)) for f in v.flows)
    )
    sets = [lost for lost in points if lost and lost <= instead.keys()]
    whole = [points[frozenset()]]
    driven = {lost: tuple(_points(by, (first, second), lost, whole)) for lost in sets}
    return Calibrated(usual, points, instead, driven)


def _points(
    v: Virtual,
    of: tuple[list[Table], list[Table]],
    lost: Lost,
    fewer: Sequence[tuple[Point, ...]],
) -> Iterator[Point]:
    """Rising with the hours, and never below what is known with fewer meters lost."""
    least = 0.0
    first, second = ([_worst(v, run, lost) for run in half] for half in of)
    for n, hours in enumerate(HOURS):
        made = [_until(worst, hours) for worst in first]
        count = sum(len(e) for e in made)
        if count < _FEWEST:
            return
        wanted = max(0.0, _wide(made) - v.error)
        least = max(least, wanted, *(told[n].width for told in fewer if len(told) > n), 0.0)
        width = float(f"{least * 1.0005 + 5e-7:.4g}")
        tried = np.concatenate([_until(worst, hours) for worst in second])
        inside = float((tried <= v.error + width).mean()) if len(tried) else 0.0
        yield Point(hours, width, count, inside, len(tried))


def _wide(made: Sequence[NDArray[np.float64]]) -> float:
    """So wide that it holds the share of all errors, and enough of them in enough histories."""
    pooled = _quantile(np.concatenate(made), SHARE)
    each = np.array([_quantile(e, _OF_RUN) for e in made if len(e)])
    return max(pooled, _quantile(each, _RUNS)) if len(each) > 1 else pooled


def _quantile(errors_: NDArray[np.float64], share: float) -> float:
    """The order statistic that holds this share of one more error from the same source (split conformal)."""
    ranked = np.sort(errors_)
    return float(ranked[min(len(ranked), ceil((len(ranked) + 1) * share)) - 1])


def errors(v: Virtual, run: Table, lost: Lost, hours: float) -> NDArray[np.float64]:
    """How far the estimate was off at worst until `hours` after each start, float64[n]; starts with gaps are left out."""
    return _until(_worst(v, run, lost), hours)


def _until(worst: NDArray[np.float64], hours: float) -> NDArray[np.float64]:
    told = worst[round(hours / _STEP_H) - 1]
    known: NDArray[np.float64] = told[np.isfinite(told)]
    return known


def _worst(v: Virtual, run: Table, lost: Lost) -> NDArray[np.float64]:
    """The largest error so far of each start, float64[steps of a quarter of an hour, n]; NaN where it is not known."""
    seconds, level = run.t_ns / _SECOND, _column(run, v.tag)
    added, gaps = _added(v, run, lost, seconds)
    starts = np.unique(np.searchsorted(seconds, np.arange(seconds[0], seconds[-1], _EVERY_S)))
    held = np.interp(level[starts], v.levels, v.volumes) - added[starts]
    found = np.full((round(HOURS[-1] / _STEP_H), len(starts)), np.nan)
    for n in range(len(found)):
        wanted = seconds[starts] + (n + 1) * _STEP_H * 3_600
        ends = np.searchsorted(seconds, wanted - 1e-6)
        known = ends < len(seconds)
        ends[~known] = len(seconds) - 1
        known &= (gaps[ends] == gaps[starts]) & (seconds[ends] - wanted <= v.gap_ns / _SECOND)
        off = np.abs(np.interp(held + added[ends], v.volumes, v.levels) - level[ends])
        found[n] = np.where(known, off, np.nan)
    return np.where(np.isfinite(found), np.fmax.accumulate(found, axis=0), np.nan)


def _added(
    v: Virtual, run: Table, lost: Lost, seconds: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What flows have added up to until each row, and how many gaps their meters had until then, float64[rows] each."""
    added, gaps = np.zeros(len(seconds)), np.zeros(len(seconds))
    for flow in v.flows:
        if flow.tag in lost and flow.usual is None:
            total, wide = _driven(v, run, flow, seconds)
            added, gaps = added + flow.factor * total, gaps + wide
        elif flow.tag in lost:
            assert flow.usual is not None
            added += flow.factor * flow.usual * (seconds - seconds[0])
        else:
            values = _column(run, flow.tag)
            total, wide = _integral(seconds, values, v.gap_ns / _SECOND, is_mean=flow.is_mean)
            added, gaps = added + flow.factor * total, gaps + wide
    return added, gaps


def _driven(
    v: Virtual, run: Table, flow: Flow, seconds: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What it adds up to by what drives it, and the gaps of that, float64[rows] each."""
    assert flow.instead is not None
    total, gaps = flow.instead.base * (seconds - seconds[0]), np.zeros(len(seconds))
    for tag, gain in flow.instead.gains:
        one, wide = _integral(seconds, _column(run, tag), v.gap_ns / _SECOND, is_mean=False)
        total, gaps = total + gain * one, gaps + wide
    return total, gaps


def _fitted(runs: Sequence[Table], flow: Flow, told: Instead) -> Instead:
    """Least squares of what the meter read on what its drivers read; the least norm where they never moved apart."""
    tags = [tag for tag, _ in told.gains]
    y = np.concatenate([_column(run, flow.tag) for run in runs])
    drivers = [np.concatenate([_column(run, tag) for run in runs]) for tag in tags]
    x = np.column_stack([np.ones(len(y)), *drivers])
    known = np.isfinite(y) & np.isfinite(x).all(axis=1)
    if not known.any():
        raise UsageError(f"`{flow.tag}` and what drives it were never read together")
    base, *gains = (float(f"{c:.4g}") for c in np.linalg.lstsq(x[known], y[known], rcond=None)[0])
    return Instead(base, tuple(zip(tags, gains, strict=True)))


def _integral(
    seconds: NDArray[np.float64], values: NDArray[np.float64], gap_s: float, *, is_mean: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What it adds up to until each row, as `twin.balance` does it, and how many gaps there were up to it."""
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return np.zeros(len(seconds)), np.arange(len(seconds), dtype=np.float64)
    filled = np.interp(seconds, seconds[known], values[known])
    steps = np.diff(seconds)
    heights = filled[1:] if is_mean else (filled[1:] + filled[:-1]) / 2
    total = np.concatenate([[0.0], np.cumsum(steps * heights)])
    wide = np.zeros(len(seconds))
    for n in np.flatnonzero(np.diff(seconds[known]) > gap_s):
        total[known[n] + 1 : known[n + 1]] = np.nan  # nothing begins or ends in a gap
        wide[known[n + 1]] = 1.0
    return total, np.cumsum(wide)


def _column(run: Table, tag: str) -> NDArray[np.float64]:
    if tag not in run.ids:
        raise UsageError(f"no column of `{tag}`: the level and all of its meters are needed")
    values: NDArray[np.float64] = run.values[:, run.ids.index(tag)]
    return values


def _halves(v: Virtual, run: Table) -> tuple[Table, Table]:
    for tag in (v.tag, *v.inputs):
        _column(run, tag)
    if len(run.t_ns) < 4:
        raise UsageError(f"{len(run.t_ns)} rows are no history")
    at = len(run.t_ns) // 2
    return (
        Table(run.ids, run.t_ns[:at], run.values[:at]),
        Table(run.ids, run.t_ns[at:], run.values[at:]),
    )


def _usual(runs: Sequence[Table], tag: str) -> float:
    told = np.concatenate([_column(run, tag) for run in runs])
    told = told[np.isfinite(told)]
    if not len(told):
        raise UsageError(f"`{tag}` has no readings")
    return float(f"{told.mean():.4g}")


def _sets(v: Virtual) -> Iterator[Lost]:
    tags = [f.tag for f in v.flows]
    for count in range(len(tags) + 1):
        yield from map(frozenset, combinations(tags, count))
