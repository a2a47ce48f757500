import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import LEVEL, batch, flagged, still, told, view_of
from twinvouch.core.batch import Quality
from twinvouch.readings.validate import range as range_


def test_values_up_to_both_ends_pass() -> None:
    b = batch(still(level=[0.0, 10.0, 5.0]))
    assert flagged(range_, b, view_of(b)) == []


@pytest.mark.parametrize("value", [-0.001, 10.001, 1e300, -1e300, float("inf"), float("-inf")])
def test_what_the_tank_cannot_hold_is_flagged_and_named(value: float) -> None:
    b = batch(still(level=[5.0, value, 5.0]))
    assert [c for c in flagged(range_, b, view_of(b)) if abs(value) < float("inf")] == (
        [(1, 0)] if abs(value) < float("inf") else []
    ), "what is no number is the business of rule finite"


def test_the_finding_has_value_and_limits() -> None:
    b = batch(still(level=[5.0, 12.0, 13.0]))
    (finding,) = told(range_, b, view_of(b))
    assert (finding.subject, finding.rows, finding.first_row) == (LEVEL, 2, 1)
    assert finding.evidence == (("value", 12.0), ("low", 0.0), ("high", 10.0))
    assert "12 m, possible is 0 to 10" in finding.sentence


def test_a_tank_that_fills_to_the_brim_and_a_lost_cell_are_no_attack() -> None:
    quality = [[0, 0, 0], [Quality.MISSING, 0, 0], [0, 0, 0]]
    b = batch(still(level=[9.0, 99.0, 10.0]), quality)
    assert flagged(range_, b, view_of(b)) == []


@given(st.lists(st.floats(allow_nan=True), min_size=1, max_size=20))
def test_exactly_the_finite_cells_outside_are_flagged(level: list[float]) -> None:
    b = batch(still(len(level), level=level))
    inf = float("inf")
    expected = [(r, 0) for r, v in enumerate(level) if abs(v) < inf and not 0.0 <= v <= 10.0]
    assert flagged(range_, b, view_of(b)) == expected
