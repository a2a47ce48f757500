"""clock: rows that cannot be of their time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import LEVEL, NOW, SECOND, Line, group_of, rules, tag_of
from twinvouch.core.label import Axis
from twinvouch.readings.clock import YEAR_2000_NS, check
from twinvouch.twin.frame import BEFORE_ALL

GROUP = group_of("g", "e", [tag_of()])
LOW, HIGH = -(2**63), 2**63 - 1
AHEAD = GROUP.max_ahead_ns
CENTURY = 4_070_908_800 * SECOND  # 2099-01-01


def sound(*t_ns: int, after: int = BEFORE_ALL) -> list[bool]:
    return check(np.array(t_ns, np.int64), after, NOW, GROUP)[0].tolist()


def test_increasing_times_up_to_now_are_sound() -> None:
    rows, finding = check(NOW - np.arange(5)[::-1] * SECOND, NOW - 5 * SECOND, NOW, GROUP)
    assert (rows.tolist(), finding) == ([True] * 5, None)


def test_a_clock_that_is_a_little_ahead_is_no_finding() -> None:
    assert sound(NOW + AHEAD) == [True]
    assert sound(NOW + AHEAD + 1) == [False]


def test_a_dark_age_is_named() -> None:
    _, finding = check(np.array([0, NOW]), BEFORE_ALL, NOW, GROUP)
    assert finding is not None
    assert "row 0 says 1970-01-01T00:00:00Z, which is before 2000" in finding.sentence
    assert (finding.rows, finding.first_row, dict(finding.evidence)["before_2000"]) == (1, 0, 1)
    _, finding = check(np.array([NOW, CENTURY]), BEFORE_ALL, NOW, GROUP)
    assert finding is not None
    assert "row 1 says 2099-01-01T00:00:00Z" in finding.sentence
    assert "ahead of the core, limit is 5 s" in finding.sentence


def test_rows_that_are_not_after_the_last_live_row_are_found() -> None:
    assert sound(NOW - 2, NOW - 1, NOW, after=NOW - 1) == [False, False, True]


def test_a_row_that_jumps_ahead_does_not_condemn_those_after_it() -> None:
    assert sound(NOW - 3, CENTURY, NOW - 2, 0, NOW - 1) == [True, False, True, False, True]


def test_rows_out_of_order_are_found_and_the_others_kept() -> None:
    assert sound(NOW - 3, NOW - 1, NOW - 2, NOW - 1, NOW) == [True, True, False, False, True]


def test_the_year_2000_begins_on_its_first_day() -> None:
    assert str(np.datetime64(YEAR_2000_NS, "ns")).startswith("2000-01-01T00:00:00")
    assert sound(YEAR_2000_NS) == [True]
    assert sound(YEAR_2000_NS - 1) == [False]


@given(
    st.lists(
        st.integers(LOW, HIGH) | st.integers(NOW - 50, NOW + 50) | st.sampled_from([LOW, HIGH, 0]),
        min_size=1,
        max_size=20,
    ),
    st.just(BEFORE_ALL) | st.integers(NOW - 50, NOW),
)
def test_sound_rows_increase_inside_the_limits_and_are_all_that_can(
    t_ns: list[int], after: int
) -> None:
    expected, newest = [], after
    for t in t_ns:
        fits = YEAR_2000_NS <= t <= NOW + AHEAD and t > newest
        expected.append(fits)
        newest = t if fits else newest
    rows, finding = check(np.array(t_ns, np.int64), after, NOW, GROUP)
    assert rows.tolist() == expected
    assert (finding is None) == all(expected)
    if finding is not None:
        assert finding.rows == expected.count(False)
        assert finding.first_row == expected.index(False)


@pytest.mark.parametrize("t", [LOW, 0, CENTURY, HIGH])
def test_at_the_gate_such_rows_have_no_plausibility_and_never_become_live(t: int) -> None:
    line = Line()
    line.read()
    got = line.read(t_ns=[t, line.now - 1], values={LEVEL: [9.0, 5.05]})
    assert "clock" in rules(got)
    assert got.admitted.in_live.tolist() == [False, True]
    axes = got.admitted.label.axes
    assert axes[Axis.PLAUSIBILITY, 0].tolist() == [0] * 5
    assert axes[Axis.PLAUSIBILITY, 1].tolist() == [255] * 5
    assert got.admitted.label.fresh_until[0].tolist() == [0] * 5
    assert line.frame.value(LEVEL) == 5.05
