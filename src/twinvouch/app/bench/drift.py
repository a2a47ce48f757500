"""`bench drift`: ramps of some tenths of a standard deviation in two weeks, on one tag at a time of clean rows.

A seed draws a stretch without labels and a direction for each tag; the detector comes to the stretch as the rows before
left it. A ramp counts as found where an attack or drift alarm names its tag, begins inside and was clear for six hours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.app import wide_csv
from twinvouch.app.bench.detect import digest_of_code
from twinvouch.app.wide_csv import Form, Labelled
from twinvouch.core.errors import UsageError
from twinvouch.core.spans import starts
from twinvouch.core.table import Table
from twinvouch.lab.score.events import HOUR_NS, QUIET_NS
from twinvouch.lab.score.intervals import bootstrap, wilson
from twinvouch.readings.detect import columns
from twinvouch.readings.detect.adapt import Adapter, Course, drifting
from twinvouch.readings.detect.learn import learn
from twinvouch.readings.detect.score import Scorer
from twinvouch.readings.detect.state import CALM

Say = Callable[[str], None]
Figures = dict[str, Any]
Alarms = NDArray[np.bool_]
SIZE: Final = 0.5  # standard deviations of the training, at the end of the ramp
SIZES: Final = (0.25, SIZE, 1.0)
DAY_NS: Final = 24 * HOUR_NS
LENGTH_NS: Final = 14 * DAY_NS
AWAY_NS: Final = DAY_NS  # from the last labelled row, or the file's first, to a ramp
_MOST_DECIMALS: Final = 12
_TOGETHER: Final = 24  # rows that are scored before it is asked whether the ramp was found


@dataclass(frozen=True, slots=True)
class Trial:
    """One ramp: hours until an alarm names `tag`, and until any tag is named; infinite where that never was.

    `plain_h` and `plain_any_h` are the same in the same rows without a ramp: what is found for nothing. A ramp
    `is_rounded_away` where it changes no value.
    """

    seed: int
    tag: str
    size: float
    named_h: float
    any_h: float
    plain_h: float
    plain_any_h: float
    is_rounded_away: bool


@dataclass(frozen=True, slots=True, eq=False)
class Walked:
    """The file as it is: alarms bool[R, K] (attack or drift), and the state before each row that was asked for."""

    alarm: Alarms
    states: dict[int, Course]


def run(train: Path, test: Path, form: Form, seeds: int, say: Say, per_day: float = 0.0) -> Figures:
    """Figures of one training and one test file; everything that decides is fixed before the test file is opened.

    `per_day` is as `detection.adapt_per_day`.
    """
    trained = wide_csv.read(train, form)
    adapter = Adapter(Scorer(learn(trained.table), is_learned_from=bool(per_day)), per_day)
    say(
        f"configuration and code {digest_of_code()}; learned from {len(trained.table.t_ns)} rows of {train.name}"
    )
    tested = wide_csv.read(test, form)
    table = wide_csv.as_columns_of(trained.table, tested.table, test)
    attacked = _labels(tested)
    drawn = [int(_chance(seed).choice(_places(table.t_ns, attacked))) for seed in range(seeds)]
    walked = walk(adapter, table, drawn)
    _, sd = columns.moments(trained.table.values)
    trials, idle = [], 0
    for seed, start in enumerate(drawn):
        made, still = _of_seed(adapter, table, walked, sd, (seed, start))
        trials += made
        idle += still
        found = sum(np.isfinite(t.named_h) for t in made if t.size == SIZE)
        of = len(made) // len(SIZES)
        say(f"seed {seed}: {found} of {of} ramps to {SIZE} sd found from row {start}")
    if not trials:
        raise UsageError(f"`{test}`: no column moves in the stretches that were drawn")
    figures = _figures(trials) | {"idle": idle, "seeds": seeds}
    figures |= _normal(walked.alarm, attacked, table.t_ns)
    return figures | {"code": digest_of_code()}


def _chance(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _labels(tested: Labelled) -> Alarms:
    if tested.attacked is None:
        return np.zeros(len(tested.table.t_ns), np.bool_)
    return tested.attacked


def _places(t_ns: NDArray[np.int64], attacked: Alarms) -> NDArray[np.intp]:
    """Rows where a ramp may begin: nothing is labelled from AWAY_NS before it to its end, which the file reaches."""
    before = np.searchsorted(t_ns, t_ns - AWAY_NS)
    after = np.searchsorted(t_ns, t_ns + LENGTH_NS, "right")
    counted = np.concatenate(([0], np.cumsum(attacked)))
    fits = (t_ns - AWAY_NS >= t_ns[0]) & (t_ns + LENGTH_NS <= t_ns[-1])
    places = np.flatnonzero(fits & (counted[after] == counted[before]))
    if not places.size:
        raise UsageError(
            "no stretch of 15 days without labelled rows to put ramps on: give a longer test file"
        )
    return places


def walk(adapter: Adapter, table: Table, rows: Sequence[int]) -> Walked:
    """Score the file as it is, and keep the state before each of `rows`."""
    course, parts, states, at = adapter.begin(), [], {}, 0
    for row in (*sorted(set(rows)), len(table.t_ns)):
        course, scored, told = adapter.score(course, table.t_ns[at:row], table.values[at:row])
        parts.append(_up(drifting(scored.alarm, told)))
        states[row], at = course, row
    return Walked(np.concatenate(parts), states)


def _up(alarm: NDArray[np.uint8]) -> Alarms:
    up: Alarms = alarm != CALM
    return up


def _of_seed(
    adapter: Adapter, table: Table, walked: Walked, sd: NDArray[np.float64], drawn: tuple[int, int]
) -> tuple[list[Trial], int]:
    """All ramps of a seed, and how many tags never moved."""
    seed, start = drawn
    chance, trials, idle = _chance(seed), [], 0
    end = int(np.searchsorted(table.t_ns, table.t_ns[start] + LENGTH_NS, "right"))
    t_ns, values = table.t_ns[start:end], table.values[start:end]
    first = int(np.searchsorted(table.t_ns, t_ns[0] - QUIET_NS))
    before, plain = walked.alarm[first:start], walked.alarm[start:end]
    for k in adapter.scorer.learned.columns.continuous.tolist():
        sign = float(chance.choice((-1.0, 1.0)))
        if not moves(values[:, k]):
            idle += 1
            continue
        hours = Hours(table.t_ns[first:end], before, k)
        for_nothing = hours.of(plain)
        for size in SIZES:
            lied = values.copy()
            lied[:, k] = ramped(values[:, k], t_ns, sign * size * float(sd[k]))
            found = hours.of(
                _alarms(adapter, walked.states[start], Table(table.ids, t_ns, lied), hours)
            )
            gone = np.array_equal(lied, values, equal_nan=True)
            trials.append(Trial(seed, table.ids[k], size, *found, *for_nothing, gone))
    return trials, idle


def moves(values: NDArray[np.float64]) -> bool:
    """Whether a column has two values at all."""
    known = values[np.isfinite(values)]
    return bool(known.size) and bool(known.min() < known.max())


def ramped(
    values: NDArray[np.float64], t_ns: NDArray[np.int64], size: float
) -> NDArray[np.float64]:
    """A column plus a ramp from 0 to `size` over LENGTH_NS, with as many decimals as the column has."""
    lied: NDArray[np.float64] = values + size * (t_ns - t_ns[0]) / LENGTH_NS
    return np.round(lied, decimals(values))


def decimals(values: NDArray[np.float64]) -> int:
    """The fewest decimals that hold all values of a column, 12 at most.

    >>> decimals(np.array([70.0, 28.26, np.nan]))
    2
    """
    known = values[np.isfinite(values)]
    room = 1e-12 * np.maximum(np.abs(known), 1.0)
    held = (n for n in range(_MOST_DECIMALS) if (np.abs(np.round(known, n) - known) <= room).all())
    return next(held, _MOST_DECIMALS)


@dataclass(frozen=True, slots=True, eq=False)
class Hours:
    """When alarms of a stretch begin; `t_ns` int64[B + R] are its rows and those before, whose alarms bool[B, K] are known."""

    t_ns: NDArray[np.int64]
    before: Alarms
    tag: int

    def of(self, alarm: Alarms) -> tuple[float, float]:
        """From the first row to an alarm that names the tag, and to one that names any; each tag was clear before.

        `alarm` bool[R, K], or the first rows of it.
        """
        start, whole = len(self.before), np.vstack((self.before, alarm))
        t_ns = self.t_ns[: len(whole)]
        begun = [starts(whole[:, k], t_ns, QUIET_NS) for k in range(whole.shape[1])]
        first = [next((int(row) for row in rows if row >= start), -1) for rows in begun]
        hours = [(t_ns[row] - t_ns[start]) / HOUR_NS if row >= 0 else np.inf for row in first]
        return float(hours[self.tag]), float(min(hours))


def _alarms(adapter: Adapter, course: Course, table: Table, hours: Hours) -> Alarms:
    """Alarms bool[n, K] of a stretch, up to some rows after the first one that counts: the rest would change nothing."""
    alarm = np.zeros((0, len(table.ids)), np.bool_)
    while len(alarm) < len(table.t_ns) and not np.isfinite(hours.of(alarm)[0]):
        rows = slice(len(alarm), len(alarm) + _TOGETHER)
        course, scored, told = adapter.score(course, table.t_ns[rows], table.values[rows])
        alarm = np.vstack((alarm, _up(drifting(scored.alarm, told))))
    return alarm


def _figures(trials: Sequence[Trial]) -> Figures:
    main = [t for t in trials if t.size == SIZE]
    figures = _of_size(main)
    figures["found_without_ramp"] = int(sum(np.isfinite(t.plain_h) for t in main))
    figures["found_any_without_ramp"] = int(sum(np.isfinite(t.plain_any_h) for t in main))
    figures["rounded_away"] = sum(t.is_rounded_away for t in main)
    figures["curve"] = [
        {"size_sd": size} | _of_size([t for t in trials if t.size == size]) for size in SIZES
    ]
    missed = sorted({t.tag for t in main if not np.isfinite(t.named_h)})
    figures["missed"] = [
        {
            "tag": tag,
            "missed": sum(not np.isfinite(t.named_h) for t in main if t.tag == tag),
            "of": sum(t.tag == tag for t in main),
        }
        for tag in missed
    ]
    return figures


def _of_size(trials: Sequence[Trial]) -> Figures:
    """Figures of the ramps of one size; medians are over all ramps, one that is not found counting as endless."""
    figures: Figures = {"of": len(trials)}
    for suffix, of in (("", "named_h"), ("_any", "any_h")):
        hours = np.array([getattr(t, of) for t in trials])
        seeds = np.array([t.seed for t in trials])
        found = int(np.count_nonzero(np.isfinite(hours)))
        groups = [hours[seeds == seed] for seed in np.unique(seeds)]
        low, high = bootstrap(groups, _median)
        figures |= {
            f"found{suffix}": found,
            f"found{suffix}_share": round(found / len(trials), 4),
            f"found{suffix}_interval": [round(end, 4) for end in wilson(found, len(trials))],
            f"median{suffix}_delay_h": _hours(_median(hours)),
            f"median{suffix}_delay_interval": [_hours(low), _hours(high)],
        }
    return figures


def _median(hours: NDArray[np.float64]) -> float:
    """The lower median: never between a number and infinity."""
    return float(np.sort(hours)[(len(hours) - 1) // 2])


def _hours(hours: float) -> float | None:
    return round(hours, 3) if np.isfinite(hours) else None


def _normal(alarm: Alarms, attacked: Alarms, t_ns: NDArray[np.int64]) -> Figures:
    """The share of rows without a label that alarm in the file as it is; its interval is by days drawn again.

    `..._away` is that of rows more than AWAY_NS from any label: no tail of an attack.
    """
    quiet = alarm[~attacked].any(axis=1).astype(float)
    day = t_ns[~attacked] // DAY_NS
    groups = [quiet[day == one] for one in np.unique(day)]
    ends = bootstrap(groups, lambda rows: float(rows.mean()))
    counted = np.concatenate(([0], np.cumsum(attacked)))
    first = np.searchsorted(t_ns, t_ns - AWAY_NS)
    end = np.searchsorted(t_ns, t_ns + AWAY_NS, "right")
    away = alarm[counted[end] == counted[first]].any(axis=1)
    return {
        "normal_alarm_share": round(float(quiet.mean()), 5),
        "normal_alarm_interval": [round(end, 5) for end in ends],
        "normal_alarm_share_away": round(float(away.mean()), 5) if away.size else None,
    }
