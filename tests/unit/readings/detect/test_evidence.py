"""Tails, fusion, evidence and slow means: how errors become alarms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.readings.detect import evidence, fusion, runs, slow, tails
from twinvouch.readings.detect.evidence import NEW, RAISE, RELEASE, says, trace
from twinvouch.readings.detect.tails import Tails

CHANCE = np.random.default_rng(11)


def test_the_tail_of_normal_errors_is_about_right() -> None:
    train, test = np.abs(CHANCE.normal(size=5000)), np.abs(CHANCE.normal(size=200_000))
    q, b = tails.tail(train, 0.0)
    u = Tails(np.array([q]), np.array([b])).surprise(test)
    assert (u > 2).mean() == pytest.approx(0.01, rel=0.5)
    # conservative far out: what comes once in ten thousand is not called rarer
    assert (u > 4).mean() < 2e-4


def test_the_largest_error_of_the_training_is_no_surprise() -> None:
    size = np.abs(CHANCE.normal(size=2000))
    size[77] = 40.0
    q, b = tails.tail(size, 0.0)
    assert Tails(np.array([q]), np.array([b])).surprise(np.array([40.0]))[0] < 4.0


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_larger_error_is_never_less_surprising(one: float, other: float) -> None:
    tail = Tails(np.array([2.0]), np.array([0.5]))
    low, high = sorted((one, other))
    assert tail.surprise(np.array([low]))[0] <= tail.surprise(np.array([high]))[0]


def test_thin_regimes_share_a_tail() -> None:
    error = np.concatenate((CHANCE.normal(size=1000), 5 * CHANCE.normal(size=160)))
    cells = np.r_[np.zeros(1000, int), np.arange(160) % 4 + 1]
    q, _ = tails.learn(error, cells, 6, 0.0)
    assert q[1] == q[2] == q[4] == q[5]
    assert q[1] > 2 * q[0]


def test_errors_below_the_step_of_a_sensor_are_no_surprise() -> None:
    q, b = tails.tail(np.zeros(1000), 0.01)
    assert Tails(np.array([q]), np.array([b])).surprise(np.array([0.01]))[0] < 2


def test_the_largest_of_many_is_fused_to_one_surprise() -> None:
    train = -np.log10(CHANCE.uniform(size=(20_000, 40))).max(axis=1)
    test = -np.log10(CHANCE.uniform(size=(20_000, 40))).max(axis=1)
    u = fusion.learn(train).fused(test)
    for level in (0.5, 1.0, 2.0):
        assert (u > level).mean() == pytest.approx(10.0**-level, rel=0.25)


def test_one_extreme_row_raises_and_quiet_rows_release() -> None:
    u = np.concatenate((np.zeros(5), [8.0], np.full(40, 0.3)))
    odds = trace(NEW, says(u))
    assert (odds[:5] < RAISE).all()
    assert odds[5] > RAISE
    assert 2 <= np.count_nonzero(odds > RELEASE) <= 12
    assert odds[-1] < RELEASE


def test_weak_rows_add_up() -> None:
    assert trace(NEW, says(np.array([3.0])))[-1] < RAISE
    assert trace(NEW, says(np.full(4, 3.0)))[-1] > RAISE


def test_normal_rows_hardly_ever_raise() -> None:
    u = -np.log10(np.random.default_rng(1).uniform(size=50_000))
    up = trace(NEW, says(u)) > RAISE
    assert np.count_nonzero(np.diff(up.astype(int)) > 0) <= 4


@given(st.lists(st.floats(0, 400), min_size=1, max_size=60), st.integers(0, 59))
def test_rows_may_come_in_any_blocks(u: list[float], at: int) -> None:
    ratio = says(np.array(u))
    first = trace(NEW, ratio[:at])
    second = trace(float(first[-1]) if len(first) else NEW, ratio[at:])
    assert np.allclose(np.concatenate((first, second)), trace(NEW, ratio), rtol=1e-9)


def loop_means(values: np.ndarray, rows: float, counts: np.ndarray) -> np.ndarray:
    now, made = np.zeros(values.shape[1]), []
    for value, does in zip(values, counts, strict=True):
        now = now + (value - now) / rows if does else now
        made.append(now)
    return np.array(made)


@pytest.mark.parametrize("rows", [4.0, 24.0, 1000.0])
def test_means_are_those_of_a_loop(rows: float) -> None:
    values = CHANCE.normal(size=(3000, 3))
    counts = CHANCE.uniform(size=3000) > 0.2
    found = slow.means(values, rows, np.zeros(3), counts)
    assert np.allclose(found, loop_means(values, rows, counts), atol=1e-9)
    half = slow.means(values[:1234], rows, np.zeros(3), counts[:1234])
    rest = slow.means(values[1234:], rows, half[-1], counts[1234:])
    assert np.allclose(rest, found[1234:], atol=1e-9)


def test_a_lasting_bias_passes_the_limit_and_training_does_not() -> None:
    train = np.random.default_rng(7).normal(
        size=(4000, 5)
    )  # its own: the order of tests must not count
    channels = slow.learn(slow.clipped(train, train / 2.3), 3_600_000_000_000)
    assert {c.error for c in channels} == {slow.BIAS, slow.ENERGY}
    channel = next(c for c in channels if c.error == slow.BIAS and c.rows == 96)
    counts = np.ones(2000, np.bool_)
    clean = np.random.default_rng(3).normal(size=(2000, 5))
    lied = clean.copy()
    lied[1000:, 2] += 0.8
    for values, is_found in ((clean, False), (lied, True)):
        mean = slow.means(values, channel.rows, np.zeros(5), counts)
        part = np.abs(mean) / channel.limit
        assert (part.max(axis=1) > 1).any() == is_found
    assert part[-1].argmax() == 2


def test_windows_fit_the_training() -> None:
    hour = 3_600_000_000_000
    assert slow.windows(slow.BIAS, hour, 8760) == (4.0, 6.0, 24.0, 96.0)
    assert slow.windows(slow.BIAS, hour // 4, 17_280) == (4.0, 24.0, 96.0, 384.0)
    assert slow.windows(slow.ENERGY, hour, 8760) == (8.0, 24.0, 96.0)
    assert max(slow.windows(slow.BIAS, 10**9, 400)) == 10.0


def test_runs_are_counted_over_blocks() -> None:
    values = np.array([[1.0], [1.0], [2.0], [2.0], [2.0]])
    whole = runs.lengths(values, np.array([np.nan]), np.zeros(1, int))
    assert whole[:, 0].tolist() == [1, 2, 1, 2, 3]
    first = runs.lengths(values[:4], np.array([np.nan]), np.zeros(1, int))
    last = runs.lengths(values[4:], values[3], first[-1])
    assert last[:, 0].tolist() == [3]


def test_a_signal_that_stands_still_longer_than_ever_is_frozen() -> None:
    values = np.round(CHANCE.normal(size=(1000, 2)), 2)
    values[:, 1] = np.maximum(values[:, 1], 0.0)  # often at its lowest value
    most, ends = runs.learn(values)
    still = np.tile(np.array([[0.5, 0.0]]), (30, 1))
    length = runs.lengths(still, values[-1], np.ones(2, int))
    frozen = runs.frozen(still, length, most, (ends[0] + 0.02, ends[1] - 0.02))
    assert frozen[-1].tolist() == [True, False]
    assert not frozen[:3].any()


def test_certainty_is_bounded() -> None:
    odds = trace(NEW, says(np.full(5000, 400.0)))
    assert odds.max() <= evidence.MOST_ODDS
    assert trace(float(odds[-1]), says(np.zeros(400)))[-1] < RELEASE
    assert RELEASE < RAISE
