"""response: what the plant shows after a write, against what was said that it would.

Only readings whose label reaches what the actuator's class demands count, since what follows may be a command of the core: a
source of low trust can make the answer unknown, never bring about that one.
"""

from math import isfinite
from typing import Final

from twinvouch.commands.capability import required
from twinvouch.commands.view import Snapshot
from twinvouch.core.aftermath import Awaited, Expected, Response
from twinvouch.core.context import Context
from twinvouch.core.inventory import Plant
from twinvouch.core.virtual import reaches

NAMES = ("response",)
TECHNIQUE: Final = "T0831"  # manipulation of control


def trusted(
    plant: Plant, frame: Snapshot, context: Context, about: tuple[str, str], now_ns: int
) -> float | None:
    """The value of the second tag where its label reaches what the class of the first, an actuator, demands."""
    actuator, tag = about
    letter, value = plant.tags[actuator].command_class, frame.value(tag)
    if letter is None or value is None or not isfinite(value):
        return None
    if context.distrusted.get(tag, 0) > now_ns:
        return None
    axes, _ = frame.label_of(tag, now_ns)
    demands = required(plant.classes[letter])
    return value if reaches(axes, demands) else None


def judge(
    expected: Expected, waiting: Awaited, value: float, seen: float | None, now_ns: int
) -> Response:
    """How a write of `value` stands; `seen` is what a trusted reading says that came after it, None without one.

    Where a doubted one fitted, whoever cast the doubt would bring about what follows a response that is missing.
    """
    if seen is not None and expected.fits(value, seen):
        return Response.CONFIRMED
    if now_ns <= waiting.until_ns:
        return Response.AWAITED
    return Response.UNKNOWN if seen is None or waiting.is_doubted else Response.MISSING


def sentence(expected: Expected, what: tuple[str, float], seen: float | None) -> str:
    """For people: `what` is the actuator and the written value."""
    tag, value = what
    wanted = (
        f"`{expected.tag}` was to come to {expected.of(value):.6g} within {expected.tolerance:g}"
    )
    told = "no reading that is trusted says so" if seen is None else f"it is {seen:.6g}"
    return f"`{tag}` = {value:g} was carried out and {wanted}, at the latest in {expected.within_ns / 1e9:g} s; {told}"
