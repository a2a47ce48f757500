"""Ticket: what people announced that they would do to the plant, and when."""

from dataclasses import dataclass
from enum import StrEnum


class Work(StrEnum):
    """What a ticket is about: an instrument gets a new zero, equipment is out of service, a set-point is moved."""

    RECALIBRATION = "recalibration"
    MAINTENANCE = "maintenance"
    SETPOINT = "setpoint"


@dataclass(frozen=True, slots=True)
class Ticket:
    """`work` on tags from `start_ns` to before `end_ns`, as `principal` said it."""

    work: Work
    tags: tuple[str, ...]
    start_ns: int
    end_ns: int
    principal: str = ""
