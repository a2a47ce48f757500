"""Exact bounds of shares."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.lab.range.bounds import clopper_pearson


@pytest.mark.parametrize(
    ("found", "of", "low", "high"),
    [  # Newcombe 1998, table I, method 5
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0.0, 0.1684),
        (1, 29, 0.0009, 0.1776),
        (29, 29, 0.8806, 1.0),
    ],
)
def test_published_bounds(found: int, of: int, low: float, high: float) -> None:
    assert clopper_pearson(found, of) == pytest.approx((low, high), abs=6e-5)


def test_no_trial_says_nothing() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 400))
def test_bounds_hold_the_share_and_grow_with_it(of: int) -> None:
    bounds = [clopper_pearson(k, of) for k in range(0, of + 1, max(1, of // 7))]
    for k, (low, high) in zip(range(0, of + 1, max(1, of // 7)), bounds, strict=True):
        assert low <= k / of <= high
    assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in pairwise(bounds))
