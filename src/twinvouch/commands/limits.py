"""Is the value within what was engineered: the range, and what the device can hold."""

from collections.abc import Iterator

from twinvouch.commands.view import Target, View
from twinvouch.core.command import Reason, Verdict
from twinvouch.core.errors import TwinvouchError
from twinvouch.core.inventory import Encoding, Limits, Point
from twinvouch.wire.words import from_words, to_words

NAMES = ("limits",)


def check(view: View, target: Target) -> tuple[Reason, ...]:
    """Denials, each with what would have been allowed."""
    return tuple(_range(view, target))


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
