"""R1 and R2: labels enter with their source and only ever get worse on the way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from twinvouch.core.label import FULL, Axis, Label, derive, expired, nothing, source

AXES = npst.arrays(np.uint8, (4, 1))
FRESH = st.integers(0, 2**63 - 1)


def label_of(axes: np.ndarray, fresh: int) -> Label:
    return Label(axes.copy(), np.array([fresh], np.int64))


LABELS = st.builds(label_of, AXES, FRESH)
INPUTS = st.lists(LABELS, min_size=1, max_size=6)


def plain(label: Label) -> tuple[list[list[int]], list[int]]:
    return label.axes.tolist(), label.fresh_until.tolist()


def test_r1_a_source_sets_every_axis_and_broadcasts() -> None:
    fresh = np.array([[5, 6]], np.int64)
    calibration = np.array([60, FULL], np.uint8)
    label = source(
        identity=120, integrity=FULL, plausibility=200, calibration=calibration, fresh_until=fresh
    )
    assert label.axes.tolist() == [[[120, 120]], [[255, 255]], [[200, 200]], [[60, 255]]]
    assert label.headline()[0].tolist() == [[60, 120]]
    assert label.headline()[1].tolist() == [[Axis.CALIBRATION, Axis.IDENTITY]]


def test_r2_nothing_is_derived_from_nothing() -> None:
    assert plain(derive([])) == plain(nothing(1))
    trusted = Label(np.full((4, 1), FULL, np.uint8), np.array([9], np.int64))
    assert plain(derive([], by=trusted)) == plain(nothing(1)), "not even by a trusted model"


@given(INPUTS)
def test_r2_each_axis_is_the_worst_of_all_inputs(inputs: list[Label]) -> None:
    axes, fresh = plain(derive(inputs))
    assert axes == [[min(int(i.axes[a, 0]) for i in inputs)] for a in range(4)]
    assert fresh == [min(int(i.fresh_until[0]) for i in inputs)]


@given(INPUTS, st.randoms(use_true_random=False))
def test_r2_order_and_repetition_do_not_matter(inputs: list[Label], chance: object) -> None:
    other = [*inputs, inputs[0]]
    chance.shuffle(other)  # type: ignore[attr-defined]
    assert plain(derive(other)) == plain(derive(inputs))


@given(INPUTS, INPUTS)
def test_r2_derivation_in_steps_is_derivation_at_once(one: list[Label], two: list[Label]) -> None:
    assert plain(derive([derive(one), derive(two)])) == plain(derive([*one, *two]))


@given(INPUTS, LABELS)
def test_r2_another_input_or_a_model_never_raises(inputs: list[Label], more: Label) -> None:
    before, _ = plain(derive(inputs))
    for worse in (derive([*inputs, more]), derive(inputs, by=more)):
        assert (worse.axes <= np.array(before)).all()
        assert worse.fresh_until[0] <= derive(inputs).fresh_until[0]


@given(INPUTS, LABELS, st.integers(0, 5))
def test_r2_a_worse_input_never_raises(inputs: list[Label], other: Label, place: int) -> None:
    at = place % len(inputs)
    worse = derive([inputs[at], other])
    assert (derive([*inputs[:at], worse, *inputs[at + 1 :]]).axes <= derive(inputs).axes).all()


@given(LABELS, FRESH)
def test_past_fresh_until_nothing_is_plausible_and_the_rest_stays(label: Label, now: int) -> None:
    later = expired(label, now)
    is_over = int(label.fresh_until[0]) < now
    expected = 0 if is_over else int(label.axes[Axis.PLAUSIBILITY, 0])
    assert later.axes[Axis.PLAUSIBILITY, 0] == expected
    for axis in (Axis.IDENTITY, Axis.INTEGRITY, Axis.CALIBRATION):
        assert later.axes[axis, 0] == label.axes[axis, 0]
    assert plain(expired(later, now)) == plain(later)


def test_a_row_repeated_is_the_same_label_for_every_row_without_memory() -> None:
    row = Label(np.arange(12, dtype=np.uint8).reshape(4, 3), np.arange(3, dtype=np.int64))
    many = row.repeated(5)
    assert many.is_uniform
    assert many.axes.shape == (4, 5, 3)
    assert all(many.axes[:, r].tolist() == row.axes.tolist() for r in range(5))
    assert many.fresh_until.tolist() == [[0, 1, 2]] * 5
    assert not Label(many.axes.copy(), many.fresh_until.copy()).is_uniform
    assert not row.is_uniform


def test_labels_cannot_be_written_to_and_fit_their_times() -> None:
    label = nothing(2)
    with pytest.raises(ValueError, match="read-only"):
        label.axes[0, 0] = 1
    with pytest.raises(AssertionError):
        Label(np.zeros((4, 2), np.uint8), np.zeros(3, np.int64))
    with pytest.raises(AssertionError):
        Label(np.zeros((4, 2), np.int64), np.zeros(2, np.int64))  # type: ignore[arg-type]
