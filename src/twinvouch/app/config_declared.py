"""Settings of what a plant declares of its tags for gate 1: jitter, redundancy, balances, states of actuators."""

from typing import Annotated

from pydantic import AfterValidator, Field

from twinvouch.app.config_types import Frozen, Positive, Seconds, TagId
from twinvouch.core.declared import Take


def _ends(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError("[low, high] with low not above high")
    return ends


def _factor(factor: float) -> float:
    if factor == 0:
        raise ValueError("any number but 0")
    return factor


Ends = Annotated[tuple[float, float], AfterValidator(_ends)]
Factor = Annotated[float, AfterValidator(_factor)]
Tolerance = Annotated[float, Field(ge=0)]


class JitterSettings(Frozen):
    """`jitter:` of a group: how far an interval may be off the period, and how many may be further."""

    tolerance_s: Positive
    share: Annotated[float, Field(gt=0, lt=1)] = 0.1


class RedundancySettings(Frozen):
    """One of `redundancy:`, by the `redundancy_group` of its tags."""

    tolerance: Tolerance
    settle_s: Annotated[float, Field(ge=0, le=366 * 86_400)] = 0.0


class TermSettings(Frozen):
    """One of the `terms` of a balance."""

    tag: TagId
    factor: Factor = 1.0
    take: Take = Take.MEAN


class BalanceSettings(Frozen):
    """One of `balance:`, terms that add up to zero over every window."""

    terms: Annotated[tuple[TermSettings, ...], Field(min_length=1, max_length=100)]
    tolerance: Tolerance
    window_s: Seconds
    unit: Annotated[str, Field(max_length=40)] = ""


class ActuatorStateSettings(Frozen):
    """One of `actuator_state:`, what a tag must be while an actuator says that it is in a state."""

    status: TagId
    state: Ends
    tag: TagId
    min: float | None = None
    max: float | None = None
    settle_s: Seconds
