"""What the range asks of a true plant, and what is declared of one for the guard.

A true plant is never the guard's model: it has its own code and its own parameters, from a seed. It moves in steps of STEP_S and
is the only judge of what is safe.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from twinvouch.core.declared import Balance, Redundancy
from twinvouch.core.inventory import CommandClass
from twinvouch.core.lookahead import Source
from twinvouch.core.past import Past
from twinvouch.core.virtual import Virtual

STEP_S: Final = 300
STEPS_PER_H: Final = 3_600 // STEP_S
DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Spell:
    """From step `first` until before `end` demand (or heat lost, or load) is multiplied with `factor`."""

    first: int
    end: int
    factor: float


def surge_at(spells: Sequence[Spell], step: int) -> float:
    """The factor in this step; of spells that meet the first counts."""
    return next((s.factor for s in spells if s.first <= step < s.end), 1.0)


class TruePlant(Protocol):
    """One plant of one seed."""

    def write(self, tag: str, value: float) -> None:
        """Set an actuator; it acts from now on."""
        ...

    def advance(self) -> None:
        """One step."""
        ...

    def truth(self) -> Mapping[str, float]:
        """What perfect instruments would read, by tag."""
        ...

    def excess(self) -> float:
        """How far outside the limits the plant has been since the last step, as a share of the range; 0 or less is inside."""
        ...

    def ahead(self, writes: Mapping[str, float], held: int, law: str, steps: int) -> float:
        """The largest excess of the next `steps`: `writes` for `held` of them, then backup `law`. Does not move the plant."""
        ...

    def surge(self, spells: Sequence[Spell]) -> None:
        """How demand (or heat lost, or load) will be; `ahead` knows it, too, from now on."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


@dataclass(frozen=True, slots=True)
class Sensor:
    """One instrument: its scan group, physical range, and error: `noise` and `bias` in its unit, `share` of the value (one sigma)."""

    tag: str
    unit: str
    low: float
    high: float
    group: str
    rate: float = float("inf")
    noise: float = 0.0
    bias: float = 0.0
    share: float = 0.0
    share_bias: float = 0.0

    @property
    def span(self) -> float:
        """High less low."""
        return self.high - self.low


@dataclass(frozen=True, slots=True)
class Lever:
    """One actuator, `model` its name in the guard's model (empty: look-ahead does not know it)."""

    tag: str
    unit: str
    low: float
    high: float
    group: str
    command_class: CommandClass = CommandClass.B
    model: str = ""
    rate: float = float("inf")
    past: Past = field(default_factory=Past)
    controlled: tuple[str, ...] = ()
    shows: float = (
        0.0  # its own reading comes to what was written within so much; 0: nothing is said
    )


@dataclass(frozen=True, slots=True)
class Lookout:
    """How the guard looks ahead: class and data of its model, and where its quantities are read."""

    reference: str
    data: Callable[[], bytes]
    numbers: Mapping[str, float]
    sources: Mapping[str, Source]
    limits: Mapping[str, tuple[float, float]]
    horizon_s: float
    tau_s: float
    demand: float
    tolerance: float
    window_s: float = 3_600.0


@dataclass(frozen=True, slots=True)
class Watch:
    """The watchdog on not acting: how often it asks, how near is near, and the writes that it may make."""

    every_s: float
    warn_s: float
    safe: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Commissioning:
    """Honest days that the guard's model is fitted to: a plant of the seed in other weather, and tags by quantity of the model.

    `flows` are meters that tell the mean of the step that ends with their row; `stretch` steps are foreseen at a time.
    """

    make: Callable[[int], TruePlant]
    columns: Mapping[str, str]
    flows: Mapping[str, str]
    days: int = 3
    stretch: int = STEPS_PER_H


@dataclass(frozen=True, slots=True)
class Sector:
    """One plant of the range: what is declared of it, and how a true one is made. `domains` are scan groups by edge."""

    name: str
    domains: Mapping[str, tuple[str, ...]]
    sensors: tuple[Sensor, ...]
    levers: tuple[Lever, ...]
    redundancies: tuple[Redundancy, ...]
    balances: tuple[Balance, ...]
    lookout: Lookout
    laws: tuple[str, ...]
    make: Callable[[int], TruePlant]
    operator: Callable[[Any], "Operator"]
    sources: tuple[str, ...]  # modules of the true plant, for its hash
    hours: float
    attack_h: float
    virtual: tuple[Virtual, ...] = ()
    safe: tuple[
        tuple[str, float, int], ...
    ] = ()  # actions that are listed, with their number an hour
    watch: Watch | None = None
    commissioning: Commissioning | None = None  # None: the model stays as it came
    wishes: int = 1  # of the operator at one of his moments

    @property
    def by_tag(self) -> Mapping[str, Sensor]:
        """Sensors."""
        return {s.tag: s for s in self.sensors}


@dataclass(frozen=True, slots=True)
class Wish:
    """A write that somebody wants, and what he looked at for it."""

    tag: str
    value: float
    inputs: tuple[str, ...] = ()


class Operator(Protocol):
    """Decides what to write from what is shown to him; None stands for what he is told not to trust."""

    looks: tuple[str, ...]

    def shift(self, by: float) -> None:
        """What he aims at moves, in his own unit; a legitimate change of the set point."""
        ...

    def wishes(self, shown: Mapping[str, float | None]) -> Sequence[Wish]:
        """What he wants at one of his moments, most urgent first."""
        ...
