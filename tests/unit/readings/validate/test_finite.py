"""finite: NaN and infinity."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import LEVEL, Line, batch_of, rules, tag_of, view_of
from twinvouch.core.batch import Quality
from twinvouch.core.label import Axis
from twinvouch.readings.validate import finite

TAGS = [tag_of("a/x"), tag_of("a/y")]


def flagged(batch, **but):  # type: ignore[no-untyped-def]
    return finite.check(batch, view_of(batch, TAGS, **but))


def test_finite_values_are_clean_however_large() -> None:
    assert flagged(batch_of([[1.0, -1e308], [1e308, 0.0]])) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_attack_with_what_is_no_number_is_found(value: float) -> None:
    got = flagged(batch_of([[1.0, 2.0], [1.0, value], [1.0, value]]))
    (finding,) = got.findings
    assert (finding.rule, finding.subject, finding.rows, finding.first_row) == (
        "finite",
        "a/y",
        2,
        1,
    )
    assert got.mask.tolist() == [[False, False], [False, True], [False, True]]
    assert f"is {value}, expected a finite number (2 rows from row 1)" in finding.sentence


def test_a_value_that_is_not_there_is_legitimate() -> None:
    assert flagged(batch_of([[1.0, np.nan]], [[Quality.GOOD, Quality.MISSING]])) is None


@given(
    st.lists(st.floats(), min_size=4, max_size=4),
    st.lists(st.integers(0, 3), min_size=4, max_size=4),
)
def test_exactly_the_present_cells_that_are_no_number_are_flagged(
    values: list[float], quality: list[int]
) -> None:
    batch = batch_of(np.reshape(values, (2, 2)), np.reshape(quality, (2, 2)))
    got = flagged(batch)
    expected = ~np.isfinite(batch.values) & (batch.quality != Quality.MISSING)
    mask = np.zeros((2, 2), bool) if got is None else got.mask
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_at_the_gate_the_cell_loses_all_plausibility_and_its_neighbours_none(value: float) -> None:
    line = Line()
    line.read()
    got = line.read(values={LEVEL: value})
    assert rules(got) == ["finite"]
    assert got.admitted.label.axes[Axis.PLAUSIBILITY, 0].tolist() == [
        finite.CAP,
        255,
        255,
        255,
        255,
    ]
    assert rules(line.read()) == [], "the next value is compared with the last usable one"
