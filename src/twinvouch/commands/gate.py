"""The way through gate 4: `judge` a command; the strictest of all reasons is the decision.

form -> safe action -> capability (propose) -> authority -> disk, limits, history (rate, ramp, travel, ...), interlock -> label -> look-ahead -> approval -> capability (execute).
Form, capability and authority end the matter; of the others all speak. A short label or missing approvals hold
a command, so does a value that is not known while it is judged again; everything else denies it. Judge a held command again before it is released: all stages run
again, with the frame, mode and policy of that moment. Silence is denial: only the last stage, which asks
the policy with all the trust there is, gives an ALLOW.
"""

from collections.abc import Mapping
from dataclasses import replace

from twinvouch.commands import (
    approval,
    authority,
    basis,
    break_glass,
    capability,
    derivation,
    disk,
    form,
    history,
    interlock,
    limits,
    lookahead,
    own,
    safe_action,
    second_model,
)
from twinvouch.commands import (
    clamp as clamping,
)
from twinvouch.commands.derivation import ZERO, Derivation
from twinvouch.commands.view import Snapshot, Target, View
from twinvouch.core.command import STRICTEST_FIRST, Clamp, Command, Decision, Reason, Verdict
from twinvouch.core.context import Context
from twinvouch.core.site import Site

NOTHING = Derivation((), ZERO, ())


def judge(  # noqa: PLR0913, PLR0917 (everything a decision may depend on; View packs it at once)
    command: Command,
    site: Site,
    frame: Snapshot,
    context: Context,
    reads: Mapping[str, tuple[int, ...]],
    approvals: frozenset[str],
    now_ns: int,
    *,
    asked_ns: int | None = None,
    key: bytes = b"",
    clamp: Clamp | None = None,
) -> Decision:
    """Decide one command at `now_ns`; `asked_ns` is when a held command was first taken.

    `reads`: what the proposing service read lately, worst axes by tag. `approvals`: principals whose
    approving statements verified; persons and keys are counted here. `key`: id of the key that signed it. `clamp`: the value that was
    shown in the place of the proposed one when it was held. Never raises.
    """
    first = now_ns if asked_ns is None else asked_ns
    if clamp is not None:
        command = replace(command, value=clamp.value)
    view = View(command, site, frame, context, reads, approvals, now_ns, first, key, clamp)
    target, refused = view.target, form.check(view)
    if refused or target is None:
        return _decision(view, refused, NOTHING, (0, 0))
    view, target, listed = _listed(view, target)
    refused = _may(view, target) or authority.check(view)
    if refused:
        return _decision(view, refused, NOTHING, (0, 0))
    decision = _nearest(view, target, listed)
    waived = break_glass.waived(view, target, decision)
    if not waived:
        return decision
    return _nearest(view, safe_action.undemanding(target), (*listed, *waived))


def _nearest(view: View, target: Target, listed: tuple[Reason, ...]) -> Decision:
    """By all rules; where the value goes too far and may be clamped, the nearest one by all rules."""
    decision = _weigh(view, target, listed)
    if view.site.is_core(view.command.principal):  # what the core may do is on a list
        return decision
    nearest = clamping.nearest(view, target, decision)
    if nearest is None:
        return decision
    instead = _weigh(clamping.clamped(view, nearest), target, listed)
    return decision if instead.verdict is Verdict.DENY else instead


def _listed(view: View, target: Target) -> tuple[View, Target, tuple[Reason, ...]]:
    """As what it is judged: a listed safe action with no demands, within its number; all else as it is, and what the core does."""
    if view.site.is_core(view.command.principal):
        on = own.listed(view, target)
        return replace(own.believing(view, target), is_listed=bool(on)), target, on
    safe = safe_action.listed(view, target)
    if safe is None:
        return view, target, ()
    said = safe_action.check(view, target, safe)
    if said.rule == safe_action.ADMITTED:
        view, target = safe_action.admitted(view, target)
    return view, target, (said,)


def _may(view: View, target: Target) -> tuple[Reason, ...]:
    """The mode of the asset, and whether whoever proposes it may."""
    if view.site.is_core(view.command.principal):
        return capability.check_mode(view, target) or own.check(view, target)
    return capability.check_propose(view, target)


def strictest(reasons: tuple[Reason, ...]) -> Verdict:
    """The strictest verdict; no reason at all is a denial."""
    spoken = {r.verdict for r in reasons}
    return next((v for v in STRICTEST_FIRST if v in spoken), Verdict.DENY)


def _weigh(view: View, target: Target, first: tuple[Reason, ...]) -> Decision:
    derived = _derived(view, target)
    is_own = view.site.is_core(view.command.principal)
    given = len(approval.approvers(view, target))
    wanted = 0 if is_own else approval.needed(view, target)
    before = (
        *first,
        *clamping.told(view, target),
        *disk.check(view),
        *limits.check(view, target),
        *history.check(view, target),
        *interlock.check(view, target),
    )
    is_denied = any(r.verdict is Verdict.DENY for r in before)
    reasons = (
        *before,
        *derivation.check(derived, target.rule, target.letter),
        *(() if is_denied else _tried(view, target)),  # what is denied is not tried
        *approval.check(given, wanted, view.command.principal),
    )
    if all(r.verdict in {Verdict.ALLOW, Verdict.CLAMP} for r in reasons):
        approved = given, wanted
        asked = () if is_own else capability.check_execute(view, target, derived.axes, approved)
        reasons = (*reasons, *(asked or (_allowed(derived, given),)))
    decision = _decision(view, reasons, derived, (given, wanted))
    return replace(decision, basis=basis.of(view, target, derived))


def _tried(view: View, target: Target) -> tuple[Reason, ...]:
    """What the models say."""
    return (*lookahead.check(view, target), *second_model.check(view, target))


def _derived(view: View, target: Target) -> Derivation:
    """R7, with what look-ahead starts from."""
    ahead = view.site.ahead.get(target.tag.id)
    if view.site.is_core(view.command.principal):
        return own.derived(view, target, ahead)
    derived = derivation.derive(view.moment, target.claim(view.command, view.key))
    started = (told for each in lookahead.models(ahead) for told in lookahead.inputs(view, each))
    return derivation.joined(derived, started)


def _allowed(derived: Derivation, given: int) -> Reason:
    axes = ", ".join(str(a) for a in derived.axes)
    sentence = (
        f"every rule allows it: label {axes} from {len(derived.parents)} entries, {given} approvals"
    )
    return Reason("capability", Verdict.ALLOW, sentence)


def _decision(
    view: View, reasons: tuple[Reason, ...], derived: Derivation, approvals: tuple[int, int]
) -> Decision:
    return Decision(
        command=view.command.id,
        verdict=strictest(reasons),
        reasons=reasons,
        axes=derived.axes,
        parents=derived.parents,
        approvals=approvals[0],
        approvals_needed=approvals[1],
        clamp=view.clamp,
    )
