from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import LEVEL, batch, flagged, still, told, view_of
from twinvouch.core.batch import Quality
from twinvouch.readings.validate import quality

CODES = st.lists(st.sampled_from(list(Quality)), min_size=1, max_size=20)


def test_good_cells_pass() -> None:
    b = batch(still())
    assert flagged(quality, b, view_of(b)) == []


def test_what_the_source_marks_is_flagged_and_named() -> None:
    b = batch(still(2), [[Quality.UNCERTAIN, 0, 0], [Quality.BAD, 0, 0]])
    assert flagged(quality, b, view_of(b)) == [(0, 0), (1, 0)]
    (finding,) = told(quality, b, view_of(b))
    assert finding.subject == LEVEL
    assert "uncertain" in finding.sentence
    assert finding.evidence == (("quality", 1.0),)


def test_a_cell_that_did_not_come_is_no_bad_reading() -> None:
    b = batch(still(level=[5.0, None, 5.0]))
    assert flagged(quality, b, view_of(b)) == []


@given(CODES)
def test_exactly_uncertain_and_bad_cells_are_flagged(codes: list[Quality]) -> None:
    level = [None if c is Quality.MISSING else 5.0 for c in codes]
    b = batch(still(len(codes), level=level), [[c, 0, 0] for c in codes])
    marked = {Quality.UNCERTAIN, Quality.BAD}
    expected = [(r, 0) for r, code in enumerate(codes) if code in marked]
    assert flagged(quality, b, view_of(b)) == expected
