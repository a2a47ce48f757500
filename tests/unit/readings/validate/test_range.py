"""range: what is physically possible."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import LEVEL, Line, batch_of, rules, tag_of, view_of
from twinvouch.core.batch import Quality
from twinvouch.core.label import Axis
from twinvouch.readings.validate import range as range_rule

TAGS = [tag_of("a/x", low=0.0, high=10.0), tag_of("a/y", low=-np.inf, high=np.inf)]


def flagged(batch):  # type: ignore[no-untyped-def]
    return range_rule.check(batch, view_of(batch, TAGS))


def test_values_inside_and_on_the_ends_are_clean() -> None:
    assert flagged(batch_of([[0.0, -1e308], [5.0, 0.0], [10.0, 1e308]])) is None


@pytest.mark.parametrize("value", [-1e-9, 10.000001, 1e300, -1e300])
def test_an_impossible_value_is_found_with_its_numbers(value: float) -> None:
    got = flagged(batch_of([[1.0, 1.0], [value, 1.0], [1.0, 1.0]]))
    (finding,) = got.findings
    assert (finding.rule, finding.subject, finding.rows, finding.first_row) == (
        "range",
        "a/x",
        1,
        1,
    )
    assert finding.technique == "T0856"
    assert f"is {value:.6g} m, range is 0 to 10 (row 1)" in finding.sentence
    assert dict(finding.evidence)["value"] == pytest.approx(value, rel=1e-5)


def test_what_is_no_number_or_not_there_is_left_to_other_rules() -> None:
    batch = batch_of(
        [[np.nan, np.nan], [np.inf, -np.inf], [np.nan, 1.0]], [[0, 0], [0, 0], [Quality.MISSING, 0]]
    )
    assert flagged(batch) is None


def test_a_tag_without_a_range_may_hold_anything() -> None:
    assert flagged(batch_of([[1.0, 1e300]])) is None


@given(st.lists(st.floats(), min_size=1, max_size=300))
def test_exactly_the_finite_values_outside_are_flagged(column: list[float]) -> None:
    values = np.array([column, column]).T
    got = flagged(batch_of(values))
    mask = np.zeros(values.shape, bool) if got is None else got.mask
    x = values[:, 0]
    np.testing.assert_array_equal(mask[:, 0], np.isfinite(x) & ~((x >= 0) & (x <= 10)))
    assert not mask[:, 1].any()


def test_at_the_gate_the_value_is_kept_and_its_label_says_so() -> None:
    line = Line()
    line.read()
    got = line.read(values={LEVEL: 1e300})
    assert rules(got) == ["range", "rate"]
    assert line.frame.value(LEVEL) == 1e300
    plausible = got.admitted.label.axes[Axis.PLAUSIBILITY, 0]
    assert plausible.tolist() == [range_rule.CAP, 255, 255, 255, 255]
