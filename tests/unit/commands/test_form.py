from dataclasses import replace
from math import inf, nan

import pytest

from tests.unit.commands.world import (
    LAMP,
    LEVEL,
    NOW,
    PRINCIPALS,
    SECOND,
    SPEED,
    command,
    decide,
    plant,
    site,
)
from twinvouch.core.batch import Origin
from twinvouch.core.command import Input, Verdict
from twinvouch.core.inventory import CommandedBy, Table


def refused(decision):
    assert decision.verdict is Verdict.DENY
    assert {r.rule for r in decision.reasons} == {"form"}
    assert decision.axes == (0, 0, 0, 0)
    return " ".join(r.sentence for r in decision.reasons)


def changed(**changes):
    built = plant()
    return site(plant=plant(tags={**built.tags, SPEED: replace(built.tags[SPEED], **changes)}))


def test_a_well_formed_command_goes_on():
    assert decide(command()).verdict is Verdict.ALLOW


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_a_value_that_is_no_finite_number_is_denied(value):
    assert "finite" in refused(decide(command(value=value)))


@pytest.mark.parametrize("tag", ["", LEVEL, "pump-9/speed", "net3/pump-1/speed"])
def test_what_is_no_actuator_is_denied(tag):
    assert "not an actuator" in refused(decide(command(tag)))


def test_another_unit_is_denied_and_the_right_one_named():
    decision = decide(command(unit="rpm"))
    assert "`rpm` is not `%`" in refused(decision)
    assert decision.reasons[0].counterfactual == "would be allowed in `%`"


@pytest.mark.parametrize(
    ("made_ns", "said"),
    [
        (NOW - 31 * SECOND, "31.0 s old"),
        (0, "old"),
        (NOW + 6 * SECOND, "6.0 s in the future"),
        (2**63 - 1, "future"),
    ],
)
def test_old_and_future_commands_are_denied(made_ns, said):
    assert said in refused(decide(command(made_ns=made_ns)))


@pytest.mark.parametrize("made_ns", [NOW - 30 * SECOND, NOW + 5 * SECOND])
def test_the_limits_of_age_are_allowed(made_ns):
    assert decide(command(made_ns=made_ns)).verdict is Verdict.ALLOW


def test_a_held_command_is_as_old_as_when_it_was_asked():
    late = NOW + 600 * SECOND
    assert decide(command(), now_ns=late, asked_ns=NOW).verdict is Verdict.ALLOW
    assert "old" in refused(decide(command(), now_ns=late))
    too_late = NOW + 901 * SECOND
    assert "held for 901.0 s" in refused(decide(command(), now_ns=too_late, asked_ns=NOW))


@pytest.mark.parametrize(
    ("on", "said"),
    [
        (lambda: site(plant=plant(actuator="")), "never written to"),
        (lambda: site(origin=Origin.REPLAY), "replay data"),
        (lambda: site(origin=Origin.SHADOW), "shadow data"),
        (lambda: site(plant=plant(classes={})), "no rule for its class"),
        (lambda: changed(limits=None), "no limits"),
        (lambda: changed(point=None), "no address"),
        (lambda: changed(commanded_by=CommandedBy.PLANT), "own control only"),
    ],
)
def test_what_cannot_be_written_to_is_denied(on, said):
    assert said in refused(decide(command(), on=on()))


@pytest.mark.parametrize("table", [Table.INPUT, Table.DISCRETE])
def test_read_only_tables_are_denied(table):
    point = replace(plant().tags[SPEED].point, table=table)
    assert "cannot be written" in refused(decide(command(), on=changed(point=point)))


def test_too_many_declared_inputs_are_denied():
    inputs = tuple(Input(LEVEL, i) for i in range(1001))
    assert "1001 inputs" in refused(decide(command(inputs=inputs)))


def test_a_simulated_plant_may_be_commanded():
    assert decide(command(), on=site(origin=Origin.SIMULATED)).verdict is Verdict.ALLOW
    assert decide(command(LAMP, 1.0), approvals=()).verdict is Verdict.ALLOW
    assert "actuator-1" in PRINCIPALS
