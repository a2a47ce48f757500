"""One run: the tank is controlled by what counts, its level begins to lie, a person distrusts it, and 16 hours pass.

The controller reads the value for control and nothing else. While the asset is not in mode supervised, people run the
pump by a gauge glass. What is judged is the true tank: how long the mode was kept, whether limits were left, and how often
the interval held the truth.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from twinvouch.core.command import Command, Input
from twinvouch.core.event import CommandProposed, QueryAsked
from twinvouch.core.kind import Purpose
from twinvouch.core.mode import Rung
from twinvouch.core.site import Site
from twinvouch.core.statement import Verb
from twinvouch.engine.standing_in import counts, stand_in
from twinvouch.lab.continuity.site import CONTROLLER, INFLOW, LEVEL, OUTFLOW, PERSON, PUMP
from twinvouch.lab.continuity.tank import STEP_S, Design, Tank
from twinvouch.lab.range.stage import Outside, Stage
from twinvouch.wire.command import write_command

HOUR: Final = 3_600 // STEP_S  # steps
BEFORE: Final = 4 * HOUR  # until the distrust
BLIND: Final = 16 * HOUR
KINDS: Final = ("offset", "drift", "freeze")


@dataclass(slots=True)
class Outcome:
    """Of one run: steps in mode supervised or better of those asked, steps outside the limits, and by hours blind the hits."""

    supervised: list[bool] = field(default_factory=list)
    violations: int = 0
    commands: int = 0
    permitted: int = 0
    inside: list[tuple[float, bool]] = field(default_factory=list)  # hours blind; held the truth
    is_outside: bool = (
        False  # the lie had driven the level out of its limits before it was distrusted
    )
    blind_h: float = 0.0  # hours after the distrust at which it was withdrawn; 0: it was not


class Loop(Stage):
    """The engine with a controller that acts on the value for control."""

    def control(self) -> tuple[float | None, int]:
        """The value, and the entry that a command from it declares; None where there is none."""
        m, v = self._engine.memory, self.site.virtual[LEVEL]
        self._feed(QueryAsked(self._salt(), CONTROLLER, "readVirtual", LEVEL, "control"))
        found = stand_in(m, v)
        if found is not None:
            return found.value, found.entry
        value = m.frame.value(LEVEL) if counts(m, LEVEL, v.demands) else None
        return value, m.frame.entry(LEVEL)

    def interval(self) -> tuple[float, float, float] | None:
        """Low, high and hours blind of what stands in; None where nothing does."""
        found = stand_in(self._engine.memory, self.site.virtual[LEVEL])
        return None if found is None else (found.low, found.high, found.hours_blind)

    def switch(self, value: float, entry: int) -> bool:
        """A signed command that declares what it was made from; whether it was permitted."""
        inputs, before = (Input(LEVEL, entry),), len(self.permits)
        command = Command(
            self._salt().hex(), CONTROLLER, PUMP, value, "1", self.now_ns, inputs, "band"
        )
        content = write_command(command, self.site.plant.id)
        raw = self._by(CONTROLLER, content, Purpose.COMMAND)
        self._feed(CommandProposed(self._salt(), "", raw, ""))
        self._settle()
        return len(self.permits) > before


def play(design: Design, site: Site, seed: int, outside: Outside) -> Outcome:
    """The run of a seed."""
    tank, chance, outcome = Tank(design, seed), np.random.default_rng([seed, 3]), Outcome()
    state = {"runs": 0.0}
    loop = Loop(site, seed, outside, lambda w: state.update(runs=w.value))
    lie, frozen = _lie(chance), 0.0
    for step in range(BEFORE + BLIND):
        tank.step(runs=state["runs"] > 0)
        level, inflow, outflow = tank.readings()
        frozen = level if step < lie.begins else frozen
        told = min(max(lie.says(level, frozen, step), 0.0), design.height)
        loop.scan(step, {LEVEL: told, INFLOW: inflow, OUTFLOW: outflow, PUMP: state["runs"]})
        if step == BEFORE:
            loop.say(PERSON, Verb.DISTRUST, LEVEL, (BLIND + HOUR) * STEP_S)
            outcome.is_outside = not design.low <= tank.level <= design.high
        is_supervised = loop.mode("pump") <= Rung.SUPERVISED
        if step >= BEFORE:
            _judge(outcome, loop, (step, tank.level), is_supervised=is_supervised)
            outcome.violations += not design.low <= tank.level <= design.high
        if is_supervised:
            _act(outcome, loop, design, runs=state["runs"] > 0)
        else:
            state["runs"] = float(_wanted(design, tank.level, runs=state["runs"] > 0))
    return outcome


def history(
    design: Design, seed: int, hours: int
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Readings of a tank that nothing lies about, float64[steps, 4]: seconds, level, inflow, outflow."""
    tank, runs, rows = Tank(design, seed), False, []
    for step in range(hours * HOUR):
        tank.step(runs=runs)
        level, inflow, outflow = tank.readings()
        runs = _wanted(design, level, runs=runs)
        rows.append((step * STEP_S, level, inflow, outflow))
    return np.array(rows, np.float64)


@dataclass(frozen=True, slots=True)
class Lie:
    """What the level says from step `begins` on, less than a window before it is distrusted."""

    kind: str
    begins: int
    size: float

    def says(self, level: float, frozen: float, step: int) -> float:
        """The reading that is sent in place of `level`."""
        if step < self.begins:
            return level
        share = min(1.0, (step - self.begins) / (4 * HOUR))
        moved = {"offset": level + self.size, "drift": level + self.size * share, "freeze": frozen}
        return moved[self.kind]


def _lie(chance: np.random.Generator) -> Lie:
    begins = BEFORE - int(chance.integers(1, HOUR - 1))
    size = float(chance.uniform(0.5, 2.0) * chance.choice([-1.0, 1.0]))
    return Lie(str(chance.choice(KINDS)), begins, size)


def _judge(outcome: Outcome, loop: Loop, at: tuple[int, float], *, is_supervised: bool) -> None:
    step, level = at
    if step - BEFORE < 4 * HOUR:
        outcome.supervised.append(is_supervised)
    found = loop.interval()
    if found is not None:
        low, high, hours = found
        outcome.inside.append((hours, low <= level <= high))
    elif step > BEFORE and not outcome.blind_h:
        outcome.blind_h = (step - BEFORE) / HOUR


def _act(outcome: Outcome, loop: Loop, design: Design, *, runs: bool) -> None:
    value, entry = loop.control()
    if value is None or entry < 0:
        return
    wanted = _wanted(design, value, runs=runs)
    if wanted != runs:
        outcome.commands += 1
        outcome.permitted += loop.switch(float(wanted), entry)


def _wanted(design: Design, level: float, *, runs: bool) -> bool:
    return level < design.start or (runs and level <= design.stop)
