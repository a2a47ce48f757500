"""Stage 3 of the gate: everything over the past of the actuator, and over others beside it."""

from collections.abc import Callable
from typing import Final

from twinvouch.commands import count, dwell, joint, ramp, rate, sequence, travel
from twinvouch.commands.view import Target, View
from twinvouch.core.command import Reason

RULES: Final[tuple[Callable[[View, Target], tuple[Reason, ...]], ...]] = (
    rate.check,
    ramp.check,
    travel.check,
    count.check,
    dwell.check,
    sequence.check,
    joint.check,
)


def check(view: View, target: Target) -> tuple[Reason, ...]:
    """All rules speak, in this order."""
    return tuple(reason for rule in RULES for reason in rule(view, target))
