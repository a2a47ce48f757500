"""quality: what the source says of its own values."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import LEVEL, Line, batch_of, rules, tag_of, view_of
from twinvouch.core.batch import Quality
from twinvouch.core.finding import Severity
from twinvouch.core.label import Axis
from twinvouch.readings.validate import quality

TAGS = [tag_of("a/x"), tag_of("a/y")]
GOOD, UNCERTAIN, BAD, MISSING = Quality


def test_good_values_are_clean() -> None:
    batch = batch_of([[1.0, 2.0]])
    assert quality.check(batch, view_of(batch, TAGS)) is None


def test_bad_and_uncertain_cells_are_found_and_capped_by_what_was_said() -> None:
    batch = batch_of([[1.0, 2.0]] * 3, [[GOOD, BAD], [UNCERTAIN, BAD], [GOOD, UNCERTAIN]])
    got = quality.check(batch, view_of(batch, TAGS))
    assert got is not None
    assert [(f.subject, f.rows, f.first_row) for f in got.findings] == [
        ("a/x", 1, 1),
        ("a/y", 3, 0),
    ]
    assert "`a/x` is marked uncertain by its source (row 1)" in got.findings[0].sentence
    assert dict(got.findings[1].evidence) == {"bad": 2}
    assert got.findings[0].severity is Severity.LOW
    assert isinstance(got.cap, np.ndarray)
    assert got.cap[got.mask].tolist() == [quality.CAP, 120, quality.CAP, 120]


def test_a_missing_value_is_legitimate() -> None:
    batch = batch_of([[1.0, np.nan]], [[GOOD, MISSING]])
    assert quality.check(batch, view_of(batch, TAGS)) is None


@given(st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_every_cell_the_source_doubts_is_flagged_and_no_other(told: list[int]) -> None:
    batch = batch_of(np.ones((3, 2)), np.reshape(told, (3, 2)))
    got = quality.check(batch, view_of(batch, TAGS))
    mask = np.zeros((3, 2), bool) if got is None else got.mask
    np.testing.assert_array_equal(mask, np.isin(batch.quality, (UNCERTAIN, BAD)))
    if got is not None:
        assert sum(f.rows for f in got.findings) == mask.sum()


def test_at_the_gate_uncertain_counts_less_bad_nothing_missing_is_zero_on_every_axis() -> None:
    line = Line()
    got = line.read(quality=np.array([[UNCERTAIN, BAD, MISSING, GOOD, GOOD]], np.uint8))
    assert rules(got) == ["quality", "quality"]
    axes, fresh = got.admitted.label.axes, got.admitted.label.fresh_until
    assert axes[Axis.PLAUSIBILITY, 0].tolist() == [120, 0, 0, 255, 255]
    assert axes[:, 0, 2].tolist() == [0] * 4
    assert (fresh[0] == 0).tolist() == [False, False, True, False, False]
    assert line.frame.label([LEVEL], line.now).axes[Axis.PLAUSIBILITY][0] == 120
