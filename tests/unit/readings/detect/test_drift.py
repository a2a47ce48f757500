"""Alarms of slow channels: who begins one, how it holds, and that rows may come in any blocks."""

import numpy as np

from twinvouch.readings.detect import drift

EVERY = np.ones(3, np.bool_)


def test_only_the_furthest_beyond_its_limits_begins_and_it_holds_to_half() -> None:
    shares = np.array(
        [[[0.2, 0.9, 0.1], [1.1, 1.4, 0.1], [1.2, 0.8, 0.1], [0.3, 0.6, 0.0], [0.2, 0.4, 0.0]]]
    )
    found = drift.latched(shares, EVERY, np.zeros((1, 3), np.bool_))[0]
    assert found[:, 1].tolist() == [False, True, True, True, False]
    assert found[:, 0].tolist() == [False, False, True, False, False]


def test_who_is_not_watched_begins_none_and_stands_in_nobodys_way() -> None:
    shares = np.array([[[9.0, 1.2, 0.0]]])
    found = drift.latched(shares, np.array([False, True, True]), np.zeros((1, 3), np.bool_))
    assert found[0, 0].tolist() == [False, True, False]


def test_rows_may_come_in_any_blocks() -> None:
    shares = np.abs(np.random.default_rng(1).normal(size=(4, 300, 3))).cumsum(axis=1) % 1.5
    whole = drift.latched(shares, EVERY, np.zeros((4, 3), np.bool_))
    state, parts = np.zeros((4, 3), np.bool_), []
    for row in range(300):
        found = drift.latched(shares[:, row : row + 1], EVERY, state)
        state = found[:, 0]
        parts.append(found)
    assert whole.any()
    assert np.array_equal(np.concatenate(parts, axis=1), whole)
