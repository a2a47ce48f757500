"""Replays: a stretch that was heard before to the last digit, in any blocks, and what says nothing."""

import numpy as np
import pytest

from twinvouch.readings.detect import repeats

CHANCE = np.random.default_rng(1)
HOUR_NS = 3_600_000_000_000


def signals(rows: int) -> np.ndarray:
    """A noisy signal in hundredths, one that stands, one that repeats itself every day."""
    day = np.round(np.sin(np.arange(rows) * 2 * np.pi / 24), 3)
    return np.column_stack((np.round(CHANCE.normal(size=rows), 2), np.full(rows, 3.0), day))


WINDOWS = repeats.learn(signals(3000), HOUR_NS)
EAR = repeats.Ear(WINDOWS)


def hear(heard: repeats.Heard, values: np.ndarray) -> tuple[repeats.Heard, np.ndarray]:
    heard, found = EAR.hear(heard, values)
    return heard, np.zeros(values.shape, np.bool_) if found is None else found


def test_a_window_is_learned_where_training_never_repeats_itself() -> None:
    assert WINDOWS.rows[0] > 0
    assert WINDOWS.rows[1:].tolist() == [0, 0]
    assert WINDOWS.memory == 14 * 24


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_a_replay_is_heard_and_nothing_else(block: int) -> None:
    values = signals(1000)
    values[500:530, 0] = values[428:458, 0]
    heard, parts = repeats.begin(WINDOWS), []
    for start in range(0, 1000, block):
        heard, found = hear(heard, values[start : start + block])
        parts.append(found)
    whole = np.concatenate(parts)
    first = 500 + int(WINDOWS.rows[0]) - 1
    assert np.flatnonzero(whole[:, 0]).tolist() == list(range(first, 530))
    assert not whole[:, 1:].any()


def test_what_is_older_than_the_memory_is_forgotten() -> None:
    values = signals(1000)
    values[900:930, 0] = values[100:130, 0]
    assert not hear(repeats.begin(WINDOWS), values)[1].any()


def test_an_old_state_is_what_it_was() -> None:
    values = signals(400)
    values[300:320, 0] = values[100:120, 0]
    before, _ = hear(repeats.begin(WINDOWS), values[:300])
    first = hear(before, values[300:])[1]
    assert np.array_equal(hear(before, values[300:])[1], first)
    assert first.any()


def test_missing_values_end_a_stretch() -> None:
    values = signals(400)
    values[300:320, 0] = values[100:120, 0]
    values[300:320:2, 0] = np.nan
    assert not hear(repeats.begin(WINDOWS), values)[1].any()
