"""Scoring: who lies is found, named and released; what people work on is no attack; rows may come in any blocks."""

from functools import cache

import numpy as np
import pytest

from tests.unit.readings.detect.plant import FLOW, HOUR_NS, LEVEL, PRESSURE, RUN, SPARE, plant
from twinvouch.core import inject
from twinvouch.core.errors import UsageError
from twinvouch.core.table import Table
from twinvouch.core.ticket import Work
from twinvouch.readings.detect.context import Ticket
from twinvouch.readings.detect.learn import learn
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.score import Scorer
from twinvouch.readings.detect.state import ATTACK, CALM, CHANGE, DRIFT, Scored, begin

BEGIN = 6000  # rows of the training
ROWS = 800


@cache
def learned() -> Learned:
    return learn(plant(BEGIN, 1))


@cache
def clean() -> Table:
    return plant(ROWS, 2, BEGIN)


def scored(values: np.ndarray, tickets: tuple[Ticket, ...] = ()) -> Scored:
    return Scorer(learned()).score(begin(learned()), clean().t_ns, values, tickets)[1]


def lied(column: int, told: np.ndarray, start: int = 300, end: int = 500) -> np.ndarray:
    values = clean().values.copy()
    values[start:end, column] = told[start:end]
    return values


def ticket(work: Work, tag: int, start: int, end: int) -> Ticket:
    t_ns = clean().t_ns
    return Ticket(work, (tag,), int(t_ns[start]), int(t_ns[end]))


def test_normal_operation_raises_nothing() -> None:
    found = scored(clean().values)
    assert np.count_nonzero(found.alarm) == 0


@pytest.mark.parametrize("column", [LEVEL, PRESSURE, FLOW])
def test_an_offset_is_found_at_once_and_named(column: int) -> None:
    size = {LEVEL: 0.3, PRESSURE: 3.0, FLOW: 5.0}[column]
    found = scored(lied(column, inject.offset(clean().values[:, column], size)))
    rows, tags = np.nonzero(found.alarm)
    assert 300 <= rows.min() <= 303
    assert column in tags[rows <= 306]
    assert (found.alarm[:300] == CALM).all()


def test_a_liar_does_not_drag_others_in_and_is_released_when_it_is_honest_again() -> None:
    values = lied(PRESSURE, inject.offset(clean().values[:, PRESSURE], 5.0))
    found = scored(values)
    assert (found.alarm[310:500, PRESSURE] == ATTACK).mean() > 0.9
    assert (found.alarm[310:500, [LEVEL, FLOW]] > 0).mean() < 0.1
    assert (found.alarm[510:, PRESSURE] == CALM).all()


def test_a_slow_ramp_is_a_drift() -> None:
    t_s = clean().t_ns / 1e9
    told = inject.ramp(clean().values[:, PRESSURE], t_s, 1.2 / (300 * 3600), start=200)
    found = scored(lied(PRESSURE, told, 200, 500))
    assert np.isin(found.alarm[200:500, PRESSURE], (ATTACK, DRIFT)).any()
    assert (found.alarm[:200] == CALM).all()


def test_a_frozen_signal_is_found_by_its_digits() -> None:
    start = int(np.flatnonzero(clean().values[300:, RUN] == 1)[3]) + 300
    found = scored(lied(LEVEL, inject.freeze(clean().values[:, LEVEL], start), start, start + 40))
    assert (found.alarm[start : start + 10, LEVEL] == ATTACK).any()


def test_a_pump_that_never_ran_is_named() -> None:
    values = clean().values.copy()
    values[400:420, SPARE] = 1.0
    found = scored(values)
    assert (found.alarm[400:402, SPARE] == CHANGE).any()  # nothing that was read contradicts it


def test_a_pump_that_stops_elsewhere_while_all_readings_agree_is_a_candidate_for_a_change() -> None:
    moved = plant(ROWS, 2, BEGIN, high=(400, 3.4))
    found = Scorer(learned()).score(begin(learned()), moved.t_ns, moved.values)[1]
    begun = int(found.is_alarm.any(axis=1).argmax())
    assert begun >= 400
    assert moved.values[begun, RUN] != moved.values[begun - 1, RUN]
    assert (found.alarm[begun, [LEVEL, RUN]] == CHANGE).all()
    assert not (found.alarm == ATTACK).any()


def test_a_pump_said_to_stop_where_it_never_does_and_that_runs_on_lies() -> None:
    values = clean().values.copy()
    on = (values[:, RUN] == 1) & (values[:, LEVEL] > 2.8) & (values[:, LEVEL] < 3.2)
    row = int(np.flatnonzero(on & (np.arange(ROWS) > 400))[0])
    values[row, RUN] = 0.0
    found = scored(values)
    assert (found.alarm[row : row + 3] == ATTACK).any()
    assert not (found.alarm == CHANGE).any()


