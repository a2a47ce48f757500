"""What detection remembers: after a restart it is what it was, hashes of a long past included."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.detect.plant import PRESSURE, plant
from twinvouch.core.memo import Memo
from twinvouch.readings.detect import remembered
from twinvouch.readings.detect.learn import learn
from twinvouch.readings.detect.score import Scorer

LEARNED = learn(plant(1500, 1))
SCORER = Scorer(LEARNED)
ABOUT = "model"


def stored(memos: dict[str, Memo]) -> dict[str, Memo]:
    """As the state store gives them back."""
    return {key: Memo(memo.about, memo.stored()) for key, memo in memos.items()}


@given(st.lists(st.integers(1, 200), min_size=1, max_size=8), st.integers(0, 2**16))
def test_a_restart_forgets_nothing(sizes: list[int], seed: int) -> None:
    table = plant(sum(sizes) + 60, 7)
    chance = np.random.default_rng(seed)
    on_disk: dict[str, Memo] = {}
    state = remembered.recall(ABOUT, {}, LEARNED)
    at = 0
    waiting: dict[str, Memo] = {}
    for size in sizes:
        part = slice(at, at + size)
        after, _ = SCORER.score(state, table.t_ns[part], table.values[part])
        waiting |= remembered.memos(ABOUT, state, after)
        state, at = after, at + size
        if chance.uniform() < 0.5:  # they are stored now and then, always the newest of each
            on_disk |= stored(waiting)
            waiting = {}
    on_disk |= stored(waiting)
    again = remembered.recall(ABOUT, on_disk, LEARNED)
    assert again.heard.count == state.heard.count == at
    assert np.array_equal(again.heard.last(), state.heard.last())
    assert np.array_equal(again.heard.tail, state.heard.tail, equal_nan=True)
    rest = table.values[at:].copy()
    rest[30:, PRESSURE] = table.values[max(at - 40, 0) : max(at - 40, 0) + 30, PRESSURE]
    one = SCORER.score(state, table.t_ns[at:], rest)[1]
    two = SCORER.score(again, table.t_ns[at:], rest)[1]
    assert np.array_equal(one.alarm, two.alarm)
    assert np.array_equal(one.fast, two.fast)


def test_another_model_remembers_nothing() -> None:
    table = plant(50, 7)
    state = remembered.recall(ABOUT, {}, LEARNED)
    after, _ = SCORER.score(state, table.t_ns, table.values)
    kept = remembered.memos(ABOUT, state, after)
    assert remembered.recall(ABOUT, kept, LEARNED) is after
    assert remembered.recall("another", kept, LEARNED).heard.count == 0
