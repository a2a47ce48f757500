"""Hashes that are kept: none of them is ever denied, and an old state is what it was."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.readings.detect.rolling import LONGEST, Hasher, Hashes
from twinvouch.readings.detect.seen import Seen

MEMORY = 64


def drawn(rows: int, seed: int, width: int = 3) -> Hashes:
    chance = np.random.default_rng(seed)
    return chance.integers(0, 2**64, (rows, width), np.uint64) | np.uint64(1)


@given(st.lists(st.integers(1, 90), min_size=1, max_size=12), st.integers(0, 2**16))
def test_what_is_kept_is_never_denied(sizes: list[int], seed: int) -> None:
    seen, end = Seen(MEMORY, 3), 0
    for n, size in enumerate(sizes):
        seen, end, _ = seen.heard(end, drawn(size, seed + n))
    last = seen.last(end)
    assert np.array_equal(last[-size:], drawn(size, seed + n)[-MEMORY:])
    assert seen.heard(end, last)[2].all()
    assert seen.heard(end, drawn(500, seed + 2**20))[2].mean() < 0.02


def test_what_says_nothing_is_not_looked_for() -> None:
    seen, end, _ = Seen(MEMORY, 2).heard(0, np.zeros((5, 2), np.uint64))
    assert end == 5
    assert not seen.heard(end, np.zeros((1, 2), np.uint64))[2].any()


def test_two_that_go_on_from_one_do_not_meet() -> None:
    first, end, _ = Seen(MEMORY, 3).heard(0, drawn(10, 1))
    one, end_one, _ = first.heard(end, drawn(1, 2))
    other, end_other, _ = first.heard(end, drawn(1, 3))
    assert np.array_equal(one.last(end_one)[-1:], drawn(1, 2))
    assert np.array_equal(other.last(end_other)[-1:], drawn(1, 3))
    assert not first.heard(end, drawn(1, 2))[2].any()


@given(st.integers(0, 2**16), st.lists(st.integers(0, LONGEST), min_size=1, max_size=5))
def test_hashes_row_by_row_are_those_of_a_block(seed: int, rows: list[int]) -> None:
    hasher, chance = Hasher(np.array(rows, np.int64)), np.random.default_rng(seed)
    values = chance.integers(0, 3, (60, len(rows))) / 100
    whole = hasher.of(values)
    rolled = hasher.rolled(values[:LONGEST])
    for n in range(LONGEST, len(values)):
        rolled, made = hasher.following(rolled, values[n - LONGEST : n], values[n])
        assert np.array_equal(made, whole[n - LONGEST + 1])
