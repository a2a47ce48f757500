"""Wilson's interval: a worked example, and what it must be at the ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.lab.score.intervals import wilson


def test_a_worked_example() -> None:
    """Newcombe 1998, table I, method 3: 81 of 263, 15 of 148, 0 of 20."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_of_nothing_nothing_is_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 1000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_share_lies_inside_and_the_other_share_mirrors_it(drawn: tuple[int, int]) -> None:
    of, whole = drawn
    low, high = wilson(of, whole)
    assert 0 <= low <= of / whole + 1e-12
    assert of / whole - 1e-12 <= high <= 1
    assert wilson(whole - of, whole) == pytest.approx((1 - high, 1 - low))
