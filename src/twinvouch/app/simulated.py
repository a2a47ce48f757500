"""`twinvouch demo --simulated`: the whole demo in one process, in memory, on a virtual clock, from a seed.

Engine, gates, commit order, edge, actuator and ledger are the real ones; network, disks and time are
not, and nothing is killed. Everything that chance decides is drawn from the seed, keys and salts too,
which only this may do: two runs with one seed end with the same ledger head.
"""

import asyncio
import logging
import random
import tempfile
from collections.abc import Coroutine, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from twinvouch.adapters import detector_files
from twinvouch.adapters.actuator_journal import ActuatorJournal
from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.spool import Spool
from twinvouch.app import actuator_config, build, detection, learning, training
from twinvouch.app.actuator import Actuator
from twinvouch.app.actuator_link import Reporter
from twinvouch.app.config_model import Config
from twinvouch.app.config_types import ns
from twinvouch.app.edge import EdgeParts, EdgeSetup, run_edge
from twinvouch.app.signed_model import About, sign
from twinvouch.app.simulated_core import ApiInMemory, Core
from twinvouch.core.batch import Origin
from twinvouch.lab import commissioning, play, recorded, site, truth, virtual_time
from twinvouch.lab.api import Answer
from twinvouch.lab.controller import PRINCIPAL as CONTROLLER
from twinvouch.lab.controller import Controller, Hand
from twinvouch.lab.in_memory import DeviceInMemory, PlantInMemory
from twinvouch.lab.interceptor import Interceptor
from twinvouch.lab.liar import Liar, LyingDevice
from twinvouch.lab.net3 import BY_TAG, DEVICE, PLANT, TICK_S
from twinvouch.lab.play import Say
from twinvouch.lab.report import Report, Row
from twinvouch.lab.scenario import Attack
from twinvouch.lab.stage import NO_SESSION, Means, Write
from twinvouch.lab.virtual_time import START_NS, VirtualClock, VirtualLoop
from twinvouch.wire.words import to_words

ORIGIN: Final = f"{PLANT}/0"
_KEYS: Final = (*site.PRINCIPALS, "log", "permit", "stranger")


