from dataclasses import replace
from math import inf, nan

import pytest

from tests.unit.commands.world import (
    LAMP,
    LEVEL,
    NOW,
    SECOND,
    SPEED,
    VALVE,
    Board,
    command,
    decide,
    plant,
    site,
)  # fmt: skip
from twinvouch.commands.limits import fitting_words
from twinvouch.core.command import Verdict
from twinvouch.core.context import ActuatorWrite, Context
from twinvouch.core.inventory import Encoding, Limits, Point, Table
from twinvouch.wire.words import from_words


def only(decision, rule):
    assert decision.verdict is Verdict.DENY
    assert [r.rule for r in decision.reasons if r.verdict is Verdict.DENY] == [rule]
    return next(r for r in decision.reasons if r.rule == rule)


@pytest.mark.parametrize(
    ("value", "counterfactual"),
    [
        (50.001, "would be allowed if <= 50"),
        (1e300, "would be allowed if <= 50"),
        (-0.001, "would be allowed if >= 0"),
    ],
)
def test_outside_the_range_is_denied_and_the_limit_named(value, counterfactual):
    assert only(decide(command(value=value)), "limits").counterfactual == counterfactual


@pytest.mark.parametrize("value", [0.0, -0.0, 50.0, 1e-300])
def test_the_limits_themselves_are_allowed(value):
    assert decide(command(value=value)).verdict is Verdict.ALLOW


def test_limits_that_are_no_numbers_allow_nothing():
    built = plant()
    tag = replace(built.tags[SPEED], limits=replace(built.tags[SPEED].limits, low=nan))
    on = site(plant=plant(tags={**built.tags, SPEED: tag}))
    assert "not numbers" in only(decide(command(), on=on), "limits").sentence


def test_a_value_that_its_register_cannot_hold_is_denied():
    assert "cannot be held" in only(decide(command(LAMP, 0.4), approvals=()), "limits").sentence
    assert decide(command(LAMP, 1.0), approvals=()).verdict is Verdict.ALLOW


def test_rounding_never_leaves_the_limits():
    point = Point("plc-1", 1, Table.HOLDING, 0, Encoding.U16, scale=10.0)
    assert fitting_words(40.0, point, Limits(0, 45)) == (4,)
    assert fitting_words(45.0, point, Limits(0, 45)) in {(4,), ()}
    assert fitting_words(46.0, point, Limits(0, 46)) == ()  # 50 is above
    assert fitting_words(-3.0, point, Limits(-5, 46)) in {(0,), ()}
    assert fitting_words(1e6, point, Limits(0, 1e9)) == ()
    words = fitting_words(0.1, replace(point, encoding=Encoding.F32, scale=1.0), Limits(0, 1))
    assert from_words(words, replace(point, encoding=Encoding.F32, scale=1.0)) == pytest.approx(0.1)


def written(*pairs):
    writes = tuple(ActuatorWrite(VALVE, value, NOW - ago * SECOND, 0) for value, ago in pairs)
    return Context(writes={VALVE: writes})


def test_a_rested_actuator_may_step_as_far_as_its_rate_in_the_rest():
    assert decide(command(VALVE, 1.0)).verdict is Verdict.ALLOW  # 0.5 + 60 s * 0.01/s = 1.1
    frame = Board()
    frame.values[VALVE] = 0.1
    reason = only(decide(command(VALVE, 0.9), frame=frame), "rate")
    assert reason.counterfactual == "would be allowed if >= -0.5 and <= 0.7"
    assert decide(command(VALVE, 0.7), frame=frame).verdict is Verdict.ALLOW


def test_the_time_since_the_last_permit_counts():
    assert decide(command(VALVE, 0.6), context=written((0.5, 10))).verdict is Verdict.ALLOW
    reason = only(decide(command(VALVE, 0.65), context=written((0.5, 10))), "rate")
    assert reason.counterfactual == "would be allowed if >= 0.4 and <= 0.6"


def test_many_small_steps_do_not_add_up_to_a_large_one():
    pending = written((0.5, 20), (0.6, 10), (0.7, 0))
    assert only(decide(command(VALVE, 0.8), context=pending), "rate")


def test_both_where_it_is_and_where_it_was_sent_count():
    reason = only(decide(command(VALVE, 0.8), context=written((0.8, 5))), "rate")  # still at 0.5
    assert (
        reason.counterfactual == "would be allowed if >= 0.75 and <= 0.55"
        or "later" in reason.counterfactual
    )


@pytest.mark.parametrize("value", [None, nan, inf])
def test_a_rate_cannot_be_checked_where_the_present_value_is_unknown(value):
    frame = Board()
    frame.values[VALVE] = value
    assert "not known" in only(decide(command(VALVE, 0.5), frame=frame), "rate").sentence


def test_a_stale_present_value_is_not_known_either():
    frame = Board(fresh={VALVE: NOW - 1})
    assert "not known" in only(decide(command(VALVE, 0.5), frame=frame), "rate").sentence


def test_an_interlock_that_does_not_hold_denies():
    frame = Board()
    frame.values[LEVEL] = 2.0
    reason = only(decide(command(), frame=frame), "interlock")
    assert "`tank-1/level` is 2" in reason.sentence
    assert reason.counterfactual == "would be allowed while tank_1_level > 2.0"


@pytest.mark.parametrize("value", [None, nan, inf, -inf])
def test_an_interlock_without_a_finite_value_denies(value):
    frame = Board()
    frame.values[LEVEL] = value
    assert "no fresh value" in only(decide(command(), frame=frame), "interlock").sentence


def test_an_interlock_on_a_stale_value_denies():
    decision = decide(command(), frame=Board(fresh={LEVEL: NOW - 1}))
    assert decision.verdict is Verdict.DENY
    assert {"interlock", "label"} == {r.rule for r in decision.reasons}


def test_an_interlock_that_was_not_compiled_denies():
    assert "not compiled" in only(decide(command(), on=site(interlocks={})), "interlock").sentence


@pytest.mark.parametrize("tag", [LEVEL, VALVE])
def test_what_is_not_known_holds_a_held_command_on(tag):
    """The next reading may bring the value: the approvals of persons are not thrown away for a gap."""
    asked = command() if tag == LEVEL else command(VALVE, 0.5)
    for frame in (Board(fresh={tag: NOW - 1}), Board(values={**Board().values, tag: None})):
        first = decide(asked, frame=frame)
        again = decide(asked, frame=frame, asked_ns=NOW - SECOND)
        assert (first.verdict, again.verdict) == (Verdict.DENY, Verdict.HOLD)
        assert "known" in again.why
    assert decide(asked, asked_ns=NOW - SECOND).verdict is Verdict.ALLOW


def test_an_interlock_that_is_known_not_to_hold_ends_a_held_command():
    frame = Board()
    frame.values[LEVEL] = 2.0
    assert decide(command(), frame=frame, asked_ns=NOW - SECOND).verdict is Verdict.DENY
