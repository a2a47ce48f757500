"""Learning while at work: bounded by the day and in all, from nothing that is doubted, and how far it went is told."""

from functools import cache

import numpy as np
import pytest

from tests.unit.readings.detect.plant import FLOW, HOUR_NS, LEVEL, PRESSURE, RUN, plant
from twinvouch.core.table import Table
from twinvouch.core.ticket import Work
from twinvouch.readings.detect import adapt
from twinvouch.readings.detect.adapt import Adapter, Course
from twinvouch.readings.detect.context import Ticket
from twinvouch.readings.detect.learn import learn
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.score import Scorer
from twinvouch.readings.detect.state import ATTACK, CALM, Scored

BEGIN = 6000
ROWS = 90 * 24
PER_DAY = 0.1
SLOW = 0.05  # usual errors a day: slow enough to be followed


@cache
def learned() -> Learned:
    return learn(plant(BEGIN, 1))


@cache
def clean() -> Table:
    return plant(ROWS, 2, BEGIN)


def ramp(per_day: float, tag: int = PRESSURE) -> np.ndarray:
    """The clean rows, one tag rising by so many of its usual errors a day."""
    values = clean().values.copy()
    step = per_day * float((adapt.usual(learned()) * learned().columns.scale)[tag])
    values[:, tag] += step * np.arange(ROWS) / 24
    return values


def followed(
    values: np.ndarray,
    *,
    per_day: float = PER_DAY,
    trust: np.ndarray | None = None,
    tickets: tuple[Ticket, ...] = (),
    rows: int = ROWS,
) -> tuple[Course, Scored, np.ndarray]:
    adapter = Adapter(Scorer(learned(), is_learned_from=bool(per_day)), per_day)
    return adapter.score(adapter.begin(), clean().t_ns[:rows], values[:rows], tickets, trust)


def days(values: np.ndarray, per_day: float = PER_DAY) -> np.ndarray:
    """How far each tag has gone after each day, in usual errors, float64[D, K]."""
    adapter = Adapter(Scorer(learned(), is_learned_from=bool(per_day)), per_day)
    course, found = adapter.begin(), []
    for at in range(0, ROWS, 24):
        course = adapter.score(course, clean().t_ns[at : at + 24], values[at : at + 24])[0]
        found.append(course.adapted.by / np.where(adapter.usual > 0, adapter.usual, 1.0))
    return np.array(found)


def test_switched_off_nothing_moves_and_scores_are_those_of_the_scorer() -> None:
    course, scored, told = followed(ramp(0.05), per_day=0.0)
    alone = Scorer(learned()).score(adapt.begin_state(learned()), clean().t_ns, ramp(0.05))[1]
    assert not course.adapted.by.any()
    assert not course.state.offset.any()
    assert not told.any()
    assert np.array_equal(scored.alarm, alone.alarm)
    assert np.array_equal(scored.slow, alone.slow)


def test_a_quiet_plant_stays_near_the_frozen_reference() -> None:
    course, _, told = followed(clean().values)
    assert not told.any()
    usual = adapt.usual(learned())
    assert (np.abs(course.adapted.by) <= adapt.TOLD * adapt.LIMIT * usual).all()
    assert np.array_equal(course.state.offset, course.adapted.by)
    assert not course.adapted.by[RUN]


