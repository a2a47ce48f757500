"""The frame: the last live reading of each tag, with its label, and its stored form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import FLOW, LEVEL, NOW, ROOF, SECOND, TAGS, VALVE, Line, site_of
from twinvouch.core.batch import Quality
from twinvouch.core.label import Axis
from twinvouch.twin.frame import Frame

MISSING = Quality.MISSING


def qualities(rows: int, **columns: int) -> np.ndarray:
    names = {"level": 0, "flow": 1}
    table = np.zeros((rows, 5), np.uint8)
    for name, quality in columns.items():
        table[:, names[name]] = quality
    return table


def test_what_was_never_read_has_no_value_and_no_trust() -> None:
    frame = Frame(site_of().plant)
    for tag in (LEVEL, "no/tag"):
        assert (frame.value(tag), frame.last(tag), frame.entry(tag)) == (None, None, -1)
        label = frame.label([tag], NOW)
        assert (label.axes.tolist(), label.fresh_until.tolist()) == ([[0]] * 4, [0])
    assert frame.label([], NOW).axes.shape == (4, 0)


def test_the_last_row_of_a_batch_becomes_the_frame() -> None:
    line = Line()
    line.read(t_ns=[NOW - SECOND, NOW], values={LEVEL: [4.0, 4.5]})
    last = line.frame.last(LEVEL)
    assert last is not None
    assert (last.value, last.quality, last.t_ns, last.received_ns, last.entry) == (
        4.5, Quality.GOOD, NOW, line.now, 0,
    )  # fmt: skip
    label = line.frame.label([FLOW, ROOF, LEVEL], line.now)
    assert label.axes[Axis.IDENTITY].tolist() == [130, 0, 130]
    assert label.fresh_until.tolist() == [line.now + 5 * SECOND, 0, line.now + 5 * SECOND]


def test_a_label_that_is_not_fresh_any_more_is_not_plausible() -> None:
    line = Line()
    line.read()
    late = line.frame.label([LEVEL], line.now + 6 * SECOND)
    assert late.axes[:, 0].tolist() == [130, 255, 0, 255]
    assert line.frame.value(LEVEL) == 5.0


def test_a_column_without_a_reading_is_missing_at_once_and_keeps_its_last_value() -> None:
    line = Line()
    line.read()
    line.read(quality=qualities(1, level=MISSING))
    assert line.frame.value(LEVEL) is None
    last = line.frame.last(LEVEL)
    assert last is not None
    assert (last.value, last.quality, last.entry) == (5.0, MISSING, 1)
    assert line.frame.label([LEVEL, FLOW], line.now).axes.min(axis=0).tolist() == [0, 130]
    line.read(values={LEVEL: 5.05})
    assert line.frame.value(LEVEL) == 5.05


def test_a_column_takes_its_last_reading_of_the_batch_not_the_last_row() -> None:
    line = Line()
    quality = qualities(2)
    quality[1, 0] = MISSING
    line.read(t_ns=[NOW - SECOND, NOW], values={LEVEL: 4.0}, quality=quality)
    last = line.frame.last(LEVEL)
    assert last is not None
    assert (last.value, last.t_ns) == (4.0, NOW - SECOND)
    assert line.frame.columns("fast").row_ns == NOW


def test_rules_compare_with_the_last_usable_value_not_with_what_is_broken() -> None:
    line = Line()
    line.read(values={LEVEL: 5.0})
    line.read(values={LEVEL: np.nan})
    columns = line.frame.columns("fast")
    assert np.isnan(line.frame.value(LEVEL))
    assert columns.usable[0] == 5.0
    line.read(values={LEVEL: 9.9}, quality=qualities(1, level=Quality.BAD))
    assert (line.frame.value(LEVEL), columns.usable[0]) == (9.9, 5.0)


def test_rows_that_are_not_live_change_nothing() -> None:
    line = Line()
    line.read()
    before = line.frame.rows("fast")
    line.read(t_ns=[0], values={LEVEL: 9.0})
    assert line.frame.rows("fast") == before


def test_groups_do_not_touch_each_other() -> None:
    line = Line()
    line.read()
    before = line.frame.rows("fast")
    line.send(line.next("edge-2", "slow"))
    assert line.frame.value(ROOF) == 290.0
    assert line.frame.rows("fast") == before


@given(
    st.lists(st.floats(width=64) | st.just(np.nan), min_size=5, max_size=5),
    st.lists(st.integers(0, 3), min_size=5, max_size=5),
    st.integers(0, 2**62),
)
def test_the_stored_form_gives_everything_back(
    values: list[float], quality: list[int], entry: int
) -> None:
    line = Line(entries=entry)
    line.read()
    columns = dict(zip(line.site.plant.groups["fast"].ids, values, strict=True))
    line.read(values=columns, quality=np.array([quality], np.uint8))
    again = Frame(line.site.plant)
    for group in ("fast", "slow"):
        again.restore(group, line.frame.rows(group))
        assert again.rows(group) == line.frame.rows(group)
    mine, theirs = line.frame.columns("fast"), again.columns("fast")
    assert mine.row_ns == theirs.row_ns
    for a, b in zip(mine.arrays(), theirs.arrays(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_restoring_under_a_changed_inventory_keeps_the_tags_that_are_left() -> None:
    line = Line()
    line.read()
    stored = line.frame.rows("fast")
    fewer = Frame(site_of([t for t in reversed(TAGS) if t.id != FLOW]).plant)
    fewer.restore("fast", stored)
    fewer.restore("gone", stored)
    assert (fewer.value(VALVE), fewer.value(LEVEL), fewer.entry(FLOW)) == (0.5, 5.0, -1)
    label = fewer.label([LEVEL, VALVE], line.now)
    assert label.axes.tolist() == line.frame.label([LEVEL, VALVE], line.now).axes.tolist()


def test_a_tag_in_two_scan_groups_is_impossible() -> None:
    plant = site_of().plant
    with pytest.raises(AssertionError, match="one scan group"):
        Frame(
            type(plant)(
                **{**vars(plant), "groups": {"a": plant.groups["fast"], "b": plant.groups["fast"]}}
            )
        )


def test_only_what_is_fresh_and_good_is_compared_with() -> None:
    line = Line()
    line.read(quality=qualities(1, flow=Quality.BAD), values={LEVEL: 4.0})
    tags = [LEVEL, FLOW, ROOF, "no/tag", VALVE]
    now = line.frame.fresh(tags, line.now)
    np.testing.assert_array_equal(now, [4.0, np.nan, np.nan, np.nan, 0.5])
    assert np.isnan(line.frame.fresh(tags, line.now + 6 * SECOND)).all()
    line.read(quality=qualities(1, level=MISSING))
    assert np.isnan(line.frame.fresh([LEVEL], line.now)).all()


def test_doubt_lowers_and_never_raises() -> None:
    line = Line()
    line.read(quality=qualities(1, flow=Quality.BAD))
    caps = {LEVEL: 60, FLOW: 60, ROOF: 60, "no/tag": 60}
    assert line.frame.doubt(caps) == [LEVEL]
    assert line.frame.doubt(caps) == []
    label = line.frame.label([LEVEL, FLOW, VALVE], line.now)
    assert label.axes[Axis.PLAUSIBILITY].tolist() == [60, 0, 255]
    assert line.frame.columns("fast").axes[Axis.PLAUSIBILITY].tolist()[:2] == [60, 0]
    line.read()
    assert line.frame.label([LEVEL], line.now).axes[Axis.PLAUSIBILITY].tolist() == [255]
