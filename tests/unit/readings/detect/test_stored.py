"""A model as files: the same model comes back, and what is no model is refused with the place."""

import copy
import json
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.detect.plant import plant
from twinvouch.core.errors import MalformedError
from twinvouch.core.memo import pack, unpack
from twinvouch.readings.detect import stored
from twinvouch.readings.detect.learn import learn
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.score import Scorer
from twinvouch.readings.detect.state import begin

LEARNED = learn(plant(1500, 1))
PLAIN, ARRAYS = stored.write(LEARNED)


def test_the_same_model_comes_back() -> None:
    again: Learned = stored.read(Learned, json.loads(json.dumps(PLAIN)), ARRAYS)
    stored.check(again)
    test = plant(400, 2)
    for mine, theirs in zip(
        Scorer(LEARNED).score(begin(LEARNED), test.t_ns, test.values)[1].__slots__,
        Scorer(again).score(begin(again), test.t_ns, test.values)[1].__slots__,
        strict=True,
    ):
        assert mine == theirs
    first = Scorer(LEARNED).score(begin(LEARNED), test.t_ns, test.values)[1]
    second = Scorer(again).score(begin(again), test.t_ns, test.values)[1]
    assert np.array_equal(first.fast, second.fast)
    assert np.array_equal(first.slow, second.slow)


def test_arrays_are_finite_as_gate_2_wants_them() -> None:
    assert all(np.isfinite(a).all() for a in ARRAYS.values() if a.dtype.kind == "f")
    assert np.isinf(LEARNED.q).any()


def places(plain: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at]
    items = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()  # fmt: skip
    for key, child in items:
        found += places(child, (*at, key))
    return found


@given(
    st.sampled_from(places(PLAIN)[1:]), st.sampled_from([None, "x", -7, 1.5, [], {}, [[]], True])
)
def test_anything_else_is_refused(place: tuple[Any, ...], other: Any) -> None:
    changed = copy.deepcopy(PLAIN)
    node = changed
    for key in place[:-1]:
        node = node[key]
    if node[place[-1]] == other and type(node[place[-1]]) is type(other):
        return
    node[place[-1]] = other
    with suppress(MalformedError):  # and nothing else
        stored.check(stored.read(Learned, changed, ARRAYS))


@pytest.mark.parametrize("name", sorted(ARRAYS))
def test_a_missing_or_retyped_array_is_refused(name: str) -> None:
    without = {n: a for n, a in ARRAYS.items() if n != name}
    with pytest.raises(MalformedError, match="expected an array"):
        stored.read(Learned, PLAIN, without)
    other = np.zeros(ARRAYS[name].shape, np.int8)
    with pytest.raises(MalformedError, match="expected an array"):
        stored.read(Learned, PLAIN, {**without, name: other})


@given(st.sampled_from(sorted(ARRAYS)), st.integers(0, 3))
def test_an_array_of_another_length_never_raises_anything_else(name: str, cut: int) -> None:
    array = ARRAYS[name]
    other = array[..., : max(array.shape[-1] - cut, 0)] if array.ndim else array
    with suppress(MalformedError):  # and nothing else
        stored.check(stored.read(Learned, PLAIN, {**ARRAYS, name: other}))


def test_the_state_survives_as_arrays_of_one_dimension() -> None:
    test = plant(300, 3)
    scorer = Scorer(LEARNED)
    half, _ = scorer.score(begin(LEARNED), test.t_ns[:150], test.values[:150])
    arrays = pack(half)
    assert all(a.ndim == 1 and a.dtype != np.bool_ for a in arrays)
    again = unpack(begin(LEARNED), arrays)
    one = scorer.score(half, test.t_ns[150:], test.values[150:])[1]
    two = scorer.score(again, test.t_ns[150:], test.values[150:])[1]
    assert np.array_equal(one.alarm, two.alarm)
    assert np.array_equal(one.slow, two.slow)
