"""Bad input: still and empty columns, gaps, ten rows, other columns, an attack that was under way in training."""

import numpy as np
import pytest

from tests.unit.readings.detect.plant import FLOW, HOUR_NS, LEVEL, PRESSURE, plant
from twinvouch.app.learning import teach
from twinvouch.core.errors import UsageError
from twinvouch.core.table import Table
from twinvouch.readings.detect.learn import learn
from twinvouch.readings.detect.score import Scorer
from twinvouch.readings.detect.state import ATTACK, CALM, begin

TRAIN = plant(1500, 11)
TEST = plant(400, 12, start=1500)
LIE = slice(200, 260)


def lied(table: Table) -> Table:
    values = table.values.copy()
    values[LIE, PRESSURE] += 6.0
    return Table(table.ids, table.t_ns, values)


def named(train: Table, test: Table) -> set[str]:
    """Tags that the first alarm names."""
    learned = learn(train)
    _, scored = Scorer(learned).score(begin(learned), test.t_ns, test.values)
    up = scored.alarm != CALM
    assert np.count_nonzero(up.any(axis=0)) <= 2
    first = up[up.any(axis=1).argmax()]
    return {test.ids[k] for k in np.flatnonzero(first).tolist()}


def with_column(table: Table, name: str, column: np.ndarray) -> Table:  # type: ignore[type-arg]
    return Table((*table.ids, name), table.t_ns, np.column_stack((table.values, column)))


def test_the_plain_case_names_the_liar_alone() -> None:
    assert named(TRAIN, TEST) == set()
    assert named(TRAIN, lied(TEST)) == {"tank/pressure"}


@pytest.mark.parametrize("value", [0.0, 7.25, -1e12, np.nan])
def test_a_still_or_empty_column_changes_nothing(value: float) -> None:
    train = with_column(TRAIN, "other/still", np.full(1500, value))
    test = with_column(lied(TEST), "other/still", np.full(400, value))
    assert named(train, test) == {"tank/pressure"}


def test_a_column_that_never_moved_and_moves_is_named() -> None:
    train = with_column(TRAIN, "other/still", np.full(1500, 3.0))
    column = np.full(400, 3.0)
    column[300:] = 4.0
    assert "other/still" in named(train, with_column(TEST, "other/still", column))


def test_a_column_that_was_empty_in_training_says_nothing_later() -> None:
    train = with_column(TRAIN, "other/new", np.full(1500, np.nan))
    test = with_column(TEST, "other/new", np.random.default_rng(1).normal(size=400))
    learned = learn(train)
    _, scored = Scorer(learned).score(begin(learned), test.t_ns, test.values)
    assert not (scored.alarm == ATTACK)[:, :-1].any()


def test_gaps_in_time_and_cells_are_bridged() -> None:
    chance = np.random.default_rng(2)
    keep = np.ones(1500, np.bool_)
    keep[300:350] = keep[900:901] = False
    values = TRAIN.values.copy()
    values[chance.uniform(size=values.shape) < 0.02] = np.nan
    train = Table(TRAIN.ids, TRAIN.t_ns[keep], values[keep])
    test = lied(TEST)
    holes = test.values.copy()
    holes[chance.uniform(size=holes.shape) < 0.02] = np.nan
    there = np.ones(400, np.bool_)
    there[100:110] = False
    found = named(train, Table(test.ids, test.t_ns[there], holes[there]))
    assert len(found) == 1


@pytest.mark.parametrize("rows", [0, 1, 10, 99])
def test_too_few_rows_are_refused_with_the_number_needed(rows: int) -> None:
    few = Table(TRAIN.ids, TRAIN.t_ns[:rows], TRAIN.values[:rows])
    with pytest.raises(UsageError, match=f"{rows} rows to learn from, expected at least 100"):
        learn(few)


def test_nothing_that_moves_is_refused() -> None:
    still = Table(TRAIN.ids, TRAIN.t_ns, np.ones_like(TRAIN.values))
    with pytest.raises(UsageError, match="nothing to learn"):
        learn(still)


def test_the_order_of_columns_does_not_count() -> None:
    order = [3, 1, 4, 0, 2]
    ids = tuple(TRAIN.ids[k] for k in order)
    test = lied(TEST)
    other = named(
        Table(ids, TRAIN.t_ns, TRAIN.values[:, order]), Table(ids, test.t_ns, test.values[:, order])
    )
    assert other == {"tank/pressure"}


def test_an_attack_in_the_training_teaches_nothing() -> None:
    values = TRAIN.values.copy()
    values[700:740, FLOW] += 8.0
    attacked = Table(TRAIN.ids, TRAIN.t_ns, values)
    lesson = teach(attacked, None, lambda _text: None)
    assert lesson.suspect[702:738].all()
    assert lesson.suspect.sum() < 90
    test = TEST.values.copy()
    test[LIE, FLOW] += 8.0
    found = Scorer(lesson.learned).score(begin(lesson.learned), TEST.t_ns, test)[1]
    assert (found.alarm[LIE, FLOW] == ATTACK).any()


def test_a_training_that_is_no_run_of_one_plant_is_refused() -> None:
    values = TRAIN.values.copy()
    values[700:1000, FLOW] = values[700:1000, FLOW] * 0.2 + 30
    values[700:1000, LEVEL] += 3 * np.random.default_rng(3).normal(size=300)
    with pytest.raises(UsageError, match=r"\d+% of the rows do not fit the rest.*--keep-suspect"):
        teach(Table(TRAIN.ids, TRAIN.t_ns, values), None, lambda _text: None)


def test_the_same_period_is_not_required() -> None:
    """Rows that come at another pace than in training follow nothing: they are told, not scored as surprises."""
    learned = learn(TRAIN)
    t_ns = TEST.t_ns[0] + np.arange(400) * 5 * HOUR_NS
    _, scored = Scorer(learned).score(begin(learned), t_ns, TEST.values)
    assert not (scored.alarm == ATTACK).any()
