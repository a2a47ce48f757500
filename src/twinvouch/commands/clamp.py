"""A value in the place of the one that goes too far: the nearest that limits, rate and look-ahead allow.

Only where the actuator says so (`on_excess: clamp`), never in class A, and only where nothing else denies. The new value
lies between where the actuator is and what was proposed, never beyond either, and where it is has to be trusted: a clamp
follows from limits, from trusted readings and from permits, so that a lie can take it away and not move it. All stages
judge it anew, look-ahead too. What a person approves is the clamped value that was shown.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import inf, ulp

from twinvouch.commands import lookahead, rate
from twinvouch.commands.limits import fitting_words
from twinvouch.commands.present import fresh, possible
from twinvouch.commands.trusted_only import TrustedOnly
from twinvouch.commands.view import Target, View
from twinvouch.core.command import Clamp, Decision, Reason, Verdict
from twinvouch.core.inventory import CommandClass, Encoding, Point
from twinvouch.wire.words import from_words

NAMES = ("clamp",)
_BOUNDING = frozenset({"limits", "rate", lookahead.NAMES[0]})


def told(view: View, target: Target) -> tuple[Reason, ...]:
    """What is judged in the place of what was proposed; nothing where that is one."""
    clamp = view.clamp
    if clamp is None:
        return ()
    unit = target.tag.unit
    sentence = (
        f"{clamp.proposed:g} {unit} was proposed for `{target.tag.id}`, and {clamp.value:g} {unit} is the nearest that "
        f"{' and '.join(clamp.by)} allow: that is what would be written"
    )
    return (Reason(NAMES[0], Verdict.CLAMP, " ".join(sentence.split())),)


def clamped(view: View, clamp: Clamp) -> View:
    """The same command with the clamped value; approvals were given for another one."""
    command = replace(view.command, value=clamp.value)
    return replace(view, command=command, clamp=clamp, approvals=frozenset(), permits={}, known={})


def nearest(view: View, target: Target, decision: Decision) -> Clamp | None:
    """What could be written in its place; None where nothing may, or something else is against it."""
    against = tuple(sorted(_against(decision)))
    is_bound = bool(against) and set(against) <= _BOUNDING
    may = target.limits.clamps and target.tag.command_class is not CommandClass.A
    if not may or not is_bound or view.is_safe:
        return None
    now, proposed = _present(view, target), view.command.value
    bounds = _bounds(view, target, against)
    if not now or bounds is None:
        return None
    value = _held(min(max(proposed, bounds[0]), bounds[1]), now[0], target)
    is_between = value is not None and (max(now) < value < proposed or proposed < value < min(now))
    if value is None or not is_between or not bounds[0] <= value <= bounds[1]:
        return None
    before = view.clamp
    by = against if before is None else tuple(sorted({*before.by, *against}))
    return Clamp(proposed if before is None else before.proposed, value, by)


def _against(decision: Decision) -> Iterator[str]:
    """The rules that refuse it: those that deny, and a look-ahead that does not allow it."""
    for reason in decision.reasons:
        ahead = reason.rule in lookahead.NAMES and reason.verdict is Verdict.HOLD
        if reason.verdict is Verdict.DENY or (ahead and reason.sentence != lookahead.ASKED):
            yield reason.rule


def _present(view: View, target: Target) -> tuple[float, ...]:
    """Everything that the actuator may be at now; nothing where its reading is not trusted."""
    seen = replace(view, frame=TrustedOnly.of(view, target), known={})
    return possible(view, target.tag.id) if fresh(seen, target.tag.id) is not None else ()


def _bounds(view: View, target: Target, against: tuple[str, ...]) -> tuple[float, float] | None:
    """The least and the most that may be written; None where nothing may."""
    low, high = target.limits.low, target.limits.high
    reach = rate.reach(view, target)
    if reach is not None:
        low, high = max(low, reach[0]), min(high, reach[1])
    if lookahead.NAMES[0] in against:
        prediction = view.context.predictions.get(view.command.id)
        allowed = prediction.foresight.allowed if prediction and prediction.foresight else None
        is_again = view.clamp is not None and lookahead.NAMES[0] in view.clamp.by
        if allowed is None or is_again:  # once: a model that moves its answer on and on is none
            return None
        is_above = view.command.value > allowed
        low, high = (low, min(high, allowed)) if is_above else (max(low, allowed), high)
    return (low, high) if low <= high else None


def _held(value: float, towards: float, target: Target) -> float | None:
    """`value` as the register says it, rounded towards where the actuator is."""
    sign = -1.0 if towards < value else 1.0
    for moved in (value, value + sign * _step(value, target.point)):
        words = fitting_words(moved, target.point, target.limits)
        said = from_words(words, target.point) if words else inf
        if words and (said - value) * sign >= 0:
            return said
    return None


def _step(value: float, point: Point) -> float:
    """From one value of the register to the next."""
    size = max(abs(value), abs(point.offset))
    if point.encoding is Encoding.F32:
        return 2.4e-7 * size
    return 2 * ulp(size) if point.encoding is Encoding.F64 else abs(point.scale)
