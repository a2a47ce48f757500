import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import LEVEL, NOW, PERIOD, PUMP, batch, still, view_of
from twinvouch.core.batch import Quality
from twinvouch.readings.view import comparable, present, previous

REST = [5.0, 1.0, 0.0]


def test_a_whole_batch_is_known_as_such() -> None:
    b = batch(still(level=[4.0, 5.0, 6.0]))
    view = view_of(b, live=REST)
    assert view.is_whole
    assert view.is_good
    assert (view.least.tolist(), view.most.tolist()) == ([4.0, 1.0, 0.0], [6.0, 1.0, 0.0])
    assert present(b, view).all()
    assert comparable(b, view).all()


def test_what_was_live_before() -> None:
    b = batch(still())
    view = view_of(b, live=[4.0, 2.0, 1.0])
    assert view.last_values.tolist() == [4.0, 2.0, 1.0]
    assert view.newest_ns == int(b.t_ns[0]) - PERIOD == view.last_t_ns[0]
    assert view.actuators == {PUMP: 1.0}


def test_a_late_batch_has_no_before() -> None:
    view = view_of(batch(still()), live=REST, late=True)
    assert np.isnan(view.last_values).all()
    assert (view.newest_ns, view.actuators) == (0, {})


def test_missing_not_finite_and_bad_are_told_apart() -> None:
    quality = [[0, 0, 0], [Quality.BAD, 0, 0]]
    b = batch([[None, np.inf, 0.0], [5.0, 1.0, 0.0]], quality)
    view = view_of(b)
    assert not view.is_whole
    assert not view.is_good
    assert present(b, view).tolist() == [[False, False, True], [True, True, True]]
    assert comparable(b, view).tolist() == [[False, False, True], [False, True, True]]


def test_a_nan_that_claims_to_be_good_makes_a_batch_not_whole() -> None:
    view = view_of(batch(still(level=[5.0, np.nan, 5.0])))
    assert view.is_good
    assert not view.is_whole


CELLS = st.lists(st.one_of(st.none(), st.floats(0, 10)), min_size=1, max_size=15)


@given(CELLS)
def test_previous_is_the_reading_before_wherever_it_is(level: list[float | None]) -> None:
    b = batch(still(len(level), level=level))
    values, t_ns = previous(b, view_of(b, live=REST))
    before, at = 5.0, int(b.t_ns[0]) - PERIOD
    for row, value in enumerate(level):
        assert (values[row, 0], t_ns[row, 0]) == (before, float(at))
        if value is not None:
            before, at = value, int(b.t_ns[row])


def test_previous_of_a_tag_that_was_never_seen_is_nothing() -> None:
    b = batch(still(level=[None, 5.0, 5.0]))
    values, t_ns = previous(b, view_of(b))
    column = b_column(LEVEL)
    assert np.isnan(values[:2, column]).all()
    assert (values[2, column], t_ns[:2, column].tolist()) == (5.0, [0.0, 0.0])
    assert b.t_ns[-1] == NOW


def b_column(tag: str) -> int:
    return [LEVEL, "tank/flow", PUMP].index(tag)
