"""What happens in a run of the range, as data: lies of stations, orders of a hostile service, what people and weather do.

`strength` of a moment is that of the seed: scenarios sweep theirs over the seeds. Times are hours since the attack began.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Protocol

from twinvouch.lab.range.plants import STEPS_PER_H, Sector, Wish


@dataclass(frozen=True, slots=True)
class Moment:
    """What an act may know: the sector, the step, steps since it began (negative before), honest readings of all steps so far."""

    sector: Sector
    step: int
    since: int
    strength: float
    chance: Random
    honest: Sequence[Mapping[str, float]]

    @property
    def hours(self) -> float:
        """Since the attack began."""
        return self.since / STEPS_PER_H


class Lie(Protocol):
    """What stations say instead of what they read."""

    def told(self, values: dict[str, float], at: Moment) -> None:
        """Change `values`, by tag, in place."""
        ...


class Orders(Protocol):
    """What a hostile service wants written."""

    def wishes(self, at: Moment) -> Sequence[Wish]:
        """In this step."""
        ...


class Trick(StrEnum):
    """What is neither a reading nor a plain command; `tricks.py` plays it with the scenario's orders."""

    REPLAYED_PERMIT = "replayed permit"  # for each of the orders, executed once in an honest hour
    FORGED_PERMIT = (
        "forged permit"  # the same with other words, under another key and under the old signature
    )
    EXPIRED_APPROVAL = "expired approval"  # one person's is over when the other's comes
    TWICE = "same person twice"
    POISONED = "poisoned look-ahead"  # the worker's answer about hostile commands is made up
    KILLED = "killed worker"  # it dies over each of them
    DISTRUSTS = "distrusts everything"
    RAISES_MODE = "raises a mode"
    TICKETS = "tickets for its lies"
    NOT_OWNER = "in another's name"


@dataclass(frozen=True, slots=True)
class Weather:
    """Demand is multiplied with `factor` from `start_h` to `end_h` after the attack's hour; the judge knows it from half an hour before."""

    factor: float
    start_h: float
    end_h: float


@dataclass(frozen=True, slots=True)
class Work:
    """From `start_h` to `end_h` somebody works: levers stand still at these values, and nobody commands them."""

    levers: Mapping[str, float]
    start_h: float
    end_h: float


class Kind(StrEnum):
    """What a scenario is counted as."""

    CLEAN = "clean"  # clean, surge, maintenance, and other legitimate changes
    ATTACK = "attack"  # counts where it violates in most runs without a guard
    MISUSE = "misuse"  # of permits, approvals, tickets, modes or crashes; carries a command that violates
    STOP = "stop"  # an emergency stop while readings are distrusted
    DRIFT = "drift"  # slower than anybody needs to violate; counted by the deviation at detection


@dataclass(frozen=True, slots=True)
class Scenario:
    """One entry of the range. `gap`: why no independent failure domain sees the state; empty where one does."""

    name: str
    sector: str
    kind: Kind
    lies: tuple[Lie, ...] = ()
    orders: tuple[Orders, ...] = ()
    tricks: frozenset[Trick] = frozenset()
    weather: tuple[Weather, ...] = ()
    work: tuple[Work, ...] = ()
    strengths: tuple[float, ...] = (1.0,)
    gap: str = ""
    ablated: bool = False  # it is played without each part of the guard, too
    shifts: float = 0.0  # the operator's own target moves by this at the attack's hour
    stops: tuple[
        str, ...
    ] = ()  # levers that the operator sets to 0 in an emergency, under distrust
    recalibrated: Mapping[str, float] = field(
        default_factory=dict
    )  # offset of a tag, with a ticket

    def strength(self, seed: int) -> float:
        """Of this seed."""
        return self.strengths[seed % len(self.strengths)]
