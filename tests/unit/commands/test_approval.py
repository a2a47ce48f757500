from dataclasses import replace
from hashlib import sha256

import pytest

from tests.unit.commands.world import (
    LAMP,
    NOW,
    PRINCIPALS,
    SPEED,
    VALVE,
    command,
    decide,
    plant,
    site,
)
from twinvouch.commands.approval import digest
from twinvouch.core.command import Verdict
from twinvouch.core.context import Context
from twinvouch.core.inventory import CommandClass
from twinvouch.core.mode import Mode, ModeRules, Rung
from twinvouch.core.ports import PolicyAnswer


@pytest.mark.parametrize(
    ("approvals", "given"),
    [
        ((), 0),
        (("emil",), 1),
        (("emil", "otto"), 2),
        (("eva", "emil"), 1),  # the proposer
        (("olga", "olga-too"), 1),  # two names, one key
        (("twin", "emil"), 1),  # a service
        (("edge-1", "emil"), 1),
        (("vera", "anna", "udo", "van", "adam", "mona"), 0),  # persons without the role
        (("nobody", "", "emil"), 1),
    ],
)
def test_only_distinct_persons_with_the_role_count(approvals, given):
    decision = decide(command(), approvals=approvals)
    assert (decision.approvals, decision.approvals_needed) == (given, 2)
    assert decision.verdict is (Verdict.ALLOW if given >= 2 else Verdict.HOLD)
    if given < 2:
        assert decision.why == f"{given} of 2 persons have approved"
        more = "1 more approval," if given == 1 else "2 more approvals,"
        assert f"with {more} none of them by `eva`" in decision.reasons[0].counterfactual


def test_a_second_name_with_the_key_of_the_proposer_does_not_count():
    twice = replace(PRINCIPALS["emil"], key=PRINCIPALS["eva"].key)
    on = site(plant=plant(principals={**PRINCIPALS, "emil": twice}))
    assert decide(command(), on=on).approvals == 1


def test_a_person_without_a_key_does_not_count():
    on = site(plant=plant(principals={**PRINCIPALS, "emil": replace(PRINCIPALS["emil"], key=b"")}))
    assert decide(command(), on=on).approvals == 1


def test_autonomous_needs_no_approvals_and_class_c_neither():
    highest = {"pump-1": Rung.AUTONOMOUS}
    context = Context(modes={"pump-1": Mode(Rung.AUTONOMOUS, until_ns=NOW)}, highest=highest)
    on = site(modes=ModeRules(autonomous_classes=frozenset({CommandClass.A})))
    assert decide(command(SPEED), on=on, context=context, approvals=()).verdict is Verdict.ALLOW
    usual = decide(command(SPEED), context=context, approvals=())
    assert usual.verdict is Verdict.HOLD, "only of the classes that may go without"
    over = Context(modes={"pump-1": Mode(Rung.AUTONOMOUS, until_ns=NOW - 1)}, highest=highest)
    assert decide(command(SPEED), on=on, context=over, approvals=()).verdict is Verdict.HOLD
    higher = Context(modes=context.modes)
    assert decide(command(SPEED), on=on, context=higher, approvals=()).verdict is Verdict.HOLD
    assert decide(command(VALVE, 0.5), context=context, approvals=()).verdict is Verdict.HOLD
    assert decide(command(LAMP, 1.0), approvals=()).verdict is Verdict.ALLOW


def test_the_digest_of_approvals_does_not_depend_on_order_or_repetition():
    one, two = sha256(b"1").digest(), sha256(b"2").digest()
    assert digest([one, two]) == digest([two, one, two])
    assert digest([one]) != digest([two])
    assert digest([]) == sha256(b"").digest()


def test_services_and_edges_never_approve_whatever_a_policy_permits():
    class Anything:
        digest = bytes(32)

        def decide(self, request):
            return PolicyAnswer(allowed=True, why="permitted by policy `everything`")

    names = ("twin", "edge-1", "script", "emil")
    assert decide(command(), on=site(policy=Anything()), approvals=names).approvals == 1
