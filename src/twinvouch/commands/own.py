"""own: a command of the core itself, which a watchdog makes where not acting leads out of the limits.

No principal stands behind it, so nobody is asked whether it may: what it may be is on the list of a watchdog and on that of
safe actions, which two persons signed, and nothing else. It rests on what look-ahead started from, and on what its interlock
and the rules over its past read. It is not admitted as a safe action of somebody is: mode, disk, limits, the past, interlock,
label and look-ahead count, and no answer of the model holds it. Nobody approves it, since the lists were signed.
"""

from dataclasses import replace

from twinvouch.commands import derivation, lookahead, safe_action
from twinvouch.commands.derivation import ZERO, Axes, Derivation, Part
from twinvouch.commands.lookahead import At
from twinvouch.commands.view import Target, View, mandatory
from twinvouch.core.command import CORE, Reason, Verdict
from twinvouch.core.lookahead import Ahead
from twinvouch.core.safe import lately
from twinvouch.core.site import Site
from twinvouch.core.subject import tags_of
from twinvouch.core.watchdog import SafeAction

NAMES = ("own",)
Told = tuple[str, Axes, tuple[int, ...], str]
_NOTHING = Derivation((Part("nothing", ZERO, "it rests on no reading"),), ZERO, ())


def is_own(site: Site, principal: str) -> bool:
    """True of what the core says itself; a plant with a principal of that name has no watchdog that acts."""
    return principal == CORE and CORE not in site.plant.principals


def check(view: View, target: Target) -> tuple[Reason, ...]:
    """A denial of what is not on both lists now, or was done often enough."""
    c, safe = view.command, safe_action.listed(view, target)
    if not any(SafeAction(c.tag, c.value) in w.safe for w in view.site.watchdogs.values()):
        return _denied(f"`{c.tag}` = {c.value:g} is no safe action of a watchdog")
    if safe is None:
        return _denied(f"`{c.tag}` = {c.value:g} is on no list of safe actions at this time of day")
    used = len(lately(view.context.safe_used, safe, view.now_ns))
    if used < safe.per_hour:
        return ()
    return _denied(
        f"`{c.tag}` = {c.value:g} was done {used} times in the last hour, limit is {safe.per_hour}"
    )


def listed(view: View, target: Target) -> tuple[Reason, ...]:
    """Which list it is on; with it, it takes one of its number where it is permitted."""
    safe = safe_action.listed(view, target)
    said = None if safe is None else safe_action.check(view, target, safe)
    return () if said is None or said.rule != safe_action.ADMITTED else (said,)


def _denied(sentence: str) -> tuple[Reason, ...]:
    return (Reason(NAMES[0], Verdict.DENY, sentence, "would be allowed if two persons signed it"),)


def ahead_of(site: Site, subject: str) -> Ahead | None:
    """Look-ahead of an actuator, or of the first one of an asset."""
    return next((site.ahead[t] for t in tags_of(site.plant, subject) if t in site.ahead), None)


def derive(view: View, target: Target, ahead: Ahead | None) -> Derivation:
    """What look-ahead starts from, and what the rules read that could refuse it: who says that decides, too."""
    return _derived(view, ahead, derivation.now(view.moment, read(target)))


def derive_advice(at: At, ahead: Ahead | None) -> Derivation:
    """What look-ahead starts from; nobody is asked about advice by what a rule reads."""
    return _derived(at, ahead, [])


def read(target: Target) -> tuple[str, ...]:
    """Tags that its interlock, its past and its groups read; its controlled variables are where look-ahead starts."""
    limits = target.limits
    bare = replace(target.tag, limits=replace(limits, controlled=()))
    return mandatory(bare)


def _derived(at: At, ahead: Ahead | None, more: list[Told]) -> Derivation:
    told = [] if ahead is None else list(lookahead.inputs(at, ahead))
    return derivation.joined(Derivation((), ZERO, ()), [*told, *more]) if told else _NOTHING
