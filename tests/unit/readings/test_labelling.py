"""R1: the label of readings as they enter."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import (
    DAY,
    NOW,
    SECOND,
    TAGS,
    Line,
    batch_of,
    site_of,
    tag_of,
    view_of,
)
from twinvouch.core.batch import Quality
from twinvouch.core.label import FULL, Axis
from twinvouch.readings.flagged import Flagged
from twinvouch.readings.labelling import OVERDUE, label

TAG_PAIR = [tag_of("a/x"), tag_of("a/y")]


def test_a_clean_batch_is_as_trusted_as_its_edge_and_fresh_for_max_age() -> None:
    line = Line()
    got = line.read(t_ns=[line.now, line.now + SECOND // 20]).admitted.label
    assert got.axes.shape == (4, 2, 5)
    assert got.axes[:, :, 0].tolist() == [[130, 130], [FULL] * 2, [FULL] * 2, [FULL] * 2]
    assert np.unique(got.fresh_until).tolist() == [line.now + 5 * SECOND]
    assert not got.axes.flags.writeable


@pytest.mark.parametrize(
    ("calibrated_ns", "valid_ns", "expected"),
    [
        (None, 0, FULL),
        (None, 30 * DAY, OVERDUE),
        (NOW - 29 * DAY, 30 * DAY, FULL),
        (NOW - 31 * DAY, 30 * DAY, OVERDUE),
        (NOW - 10_000 * DAY, 0, FULL),
    ],
)
def test_calibration_counts_by_its_date(
    calibrated_ns: int | None, valid_ns: int, expected: int
) -> None:
    tag = replace(TAGS[0], calibrated_ns=calibrated_ns, calibration_valid_ns=valid_ns)
    line = Line(site=site_of([tag, *TAGS[1:]]))
    axes = line.read().admitted.label.axes
    assert axes[Axis.CALIBRATION, 0].tolist() == [expected, FULL, FULL, FULL, FULL]


def test_calibration_runs_out_with_time() -> None:
    line = Line()
    assert line.read().admitted.label.axes[Axis.CALIBRATION, 0, 1] == FULL
    line.now += 21 * DAY
    assert line.read().admitted.label.axes[Axis.CALIBRATION, 0, 1] == OVERDUE


CAPS = st.integers(0, 255)


@given(
    st.lists(st.tuples(st.lists(st.booleans(), min_size=6, max_size=6), CAPS), max_size=4),
    CAPS,
    CAPS,
)
def test_plausibility_is_the_lowest_cap_and_other_axes_are_as_given(
    rules: list[tuple[list[bool], int]], identity: int, integrity: int
) -> None:
    batch = batch_of(np.ones((3, 2)))
    flagged = [Flagged(np.reshape(mask, (3, 2)), cap, ()) for mask, cap in rules]
    axes = label(batch, view_of(batch, TAG_PAIR), flagged, identity, integrity).axes
    expected = np.full((3, 2), FULL)
    for mask, cap in rules:
        expected = np.minimum(expected, np.where(np.reshape(mask, (3, 2)), cap, FULL))
    np.testing.assert_array_equal(axes[Axis.PLAUSIBILITY], expected)
    assert (axes[Axis.IDENTITY] == identity).all()
    assert (axes[Axis.INTEGRITY] == integrity).all()


@given(
    st.lists(st.integers(0, 3), min_size=6, max_size=6),
    st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_what_is_missing_is_zero_and_an_impossible_row_is_not_plausible(
    quality: list[int], sound: list[bool]
) -> None:
    batch = batch_of(np.ones((3, 2)), np.reshape(quality, (3, 2)))
    got = label(batch, view_of(batch, TAG_PAIR, sound=np.array(sound)), [], 100, 200)
    missing = batch.quality == Quality.MISSING
    assert not got.axes[:, missing].any()
    assert (got.axes[Axis.INTEGRITY][~missing] == 200).all()
    impossible = ~np.array(sound)
    assert not got.axes[Axis.PLAUSIBILITY][impossible].any()
    fresh = got.fresh_until.copy()
    assert not fresh[missing].any()
    assert not fresh[impossible].any()
    assert (fresh[~missing & ~impossible[:, None]] == NOW + 5 * SECOND).all()


def test_what_was_old_on_arrival_is_never_fresh() -> None:
    batch = batch_of(np.ones((2, 2)), t_ns=[NOW - 60 * SECOND, NOW])
    got = label(batch, view_of(batch, TAG_PAIR), [], 100, 200)
    assert got.fresh_until[:, 0].tolist() == [NOW - 55 * SECOND, NOW + 5 * SECOND]
