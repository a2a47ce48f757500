import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import FLOW, batch, flagged, still, told, view_of
from twinvouch.core.batch import Quality
from twinvouch.readings.validate import finite


def test_finite_numbers_pass() -> None:
    b = batch(still(level=[5.0, 5.1, 5.2], flow=1e300))
    assert flagged(finite, b, view_of(b)) == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_no_sensor_can_measure_is_flagged_and_named(value: float) -> None:
    b = batch(still(flow=[1.0, value, value]))
    assert flagged(finite, b, view_of(b)) == [(1, 1), (2, 1)]
    (finding,) = told(finite, b, view_of(b))
    assert (finding.rule, finding.subject, finding.rows, finding.first_row) == (
        "finite",
        FLOW,
        2,
        1,
    )


def test_a_missing_or_bad_cell_claims_nothing() -> None:
    quality = [[0, 0, 0], [0, Quality.BAD, 0], [0, 0, 0]]
    b = batch(still(flow=[None, np.nan, 1.0]), quality)
    assert flagged(finite, b, view_of(b)) == []


@given(st.lists(st.floats(), min_size=1, max_size=20))
def test_exactly_the_cells_that_are_not_finite_are_flagged(flow: list[float]) -> None:
    b = batch(still(len(flow), flow=flow))
    expected = [(r, 1) for r, value in enumerate(flow) if not np.isfinite(value)]
    assert flagged(finite, b, view_of(b)) == expected
