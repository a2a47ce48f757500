"""Injectors: pure, exact before the attack begins, and doing what their names say."""

import doctest
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from twinvouch.core import inject

Injector = Callable[[np.ndarray, int], np.ndarray]


def _times(values: np.ndarray) -> np.ndarray:
    return np.arange(len(values), dtype=np.float64)


INJECTORS: dict[str, Injector] = {
    "offset": lambda v, s: inject.offset(v, 3.0, s),
    "scaling": lambda v, s: inject.scaling(v, 1.5, s),
    "ramp": lambda v, s: inject.ramp(v, _times(v), 0.25, s),
    "freeze": inject.freeze,
    "noise": lambda v, s: inject.noise(v, 0.1, np.random.default_rng(7), s),
    "replay": lambda v, s: inject.replay(v, 1, max(1, s)),
}
columns = arrays(
    np.float64,
    array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=12),
    elements=st.floats(-1e6, 1e6, width=32),
)


@pytest.mark.parametrize("name", INJECTORS)
@given(values=columns, start=st.integers(0, 13))
def test_what_came_before_stays_and_the_input_is_not_touched(
    name: str, values: np.ndarray, start: int
) -> None:
    before = values.copy()
    values.flags.writeable = False
    lied = INJECTORS[name](values, start)
    assert lied.shape == values.shape
    assert np.array_equal(values, before)
    assert np.array_equal(lied[:start], before[:start])


@given(values=columns)
def test_the_lie_is_what_its_name_says(values: np.ndarray) -> None:
    rows = len(values)
    assert np.allclose(inject.offset(values, 3.0) - values, 3.0, atol=1e-6)
    assert np.array_equal(inject.scaling(values, 0.0), np.zeros_like(values))
    drift = inject.ramp(values, _times(values), 2.0) - values
    assert np.allclose(drift[-1], 2.0 * (rows - 1), atol=1e-6)
    assert np.array_equal(inject.freeze(values)[-1], values[0])


def test_noise_is_repeated_by_its_seed_and_differs_by_another() -> None:
    values = np.zeros((200, 3))
    first = inject.noise(values, 2.0, np.random.default_rng(1))
    assert np.array_equal(first, inject.noise(values, 2.0, np.random.default_rng(1)))
    assert not np.array_equal(first, inject.noise(values, 2.0, np.random.default_rng(2)))
    assert first.std() == pytest.approx(2.0, rel=0.1)


def test_a_replay_needs_something_to_play() -> None:
    values = np.arange(10.0)
    assert inject.replay(values, 3, 4)[4:].tolist() == [1, 2, 3, 1, 2, 3]
    for length, start in ((0, 4), (5, 4), (-1, 4)):
        with pytest.raises(ValueError, match="rows to replay"):
            inject.replay(values, length, start)


def test_examples_in_the_text_hold() -> None:
    assert doctest.testmod(inject).failed == 0
    assert doctest.testmod(inject).attempted >= 5
