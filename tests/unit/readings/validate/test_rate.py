import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import LEVEL, NOW, PERIOD, batch, flagged, still, told, view_of
from twinvouch.core.batch import Quality
from twinvouch.core.site import SECOND
from twinvouch.readings.validate import rate

BAD = [Quality.BAD, 0, 0]
GOOD = [0, 0, 0]


def test_a_tank_that_fills_as_fast_as_it_can_passes() -> None:
    b = batch(still(level=[5.1, 5.2, 5.3]))  # 1 m/s, a row every 0.1 s
    assert flagged(rate, b, view_of(b, live=[5.0, 1.0, 0.0])) == []


def test_the_first_batch_has_nothing_to_be_compared_with() -> None:
    b = batch(still(1, level=9.0))
    assert flagged(rate, b, view_of(b)) == []


def test_a_jump_inside_a_batch_is_flagged_and_named() -> None:
    b = batch(still(level=[5.0, 6.0, 6.0]))
    view = view_of(b, live=[5.0, 1.0, 0.0])
    assert flagged(rate, b, view) == [(1, 0)]
    (finding,) = told(rate, b, view)
    assert finding.subject == LEVEL
    assert dict(finding.evidence) == {"change": 1.0, "allowed": 0.101, "value": 6.0}


def test_a_jump_from_the_last_live_value_is_flagged() -> None:
    b = batch(still(level=6.0))
    assert flagged(rate, b, view_of(b, live=[5.0, 1.0, 0.0])) == [(0, 0)]


@pytest.mark.parametrize("between", [None, np.nan])
def test_a_jump_behind_a_cell_that_did_not_come_is_flagged(between: float | None) -> None:
    b = batch(still(level=[5.0, between, 6.0]))
    assert flagged(rate, b, view_of(b, live=[5.0, 1.0, 0.0])) == [(2, 0)]


def test_the_time_of_missing_cells_counts_as_time() -> None:
    b = batch(still(level=[5.0, None, 5.2]))
    assert flagged(rate, b, view_of(b, live=[5.0, 1.0, 0.0])) == []


def test_a_value_that_its_source_calls_bad_is_neither_judged_nor_compared_with() -> None:
    b = batch(still(level=[5.0, 0.0, 5.1]), [GOOD, BAD, GOOD])
    assert flagged(rate, b, view_of(b, live=[5.0, 1.0, 0.0])) == []


def test_one_step_of_resolution_is_never_too_fast() -> None:
    b = batch(still(level=[5.0, 5.001, 5.0]), t_ns=[NOW, NOW + 1, NOW + 2])
    assert flagged(rate, b, view_of(b, live=[5.0, 1.0, 0.0])) == []


def test_a_tag_without_a_rate_may_jump() -> None:
    b = batch(still(flow=[1.0, 19.0, -1.0]))
    assert flagged(rate, b, view_of(b, live=[5.0, 1.0, 0.0])) == []


def test_a_late_batch_is_compared_with_itself_only() -> None:
    b = batch(still(level=[2.0, 2.0, 3.0]))
    assert flagged(rate, b, view_of(b, live=[9.0, 1.0, 0.0], late=True)) == [(2, 0)]


@pytest.mark.parametrize(
    "t_ns",
    [[-(2**63), 0, 2**63 - 1], [2**63 - 1, 0, -(2**63)], [NOW, NOW, NOW], [NOW, NOW - PERIOD, 0]],
)
def test_impossible_times_raise_nothing(t_ns: list[int]) -> None:
    b = batch(still(level=[5.0, 1e300, -1e308]), t_ns=t_ns)
    cells = flagged(rate, b, view_of(b, live=[5.0, 1.0, 0.0]))
    assert set(cells) <= {(0, 0), (1, 0), (2, 0)}


CELL = st.one_of(st.none(), st.floats(0, 10), st.floats())


@given(st.lists(st.tuples(CELL, st.integers(1, 3 * SECOND)), min_size=1, max_size=12))
def test_the_rule_says_what_a_loop_over_readings_says(
    steps: list[tuple[float | None, int]],
) -> None:
    level = [value for value, _ in steps]
    t = NOW + np.cumsum([wait for _, wait in steps])
    b = batch(still(len(level), level=level), t_ns=t)
    view = view_of(b, live=[5.0, 1.0, 0.0])
    expected, before, at = [], 5.0, int(t[0]) - PERIOD
    for row, value in enumerate(level):
        if value is None or not np.isfinite(value):
            continue
        allowed = (int(t[row]) - at) / 1e9 + 0.001
        if abs(value - before) > allowed * (1 + 1e-6):
            expected.append((row, 0))
        elif abs(value - before) > allowed * (1 - 1e-6):
            return  # too close to call in floating point
        before, at = value, int(t[row])
    assert flagged(rate, b, view) == expected
