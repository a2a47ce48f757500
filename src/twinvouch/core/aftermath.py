"""Aftermath: what an actuator's write must bring about, what is done where it does not, and what a command that waits too long comes to.

Everything here is signed with the safety part of the configuration: the core acts by nothing else.
"""

from dataclasses import dataclass
from enum import StrEnum


class OnFailure(StrEnum):
    """What follows where the plant did not respond: people are told; back to the value before; to the declared default; less may be done to it."""

    NONE = "none"
    ROLL_BACK = "roll_back"
    FALL_BACK = "fall_back"
    STEP_DOWN = "step_down"


@dataclass(frozen=True, slots=True)
class Expected:
    """`tag` comes to `factor` x the written value + `offset`, within `tolerance` (its unit), at the latest after `within_ns`."""

    tag: str
    tolerance: float
    within_ns: int
    factor: float = 1.0
    offset: float = 0.0
    on_failure: OnFailure = OnFailure.NONE

    def of(self, value: float) -> float:
        """Where the tag is expected to be."""
        return value * self.factor + self.offset

    def fits(self, value: float, seen: float) -> bool:
        """True where it is there; what is no number never is."""
        return abs(seen - self.of(value)) <= self.tolerance


@dataclass(frozen=True, slots=True)
class Aftermath:
    """Of one actuator: what a write must bring about (None: nothing is said), and after what time of waiting what comes.

    `deadline_ns` 0: a held command waits as long as its class says. `default` is the value of a fall-back; `is_default_taken` where a
    command runs past its deadline, else all stays as it is.
    """

    expected: Expected | None = None
    default: float | None = None
    deadline_ns: int = 0
    is_default_taken: bool = False


@dataclass(frozen=True, slots=True)
class Awaited:
    """A permit whose write must show: `before` is where its actuator was, None where nobody trusted knew it.

    `since_ns` is when its outcome came (0: not yet), `until_ns` when the plant must have responded. `is_doubted`: a reading
    that was not trusted fitted meanwhile, so that nobody can say any more that the plant did not respond.
    """

    tag: str
    before: float | None
    since_ns: int = 0
    until_ns: int = 0
    is_doubted: bool = False


class Response(StrEnum):
    """What the plant did after a write: nothing is expected, not yet, as expected, not so, nobody trusted says."""

    NONE = ""
    AWAITED = "awaited"
    CONFIRMED = "confirmed"
    MISSING = "missing"
    UNKNOWN = "unknown"
    SUPERSEDED = "superseded"
