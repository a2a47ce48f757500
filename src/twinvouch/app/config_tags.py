"""Settings of one tag, and of an actuator; the same in `tags:` of twin.yaml and as columns of a CSV."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from twinvouch.app.config_mqtt import MqttSettings
from twinvouch.app.config_types import (
    NUMERIC,
    Bit,
    Byte,
    Frozen,
    Id,
    Line,
    Name,
    Positive,
    Range,
    Seconds,
    TagId,
)
from twinvouch.core.inventory import CommandClass, CommandedBy, Encoding, Table
from twinvouch.core.word_order import WordOrder
from twinvouch.wire.words import word_count

_Count = Annotated[int, Field(ge=1, le=500)]
_INTERLOCK = Annotated[str, Field(max_length=4_000)]


class ActuatorSettings(Frozen):
    """What makes a tag an actuator (`actuator:`): its class, who moves it, its limits."""

    command_class: CommandClass = Field(alias="class")
    commanded_by: CommandedBy = CommandedBy.TWIN
    min: float
    max: float
    rate: Positive | None = None
    travel_per_hour: Positive | None = None
    writes_per_hour: _Count | None = None
    starts_per_hour: _Count | None = None
    reserve: Annotated[float, Field(gt=0, lt=1)] | None = None
    reserved_for: Annotated[tuple[Id, ...], Field(min_length=1, max_length=20)] | None = None
    dwell_on_s: Seconds | None = None
    dwell_off_s: Seconds | None = None
    ramp_by: Positive | None = None
    ramp_within_s: Seconds | None = None
    on_excess: Literal["refuse", "clamp"] = "refuse"
    interlock: _INTERLOCK = ""
    interlock_tags: Annotated[tuple[TagId, ...], Field(max_length=100)] = ()
    controlled: Annotated[tuple[TagId, ...], Field(max_length=100)] = ()
    default: float | None = None
    response_tag: TagId | None = None
    response_tolerance: Positive | None = None
    response_within_s: Seconds | None = None
    response_factor: float | None = None
    response_offset: float | None = None
    on_failure: Literal["none", "roll_back", "fall_back", "step_down"] | None = None
    deadline_s: Seconds | None = None
    on_deadline: Literal["hold_last", "default"] | None = None


class TagSettings(Frozen):
    """One entry of `tags:`. Everything but `group` has a default; without a device it is not polled."""

    group: Id
    unit: Annotated[str, Field(max_length=40)] = ""
    range: Range | None = None
    rate: Positive | None = None
    resolution: Annotated[float, Field(ge=0)] = 0.0
    step: Positive | None = None
    varies_within_s: Seconds | None = None
    dtype: Literal["f8", "f4", "i4", "u2", "u1"] = "f8"
    column: Name | None = None
    device: Id | None = None
    modbus_unit: Byte = 1
    table: Table | None = None
    address: Annotated[int, Field(ge=0, le=65_535)] | None = None
    encoding: Annotated[Encoding, NUMERIC] | None = None
    word_order: WordOrder = WordOrder.BIG_ENDIAN
    bit: Bit | None = None
    scale: float = 1.0
    offset: float = 0.0
    vendor: Annotated[str, Field(max_length=200)] = ""
    time_source: Annotated[str, Field(max_length=200)] = ""
    calibrated: date | None = None
    calibration_days: Annotated[int, Field(ge=0, le=36_525)] = 0
    criticality: Annotated[int, Field(ge=0, le=3)] = 1
    confidentiality: Annotated[int, Field(ge=0, le=3)] = 1
    redundancy_group: Annotated[str, Field(max_length=64)] = ""
    description: Line = ""
    mqtt: MqttSettings | None = None
    actuator: ActuatorSettings | None = None

    @property
    def is_bit(self) -> bool:
        """True where the tag lies in a table of single bits."""
        return self.table in {Table.COIL, Table.DISCRETE}

    @property
    def raw_encoding(self) -> Encoding:
        """The encoding as written, else a bit where it can only be one, and u16 in registers."""
        if self.table is Table.IDENTITY:
            return Encoding.U64
        is_bit = self.is_bit or self.bit is not None
        return self.encoding or (Encoding.BIT if is_bit else Encoding.U16)

    @property
    def width(self) -> int:
        """How many registers or bits the raw value takes."""
        return word_count(self.raw_encoding)