def run_simulated(seed: int, say: Say) -> Report:
    """Play the demo; configuration and ledger lie in a new directory afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="twinvouch-simulated-"))
    logging.getLogger("twinvouch").addHandler(logging.NullHandler())  # the table says it better
    return virtual_time.run(lambda loop: _run(loop, directory, seed, say))


class Simulation:
    """Fits Stage: the plant in memory, and every program a task of one loop."""

    def __init__(self, loop: VirtualLoop, directory: Path, seed: int) -> None:
        self._loop = loop
        self._directory = directory
        self._clock = VirtualClock(loop)
        self._chance = random.Random(seed)  # noqa: S311 - a simulation is repeated by its seed
        self._signers = {name: _signer(seed, name) for name in _KEYS}
        self._tasks: list[asyncio.Task[Any]] = []
        self._stop_edge = asyncio.Event()
        twin, self._actuator_file = self._configure()
        config = build.load(twin)
        self._learn(config, seed)
        self._site = build.site(config, Origin.SIMULATED)
        self.plant = PlantInMemory(self._clock.wall_ns)
        self.core = Core(self._site, self._chance, self._clock, self._signers["permit"])
        self.core.feed(detection.submission(config, self.core.salt()))
        self.api = ApiInMemory(self.core, site.OBSERVER)
        self.wire = Interceptor(self.core)
        self._liar = Liar(loop.time)
        hand = self._hand(self._signers[CONTROLLER])
        self.means = Means(self._liar, self.wire, hand, self._signers["stranger"])

    def signer(self, name: str) -> SeededSigner:
        """The key of a principal, of the log or of permits."""
        return self._signers[name]

    async def start(self) -> None:
        """Start plant, clock ticks, edge and actuator, and when there are readings the controller."""
        for program in (self._run_plant(), self.core.tick(), self._run_edge()):
            self._begin(program)
        self._start_actuator()
        await play.readings(self)
        self._begin(Controller(ApiInMemory(self.core, CONTROLLER), self.means.insider).run())

    async def finish(self) -> None:
        """Let the edge ship what it has, then stop everything."""
        self._stop_edge.set()
        await asyncio.sleep(1.0)
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    def publish(self) -> tuple[Path, bytes]:
        """Write the ledger's files; gives their directory and the public key to verify with."""
        directory = self._directory / "ledger"
        files = LedgerFiles(directory, ORIGIN, self._signers["log"])
        files.catch_up(self.core.state)
        files.close()
        return directory, self._signers["log"].public_key

    def seconds(self) -> float:
        """As Stage.seconds."""
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        """As Stage.sleep; a program that failed is noticed here."""
        for task in self._tasks:
            if task.done() and (error := task.exception()) is not None:
                raise error
        await asyncio.sleep(seconds)

    async def send_batch(self, raw: bytes) -> Answer:
        """As Stage.send_batch."""
        return await self.core.send("/api/v1/ingest", raw)

    async def direct_write(self, who: str, tag: str, value: float) -> int:
        """As Stage.direct_write."""
        if who == "nobody":
            return NO_SESSION
        point = BY_TAG[tag].point
        return self.plant.write(who, point.table, point.address, to_words(value, point))

    async def set_legacy_writes(self, *, allowed: bool) -> None:
        """As Stage.set_legacy_writes."""
        self.plant.legacy_writes = allowed

    def true_value(self, tag: str) -> float:
        """As Stage.true_value."""
        return self.plant.works.value(tag)

    def writes(self) -> Sequence[Write]:
        """As Stage.writes."""
        return self.plant.journal().writes()

    def _begin(self, program: Coroutine[Any, Any, Any]) -> None:
        self._tasks.append(asyncio.create_task(program))

    def _hand(self, signer: SeededSigner) -> Hand:
        return Hand(PLANT, CONTROLLER, signer, self._chance.randbytes, self._clock.wall_ns)

    def _configure(self) -> tuple[Path, Path]:
        (self._directory / "keys").mkdir(mode=0o700)
        keys = {name: signer.public_key for name, signer in self._signers.items()}
        return site.write(
            self._directory, site.Places(1, 2, 3, 4), site.Identities(keys, {}, keys["permit"])
        )

    def _learn(self, config: Config, seed: int) -> None:
        """A commissioning run, and what it teaches."""
        run = self._directory / "commissioning.csv"
        commissioning.write(run, seed)
        table, step = training.table(str(run), config, training.Wanted(), _unsaid)
        lesson = learning.teach(table, step, _unsaid)
        model = self._directory / site.MODEL
        files = detector_files.write(model, lesson.learned, lesson.report)
        about = About("normal", "1", self._clock.wall_ns(), 365, table.ids)
        sealed = sign(files, about, PLANT, self._signers[site.MODELLER])
        (model / detector_files.MANIFEST).write_bytes(sealed)

    async def _run_plant(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.plant.tick()

    async def _run_edge(self) -> None:
        device = LyingDevice(DeviceInMemory(self.plant, "plain"), self._liar)
        spool = Spool(self._directory / "edge.spool", site.EDGE)
        try:
            await run_edge(
                EdgeSetup(self._site.plant, site.EDGE, Origin.SIMULATED),
                EdgeParts(
                    {DEVICE: device},
                    spool,
                    self._signers[site.EDGE],
                    self.wire,
                    self._clock,
                    self._chance.random,
                ),
                self._stop_edge,
            )
        finally:
            spool.close()

    def _start_actuator(self) -> None:
        config = actuator_config.load(self._actuator_file)
        journal = ActuatorJournal(
            self._directory / "actuator", PLANT, START_NS, ns(config.max_ttl_s)
        )
        more = asyncio.Event()
        device = DeviceInMemory(self.plant, truth.TWINVOUCH)
        signer = self._signers[site.ACTUATOR]
        actuator = Actuator(config.limits, {DEVICE: device}, journal, signer, self._clock, more.set)
        reporter = Reporter(journal, self.core, self._clock.sleep, self._chance.random)
        self._begin(_take_permits(self.core, actuator))
        self._begin(reporter.run(more))


async def _take_permits(core: Core, actuator: Actuator) -> None:
    while True:
        await actuator.take(await core.permits.get())


async def _run(loop: VirtualLoop, directory: Path, seed: int, say: Say) -> Report:
    stage = Simulation(loop, directory, seed)
    await stage.start()
    await play.commands(stage)
    say(f"seed {seed}: readings are admitted and commands executed\n")
    rows = await play.play(stage, say, _nothing)
    executed, seen = await play.executed(stage), await play.unpermitted(stage)
    await stage.finish()
    return _report(stage, directory, rows, (executed, seen))


async def _nothing(_: Attack) -> None:
    """Nothing happens between two attacks: only real processes are killed."""


def _report(
    stage: Simulation, directory: Path, rows: Sequence[Row], counts: tuple[int, int]
) -> Report:
    ledger, key = stage.publish()
    checked = recorded.verify(ledger, ORIGIN, key)
    acknowledged = {p.identity for p in stage.wire.passed if p.is_acknowledged}
    kept = recorded.batches(ledger, checked.size)
    return Report(
        attacks=tuple(rows),
        commands_executed=counts[0],
        unsafe_commands_executed=len(truth.unsafe_writes(stage.plant.journal())),
        unpermitted_writes_seen=counts[1],
        acknowledged_batches=len(acknowledged),
        lost_acknowledged_batches=len(acknowledged - kept),
        ledger_verified=checked.ok,
        ledger_entries=checked.size,
        ledger_head=checked.root,
        witnessed_entries=None,
        receipt_verified=None,
        doubt=None,
        spoof=None,
        core_pss_mb=None,
        total_pss_mb=None,
        setup_s=None,
        seconds=round(stage.seconds(), 1),
        directory=str(directory),
    )


def _unsaid(_text: str) -> None:
    """The table of attacks says it better."""


def _signer(seed: int, name: str) -> SeededSigner:
    return SeededSigner(sha256(f"{seed} {name}".encode()).digest())
