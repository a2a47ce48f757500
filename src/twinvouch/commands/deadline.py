"""deadline: a command that is held for longer than its actuator's `deadline_s` is over, and the declared default may come.

The default is taken where persons or a model did not answer in time. Where readings hold a command, it is over and all stays
as it is: else whoever lies to a sensor could bring the default about, and choose when.
"""

from twinvouch.core.aftermath import Aftermath
from twinvouch.core.command import Decision, Verdict

NAMES = ("deadline",)


def is_over(after: Aftermath, received_ns: int, now_ns: int) -> bool:
    """True where it ran past its deadline."""
    return 0 < after.deadline_ns < now_ns - received_ns


def takes_default(after: Aftermath, decision: Decision) -> bool:
    """True where the default is to come: nothing but a missing approval or a missing answer of the model holds it."""
    if not after.is_default_taken or after.default is None:
        return False
    has_answer = decision.basis is not None and decision.basis.margin is not None
    waits = {"approval"} if has_answer else {"approval", "lookahead"}
    held = {r.rule for r in decision.reasons if r.verdict is not Verdict.ALLOW}
    return bool(held) and held <= waits


def sentence(after: Aftermath, decision: Decision, what: tuple[str, float]) -> str:
    """For people: `what` is the actuator and the value that was asked for."""
    tag, value = what
    held = sorted({r.rule for r in decision.reasons if r.verdict is not Verdict.ALLOW})
    late = f"`{tag}` = {value:g} was held for {after.deadline_ns / 1e9:g} s ({', '.join(held)}), which is its deadline"
    if takes_default(after, decision):
        return f"{late}; its declared default {after.default:g} is proposed instead"
    return f"{late}; it stays as it is"
