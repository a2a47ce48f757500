"""disk: no command is carried out that could not be recorded."""

from tests.unit.commands.world import NOW, command, decide
from twinvouch.core.command import Verdict
from twinvouch.core.context import Context

FULL = Context(is_disk_full=True)


def test_a_disk_with_room_says_nothing() -> None:
    decision = decide(command(), approvals=("emil", "otto"))
    assert decision.verdict is Verdict.ALLOW
    assert "disk" not in {r.rule for r in decision.reasons}


def test_a_full_one_denies_whoever_approved() -> None:
    decision = decide(command(), approvals=("emil", "otto"), context=FULL)
    assert decision.verdict is Verdict.DENY
    assert decision.reasons[0].rule == "disk"
    assert "full" in decision.why


def test_a_command_that_was_held_is_held_on() -> None:
    decision = decide(
        command(), approvals=("emil", "otto"), context=FULL, asked_ns=NOW - 1_000_000_000
    )
    assert decision.verdict is Verdict.HOLD
    assert decision.reasons[0].rule == "disk"
