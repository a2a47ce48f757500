"""A watchdog looks at what comes of *no* command: omission is invisible to whoever judges commands only.

It belongs to a model of look-ahead, and asks it what follows where everything stays as it is set now.
"""

from dataclasses import dataclass
from enum import StrEnum

from twinvouch.core.lookahead import Ahead


class Response(StrEnum):
    """What follows from a finding that not acting leads out of the limits."""

    ADVICE = "advice"
    STEP_DOWN = "step_down"
    SAFE_ACTION = "safe_action"


@dataclass(frozen=True, slots=True)
class SafeAction:
    """What the core may command by itself, since two persons signed it: `value` to the actuator `tag`, in its unit."""

    tag: str
    value: float


@dataclass(frozen=True, slots=True)
class Watchdog:
    """One of a model. `ahead` is how the model is asked, of no actuator, with the most that any of its actuators demands.

    Asked every `every_ns`; a member that leaves its limits within `warn_s` is near. `assets` are those of its actuators;
    after `unanswered` questions in a row without an answer people are told.
    """

    ahead: Ahead
    every_ns: int
    warn_s: float
    response: Response
    safe: tuple[SafeAction, ...]
    unanswered: int
    assets: tuple[str, ...]
