"""One seed from beginning to end: processes start, faults strike for a while, everything heals, and is checked."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from twinvouch.adapters.actuator_journal import ActuatorJournal
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.app.actuator import Actuator
from twinvouch.app.actuator_link import PermitStream, Reporter
from twinvouch.app.actuator_process import Parts, run_actuator
from twinvouch.app.edge import EdgeParts, EdgeSetup, run_edge
from twinvouch.app.edge_ship import INGEST, Verdict, verdict
from twinvouch.app.simulation import plan as plans
from twinvouch.app.simulation.core import BUILD, HOME, CoreLife, CoreParts
from twinvouch.app.simulation.disk import SimulatedDisk
from twinvouch.app.simulation.durable import is_durable
from twinvouch.app.simulation.life import Killed, Life, Machine, is_of_the_outside
from twinvouch.app.simulation.network import Answer, Link, Network, Weather
from twinvouch.app.simulation.people import STEPS, People
from twinvouch.app.simulation.plant import PlantDevice, SimulatedPlant
from twinvouch.app.simulation.process_disk import DiskOf
from twinvouch.app.simulation.site import (
    ACTUATOR,
    DEVICE,
    PERSONS,
    PLANT,
    own_limits,
    signer,
    site,
)
from twinvouch.app.simulation.stores import ModelSpool, SpoolFile, StateFile
from twinvouch.core.errors import UnavailableError
from twinvouch.core.event import Event, Plain, Started
from twinvouch.lab.virtual_time import VirtualClock, VirtualLoop
from twinvouch.wire.sse import ServerEvent

SPOOL_BYTES: Final = 200_000
_RESTART_S: Final = (0.1, 1.2)
_HEALTHY: Final = Weather()


@dataclass(slots=True)
class Seen:
    """What was seen from outside while a world ran: the invariants are about this."""

    acknowledged: dict[bytes, str] = field(default_factory=dict)  # sealed bytes -> status heard
    answered: dict[bytes, str] = field(
        default_factory=dict
    )  # the same of commands, statements, outcomes
    checkpoints: dict[bytes, None] = field(
        default_factory=dict
    )  # every signed one that was visible
    violations: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)


class World:
    """Everything that one seed is made of. `make_core`: a test that breaks the core on purpose brings its own."""

    make_core = CoreLife

    def __init__(self, loop: VirtualLoop, seed: int) -> None:
        self.plan = plans.draw(seed)
        self.clock = VirtualClock(loop)
        self.chance = random.Random(f"world {seed}")  # noqa: S311 - a simulation is repeated by its seed
        self.site = site(self.plan.edges)
        self.seen = Seen()
        self.network = Network(self._fork(), self.plan.weather)
        self.plant = SimulatedPlant(
            self.clock, self._fork(), self.plan.edges, self.plan.lies, self.plan.silence
        )
        self.machines = {name: self._machine(name) for name in self.plan.crashes}
        self.machines["core"].disk.on_rename = self._renamed
        self.state = StateFile()
        self.spools = {name: SpoolFile(0) for name in self.site.plant.edges}
        self.core: CoreLife | None = None
        self.lives: dict[str, Life] = {}
        self.starts: Counter[str] = Counter()
        self.events = 0
        self.is_healing = False
        self.healed_ns = 0
        self.people = People(
            self.network, self.clock, self._fork(), self._running_core, self._heard_by_people,
            self._steps(),
        )  # fmt: skip

    def tell(self, what: str) -> None:
        """A line of the story."""
        self.seen.story.append(f"{self.clock.monotonic_ns() / 1e9:9.3f} s  {what}")

    async def run(self) -> None:
        """Faults, then health, then everything is given time to settle."""
        works: list[Awaitable[None]] = [self._supervise(name) for name in self.machines]
        works += [self.people.propose(), *(self.people.speak(person) for person in PERSONS)]
        works += [self.people.move(p, random.Random(f"{p} {self.plan.seed}")) for p in PERSONS]  # noqa: S311
        works += [self._hide(*span) for span in self.plan.partitions]
        works += [self._fill(*span) for span in self.plan.full]
        tasks = [asyncio.ensure_future(work) for work in works]
        await asyncio.sleep(plans.FAULTS_S)
        self._heal()
        for task in tasks[len(self.machines) : len(self.machines) + 1 + 2 * len(PERSONS)]:
            task.cancel()
        await asyncio.sleep(plans.HEAL_S)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error
        if self.core is not None and self.core.life.alive:
            self.network.serve = None
            await self.core.settle()

    def finish(self) -> None:
        """End every life."""
        for life in self.lives.values():
            life.end()

    def _heal(self) -> None:
        self.tell("everything heals")
        self.is_healing = True
        self.healed_ns = self.clock.wall_ns()
        self.network.weather = _HEALTHY
        self.network.apart.clear()
        self.plant.silence = 0.0
        for machine in self.machines.values():
            machine.crashes.clear()
            machine.disk.failures.clear()
            machine.disk.is_full = machine.disk.is_low = False

    async def _supervise(self, name: str) -> None:
        """Start a process, wait until it is gone, start it again."""
        machine = self.machines[name]
        begin = self._begin_core if name == "core" else self._begin_outer
        while True:
            life = Life(machine)
            self.lives[name] = life
            self.starts[name] += 1
            try:
                begin(name, life)
                self.tell(f"{name} runs, life {self.starts[name]}")
                await life.over.wait()
            except Killed:
                pass
            except Exception as error:  # noqa: BLE001 - told apart below: of the outside, or a bug
                self.tell(f"{name} does not start: {type(error).__name__}: {error}")
                life.end()
                if not is_of_the_outside(error):
                    machine.errors.append(f"does not start: {type(error).__name__}: {error}")
                    return
            life.end()
            self._gone(name, life)
            await asyncio.sleep(self.chance.uniform(*_RESTART_S))

    def _gone(self, name: str, life: Life) -> None:
        self.tell(f"{name} is gone{', and its machine lost power' if life.is_power else ''}")
        if name == "core" and self.core is not None:
            self.network.serve, self.events = None, self.events + self.core.events
            self.core = None
        if not life.is_power:
            return
        machine = self.machines[name]
        machine.disk.lose_power()
        if name == "core":
            self.state.lose_power(machine.disk.chance)
        elif name in self.spools:
            self.spools[name].lose_power(machine.disk.chance)

    def _begin_core(self, _name: str, life: Life) -> None:
        parts = CoreParts(
            self.site, self.state, self.clock, self._fork(), self._slow, self._effects_leave
        )
        core = self.make_core(life, parts)
        core.start()
        if self.starts["core"] == 1:
            for _ in range(self.plan.before):
                drawn = self.chance.randbytes(16)
                core.submit(Started(drawn, self.site.config_digest, self.site.policy.digest, BUILD))
        self.core = core
        self.network.serve = core.serve
        for repair in core.log.repairs:
            self.tell(f"core: {repair}")

    def _begin_outer(self, name: str, life: Life) -> None:
        if name == "actuator":
            self._begin_actuator(life)
        else:
            self._begin_edge(name, life)

    def _begin_edge(self, name: str, life: Life) -> None:
        spool = ModelSpool(self.spools[name], name, life.machine.disk, life, SPOOL_BYTES)
        device = PlantDevice(self.plant, life, self.starts[name])
        link = Link(self.network, name, life, self._heard_by_edge)
        parts = EdgeParts(
            {DEVICE: device}, spool, signer(name), link, self.clock, self._fork().random
        )
        setup = EdgeSetup(self.site.plant, name)
        life.begin(run_edge(setup, parts, asyncio.Event()))

    def _begin_actuator(self, life: Life) -> None:
        number, chance = self.starts["actuator"], self._fork()
        limits = own_limits()
        disk = DiskOf(life.machine.disk, life)
        try:
            journal = ActuatorJournal(
                Path("/actuator"), PLANT, self.clock.wall_ns(), limits.max_ttl_ns, disk
            )
        except OSError as error:
            raise UnavailableError(str(error)) from None
        more = asyncio.Event()
        device = PlantDevice(self.plant, life, number)
        actuator = Actuator(
            limits, {DEVICE: device}, journal, signer(ACTUATOR), self.clock, more.set
        )
        link = Link(self.network, "actuator", life, self._heard_by_actuator)
        stream = PermitStream(
            lambda: self._permits(life), actuator.take, self.clock.sleep, chance.random
        )
        reporter = Reporter(journal, link, self.clock.sleep, chance.random)
        life.begin(run_actuator(Parts(actuator, stream, reporter, more), asyncio.Event()))

    async def _permits(self, life: Life) -> AsyncGenerator[ServerEvent]:
        """The stream of permits as the actuator's network carries it."""
        await self.network.delay()
        core = self.core
        if core is None or not self.network.is_open("actuator"):
            raise UnavailableError("no core answers")
        async with aclosing(core.permits()) as events:
            async for event in events:
                if not self.network.is_open("actuator"):
                    raise UnavailableError("the connection broke")
                if event.name == "permit" and self.network.happens(
                    "drop permit", self.network.weather.drop
                ):
                    continue
                await self.network.delay()
                life.at("permit taken")
                yield event
                if self.network.happens("duplicate permit", self.network.weather.duplicate):
                    yield event

    def _running_core(self) -> CoreLife | None:
        return self.core

    def _effects_leave(self, event: Event, number: int, log: SegmentLog) -> None:
        """Before any effect of an event leaves: it is durable, or this is a violation."""
        why = is_durable(self.machines["core"].disk, HOME / "log", number, log.end)
        if why:
            self.seen.violations.append(f"durable: effects of {type(event).__name__} left: {why}")

    def _heard_by_edge(self, path: str, raw: bytes, status: int, said: Mapping[str, Plain]) -> None:
        assert path == INGEST
        if verdict(status, said) is Verdict.KEPT:
            self.seen.acknowledged[raw] = str(said["status"])

    def _heard_by_actuator(
        self, _: str, raw: bytes, status: int, said: Mapping[str, Plain]
    ) -> None:
        if status == 200:
            self.seen.answered[raw] = str(said["status"])

    def _heard_by_people(self, _: str, raw: bytes, answer: Answer) -> None:
        if answer[0] == 200:
            self.seen.answered[raw] = str(answer[1].get("status", ""))

    def _renamed(self, path: Path, content: bytes) -> None:
        if path == HOME / "ledger" / "checkpoint":
            self.seen.checkpoints[content] = None

    async def _hide(self, name: str, begin: float, end: float) -> None:
        await asyncio.sleep(begin)
        self.tell(f"{name} cannot reach the core")
        self.network.apart.add(name)
        await asyncio.sleep(end - begin)
        self.network.apart.discard(name)

    async def _fill(self, name: str, begin: float, end: float) -> None:
        await asyncio.sleep(begin)
        disk = self.machines[name].disk
        self.tell(f"the disk of {name} is full")
        if name == "core":  # first it runs low, as disks do, and then somebody takes the rest
            disk.is_low = True
            await asyncio.sleep((end - begin) / 2)
        if not self.is_healing:
            disk.is_full = True
        await asyncio.sleep((end - begin) / (2 if name == "core" else 1))
        disk.is_full = disk.is_low = False

    def _slow(self) -> float:
        if not self.is_healing and self.chance.random() < self.plan.slow:
            self.network.faults["slow sync"] += 1
            return self.plan.slow_s * self.chance.random()
        return 0.0003

    def _steps(self) -> list[int]:
        """A value for every command, no two alike, a fifth of them outside the limits."""
        steps = self.chance.sample(range(STEPS + STEPS // 4), 64)
        return [step or 1 for step in steps]

    def _machine(self, name: str) -> Machine:
        disk = SimulatedDisk(self._fork(), list(self.plan.failures[name]))
        return Machine(name, disk, list(self.plan.crashes[name]))

    def _fork(self) -> random.Random:
        return random.Random(self.chance.getrandbits(64))  # noqa: S311 - as above
