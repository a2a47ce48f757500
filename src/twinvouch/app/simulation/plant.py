"""The plant: registers behind devices that sometimes do not answer, and a journal of every write that reached it.

The journal is the oracle: whatever anybody believes, these writes happened.
"""

import asyncio
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from twinvouch.app.simulation.life import Life
from twinvouch.app.simulation.site import PUMP, VALVE, site
from twinvouch.core.errors import UnavailableError
from twinvouch.core.inventory import Point
from twinvouch.lab.virtual_time import VirtualClock
from twinvouch.wire.words import to_words


@dataclass(frozen=True, slots=True)
class Written:
    """One write that reached the plant, and which life of the actuator sent it."""

    address: int
    words: tuple[int, ...]
    life: int
    at_s: float


@dataclass(slots=True)
class SimulatedPlant:
    """Registers of all tags; sensors move, actuators hold what was written, and some readings lie."""

    clock: VirtualClock
    chance: random.Random
    edges: int
    lies: float  # chance that a reading is one
    silence: float  # chance that a device does not answer
    registers: dict[int, int] = field(default_factory=dict)
    journal: list[Written] = field(default_factory=list)

    def read(self, address: int, count: int) -> tuple[int, ...]:
        """Registers as they are now."""
        self._move()
        return tuple(self.registers.get(address + n, 0) for n in range(count))

    def write(self, address: int, words: Sequence[int], life: int) -> None:
        """A write request, carried out."""
        at_s = self.clock.monotonic_ns() / 1e9
        self.journal.append(Written(address, tuple(words), life, at_s))
        self._set(address, words)

    def _move(self) -> None:
        at_s = self.clock.monotonic_ns() / 1e9
        for number, tag in enumerate(site(self.edges).plant.tags.values()):
            if tag.point is None or tag.id in {VALVE, PUMP}:
                continue
            value = 4.0 + math.sin(at_s / 4.0 + number)
            if self.chance.random() < self.lies:
                value = self.chance.choice((99.0, -5.0, math.nan, value + 4.0))
            self._set(tag.point.address, _words(value, tag.point))

    def _set(self, address: int, words: Sequence[int]) -> None:
        for n, word in enumerate(words):
            self.registers[address + n] = word


def _words(value: float, point: Point) -> tuple[int, ...]:
    if math.isnan(value):
        return (0x7FC0, 0)
    return to_words(value, point)


@dataclass(slots=True)
class PlantDevice:
    """The plant as one life of a process reaches it. Fits ports.Device."""

    plant: SimulatedPlant
    life: Life
    number: int  # of that life

    async def read(self, unit: int, table: str, address: int, count: int) -> Sequence[int]:
        """Read registers; now and then nothing answers."""
        del unit, table
        self.life.at("device.read before")
        await self._way("does not answer")
        self.life.at("device.read after")
        return self.plant.read(address, count)

    async def write(self, unit: int, table: str, address: int, words: Sequence[int]) -> None:
        """Write registers; a request or its answer may be lost."""
        del unit, table
        self.life.at("device.write before")
        await self._way("did not take the write")
        self.plant.write(address, words, self.number)
        self.life.at("device.write after")
        await self._way("took the write and was not heard")

    async def mask(self, unit: int, address: int, keep: int, put: int) -> None:
        """No tag of this plant is a bit of a register."""
        raise AssertionError((unit, address, keep, put))

    async def _way(self, what: str) -> None:
        await asyncio.sleep(0.001 + self.plant.chance.random() * 0.01)
        if self.plant.chance.random() < self.plant.silence:
            await asyncio.sleep(0.2)
            raise UnavailableError(f"the device {what}")
