"""C13: the pump may be moved by the twin only, and every move needs a permit for that value."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import (
    COIL,
    GROUP,
    NOW,
    PERIOD,
    PUMP,
    batch,
    flagged,
    plant_of,
    still,
    told,
    view_of,
    with_pump,
    write,
)
from twinvouch.core.batch import Quality
from twinvouch.core.context import Context
from twinvouch.core.inventory import CommandedBy, Encoding, ScanGroup
from twinvouch.core.site import SECOND
from twinvouch.readings.validate import unpermitted_actuation as rule

REST = [5.0, 1.0, 0.0]
MINUTE = 60 * SECOND


def seen(pump: list[Any], group: ScanGroup = GROUP, **but: Any) -> list[int]:
    """Rows that are flagged where the pump was at `live`, 0 by default."""
    b = batch(still(len(pump), pump=pump), but.pop("quality", None), but.pop("t_ns", None), group)
    live = [5.0, 1.0, but.pop("live", 0.0)]
    return [r for r, _ in flagged(rule, b, view_of(b, group, live=live, **but))]


def test_a_pump_at_rest_is_no_change() -> None:
    assert seen([0.0, 0.0, 0.0]) == []


def test_a_change_without_a_permit_is_flagged_and_named() -> None:
    b = batch(still(pump=[0.0, 1.0, 1.0]))
    view = view_of(b, live=REST)
    (finding,) = told(rule, b, view)
    assert (finding.subject, finding.first_row, finding.rows) == (PUMP, 1, 1)
    assert finding.technique == "T0855"
    assert dict(finding.evidence) == {"before": 0.0, "value": 1.0}
    assert "from 0 to 1" in finding.sentence


def test_a_spent_permit_for_that_value_explains_it() -> None:
    assert seen([0.0, 1.0, 1.0], writes=write(1.0, spent=-0.5)) == []


def test_a_spent_permit_for_one_does_not_explain_a_change_to_zero() -> None:
    assert seen([1.0, 0.0, 0.0], live=1.0, writes=write(1.0, spent=-0.5)) == [1]


def test_a_spent_permit_is_no_licence_for_ever() -> None:
    assert seen([0.0, 1.0], writes=write(1.0, spent=-31.0, issued=-40.0)) == [1]


def test_a_permit_on_its_way_makes_the_change_wait() -> None:
    b = batch(still(pump=[0.0, 1.0, 1.0]))
    view = view_of(b, live=REST, writes=write(1.0))
    assert flagged(rule, b, view) == []
    assert rule.follow(b, view) == ({PUMP: 1.0}, ((PUMP, 1.0, NOW),))


@pytest.mark.parametrize("between", [None, np.nan])
def test_a_change_behind_a_cell_that_did_not_come_is_seen(between: float | None) -> None:
    assert seen([0.0, between, 1.0]) == [2]


def test_a_change_behind_a_whole_batch_that_did_not_come_is_seen() -> None:
    b = batch(still(2, pump=[None, None]))
    after, _ = rule.follow(b, view_of(b, live=REST))
    assert after == {PUMP: 0.0}


def test_bad_values_are_no_change() -> None:
    assert seen([0.0, 7.0, 0.0], quality=[[0, 0, 0], [0, 0, Quality.BAD], [0, 0, 0]]) == []


def test_a_change_and_back_is_two_changes() -> None:
    assert seen([0.0, 1.0, 0.0]) == [1, 2]


def valve() -> ScanGroup:
    return with_pump(point=replace(COIL, encoding=Encoding.F32), resolution=0.01)


def test_many_steps_too_small_to_count_add_up_to_a_change() -> None:
    steps = [0.004 * i for i in range(50)]
    assert seen(steps, valve())[0] == 2, "0.008 is more than half a step from where it was"


def test_a_float_register_says_the_value_only_to_seven_digits() -> None:
    group = with_pump(point=replace(COIL, encoding=Encoding.F32), high=2000.0)
    said = float(np.float32(1000.1))
    assert said != 1000.1
    assert seen([0.0, said], group, writes=write(1000.1, spent=-0.5)) == []
    assert seen([0.0, 1000.2], group, writes=write(1000.1, spent=-0.5)) == [1]


def test_an_integer_register_says_the_value_to_half_a_step() -> None:
    group = with_pump(point=replace(COIL, encoding=Encoding.U16, scale=1.0), high=100.0)
    assert seen([0.0, 6.0], group, writes=write(5.6, spent=-0.5)) == []
    assert seen([0.0, 7.0], group, writes=write(5.6, spent=-0.5)) == [1]


@pytest.mark.parametrize("by", [CommandedBy.PLANT, CommandedBy.BOTH])
def test_what_the_plant_may_move_itself_is_never_flagged(by: CommandedBy) -> None:
    assert seen([0.0, 1.0, 0.0], with_pump(commanded_by=by)) == []


def test_a_backlog_is_judged_by_the_time_of_its_rows() -> None:
    """After ten minutes without a network the permit was spent long ago, and so the change was seen in time."""
    then = NOW - 10 * MINUTE
    t = [then, then + PERIOD, then + 2 * PERIOD]
    explained = write(1.0, issued=-601.0, spent=-600.0)
    assert seen([0.0, 1.0, 1.0], t_ns=t, writes=explained) == []
    later = [x + MINUTE for x in t]
    assert seen([0.0, 1.0, 1.0], t_ns=later, writes=explained) == [1]
    before = [x - MINUTE for x in t]
    assert seen([0.0, 1.0, 1.0], t_ns=before, writes=explained) == [1]


def test_a_late_batch_is_compared_with_itself_only() -> None:
    assert seen([0.0, 0.0, 0.0], live=1.0, late=True) == []
    assert seen([0.0, 1.0, 1.0], live=1.0, late=True) == [1]


def test_waiting_ends_with_the_report() -> None:
    plant, pending = plant_of(GROUP), ((PUMP, 1.0, NOW),)

    def after(seconds: float, writes: Any) -> tuple[int, int]:
        now_ns = NOW + int(seconds * SECOND)
        findings, still_waiting = rule.unexplained(pending, plant, Context(writes), now_ns)
        return len(findings), len(still_waiting)

    assert after(1.0, write(1.0)) == (0, 1)
    assert after(2.0, write(1.0, spent=1.0)) == (0, 0)
    assert after(600.0, write(1.0, spent=1.0)) == (0, 0), "it was seen in time, however long ago"
    assert after(2.0, write(1.0, is_over=True)) == (1, 0)
    assert after(40.0, write(1.0)) == (1, 0)
    assert after(2.0, {}) == (1, 0)


def test_an_actuator_that_is_no_longer_configured_waits_for_nothing() -> None:
    assert rule.unexplained((("gone/valve", 1.0, NOW),), plant_of(GROUP), Context(), NOW) == (
        [],
        (),
    )


PUMPS = st.lists(st.sampled_from([0.0, 1.0, None]), min_size=1, max_size=12)


@given(pump=PUMPS, permitted=st.booleans())
def test_without_permits_exactly_the_changes_between_readings_are_flagged(
    *, pump: list[float | None], permitted: bool
) -> None:
    expected, at = [], 0.0
    for row, value in enumerate(pump):
        if value is not None and value != at:
            expected.append(row)
            at = value
    if permitted:
        expected = [r for r in expected if pump[r] == 0.0]
    assert seen(list(pump), writes=write(1.0, spent=-0.5) if permitted else {}) == expected


@given(PUMPS, st.integers(1, 11))
def test_cutting_a_batch_in_two_hides_nothing(pump: list[float | None], cut: int) -> None:
    cut = min(cut, len(pump))
    whole = seen(list(pump))
    first = batch(still(cut, pump=list(pump[:cut])))
    after, _ = rule.follow(first, view_of(first, live=REST))
    rest = seen(list(pump[cut:]), live=after[PUMP]) if cut < len(pump) else []
    assert [r for r, _ in flagged(rule, first, view_of(first, live=REST))] + [
        r + cut for r in rest
    ] == whole
