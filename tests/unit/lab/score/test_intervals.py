"""Intervals: published values of Wilson's, and groups that are drawn again."""

import numpy as np
import pytest

from twinvouch.lab.score.intervals import bootstrap, wilson


@pytest.mark.parametrize(
    ("found", "of", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe, Statistics in Medicine 17, 1998, table I
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson_is_as_published(found: int, of: int, low: float, high: float) -> None:
    assert wilson(found, of) == pytest.approx((low, high), abs=5e-5)


def test_groups_that_differ_make_an_interval_wide_and_alike_ones_none() -> None:
    alike = [np.array([1.0, 3.0]) for _ in range(10)]
    assert bootstrap(alike, lambda rows: float(rows.mean())) == (2.0, 2.0)
    apart = [np.full(50, float(n % 2)) for n in range(20)]
    low, high = bootstrap(apart, lambda rows: float(rows.mean()))
    assert low < 0.35
    assert high > 0.65


def test_what_was_never_found_may_be_in_it() -> None:
    groups = [np.array([1.0]), np.array([2.0]), np.array([np.inf])]
    low, high = bootstrap(groups, lambda rows: float(np.sort(rows)[1]))
    assert low == 1.0
    assert high == np.inf
