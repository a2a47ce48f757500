"""own: a command of the core itself, which a watchdog makes where not acting leads out of the limits.

No principal stands behind it, so nobody is asked whether it may: what it may be is on the list of a watchdog and on that of
safe actions, which two persons signed, and nothing else. It rests on what look-ahead started from, and on what its interlock
and the rules over its past read. It is not admitted as a safe action of somebody is: mode, disk, limits, the past, interlock,
label and look-ahead count, and no answer of the model holds it. Nobody approves it, since the lists were signed.
"""

from dataclasses import replace

from twinvouch.commands import derivation, lookahead, safe_action
from twinvouch.commands.derivation import ZERO, Derivation
from twinvouch.commands.lookahead import At, trusted_axes
from twinvouch.commands.view import Target, View, estimable, mandatory
from twinvouch.core.aftermath import OnFailure
from twinvouch.core.command import Part, Reason, Verdict
from twinvouch.core.lookahead import Ahead
from twinvouch.core.safe import lately
from twinvouch.core.site import Site
from twinvouch.core.subject import tags_of
from twinvouch.core.trusted import Trusted
from twinvouch.core.virtual import Axes, StandIn
from twinvouch.core.watchdog import SafeAction

NAMES = ("own",)
Told = tuple[str, Axes, tuple[int, ...], str]
_NOTHING = Derivation((Part("nothing", ZERO, "it rests on no reading"),), ZERO, ())


def check(view: View, target: Target) -> tuple[Reason, ...]:
    """A denial of what is not on both lists now, or was done often enough."""
    if _follows(view):
        return ()
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


def _follows(view: View) -> bool:
    """True of what two persons signed to follow from another command: the declared default, or a way back."""
    after, value = view.site.aftermaths.get(view.command.tag), view.command.value
    if after is None:
        return False
    action = OnFailure.NONE if after.expected is None else after.expected.on_failure
    is_default = after.is_default_taken or action is OnFailure.FALL_BACK
    return action is OnFailure.ROLL_BACK or (is_default and value == after.default)


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


def believing(view: View, target: Target) -> View:
    """With the start of look-ahead in place of what its interlock reads and does not count: it must hold in all of it.

    Else the lie that the watchdog is there for, or the distrust of it, would keep the core from acting.
    """
    ahead = view.site.ahead.get(target.tag.id)
    if ahead is None or view.command.inputs:
        return view
    instead = dict(view.context.virtual)
    for name, source in ahead.sources.items():
        tag, known = source.tag, view.context.trusted.get(source.tag)
        is_read = tag in estimable(target.tag) and trusted_axes(view, ahead, tag) is None
        if is_read and known is not None and tag not in instead and source.factor:
            interval = lookahead.interval(view, ahead, name)
            ends = sorted((v - source.offset) / source.factor for v in (interval.low, interval.centre, interval.high))  # fmt: skip
            instead[tag] = _where(tag, ends, known)
    return replace(view, context=replace(view.context, virtual=instead))


def _where(tag: str, ends: list[float], known: Trusted) -> StandIn:
    low, middle, high = ends
    rests = tuple((tag, entry) for entry in known.entries)
    return StandIn(
        *(tag, middle, low, high, known.axes, rests, (), (), 0.0, 0.0),
        why="where it was while trusted, and how far it may have gone",
    )


def derived(view: View, target: Target, ahead: Ahead | None) -> Derivation:
    """What look-ahead starts from, and what the rules read that could refuse it: who says that decides, too.

    Where it follows from another command, what it declares and all that any command rests on.
    """
    if not view.command.inputs:
        return _derived(view, ahead, derivation.now(view.moment, read(target, ahead)))
    claim = replace(
        target.claim(view.command, view.key), signed=True
    )  # nobody but the core says it
    base = derivation.derive(view.moment, claim)
    return base if ahead is None else derivation.joined(base, lookahead.inputs(view, ahead))


def derive_advice(at: At, ahead: Ahead | None) -> Derivation:
    """What look-ahead starts from; nobody is asked about advice by what a rule reads."""
    return _derived(at, ahead, [])


def read(target: Target, ahead: Ahead | None) -> tuple[str, ...]:
    """Tags that its interlock, its past and its groups read, but for those of the interlock where look-ahead starts."""
    bare = replace(target.tag, limits=replace(target.limits, controlled=()))
    starts = set() if ahead is None else {s.tag for s in ahead.sources.values()}  # of the first
    started = starts & set(estimable(bare))
    return tuple(t for t in mandatory(bare) if t not in started)


def _derived(at: At, ahead: Ahead | None, more: list[Told]) -> Derivation:
    told = [each for of in lookahead.models(ahead) for each in lookahead.inputs(at, of)]
    return derivation.joined(Derivation((), ZERO, ()), [*told, *more]) if told else _NOTHING
