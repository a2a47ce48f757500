"""Where a drill's kills are aimed, what they met, and that the plant's own control ran on over each of them.

A share of the kills waits until a command is in the middle of something: the core with each stage of a command's life in turn, the
actuator from permit to confirmation, a worker of look-ahead in the middle of a question. What a kill met is told by the journals of
the others, read as soon as the process was dead; one kill may meet several commands.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import cycle
from typing import Final

from twinvouch.adapters.modbus_tcp import ModbusDevice
from twinvouch.lab.drill import ahead, life, local, site
from twinvouch.lab.drill.judge import SpentPermits
from twinvouch.lab.drill.stage import Stage, workers
from twinvouch.lab.processes import HOST

WRITE_S: Final = 0.03  # the plant takes so long to take a write over, and again to confirm it
ASKED: Final = "asked"  # a worker of look-ahead is in the middle of a question
NOTHING: Final = "nothing"
AIMS: Final[Mapping[str, tuple[str, ...]]] = {
    "core": (*life.STAGES, ASKED),
    "actuator": (life.PERMITTED, life.SPENT, life.WRITTEN, life.TOLD),
    ahead.WORKER: (ASKED,),
}
_AIMED: Final = 0.7  # of the kills; the others come at any moment
_PATIENCE_S: Final = 15.0  # then it is killed without
_LOOK_S: Final = 0.004  # the path between edge and core is in this process, too


@dataclass(slots=True)
class Met:
    """How many kills of a process met a command in a stage; outages over which the plant was watched, and what was wrong there."""

    stages: dict[str, Counter[str]] = field(default_factory=dict)
    outages: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the plant says: its control, and the words of each set-point."""

    control: local.Said
    setpoints: Mapping[int, tuple[int, ...]]


class Aims:
    """Follows the journals below a stage; close it."""

    def __init__(self, stage: Stage, chance: random.Random, spent: SpentPermits, met: Met) -> None:
        self._stage, self._chance, self._met = stage, chance, met
        self._life = life.Life(stage.directory, spent)
        self._turns = {name: cycle(aims) for name, aims in AIMS.items()}
        self._device = ModbusDevice(HOST, stage.plant_port, 10.0)

    async def close(self) -> None:
        """Let files and connection go."""
        self._life.close()
        await self._device.close()

    async def wait(self, name: str) -> None:
        """Until a kill of this process meets what is aimed at now; at any moment where nothing is."""
        if name not in self._turns or self._chance.random() > _AIMED:
            return
        aim, until = next(self._turns[name]), time.monotonic() + _PATIENCE_S
        while time.monotonic() < until and not self._is_there(aim):
            self._stage.children.check()
            await asyncio.sleep(_LOOK_S)

    def asked(self) -> list[int]:
        """Workers in the middle of a question."""
        return [pid for pid in workers(self._stage) if ahead.is_asked(pid)]

    def killed(self, name: str, *, is_asked: bool) -> None:
        """Note what a kill met; `is_asked`: before it a worker was in the middle of a question (of a worker: this one)."""
        self._life.look()
        there = set(self._life.stages()) | ({ASKED} if is_asked else set())
        relevant = there & {*AIMS.get(name, life.STAGES)}
        self._met.stages.setdefault(name, Counter()).update(relevant or {NOTHING})

    async def see(self) -> Seen:
        """Ask the plant, as a panel beside it would; UnavailableError where it does not answer."""
        self._life.look()
        before = dict(self._life.last)
        control = local.said(
            await self._device.read(site.UNIT, "input", local.ADDRESS, local.WORDS)
        )
        many = 2 * len(site.SETPOINTS)
        words = await self._device.read(site.UNIT, "holding", 0, many)
        self._life.look()
        found = {at: tuple(words[at : at + 2]) for at in site.setpoints().values()}
        for at, has in found.items():
            put = {before.get(at, (0, 0)), self._life.last.get(at, (0, 0))}
            if has not in put:
                self._met.faults.append(f"set-point at {at} is {has}, and {put} was put there")
        return Seen(control, found)

    async def later(self, before: Seen) -> Seen:
        """As `see`, once the plant's control has had the time for a cycle: an outage may be shorter than that."""
        until, found = time.monotonic() + _PATIENCE_S, await self.see()
        while found.control.cycles <= before.control.cycles and time.monotonic() < until:
            await asyncio.sleep(local.EVERY_S)
            found = await self.see()
        return found

    def compare(self, name: str, before: Seen, after: Seen) -> None:
        """Over an outage of this process the plant's own control goes on and keeps its tank inside the limits."""
        self._met.outages += 1
        was, now = before.control, after.control
        if now.cycles <= was.cycles:
            self._met.faults.append(f"the plant's control stood still without {name}")
        if now.outside or not local.LOW <= now.level <= local.HIGH:
            self._met.faults.append(f"the plant's tank left its limits: {now}")

    def _is_there(self, aim: str) -> bool:
        if aim == ASKED:
            return bool(self.asked())
        self._life.look()
        return self._life.stages()[aim] > 0
