import pytest

from tests.unit.commands.world import (
    GOOD,
    LAMP,
    LEVEL,
    SPEED,
    VALVE,
    Board,
    command,
    decide,
    policy,
    site,
)
from twinvouch.core.command import Verdict
from twinvouch.core.context import Context
from twinvouch.core.mode import Mode, Rung
from twinvouch.core.ports import PolicyAnswer


class Recorder:
    """The default policy; keeps what it was asked, and may deny one action."""

    def __init__(self, deny=""):
        self.asked, self.deny, self.digest = [], deny, bytes(32)

    def decide(self, request):
        self.asked.append(request)
        if request.action == self.deny:
            return PolicyAnswer(allowed=False, why="forbidden by policy `test`")
        return policy().decide(request)


@pytest.mark.parametrize(
    ("who", "tag", "value", "allowed"),
    [
        ("eva", SPEED, 40.0, True),
        ("olga", SPEED, 40.0, False),  # class A is for engineers
        ("olga", VALVE, 0.5, True),
        ("olga", LAMP, 1.0, True),
        ("twin", SPEED, 40.0, True),
        ("script", LAMP, 1.0, False),  # a service without a role
        ("edge-1", LAMP, 1.0, False),  # an edge, whatever its roles
        ("adam", LAMP, 1.0, False),
        ("vera", LAMP, 1.0, False),
        ("van", LAMP, 1.0, False),
        ("udo", LAMP, 1.0, False),
        ("mona", LAMP, 1.0, False),
        ("nobody", LAMP, 1.0, False),
        ("", LAMP, 1.0, False),
    ],
)
def test_who_may_command_what(who, tag, value, allowed):
    decision = decide(command(tag, value, principal=who), approvals=("emil", "erna"))
    assert decision.verdict is (Verdict.ALLOW if allowed else Verdict.DENY)
    assert decision.reasons[0].rule == "capability"


def test_who_may_not_propose_learns_nothing_else():
    frame = Board(axes=dict.fromkeys(Board().axes, (0, 0, 0, 0)))
    decision = decide(command(value=99.0, principal="van"), frame=frame)
    assert [r.rule for r in decision.reasons] == ["capability"]
    assert decision.axes == (0, 0, 0, 0)
    assert decision.parents == ()


@pytest.mark.parametrize("rung", list(Rung))
def test_the_mode_of_the_asset_decides_whether_anything_is_written(rung):
    context = Context(modes={"pump-1": Mode(rung, 3)})
    decision = decide(command(), context=context)
    if rung <= Rung.SUPERVISED:
        assert decision.verdict is Verdict.ALLOW
    else:
        assert (decision.verdict, decision.reasons[0].rule) == (Verdict.DENY, "mode")
        assert "`pump-1` is in mode" in decision.why


def test_a_mode_denies_even_where_a_policy_would_not():
    class Anything:
        digest = bytes(32)

        def decide(self, request):
            return PolicyAnswer(allowed=True, why="permitted by policy `everything`")

    context = Context(modes={"pump-1": Mode(Rung.READ_ONLY)})
    assert decide(command(), on=site(policy=Anything()), context=context).verdict is Verdict.DENY


def test_no_permit_without_execute():
    recorder = Recorder(deny="execute")
    decision = decide(command(), on=site(policy=recorder))
    assert decision.verdict is Verdict.DENY
    assert "may not execute" in decision.why


def test_execute_is_asked_with_all_the_trust_there_is_and_only_when_nothing_objects():
    recorder = Recorder()
    frame = Board()
    frame.axes[LEVEL] = (210, 220, 230, 240)
    decide(command(), on=site(policy=recorder), frame=frame)
    asked = next(r for r in recorder.asked if r.action == "execute")
    assert dict(asked.context) == {
        "identity": 100, "integrity": 220, "plausibility": 230, "calibration": 240,
        "required_identity": 100, "required_integrity": 200, "required_plausibility": 200,
        "required_calibration": 100, "mode": 1, "approvals": 2, "approvals_needed": 2, "signed": True,
    }  # fmt: skip
    assert dict(asked.attributes) == {"class": "A", "asset": "pump-1", "zone": "field"}
    held = Recorder()
    decide(command(), on=site(policy=held), approvals=())
    assert "execute" not in {r.action for r in held.asked}


def test_a_short_label_holds_and_is_never_denied_by_the_policy():
    frame = Board()
    frame.axes[LEVEL] = (*GOOD[:2], 10, GOOD[3])
    decision = decide(command(), frame=frame)
    assert decision.verdict is Verdict.HOLD
    assert {r.rule for r in decision.reasons} == {"label"}
