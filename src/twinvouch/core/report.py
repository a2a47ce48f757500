"""Report: what a source beside the readings gave an edge to tell. Signed like readings, so it is evidence.

An edge sends codes and numbers, never sentences: gate 1 says them (readings/reports.py), so a stolen edge
key cannot write into anybody's screen.
"""

from dataclasses import dataclass
from enum import IntEnum


class Told(IntEnum):
    """What is told; numbers are in signed bytes and never reused."""

    SEQUENCE = 1  # messages are missing
    REORDER = 2  # a missing message came late
    REPLAY = 3  # a message was sent before
    DEATH = 4  # a node or device said, or its broker did, that it is gone
    BIRTH = 5
    NO_BIRTH = 6  # data of a node or device that was not born
    UNBORN = 7  # metrics that no birth named
    MALFORMED = 8  # a message that cannot be read
    LOST = 9  # the broker does not answer
    BACK = 10  # it answers again
    OVERFLOW = 11  # messages came faster than they could be kept
    RETAINED = 12  # a kept message that does not say how old it is


@dataclass(frozen=True, slots=True)
class Report:
    """One thing told `count` times since the last report; `numbers` are those of the last time, `t_ns` when."""

    told: Told
    source: str  # broker, or broker and what is behind it
    t_ns: int
    count: int = 1
    numbers: tuple[tuple[str, float], ...] = ()
