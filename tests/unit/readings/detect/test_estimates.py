"""Columns, features, ridge and regimes: what is estimated from what."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.detect.plant import FLOW, HOUR_NS, LEVEL, RUN, SPARE, plant
from twinvouch.core.table import Table
from twinvouch.readings.detect import columns, design, parts, regimes, ridge
from twinvouch.readings.detect.learn import learn
from twinvouch.readings.detect.score import Scorer
from twinvouch.readings.detect.state import ATTACK, begin


def test_columns_know_switches_constants_and_continuous_tags() -> None:
    known = columns.survey(plant(800, 1))
    assert known.continuous.tolist() == [0, 1, 2]
    assert known.switches.tolist() == [RUN]
    assert known.constant.tolist() == [SPARE]
    assert known.period_ns == HOUR_NS
    assert known.has_calendar
    assert not columns.survey(plant(200, 1)).has_calendar


def test_a_switch_that_hardly_moved_is_rare() -> None:
    table = plant(800, 1)
    table.values[100:150, SPARE] = 1.0
    known = columns.survey(table)
    assert known.rare.tolist() == [SPARE]
    assert known.usual.tolist() == [False]


def test_steps_are_two_decimals_or_three_digits() -> None:
    values = np.array([[2.98, 98.7, 0.0266, 0.0, np.nan]])
    assert columns.assumed_step(values).tolist() == pytest.approx([0.01, 0.01, 0.0001, 0.01, 0.01])


def test_missing_values_are_the_last_ones_read() -> None:
    values = np.array([[np.nan, 1.0], [2.0, np.nan], [np.nan, np.nan], [3.0, 4.0]])
    full = columns.filled(values, np.array([9.0, 9.0]))
    assert full.tolist() == [[9.0, 1.0], [2.0, 1.0], [2.0, 1.0], [3.0, 4.0]]


def test_features_are_now_before_and_the_calendar() -> None:
    table = plant(800, 1)
    known = columns.survey(table)
    away = design.scaled(known, table.values)
    made = design.features(known, table.t_ns, away, np.array([LEVEL, FLOW]))
    assert made.shape == (799, design.width(known, 2))
    assert np.array_equal(made[:, :2], away[1:, [LEVEL, FLOW]])
    assert np.array_equal(made[:, 2:4], away[:-1, [LEVEL, FLOW]])
    hours = made[:, 4:28].argmax(axis=1)
    assert np.array_equal(hours, np.arange(1, 800) % 24)
    weekend = made[:, 28:52].sum(axis=1) > 0
    # 1970-01-01 was a Thursday: its third day is a Saturday
    assert np.array_equal(weekend, (np.arange(1, 800) // 24 + 3) % 7 >= 5)


def test_a_row_after_a_gap_follows_nothing() -> None:
    table = plant(800, 1)
    known = columns.survey(table)
    t_ns = np.array([0, 1, 2, 10, 11]) * HOUR_NS
    assert design.follows(known, t_ns).tolist() == [True, True, False, True]


@pytest.mark.parametrize("without_own_past", [False, True])
def test_one_inverse_is_all_regressions(*, without_own_past: bool) -> None:
    chance = np.random.default_rng(3)
    features = chance.normal(size=(200, 9))
    features[:, 1] += features[:, 0]
    found = ridge.weights(ridge.gram(features), 3, without_own_past=without_own_past)
    for tag in range(3):
        left_out = {tag, tag + 3} if without_own_past else {tag}
        used = [k for k in range(9) if k not in left_out]
        part = features[:, used]
        normal = part.T @ part + ridge.LAMBDA * np.eye(len(used))
        expected = np.linalg.solve(normal, part.T @ features[:, tag])
        assert np.allclose(found[used, tag], expected)
        assert all(found[k, tag] == 0 for k in left_out)


def rows_of(table: Table) -> tuple[np.ndarray, np.ndarray, columns.Columns]:
    known = columns.survey(table)
    away = design.scaled(known, table.values)
    features = design.features(known, table.t_ns, away, np.arange(len(table.ids)))
    return features, regimes.states(known.on(table.values, known.switches)), known


def test_the_level_is_split_by_its_pump() -> None:
    features, pairs, known = rows_of(plant(8000, 1, lively=0.3))
    splits, fits = regimes.choose(features, 5, pairs)
    assert splits[LEVEL] == (0,)
    level = fits[(0,)].error[:, LEVEL] * known.scale[LEVEL]
    steady = np.isin(fits[(0,)].cells, (0, 3))
    assert level[steady].std() < 0.03
    whole = fits[()].error[:, LEVEL] * known.scale[LEVEL]
    assert whole[steady].std() > 1.05 * level[steady].std()


def test_errors_of_a_fold_come_from_the_others() -> None:
    features, pairs, _ = rows_of(plant(1200, 2))
    fitted = regimes.fit(features, 5, (), pairs, None)
    out = regimes.folds(len(features)) == 2
    weights = ridge.weights(ridge.gram(features[~out]), 5)
    assert np.allclose(fitted.error[out], features[out, :5] - features[out] @ weights)


def test_a_regime_of_few_rows_is_estimated_as_a_whole() -> None:
    features, pairs, _ = rows_of(plant(1200, 2))
    pairs = np.zeros_like(pairs)
    pairs[:10] = 3
    whole = regimes.fit(features, 5, (), pairs, None)
    split = regimes.fit(features, 5, (0,), pairs, whole)
    assert np.array_equal(split.weights[3], whole.weights[0])
    assert np.array_equal(split.error[:10], whole.error[:10])


@given(st.lists(st.booleans(), min_size=2, max_size=30))
def test_states_say_before_and_now(on: list[bool]) -> None:
    pairs = regimes.states(np.array(on)[:, None])[:, 0].tolist()
    assert pairs == [2 * a + b for a, b in pairwise(on)]


def table_of(values: np.ndarray) -> Table:
    ids = tuple(f"t{n}" for n in range(values.shape[1]))
    return Table(ids, np.arange(len(values)), values)


def test_many_tags_are_divided_among_related_ones() -> None:
    chance = np.random.default_rng(5)
    hidden = chance.normal(size=(500, 4))
    away = np.repeat(hidden, 40, axis=1) + 0.3 * chance.normal(size=(500, 160))
    found = parts.divide(table_of(away))
    assert sorted(np.concatenate(found).tolist()) == list(range(160))
    assert max(len(part) for part in found) <= parts.MOST
    related = [np.unique(part // 40, return_counts=True)[1].max() / len(part) for part in found]
    assert np.mean(related) > 0.75


def test_few_tags_are_one_part() -> None:
    assert parts.divide(table_of(np.zeros((10, 64))))[0].tolist() == list(range(64))


def test_tags_of_one_asset_stay_together_where_nothing_else_relates_them() -> None:
    ids = tuple(f"a{n % 5}/t{n}" for n in range(100))
    values = np.random.default_rng(6).normal(size=(2000, 100))
    still = values.copy()
    still[:, 70:] = 1.0  # what never moves goes with its asset, and does not count
    assert len(parts.divide(Table(ids, np.arange(2000), still[:, 10:]))) == 1
    divided = parts.divide(Table(ids, np.arange(2000), np.hstack((values[:, :80], still[:, 80:]))))
    assert sorted(np.concatenate(divided).tolist()) == list(range(100))
    for part in divided:
        assets = [ids[k].partition("/")[0] for k in part.tolist()]
        assert len(set(assets)) <= 3


def test_a_plant_in_parts_finds_what_each_of_its_parts_finds() -> None:
    """Twenty tanks side by side that have nothing to do with each other."""
    tanks = [plant(1500, seed) for seed in range(20)]
    later = [plant(200, 100 + seed, start=1500) for seed in range(20)]
    ids = tuple(f"t{n}-{name}" for n in range(20) for name in tanks[0].ids)
    train = Table(ids, tanks[0].t_ns, np.hstack([t.values for t in tanks]))
    values = np.hstack([t.values for t in later])
    liar = ids.index("t7-tank/pressure")
    values[100:140, liar] += 6.0
    learned = learn(train)
    assert len(learned.parts) > 1
    assert sorted(np.concatenate([p.tags for p in learned.parts]).tolist()) == list(range(100))
    assert learned.columns.ids == ids
    for k, name in enumerate(ids):
        kinds = {"tank/level", "tank/pressure", "pump/flow"}
        assert (k in learned.columns.continuous) == (name.partition("-")[2] in kinds)
    _, scored = Scorer(learned).score(begin(learned), later[0].t_ns, values)
    assert (scored.alarm[100:140, liar] == ATTACK).any()
    others = np.delete(scored.alarm, liar, axis=1)
    assert np.count_nonzero((others == ATTACK).any(axis=0)) <= 2
