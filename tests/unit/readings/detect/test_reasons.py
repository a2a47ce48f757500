"""What exactly was broken is said with numbers: switches elsewhere, by level or clock, recordings, and signals that stand."""

import re
from functools import cache

import numpy as np

from tests.unit.readings.detect.plant import HIGH, HOUR_NS, LEVEL, LOW, PRESSURE, RUN, SPARE, plant
from twinvouch.core import inject
from twinvouch.core.finding import Severity
from twinvouch.core.table import Table
from twinvouch.readings.detect.explain import Explainer, Moment
from twinvouch.readings.detect.learn import learn
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.reasons import Exactly, reason
from twinvouch.readings.detect.score import Scorer
from twinvouch.readings.detect.state import CALM, CHANGE, begin

BEGIN, ROWS = 6000, 800
UNITS = (" m", " kPa", " l/s", "", "")


@cache
def learned() -> Learned:
    return learn(plant(BEGIN, 1))


@cache
def clean() -> Table:
    return plant(ROWS, 2, BEGIN)


def said(values: np.ndarray, tag: int, batch: int = ROWS, of: Learned | None = None) -> list[str]:
    """The reason of each alarm of a tag, where there is an exact one."""
    of = of or learned()
    scorer, state, found = Scorer(of), begin(of), []
    for at in range(0, len(values), batch):
        part = values[at : at + batch]
        t_ns = clean().t_ns[at : at + len(part)]
        after, scored = scorer.score(state, t_ns, part)
        was = np.vstack((state.shown, scored.alarm[:-1]))[:, tag]
        exactly = Exactly(of, state, t_ns, part)
        begun = np.flatnonzero((scored.alarm[:, tag] != CALM) & (was == CALM)).tolist()
        found.extend(reason(of, UNITS, tag, exactly.at(row)) for row in begun)
        state = after
    return [words for words in found if words]


def middle() -> int:
    """A row in which the pump runs and the level is far from both limits, before and after it too."""
    level, run = clean().values[:, LEVEL], clean().values[:, RUN]
    for row in range(300, ROWS):
        if (
            run[row - 1 : row + 2].all()
            and (np.abs(level[row - 1 : row + 2] - (HIGH + LOW) / 2) < 0.7).all()
        ):
            return row
    raise AssertionError


def test_a_switch_elsewhere_is_said_with_where_it_was_and_where_it_always_is() -> None:
    values, row = clean().values.copy(), middle()
    values[row:, RUN] = 0.0
    words = said(values[: row + 3], RUN)[0]
    found = re.fullmatch(
        r"breaks the control logic: `pump/run` switched off where `tank/level` is ([\d.]+) m, in training always between "
        r"([\d.]+) and ([\d.]+) m",
        words,
    )
    assert found is not None, words
    value, low, high = map(float, found.groups())
    assert abs(value - values[row, LEVEL]) < 0.01
    switched = np.flatnonzero(np.diff(plant(BEGIN, 1).values[:, RUN]) < 0) + 1
    seen = np.round(plant(BEGIN, 1).values[switched, LEVEL], 2)
    assert (low, high) == (
        np.float64(round(float(seen.min()), 2)),
        np.float64(round(float(seen.max()), 2)),
    )


def test_the_same_is_said_row_by_row() -> None:
    values, row = clean().values.copy(), middle()
    values[row:, RUN] = 0.0
    assert said(values[: row + 3], RUN, 1) == said(values[: row + 3], RUN)


def test_a_switch_that_did_not_come_is_said() -> None:
    values = clean().values.copy()
    row = int(np.flatnonzero(np.diff(values[300:, RUN]) < 0)[0]) + 301  # it went off here
    values[row : row + 6, RUN] = 1.0
    values[row : row + 6, LEVEL] = HIGH + np.arange(1, 7) * 0.4
    values[row : row + 6, PRESSURE] = 9.81 * values[row : row + 6, LEVEL] + 20
    told = said(values[: row + 6], RUN) + said(values[: row + 6], LEVEL)
    assert told
    assert all(words.startswith("breaks the control logic") for words in told)
    assert any("is still on" in words or "has always been off" in words for words in told)


