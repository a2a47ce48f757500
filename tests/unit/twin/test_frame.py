import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import (
    FLOW,
    GROUP,
    LEVEL,
    NOW,
    PERIOD,
    PUMP,
    admitted,
    batch,
    group_of,
    plant_of,
    still,
    tags,
)
from twinvouch.core.batch import Quality
from twinvouch.core.inventory import Axis, Tag
from twinvouch.core.label import Label
from twinvouch.core.site import SECOND
from twinvouch.twin.frame import Frame, Last

SLOW = group_of((Tag("roof/temperature", "K", group="slow"),), "slow")
TAGS = [LEVEL, FLOW, PUMP, "roof/temperature"]


def frame() -> Frame:
    return Frame(plant_of(SLOW, GROUP))


def moved(**columns: object) -> Frame:
    f = frame()
    f.update(admitted(batch(still(**columns))), 7, NOW)
    return f


def test_what_was_never_seen_has_no_value_no_entry_and_no_trust() -> None:
    f = frame()
    assert (f.value(LEVEL), f.entry(LEVEL), f.last(LEVEL)) == (None, -1, None)
    label = f.label([LEVEL, "nobody/knows"], NOW)
    assert label.axes.tolist() == [[0, 0]] * 4
    assert label.fresh_until.tolist() == [0, 0]


def test_the_last_row_of_a_batch_is_what_is_now() -> None:
    f = moved(level=[5.0, 6.0, 7.0])
    assert f.last(LEVEL) == Last(7.0, Quality.GOOD, NOW, NOW, 7)
    assert (f.value(FLOW), f.entry(FLOW)) == (1.0, 7)
    assert f.last("roof/temperature") is None, "another scan group"
    assert f.label([LEVEL], NOW).axes.tolist() == [[200]] * 4


def test_rows_that_are_not_live_never_move_it() -> None:
    f = moved()
    f.update(admitted(batch(still(level=9.0)), in_live=[False] * 3), 8, NOW)
    assert f.value(LEVEL) == 5.0
    f.update(admitted(batch(still(level=[6.0, 7.0, 9.0])), in_live=[True, True, False]), 8, NOW)
    assert (f.value(LEVEL), f.newest_ns("fast")) == (7.0, NOW - PERIOD)


def test_a_missing_cell_says_that_there_is_no_value_now() -> None:
    f = moved(level=[5.0, 6.0, None])
    assert f.value(LEVEL) is None
    assert f.label([LEVEL], NOW).headline()[0].tolist() == [0]
    last = f.last(LEVEL)
    assert last is not None
    assert last.quality == Quality.MISSING
    assert f.value(FLOW) == 1.0


def test_the_last_reading_stays_behind_missing_bad_and_unlive_cells() -> None:
    f = moved(level=[5.0, 6.0, None])
    values, t_ns = f.readings("fast")
    assert (values[0], t_ns[0]) == (6.0, NOW - PERIOD)
    quality = [[0, 0, 0], [Quality.BAD, 0, 0], [0, 0, 0]]
    f.update(admitted(batch(still(level=[7.0, 8.0, None]), quality)), 8, NOW)
    assert f.readings("fast")[0][0] == 7.0
    f.update(admitted(batch(still(level=[9.0, 1.0, None])), in_live=[False, True, True]), 9, NOW)
    assert f.readings("fast")[0][0] == 1.0
    f.update(admitted(batch(still(level=None))), 10, NOW)
    assert f.readings("fast")[0][0] == 1.0


def test_past_fresh_until_nothing_is_plausible() -> None:
    f = moved()
    until = int(f.label([LEVEL], NOW).fresh_until[0])
    assert f.label([LEVEL], until).axes[Axis.PLAUSIBILITY].tolist() == [200]
    late = f.label([LEVEL], until + 1).axes
    assert late[Axis.PLAUSIBILITY].tolist() == [0]
    assert late[Axis.IDENTITY].tolist() == [200]


def test_no_tags_have_no_labels() -> None:
    assert frame().label([], NOW).axes.shape == (4, 0)


def test_columns_that_changed_start_empty_after_a_restart() -> None:
    stored = moved().rows("fast")
    other = Frame(plant_of(group_of(tags()[:2])))
    other.restore("fast", stored)
    assert other.value(LEVEL) is None
    other.restore("gone", stored)
    assert other.last(LEVEL) is None


CELL = st.one_of(st.none(), st.floats())
ROWS = st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=4)
BATCHES = st.lists(
    st.tuples(ROWS, st.integers(0, 3), st.binary(min_size=4, max_size=4)), max_size=4
)


def fed(batches: list[tuple[list[tuple[float | None, ...]], int, bytes]]) -> Frame:
    f = frame()
    for entry, (rows, code, chance) in enumerate(batches):
        b = batch(rows, np.full((len(rows), 3), code), NOW + entry * SECOND + np.arange(len(rows)))
        axes = np.resize(np.frombuffer(chance, np.uint8), (4, *b.values.shape)).copy()
        label = Label(axes, np.full(b.values.shape, NOW + entry, np.int64))
        live = np.resize([c & 1 for c in chance], len(rows))
        f.update(admitted(b, live, label), entry, NOW + entry)
    return f


@given(BATCHES)
def test_a_restored_frame_is_the_same_frame(
    batches: list[tuple[list[tuple[float | None, ...]], int, bytes]],
) -> None:
    one, other = fed(batches), frame()
    for group in ("slow", "fast"):
        other.restore(group, one.rows(group))
        assert other.rows(group) == one.rows(group)
        assert other.newest_ns(group) == one.newest_ns(group)
    for a, b in zip(one.readings("fast"), other.readings("fast"), strict=True):
        np.testing.assert_array_equal(a, b)
    for now in (NOW - SECOND, NOW + 1, NOW + 9):
        assert one.label(TAGS, now).axes.tolist() == other.label(TAGS, now).axes.tolist()
    assert [repr(one.last(t)) for t in TAGS] == [repr(other.last(t)) for t in TAGS]


@given(BATCHES)
def test_a_last_reading_is_always_a_number_or_nothing(
    batches: list[tuple[list[tuple[float | None, ...]], int, bytes]],
) -> None:
    values, t_ns = fed(batches).readings("fast")
    assert ((t_ns == 0) == np.isnan(values)).all()
    assert not np.isinf(values).any()
