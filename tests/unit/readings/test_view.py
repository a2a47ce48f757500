"""View: the columns' extremes, whatever the shape."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import batch_of, tag_of, view_of
from twinvouch.readings.view import FOLD, every, present, usable


@pytest.mark.parametrize("rows", [1, 2, 63, 64, 65, 71, 72, 200, 257])
@pytest.mark.parametrize("columns", [1, 3, 50])
def test_extremes_are_those_of_the_columns(rows: int, columns: int) -> None:
    values = np.random.default_rng(rows).normal(size=(rows, columns))
    view = view_of(batch_of(values), [tag_of(f"a/{k}") for k in range(columns)])
    np.testing.assert_array_equal(view.smallest, values.min(axis=0))
    np.testing.assert_array_equal(view.largest, values.max(axis=0))


@given(st.integers(1, 20 * FOLD), st.data())
def test_a_column_with_nan_has_no_extremes(rows: int, data: st.DataObject) -> None:
    values = np.zeros((rows, 2))
    values[data.draw(st.integers(0, rows - 1)), 1] = np.nan
    view = view_of(batch_of(values), [tag_of("a/x"), tag_of("a/y")])
    assert np.isnan(view.smallest).tolist() == np.isnan(view.largest).tolist() == [False, True]


def test_usable_cells_are_finite_not_bad_and_in_sound_rows() -> None:
    values = [[1.0, np.nan], [1.0, 1.0], [np.inf, 1.0], [1.0, 1.0]]
    batch = batch_of(values, [[0, 0], [1, 2], [0, 3], [0, 0]])
    sound = np.array([True, True, True, False])
    view = view_of(batch, [tag_of("a/x"), tag_of("a/y")], sound=sound)
    cells = usable(batch, view, np.array([0, 1]))
    assert cells.tolist() == [[True, False], [True, False], [False, False], [False, False]]
    assert usable(batch, view, np.array([1])).ravel().tolist() == [False] * 4
    assert present(batch).tolist() == [[True, True], [True, True], [True, False], [True, True]]
    assert (view.is_sound, view.is_good, view.is_late) == (False, False, True)


@given(st.lists(st.booleans()))
def test_every_is_all(cells: list[bool]) -> None:
    assert every(np.array(cells, np.bool_)) == all(cells)
