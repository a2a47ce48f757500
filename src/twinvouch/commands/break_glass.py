"""Break-glass: for some minutes two persons waive what readings and approvals demand, for the commands of one of them.

It is looked at only where a command is held for its label or for approvals; limits, the rules over the past, interlocks and
look-ahead judge as ever, and so do mode, policy and keys. Only a command that the person signed counts: a token does not
break glass, nor does a key that somebody distrusts.
"""

from twinvouch.commands.derivation import bad_keys
from twinvouch.commands.view import Target, View
from twinvouch.core.command import Decision, Reason, Verdict
from twinvouch.core.glass import found

NAMES = ("break_glass",)
_WAIVED = frozenset({"label", "approval"})


def waived(view: View, target: Target, decision: Decision) -> tuple[Reason, ...]:
    """That label and approvals are waived, where `decision` holds the command for them; else nothing."""
    is_held = decision.verdict is Verdict.HOLD
    for_trust = any(r.rule in _WAIVED and r.verdict is Verdict.HOLD for r in decision.reasons)
    command = view.command
    glass = found(view.context.glasses, target.tag.id, command.principal, view.now_ns)
    if glass is None or not (is_held and for_trust and command.signed):
        return ()
    if bad_keys(view.moment, target.claim(command, view.key)):
        return ()
    left_s = (glass.until_ns - view.now_ns) / 1e9
    sentence = (
        f"break-glass of `{glass.subject}`: label and approvals are waived for `{glass.person}`, "
        f"as `{glass.second}` agreed (entry {glass.entry}), for {left_s:.0f} s more: {glass.reason}"
    )
    return (Reason(NAMES[0], Verdict.ALLOW, sentence[:500]),)


def was_waived(decision: Decision) -> bool:
    """True where a decision rests on break-glass."""
    return any(r.rule == NAMES[0] for r in decision.reasons)