def test_one_liar_beside_a_candidate_is_an_attack() -> None:
    moved = plant(ROWS, 2, BEGIN, high=(400, 3.4))
    values = moved.values.copy()
    values[500:520, PRESSURE] += 5.0
    found = Scorer(learned()).score(begin(learned()), moved.t_ns, values)[1]
    assert (found.alarm[500:503, PRESSURE] == ATTACK).any()
    assert (found.alarm[:500] != ATTACK).all()


def test_work_under_a_ticket_is_no_attack() -> None:
    values = clean().values.copy()
    values[400:, PRESSURE] += 4.0  # for good: a new zero
    told = scored(values, (ticket(Work.RECALIBRATION, PRESSURE, 399, 440),))
    assert not (told.alarm == ATTACK).any()
    assert not (
        told.alarm[:600] == DRIFT
    ).any()  # for a week what leans on it is a candidate for a change at most
    untold = scored(values)
    assert (untold.alarm[400:410, PRESSURE] == ATTACK).any()


def test_maintenance_makes_a_change_and_not_an_attack() -> None:
    values = clean().values.copy()
    values[400:420, SPARE] = 1.0
    values[400:420, FLOW] += 20.0
    found = scored(values, (ticket(Work.MAINTENANCE, RUN, 395, 425),))
    assert not np.isin(found.alarm, (ATTACK, DRIFT)).any()
    assert (found.alarm[400:420] == CHANGE).any()


def test_a_lie_during_a_recalibration_of_another_tag_is_found() -> None:
    values = lied(FLOW, inject.offset(clean().values[:, FLOW], 8.0), 410, 430)
    found = scored(values, (ticket(Work.RECALIBRATION, PRESSURE, 399, 440),))
    assert (found.alarm[410:430, FLOW] == ATTACK).any()


@pytest.mark.parametrize("block", [1, 7, 100])
def test_rows_may_come_in_any_blocks(block: int) -> None:
    values = lied(PRESSURE, inject.offset(clean().values[:, PRESSURE], 5.0), 100, 160)[:250]
    whole = scored_of(values, 250)
    parts = scored_of(values, block)
    assert np.array_equal(whole.alarm, parts.alarm)
    assert np.allclose(whole.fast, parts.fast, atol=1e-6)
    assert np.allclose(whole.slow, parts.slow, atol=1e-6)


def scored_of(values: np.ndarray, block: int) -> Scored:
    scorer, state, made = Scorer(learned()), begin(learned()), []
    for at in range(0, len(values), block):
        rows = slice(at, at + block)
        state, part = scorer.score(state, clean().t_ns[: len(values)][rows], values[rows])
        made.append(part)
    return Scored(*(np.concatenate([getattr(p, f) for p in made]) for f in Scored.__slots__))


def test_missing_values_and_gaps_are_no_alarm() -> None:
    values = clean().values.copy()
    values[200:230, LEVEL] = np.nan
    values[300:, FLOW] = np.nan
    t_ns = clean().t_ns.copy()
    t_ns[400:] += 50 * HOUR_NS
    _, found = Scorer(learned()).score(begin(learned()), t_ns, values)
    assert (found.alarm[:, FLOW] == CALM).all()
    assert (found.alarm[:300] == CALM).all()


@pytest.mark.parametrize("hostile", [np.inf, -np.inf, 1e300, -1e300, np.nan])
def test_hostile_values_stop_nothing(hostile: float) -> None:
    values = clean().values.copy()
    values[100:110] = hostile
    with np.errstate(all="ignore"):
        found = scored(values)
    assert np.isfinite(found.u).all()
    assert (found.alarm[-100:] == CALM).all()


def test_no_rows_change_nothing() -> None:
    state = begin(learned())
    after, found = Scorer(learned()).score(state, clean().t_ns[:0], clean().values[:0])
    assert after is state
    assert found.alarm.shape == (0, 5)


def test_too_short_or_idle_a_training_is_refused() -> None:
    table = clean()
    with pytest.raises(UsageError, match="10 rows to learn from, expected at least 100"):
        learn(Table(table.ids, table.t_ns[:10], table.values[:10]))
    with pytest.raises(UsageError, match="nothing to learn"):
        learn(Table(table.ids, table.t_ns, np.ones_like(table.values)))


def test_explanations_say_what_was_expected() -> None:
    values = lied(PRESSURE, inject.offset(clean().values[:, PRESSURE], 5.0))
    found = scored(values)
    assert found.error[300, PRESSURE] == pytest.approx(5.0, abs=1.0)
    assert found.blame[301].argmax() == PRESSURE
