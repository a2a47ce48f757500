"""Who said yes: distinct persons with distinct keys, none of them the proposer.

Counts and distinctness are computed here (a policy language cannot count a set); whether a person may
approve is asked of the policy. An approval never replaces trust.
"""

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from twinvouch.commands.capability import request
from twinvouch.commands.view import Target, View
from twinvouch.core.command import Decision, Reason, Verdict
from twinvouch.core.inventory import PrincipalKind
from twinvouch.core.mode import Rung

NAMES = ("approval",)


def digest(statements: Iterable[bytes]) -> bytes:
    """SHA-256 over the digests of the approving statements, in order of the bytes, each once."""
    return sha256(b"".join(sorted(set(statements)))).digest()


def needed(view: View, target: Target) -> int:
    """How many persons must have approved: the class's number; none in autonomous mode, of classes that may go without."""
    mode = view.context.mode_of(target.tag.asset)
    may = target.tag.command_class in view.site.modes.autonomous_classes
    is_autonomous = mode.rung is Rung.AUTONOMOUS and view.now_ns <= mode.until_ns
    return 0 if is_autonomous and may else target.rule.approvals


def approvers(view: View, target: Target) -> tuple[str, ...]:
    """Those of `view.approvals` who count, by name; of several with one key only the first."""
    principals = view.site.plant.principals
    proposer = principals.get(view.command.principal)
    # with a ring a key is one principal's, and every statement was checked against it
    ring = view.context.ring
    keys = {proposer.key} if proposer and ring is None else set()
    counted = []
    for name in sorted(view.approvals):
        person = principals.get(name)
        if person is None or person.kind is not PrincipalKind.PERSON:
            continue
        key = person.key if ring is None else name.encode()
        if not key:
            continue
        is_proposer = name == view.command.principal or key in keys
        asked = request(view, target, name, "approve", {"is_proposer": is_proposer})
        if not is_proposer and view.site.policy.decide(asked).allowed:
            keys.add(key)
            counted.append(name)
    return tuple(counted)


def forbidden(view: View, target: Target, name: str) -> str:
    """Why a person's approval of this command would not count, by the policy and because nobody approves their own."""
    principals = view.site.plant.principals
    proposer, person = principals.get(view.command.principal), principals.get(name)
    one_key = proposer and person and view.context.ring is None and proposer.key == person.key
    is_proposer = name == view.command.principal or bool(one_key)
    asked = request(view, target, name, "approve", {"is_proposer": is_proposer})
    answer = view.site.policy.decide(asked)
    if not answer.allowed:
        return f"policy: {answer.why}"
    return f"`{name}` proposed it: another person approves" if is_proposer else ""


def check(given: int, wanted: int, proposer: str) -> tuple[Reason, ...]:
    """A hold where approvals are missing."""
    if given >= wanted:
        return ()
    missing = wanted - given
    sentence = f"{given} of {wanted} persons have approved"
    plural = "s" if missing > 1 else ""
    allowed = f"would be allowed with {missing} more approval{plural}, none of them by `{proposer}`"
    return (Reason(NAMES[0], Verdict.HOLD, sentence, allowed),)


def waiting(decision: Decision) -> Decision:
    """What nothing stands against any more, but that was held: a restored tag alone moves nothing, a person does."""
    sentence = "nothing holds it any more since a tag was restored or the mode was raised; a person releases it"
    counterfactual = "would be allowed when a person approves"
    reason = Reason(NAMES[0], Verdict.HOLD, sentence, counterfactual)
    return replace(decision, verdict=Verdict.HOLD, reasons=(*decision.reasons, reason))
