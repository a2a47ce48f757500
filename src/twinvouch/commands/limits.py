"""Is the value within what was engineered: range, what the device can hold, rate, interlock.

All of it fails closed: a value that cannot be compared is a denial, or holds a held command on. Readings of low trust can only
deny here, never allow what the others deny (NI-2): every stage must agree, and whatever is compared here is a mandatory
input, so that where its trust falls short the command is held (`view.mandatory`).
"""

from collections.abc import Iterator
from math import isfinite

from twinvouch.commands.view import Target, View
from twinvouch.core.command import Reason, Verdict
from twinvouch.core.errors import TwinvouchError
from twinvouch.core.inventory import Encoding, Limits, Point
from twinvouch.wire.words import from_words, to_words

NAMES = ("limits", "rate", "interlock")


def check(view: View, target: Target) -> tuple[Reason, ...]:
    """Denials, each with what would have been allowed."""
    return (*_range(view, target), *_rate(view, target), *_interlock(view, target))


def fitting_words(value: float, point: Point, limits: Limits) -> tuple[int, ...]:
    """The device words of `value`; none where they cannot say it, or say a value outside the limits.

    Rounding to the register must neither leave the limits nor move the value by more than half a step.
    """
    try:
        words = to_words(value, point)
        said = from_words(words, point)
    except (TwinvouchError, ValueError, ArithmeticError):
        return ()
    is_close = abs(said - value) <= _slack(value, point)
    return words if is_close and limits.low <= said <= limits.high else ()


def _slack(value: float, point: Point) -> float:
    """How far rounding may move a value: nothing for a bit, half a step, the last digits of a float."""
    size = max(abs(value), abs(point.offset))
    if point.encoding is Encoding.BIT:
        return 1e-9 * size
    if point.encoding is Encoding.F64:
        return 1e-14 * size
    if point.encoding is Encoding.F32:
        return 1e-6 * size + 1e-37 * abs(point.scale)  # the smallest float is 1.2e-38
    return 0.5 * abs(point.scale) + 1e-9 * size


def _range(view: View, target: Target) -> Iterator[Reason]:
    value, limits, unit = view.command.value, target.limits, target.tag.unit
    allowed = f"would be allowed if >= {limits.low:g} and <= {limits.high:g}"
    if value > limits.high:
        sentence = (
            f"{value:g} {unit} is above the limit of `{target.tag.id}`, {limits.high:g} {unit}"
        )
        yield Reason("limits", Verdict.DENY, sentence, f"would be allowed if <= {limits.high:g}")
    elif value < limits.low:
        sentence = (
            f"{value:g} {unit} is below the limit of `{target.tag.id}`, {limits.low:g} {unit}"
        )
        yield Reason("limits", Verdict.DENY, sentence, f"would be allowed if >= {limits.low:g}")
    elif not limits.low <= value <= limits.high:  # a limit that is not a number allows nothing
        yield Reason("limits", Verdict.DENY, f"`{target.tag.id}` has limits that are not numbers")
    elif not fitting_words(value, target.point, limits):
        held = f"{target.point.encoding.value} with scale {target.point.scale:g}"
        sentence = (
            f"{value:g} {unit} cannot be held within the limits by `{target.tag.id}` ({held})"
        )
        yield Reason("limits", Verdict.DENY, sentence, allowed + " in steps of its scale")


def _rate(view: View, target: Target) -> Iterator[Reason]:
    """The step from where the actuator is, and from each value last permitted, within rate x time.

    Time counts from the last permit, at most `rest_ns`: writing often does not add up to more. A
    permit whose outcome is not known counts as carried out.
    """
    rate, value = target.limits.rate, view.command.value
    if rate == float("inf"):
        return
    current = _fresh(view, target.tag.id)
    if current is None:
        sentence = (
            f"the present value of `{target.tag.id}` is not known, so its rate cannot be checked"
        )
        yield Reason("rate", _unknown(view), sentence, "would be allowed once it is read")
        return
    writes = view.context.writes.get(target.tag.id, ())
    rest = view.site.commands.rest_ns
    since = min([rest, *(max(0, view.now_ns - w.issued_ns) for w in writes)])
    step = rate * since / 1e9
    references = [current, *(w.value for w in writes if view.now_ns - w.issued_ns <= rest)]
    low, high = max(references) - step, min(references) + step
    if not low <= value <= high:
        unit = target.tag.unit
        sentence = (
            f"{value:g} {unit} is too far from {current:g} {unit}: `{target.tag.id}` may move "
            f"{rate:g} {unit}/s and was last permitted to {since / 1e9:g} s ago or more"
        )
        reach = (
            f"would be allowed if >= {low:g} and <= {high:g}"
            if low <= high
            else "would be allowed later"
        )
        yield Reason("rate", Verdict.DENY, sentence, reach)


def _interlock(view: View, target: Target) -> Iterator[Reason]:
    limits, name = target.limits, target.tag.id
    if not limits.interlock:
        return
    allowed = f"would be allowed while {limits.interlock}"
    condition = view.site.interlocks.get(name)
    if condition is None:
        sentence = f"interlock of `{name}` is not compiled, so nothing may be written"
        yield Reason("interlock", Verdict.DENY, sentence, allowed)
        return
    values = {tag: _fresh(view, tag) for tag in limits.interlock_tags}
    known = {tag: value for tag, value in values.items() if value is not None}
    if len(known) < len(values):
        names = ", ".join(f"`{tag}`" for tag in values if tag not in known)
        sentence = f"interlock of `{name}` needs {names}, of which no fresh value is known"
        yield Reason("interlock", _unknown(view), sentence, allowed)
    elif not condition.holds(known):
        seen = ", ".join(f"`{tag}` is {value:g}" for tag, value in known.items())
        sentence = f"interlock of `{name}` does not hold: {limits.interlock} ({seen})"
        yield Reason("interlock", Verdict.DENY, sentence, allowed)


def _unknown(view: View) -> Verdict:
    """What a value that is not known means: a denial at first; a held command waits on, its hold expires anyway."""
    return Verdict.HOLD if view.is_again else Verdict.DENY


def _fresh(view: View, tag: str) -> float | None:
    """The last value of a tag; None where it is missing, not finite or too old to be believed."""
    value = view.frame.value(tag) if tag in view.site.plant.tags else None
    if value is None or not isfinite(value):
        return None
    until = view.frame.label((tag,), view.now_ns).fresh_until[0]
    return value if until >= view.now_ns else None
