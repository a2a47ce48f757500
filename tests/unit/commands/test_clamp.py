"""clamp: the nearest allowed value in the place of one that goes too far, towards where the actuator is trusted to be."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.commands.world import (
    LEVEL,
    NOW,
    SECOND,
    VALVE,
    Board,
    command,
    decide,
    plant,
    site,
)
from twinvouch.commands.gate import judge
from twinvouch.commands.permit import Stamp, make
from twinvouch.commands.register import Record, read_record, shown, write_record
from twinvouch.core.command import Clamp, CommandStatus, Decision, Verdict
from twinvouch.core.context import ActuatorWrite, Context
from twinvouch.core.inventory import CommandClass, Encoding
from twinvouch.core.past import Past
from twinvouch.core.safe import Safe
from twinvouch.core.site import Site


def valve(letter: CommandClass = CommandClass.C, **but: Any) -> Site:
    """The valve, 0 to 1 in steps of 0.001, at 0.5, with no rate; clamped."""
    built = plant()
    tag = built.tags[VALVE]
    assert tag.limits is not None
    assert tag.point is not None
    point = replace(tag.point, **but.pop("point", {}))
    limits = replace(
        tag.limits, **{"rate": float("inf"), "clamps": True, "controlled": (LEVEL,), **but}
    )
    changed = replace(tag, limits=limits, point=point, command_class=letter)
    return site(plant=replace(built, tags={**built.tags, VALVE: changed}))


def ask(value: float, **but: Any) -> Decision:
    return decide(command(VALVE, value), **{"on": valve(), "approvals": (), **but})


def test_what_is_allowed_is_left_as_it_is() -> None:
    decision = ask(0.9)
    assert (decision.verdict, decision.clamp) == (Verdict.ALLOW, None)


def test_above_and_below_the_limits_the_limit_is_written_and_both_values_are_told() -> None:
    decision = ask(1.7)
    assert decision.verdict is Verdict.CLAMP
    assert decision.clamp == Clamp(1.7, 1.0, ("limits",))
    assert "1.7 % was proposed" in decision.why
    assert "1 % is the nearest that limits allow" in decision.why
    assert ask(-3.0).clamp == Clamp(-3.0, 0.0, ("limits",))
    permit = make(command(VALVE, 1.7), decision, valve(), Stamp(1, bytes(32), 0, bytes(16), NOW))
    assert permit.words == (1000,)


def test_by_default_it_is_refused() -> None:
    assert ask(1.7, on=valve(clamps=False)).verdict is Verdict.DENY


def test_a_class_a_command_is_never_changed() -> None:
    decision = ask(1.7, on=valve(CommandClass.A), approvals=("emil", "otto"))
    assert (decision.verdict, decision.clamp) == (Verdict.DENY, None)


def test_a_step_that_is_too_large_is_made_as_large_as_the_rate_allows() -> None:
    of = valve(rate=0.005)  # in a minute of rest 0.3
    assert ask(1.0, on=of).clamp == Clamp(1.0, 0.8, ("rate",))
    assert ask(7.0, on=of).clamp == Clamp(7.0, 0.8, ("limits", "rate"))
    assert ask(0.0, on=of).clamp == Clamp(0.0, 0.2, ("rate",))
    past = {}
    for ago in (20, 5):
        at = NOW - ago * SECOND
        write = ActuatorWrite(VALVE, 0.6, at, NOW, at + SECOND, is_over=True)
        past[ago] = ask(1.0, on=of, context=Context(writes={VALVE: (write,)}))
    assert past[20].clamp == Clamp(1.0, 0.6, ("rate",)), "0.1 from where it is and was let go"
    assert past[5].verdict is Verdict.DENY, "nothing is in reach of both"


def test_a_position_that_is_not_trusted_moves_nothing() -> None:
    board = Board()
    board.axes[VALVE] = (250, 250, 99, 250)
    assert ask(1.7, frame=board).clamp is None
    board = Board()
    board.values[VALVE] = None
    assert ask(1.7, frame=board).clamp is None
    board = Board()
    board.fresh[VALVE] = NOW - 1
    assert ask(1.7, frame=board).clamp is None
    distrusting = Context(distrusted={VALVE: NOW + SECOND})
    assert ask(1.7, context=distrusting).clamp is None


def test_what_else_denies_is_not_got_around() -> None:
    assert ask(1.7, context=Context(is_disk_full=True)).clamp is None
    busy = valve(past=Past(writes=1))
    write = ActuatorWrite(VALVE, 0.5, NOW - 90 * SECOND, NOW, NOW - 89 * SECOND, is_over=True)
    assert ask(1.7, on=busy, context=Context(writes={VALVE: (write,)})).clamp is None
    moving = valve(past=Past(travel=0.1))
    assert ask(1.7, on=moving).clamp is None, "the clamped value is judged by all rules, too"
    assert ask(float("nan")).clamp is None


def test_beyond_where_it_is_nothing_is_written() -> None:
    """A limit that was drawn in behind the actuator: no value between it and the proposal is inside."""
    of = valve(low=0.0, high=0.4)
    assert ask(0.9, on=of).verdict is Verdict.DENY
    assert ask(0.45, on=of).verdict is Verdict.DENY
    assert ask(0.3, on=of).verdict is Verdict.ALLOW


def test_short_labels_and_approvals_hold_the_clamped_value() -> None:
    board = Board()
    board.axes[LEVEL] = (0, 250, 250, 250)
    held = ask(1.7, frame=board)
    assert held.verdict is Verdict.HOLD
    assert held.clamp == Clamp(1.7, 1.0, ("limits",))
    of = valve(CommandClass.B)
    held = ask(1.7, on=of)
    assert (held.verdict, held.approvals_needed) == (Verdict.HOLD, 2)
    released = ask(1.7, on=of, approvals=("emil", "otto"))
    assert released.verdict is Verdict.HOLD, "nobody was shown the clamped value"
    frame, who = Board(), frozenset({"emil", "otto"})
    decision = judge(command(VALVE, 1.7), of, frame, Context(), {}, who, NOW, clamp=held.clamp)
    assert (decision.verdict, decision.clamp) == (Verdict.CLAMP, held.clamp)


def test_a_clamped_value_is_no_safe_action() -> None:
    listed = replace(valve(), safe={VALVE: (Safe("valve-1", VALVE, 0.0, 3),)})
    decision = ask(-1.0, on=listed, context=Context(is_disk_full=True))
    assert decision.verdict is Verdict.DENY


def test_what_is_approved_and_stored_has_both_values() -> None:
    asked, decision = command(VALVE, 1.7), ask(1.7)
    assert decision.clamp is not None
    other = replace(decision, clamp=replace(decision.clamp, value=0.9))
    assert shown(asked, decision) != shown(asked, other)
    assert shown(asked, decision) != shown(asked, replace(decision, clamp=None))
    record = Record(asked, bytes(32), 1, decision, 2, CommandStatus.HELD, NOW, NOW)
    assert read_record(write_record(record)) == record
    assert (record.value, record.as_write().value) == (1.0, 1.0)


@pytest.mark.parametrize(
    "point",
    [
        {"encoding": Encoding.U16, "scale": 0.007},
        {"encoding": Encoding.F32, "scale": 1.0},
        {"encoding": Encoding.F64, "scale": 1.0},
        {"encoding": Encoding.I16, "scale": 0.003, "offset": 0.0011},
    ],
)
@given(
    st.floats(-5, 5),
    st.floats(0.0, 1.0),
    st.floats(1e-4, 0.02),
    st.floats(0, 0.4),
    st.floats(0.6, 1),
)
def test_what_is_written_is_between_the_position_and_the_proposal_and_within_every_bound(
    point: dict[str, Any], value: float, position: float, rate: float, low: float, high: float
) -> None:
    of = valve(rate=rate, low=low, high=high, point=point)
    board = Board()
    board.values[VALVE] = position
    decision = decide(command(VALVE, value), on=of, frame=board, approvals=())
    if decision.clamp is None:
        return
    said = decision.clamp.value
    assert min(value, position) <= said <= max(value, position)
    assert low <= said <= high
    assert abs(said - position) <= rate * 60 + 1e-12
    refusing = valve(rate=rate, low=low, high=high, point=point, clamps=False)
    alone = decide(command(VALVE, said), on=refusing, frame=board, approvals=())
    assert alone.verdict is Verdict.ALLOW, "the gate allows that value by itself"


@given(st.floats(allow_nan=True), st.integers(0, 255))
def test_no_lie_of_another_tag_moves_it(lie: float, axis: int) -> None:
    board = Board()
    board.values[LEVEL] = lie
    board.axes[LEVEL] = (axis,) * 4
    decision = ask(1.7, frame=board)
    assert decision.clamp == Clamp(1.7, 1.0, ("limits",))