def test_a_slow_ramp_is_followed_no_faster_than_allowed_and_ends_in_the_finding() -> None:
    values = ramp(SLOW)
    unlearned = followed(values, per_day=0.0)[1]
    course, _, told = followed(values)
    by = days(values)
    assert np.abs(np.diff(by, axis=0)).max() <= PER_DAY + 1e-9
    assert np.abs(by).max() <= adapt.LIMIT + 1e-9
    assert told[:, PRESSURE].any()
    assert not told[:, [FLOW, RUN]].any()  # level and pressure say the same of each other
    first = int(told[:, PRESSURE].argmax())
    assert first >= 24 * adapt.TOLD * adapt.LIMIT / PER_DAY
    # the frozen reference says by how much it was taught
    assert by[first // 24, PRESSURE] > adapt.TOLD * adapt.LIMIT
    assert course.adapted.since_ns[PRESSURE] >= clean().t_ns[0] - 24 * HOUR_NS
    # and without learning it would have been a drift long before
    assert (unlearned.alarm[: first // 2, PRESSURE] != CALM).any()


def first_day(found: np.ndarray) -> int:
    """The first day on which level or pressure, which measure the same, is named; -1: never."""
    named = found[:, [LEVEL, PRESSURE]].any(axis=1)
    return int(named.argmax()) // 24 if named.any() else -1


@pytest.mark.parametrize(
    ("rate", "frozen", "learning"),
    [(0.03, (10, 15), (58, 71)), (0.05, (6, 12), (32, 44)), (0.08, (5, 8), (14, 29))],
)
@pytest.mark.parametrize("seed", [2, 4, 7])
def test_the_slower_the_lie_the_later_it_is_told_and_without_learning_it_is_a_drift_long_before(
    rate: float, frozen: tuple[int, int], learning: tuple[int, int], seed: int
) -> None:
    """The table of docs/explanation/detection.md; on another machine a day more or less."""
    table, adapter = (
        plant(ROWS, seed, BEGIN),
        Adapter(Scorer(learned(), is_learned_from=True), PER_DAY),
    )
    values = table.values + (ramp(rate) - clean().values)
    alone = adapter.scorer.score(adapter.begin().state, table.t_ns, values)[1]
    _, scored, far = adapter.score(adapter.begin(), table.t_ns, values)
    assert frozen[0] - 1 <= first_day(alone.alarm > 0) <= frozen[1] + 1
    assert learning[0] - 1 <= first_day(adapt.drifting(scored.alarm, far) > 0) <= learning[1] + 1


@pytest.mark.parametrize("block", [1, 7, 100])
def test_rows_may_come_in_any_blocks(block: int) -> None:
    values, rows = ramp(SLOW), 500
    adapter = Adapter(Scorer(learned(), is_learned_from=True), PER_DAY)
    course = adapter.begin()
    for at in range(0, rows, block):
        end = min(at + block, rows)
        course = adapter.score(course, clean().t_ns[at:end], values[at:end])[0]
    whole = followed(values, rows=rows)[0]
    assert np.allclose(course.adapted.by, whole.adapted.by, atol=1e-12)
    assert np.allclose(course.state.offset, whole.state.offset, atol=1e-12)
    assert course.adapted.by.any()


@pytest.mark.parametrize("plausibility", [0, 60, 120, 200])
def test_from_readings_of_little_trust_nothing_is_learned(plausibility: int) -> None:
    trust = np.full((ROWS, 5), plausibility, np.uint8)
    course = followed(ramp(SLOW), trust=trust)[0]
    assert np.array_equal(course.adapted.by, np.zeros(5))
    assert np.array_equal(course.state.offset, np.zeros(5))


@pytest.mark.parametrize("tag", [PRESSURE, LEVEL, RUN])
def test_one_doubted_reading_teaches_nobody_who_is_estimated_from_it(tag: int) -> None:
    trust = np.full((ROWS, 5), 255, np.uint8)
    trust[:, tag] = 120
    course = followed(ramp(SLOW), trust=trust)[0]
    assert np.array_equal(course.adapted.by, np.zeros(5))


def test_what_is_doubted_changes_nothing_whatever_it_reads() -> None:
    trust = np.full((ROWS, 5), 255, np.uint8)
    trust[300:600] = 100
    one = followed(clean().values, trust=trust)[0]
    values = clean().values.copy()
    values[300:600, PRESSURE] += ramp(SLOW)[300:600, PRESSURE] - clean().values[300:600, PRESSURE]
    two = followed(values, trust=trust, rows=ROWS)[0]
    kept = followed(clean().values, trust=trust, rows=605)[0]
    lied = followed(values, trust=trust, rows=605)[0]
    assert np.array_equal(kept.adapted.by, lied.adapted.by)
    assert one.adapted.by.any()
    assert two.adapted.by.any()


def test_half_trusted_readings_weigh_less() -> None:
    values = ramp(SLOW)
    less = followed(values, trust=np.full((ROWS, 5), 210, np.uint8), rows=500)[0]
    full = followed(values, rows=500)[0]
    assert 0 < less.adapted.by[PRESSURE] < full.adapted.by[PRESSURE]


def test_missing_readings_teach_nothing() -> None:
    values = ramp(SLOW)
    values[::2, LEVEL] = np.nan  # every row has one, or had one the row before
    assert np.array_equal(followed(values)[0].adapted.by, np.zeros(5))


def test_while_anything_is_in_alarm_nothing_is_learned() -> None:
    values = ramp(SLOW)
    values[:, FLOW] += 8.0 * (values[:, RUN] > 0)
    adapter = Adapter(Scorer(learned(), is_learned_from=True), PER_DAY)
    course, at = adapter.begin(), 0
    while not (course.state.alarm == ATTACK).any():
        course = adapter.score(course, clean().t_ns[at : at + 1], values[at : at + 1])[0]
        at += 1
    by = course.adapted.by
    assert at < 24
    for row in range(at, 400):
        course = adapter.score(course, clean().t_ns[row : row + 1], values[row : row + 1])[0]
        if not (course.state.alarm == ATTACK).any():
            break
        assert not course.adapted.before.any()
    assert np.array_equal(course.adapted.by, by)
    assert not course.adapted.by.any()


@pytest.mark.parametrize("work", list(Work))
def test_under_a_ticket_nothing_is_learned(work: Work) -> None:
    t_ns = clean().t_ns
    ticket = Ticket(work, (FLOW,), int(t_ns[0]) - 1, int(t_ns[-1]) + 1)
    course = followed(ramp(SLOW), tickets=(ticket,))[0]
    assert np.array_equal(course.adapted.by, np.zeros(5))
    assert np.array_equal(course.state.offset, np.zeros(5))


def test_a_recalibration_begins_a_new_reference() -> None:
    t_ns = clean().t_ns
    values = ramp(SLOW)
    values[-240:, PRESSURE] = clean().values[-240:, PRESSURE]
    ticket = Ticket(Work.RECALIBRATION, (PRESSURE,), int(t_ns[-264]), int(t_ns[-216]))
    course, _, told = followed(values, tickets=(ticket,))
    assert told[-270, PRESSURE]
    assert not told[-1, PRESSURE]
    assert course.adapted.by[PRESSURE] == 0.0


def test_the_finding_ends_where_the_tag_comes_back() -> None:
    values = ramp(SLOW)
    values[1080:, PRESSURE] -= 2 * (ramp(SLOW) - ramp(0.0))[: ROWS - 1080, PRESSURE]
    told = followed(values)[2][:, PRESSURE]
    assert told.any()
    assert not told[-1]
    assert np.count_nonzero(np.diff(told.astype(int)) == 1) == 1, "told once"


def test_switched_off_later_it_is_back_at_the_frozen_reference() -> None:
    course = followed(ramp(SLOW))[0]
    assert course.adapted.by[PRESSURE]
    again = Adapter(Scorer(learned())).resumed(course)
    assert np.allclose(again.state.offset, 0.0, atol=1e-12)
    assert np.allclose(again.state.away - course.state.away, course.adapted.by)
    assert not again.adapted.by.any()
    assert Adapter(Scorer(learned(), is_learned_from=True), PER_DAY).resumed(course) is course


@pytest.mark.parametrize("hostile", [np.inf, -np.inf, 1e300, np.nan])
def test_hostile_values_teach_nothing_wild(hostile: float) -> None:
    values = clean().values.copy()
    values[100:200, PRESSURE] = hostile
    with np.errstate(all="ignore"):
        course = followed(values)[0]
    assert (np.abs(course.adapted.by) <= adapt.LIMIT * adapt.usual(learned())).all()
    assert np.isfinite(course.state.offset).all()
