"""own: a command of the core itself, which a watchdog makes where not acting leads out of the limits.

No principal stands behind it, so nobody is asked whether it may: what it may be is a list of tags and values that two persons
signed, and nothing else. It rests on what look-ahead started from, and on nothing besides. Mode, disk, limits, the past,
interlock, label and look-ahead count as for everybody; nobody approves it, since the list was signed.
"""

from twinvouch.commands import derivation, lookahead
from twinvouch.commands.derivation import ZERO, Derivation, Part
from twinvouch.commands.lookahead import At
from twinvouch.commands.view import View
from twinvouch.core.command import CORE, Reason, Verdict
from twinvouch.core.lookahead import Ahead
from twinvouch.core.site import Site
from twinvouch.core.subject import tags_of
from twinvouch.core.watchdog import SafeAction

NAMES = ("own",)
_NOTHING = Derivation((Part("nothing", ZERO, "it rests on no reading"),), ZERO, ())


def is_own(site: Site, principal: str) -> bool:
    """True of what the core says itself; a plant with a principal of that name has no watchdog that acts."""
    return principal == CORE and CORE not in site.plant.principals


def check(view: View) -> tuple[Reason, ...]:
    """A denial of what no watchdog has on its list."""
    c = view.command
    if any(SafeAction(c.tag, c.value) in w.safe for w in view.site.watchdogs.values()):
        return ()
    sentence = f"`{c.tag}` = {c.value:g} is no safe action of a watchdog"
    return (Reason(NAMES[0], Verdict.DENY, sentence, "would be allowed if two persons signed it"),)


def ahead_of(site: Site, subject: str) -> Ahead | None:
    """Look-ahead of an actuator, or of the first one of an asset."""
    return next((site.ahead[t] for t in tags_of(site.plant, subject) if t in site.ahead), None)


def derive(at: At, ahead: Ahead | None) -> Derivation:
    """What look-ahead starts from; zero where that is no reading at all."""
    told = () if ahead is None else tuple(lookahead.inputs(at, ahead))
    return derivation.joined(Derivation((), ZERO, ()), told) if told else _NOTHING
