"""Mode: how much the twin may do to one asset, from autonomous down to isolated."""

from dataclasses import dataclass
from enum import IntEnum


class Rung(IntEnum):
    """The ladder; a higher number lets the twin do less."""

    AUTONOMOUS = 0
    SUPERVISED = 1
    ADVISORY = 2
    READ_ONLY = 3
    ISOLATED = 4


@dataclass(frozen=True, slots=True)
class Mode:
    """The rung of an asset and its epoch: a permit of an older epoch is void."""

    rung: Rung = Rung.SUPERVISED
    epoch: int = 0
