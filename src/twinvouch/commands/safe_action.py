"""Safe actions (R7s): what two persons signed as hazard-reducing is not held because readings are not trusted.

Else whoever lies to one sensor could keep a pump from being stopped. A command that equals a listed action, inside its
windows and its number an hour, is judged without demands on its label and without approvals, and every rule that looks
at readings sees only those that are trusted: what a lie says refuses nothing. Form, policy, mode, keys, limits and the
rules over permits stay. Where the actuator has a model, it is refused where every member regrets it, and held where some do
and none needs it; no answer is none against it. What is beyond the number, or regretted by all, is abuse: told, and judged as any other command.
"""

from dataclasses import replace

from twinvouch.commands import lookahead
from twinvouch.commands.derivation import bad_keys
from twinvouch.commands.trusted_only import TrustedOnly
from twinvouch.commands.view import Target, View
from twinvouch.core.command import Decision, Reason, Verdict
from twinvouch.core.inventory import ClassRule
from twinvouch.core.safe import HOUR_NS, Safe, lately

NAMES = ("safe_action", "safe_action_abuse")
ADMITTED, ABUSE = NAMES


def listed(view: View, target: Target) -> Safe | None:
    """The listed action that this command is for its principal, in one of its windows; none under a key that a person distrusts.

    A value that was clamped is none that anybody proposed.
    """
    of, who = view.site.safe.get(target.tag.id, ()), view.command.principal
    is_core = view.site.is_core(who)
    mine = (s for s in of if is_core or s.is_for(who))
    same = (s for s in mine if s.value == view.command.value and s.is_open(view.now_ns))
    found = next(same, None)
    if found is None or view.clamp is not None:
        return None
    bad = bad_keys(view.moment, target.claim(view.command, view.key))
    return None if bad else found


def check(view: View, target: Target, safe: Safe) -> Reason:
    """Admitted, with the list it is on; or why it is judged as any other command."""
    used = lately(view.context.safe_used, safe, view.now_ns)
    what = f"`{safe.tag}` = {safe.value:g} {target.tag.unit}".rstrip()
    listing = f"the list of safe actions of `{safe.asset}` ({safe.digest.hex()[:16]})"
    if len(used) >= safe.per_hour:
        left_s = (used[-safe.per_hour] + HOUR_NS - view.now_ns) / 1e9
        sentence = f"{what} is on {listing} and was admitted {len(used)} times in the last hour, limit is {safe.per_hour}"
        later = f"would be admitted as a safe action in {left_s:.0f} s"
        return Reason(ABUSE, Verdict.ALLOW, f"{sentence}: judged as any other command", later)
    if is_regretted(view, target):
        sentence = f"{what} is on {listing}, and every member of the look-ahead is worse for it"
        later = "would be admitted as a safe action where some member is not"
        return Reason(ABUSE, Verdict.ALLOW, f"{sentence}: judged as any other command", later)
    sentence = f"admitted as a safe action: {what} is on {listing}, {len(used) + 1} of {safe.per_hour} in an hour"
    return Reason(ADMITTED, Verdict.ALLOW, sentence)


def is_regretted(view: View, target: Target) -> bool:
    """True where a whole answer of the model says that every member is worse for it, with every backup law."""
    ahead = view.site.ahead.get(target.tag.id)
    prediction = view.context.predictions.get(view.command.id)
    if ahead is None or prediction is None:
        return False
    return lookahead.judge(ahead, prediction).verdict is Verdict.DENY


def admitted(view: View, target: Target) -> tuple[View, Target]:
    """As what it is judged: with what is trusted only, and no demands of its class."""
    seen = TrustedOnly.of(view, target)
    return replace(view, frame=seen, is_safe=True, is_listed=True, known={}), undemanding(target)


def undemanding(target: Target) -> Target:
    """The actuator, its class asking for no label and no approvals."""
    nothing = dict.fromkeys(
        ("identity", "integrity", "plausibility", "calibration", "approvals"), 0
    )
    rule: ClassRule = replace(target.rule, **nothing)
    return replace(target, rule=rule)


def was_admitted(decision: Decision) -> bool:
    """True where it was judged as a safe action."""
    return any(r.rule == ADMITTED for r in decision.reasons)