def test_a_recording_is_said_with_when_it_was() -> None:
    values = clean().values.copy()
    values[500:560] = values[428:488]
    told = said(values, LEVEL) + said(values, PRESSURE)
    words = next(words for words in told if "repeats" in words)
    assert words.startswith("repeats to the last digit what it read 72 rows before, 19")
    length = int(learned().windows.rows[LEVEL])
    first = clean().t_ns[428 + length - 1]
    assert any(str(np.datetime64(int(first), "ns").astype("datetime64[D]")) in w for w in told)
    assert said(values, LEVEL, 7) == said(values, LEVEL)


def test_a_signal_that_stands_is_said_with_how_long() -> None:
    start = int(np.flatnonzero(clean().values[300:, RUN] == 1)[3]) + 300
    values = clean().values.copy()
    values[start : start + 40, PRESSURE] = inject.freeze(values[:, PRESSURE], start)[
        start : start + 40
    ]
    # an own model that sees nothing but digits: the plant is asked right at the row
    state = begin(learned())
    exactly = Exactly(learned(), state, clean().t_ns, values)
    most = int(learned().runs[PRESSURE])
    assert reason(learned(), UNITS, PRESSURE, exactly.at(start + most - 1)) == ""
    words = reason(learned(), UNITS, PRESSURE, exactly.at(start + most))
    stood = f"{np.round(values[start, PRESSURE] / 0.01) * 0.01:.6g}"
    assert words == (
        f"has stood still at {stood} kPa for {most + 1} rows; by its training more than {most} are no chance"
    )


def test_a_pump_that_left_its_hours_is_said_with_the_hour() -> None:
    rows = 40 * 24
    t_ns = np.arange(rows) * HOUR_NS
    chance = np.random.default_rng(3)
    hour = np.arange(rows) % 24
    run = ((hour >= 6) & (hour < 18)).astype(float)
    flow = np.round(10 + 5 * run + 0.1 * chance.normal(size=rows), 2)
    level = np.round(3 + 0.1 * chance.normal(size=rows), 2)
    of = learn(Table(("a/flow", "pump/run", "a/level"), t_ns, np.column_stack((flow, run, level))))
    assert len(of.clocks) == 1
    values = np.column_stack((flow, run, level))[:48].copy()
    values[27, 1] = 1.0
    exactly = Exactly(of, begin(of), t_ns[:48], values)
    assert reason(of, ("", "", ""), 1, exactly.at(27)) == (
        "breaks the control logic: it is on at 03:00 UTC, in training always off at that time of the day"
    )
    assert reason(of, ("", "", ""), 1, exactly.at(26)) == ""


def test_where_nothing_exact_is_broken_nothing_is_said() -> None:
    values = clean().values.copy()
    values[300:400, PRESSURE] += 5.0
    assert said(values, PRESSURE) == []


def test_a_change_that_nobody_announced_is_told_as_such_and_an_announced_one_is_not() -> None:
    before, values = clean().values[10], clean().values[11].copy()
    values[SPARE] = 1.0
    exact = Exactly(learned(), begin(learned()), clean().t_ns[10:12], clean().values[10:12]).at(1)
    moment = Moment(before, values, np.zeros(len(values)), exact)
    explain = Explainer(learned(), UNITS)
    known, unknown = (
        explain.begun(SPARE, CHANGE, moment, is_announced=told) for told in (True, False)
    )
    assert (known.rule, known.severity, known.technique) == ("operating_change", Severity.LOW, "")
    assert unknown.severity is Severity.MEDIUM
    assert unknown.technique == "T0831"
    assert "nobody announced" in unknown.sentence
    assert "nobody announced" not in known.sentence
