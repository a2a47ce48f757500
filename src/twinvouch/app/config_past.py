"""Settings of what several tags have to do with each other before an actuator is written: sequences and joint limits."""

from typing import Annotated

from pydantic import Field

from twinvouch.app.config_types import Frozen, Positive, Seconds, TagId


class SequenceSettings(Frozen):
    """One of `sequence:`, what has to be at `min..max` for `for_s` before `move` is switched on, or moved while on."""

    move: TagId
    after: TagId
    min: float | None = None
    max: float | None = None
    for_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0


class JointSettings(Frozen):
    """One of `joint:`, actuators of one unit and what they must be together."""

    tags: Annotated[tuple[TagId, ...], Field(min_length=2, max_length=50)]
    min_sum: float | None = None
    max_sum: float | None = None
    max_difference: Positive | None = None
    starts_apart_s: Seconds | None = None
