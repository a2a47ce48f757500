"""Settings of how much the twin may do to an asset, and how that moves (`modes:`)."""

from typing import Annotated, Literal

from pydantic import Field

from twinvouch.app.config_types import Frozen
from twinvouch.core.inventory import CommandClass

RungName = Literal["autonomous", "supervised", "advisory", "read-only", "isolated"]


class ModeSettings(Frozen):
    """`modes:`, how the mode of an asset moves; class A never goes without approvals."""

    dwell_s: Annotated[float, Field(ge=0, le=7 * 86_400)] = 300.0
    autonomous_classes: Annotated[
        tuple[Literal[CommandClass.B, CommandClass.C], ...], Field(max_length=2)
    ] = (CommandClass.C,)
    autonomous_hours: Annotated[float, Field(gt=0, le=24 * 30)] = 12.0
    down_per_day: Annotated[int, Field(ge=0, le=1_000)] = 10
    step_down_on_distrust: Annotated[tuple[CommandClass, ...], Field(max_length=3)] = ()
    on_key_misuse: Annotated[int, Field(ge=0, le=1_000)] = 0
    break_glass_minutes: Annotated[float, Field(ge=0, le=1_440)] = 30.0
    return_s: Annotated[float, Field(ge=0, le=7 * 86_400)] = 600.0
