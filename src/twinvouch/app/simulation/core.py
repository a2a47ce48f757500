"""One life of the core: the real engine, commit order, hub and ledger files, without threads and sockets.

The engine takes events as they come; a group is what came while the one before it was made durable. What
cannot be made durable ends this life, as it ends the process (app/core.py).
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from twinvouch.adapters.committer import Committer, Step, recover, take
from twinvouch.adapters.event_stream import OPEN
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.app.api.hub import Hub
from twinvouch.app.disk_watch import DiskWatch
from twinvouch.app.lineage import LineageReader
from twinvouch.app.simulation.life import Life
from twinvouch.app.simulation.network import Answer
from twinvouch.app.simulation.process_disk import DiskOf
from twinvouch.app.simulation.room import SimulatedReserve
from twinvouch.app.simulation.site import ORIGIN, PERMIT_NS, PLANT, signer
from twinvouch.app.simulation.stores import ModelState, StateFile
from twinvouch.app.tracing import trace
from twinvouch.core.errors import UnavailableError
from twinvouch.core.event import (
    Announce,
    BatchReceived,
    CommandProposed,
    Deliver,
    Event,
    OutcomeReported,
    Publish,
    Reply,
    Started,
    StatementReceived,
    Tick,
    Trace,
)
from twinvouch.core.site import Site
from twinvouch.engine import Engine
from twinvouch.lab.virtual_time import VirtualClock
from twinvouch.wire.sse import EventDecoder, ServerEvent

HOME: Final = Path("/core")
SEGMENT_BYTES: Final = 16 * 1024
STATE_INTERVAL_S: Final = 0.05
TILE_INTERVAL_S: Final = 0.2
BUILD: Final = "simulated"
EVENTS: Final[Mapping[str, Callable[[bytes, str, bytes], Event]]] = {
    "/api/v1/ingest": BatchReceived,
    "/api/v1/outcomes": OutcomeReported,
    "/api/v1/statements": StatementReceived,
    "/api/v1/commands": lambda salt, peer, raw: CommandProposed(salt, peer, raw, ""),
}


@dataclass(slots=True)
class CoreParts:
    """What a life of the core is made of. `slow` draws the seconds that a sync takes."""

    site: Site
    file: StateFile
    clock: VirtualClock
    chance: random.Random
    slow: Callable[[], float]
    left: Callable[[Event, int, SegmentLog], None]  # told of every event whose effects leave


Result = TypeVar("Result")
Waiting = tuple[Event, Step, "asyncio.Future[Reply]"]


@dataclass(slots=True)
class CoreLife:
    """The core from start to death."""

    life: Life
    parts: CoreParts
    engine: Engine = field(init=False)
    log: SegmentLog = field(init=False)
    state: ModelState = field(init=False)
    ledger: LedgerFiles = field(init=False)
    hub: Hub = field(init=False)
    watch: DiskWatch = field(init=False)
    recovered: int = 0
    events: int = 0
    _released: int = 0  # number of the log record whose effects leave next
    _is_busy: bool = False  # a group is on its way to the disk
    _committer: Committer = field(init=False)
    _pending: list[Waiting] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self) -> None:
        """Open the stores and recover; raises what start-up refuses."""
        parts, disk = self.parts, DiskOf(self.life.machine.disk, self.life)
        self.engine = Engine(parts.site)
        self.state = ModelState(parts.file, self.life.machine.disk, self.life)
        known = self.state.load()[1]
        try:
            self.log = SegmentLog(HOME / "log", SEGMENT_BYTES, known, disk)
            self.ledger = LedgerFiles(HOME / "ledger", ORIGIN, signer("log"), disk=disk)
            self.recovered = recover(self.engine, self.log, self.state, BUILD)
            self.ledger.catch_up(self.state)
        except OSError as error:
            raise UnavailableError(str(error)) from None
        self.watch = DiskWatch(SimulatedReserve(self.life.machine.disk), 5.0)
        self.watch.begin(was_full=self.engine.memory.is_disk_full)
        self._committer = Committer(self.log, self.state, self.watch.release)
        self._released = self.log.end
        clock = parts.clock
        self.hub = Hub(PLANT, signer("permit"), PERMIT_NS, clock.monotonic_ns)
        self.hub.attach(asyncio.get_running_loop())
        for work in (self._commit(), self._tiles(), self._tick()):
            self.life.begin(work)
        self.submit(
            Started(self._salt(), parts.site.config_digest, parts.site.policy.digest, BUILD)
        )

    def submit(self, event: Event) -> "asyncio.Future[Reply]":
        """Give an event to the engine; the future has its Reply once it is durable."""
        step = take(self.engine, event, self.parts.clock.wall_ns())
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._pending.append((event, step, answer))
        self._more.set()
        self.events += 1
        return answer

    async def serve(self, peer: str, path: str, body: bytes) -> Answer:
        """The API's door."""
        if not self.life.alive:
            raise UnavailableError("the core is gone")
        event = EVENTS[path](self._salt(), peer, body)
        self.watch.admit(event)
        answer = self.submit(event)
        reply = await self._or_over(answer)
        return reply.code, reply.body

    async def permits(self) -> AsyncGenerator[ServerEvent]:
        """The stream of permits, until this life ends."""
        subscriber = self.hub.open(actuator=True)
        assert subscriber is not None
        events, decoder = aiter(subscriber.events()), EventDecoder()
        try:
            yield OPEN
            while True:
                text = await self._or_over(anext(events))
                for event in decoder.feed(text.encode()):
                    yield event
        finally:
            self.hub.close(subscriber)

    async def _or_over(self, work: Awaitable[Result]) -> Result:
        """The result of `work`; a life that ends meanwhile breaks the connection."""
        waiting = asyncio.ensure_future(work)
        over = asyncio.ensure_future(self.life.over.wait())
        try:
            await asyncio.wait([waiting, over], return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            raise UnavailableError("the core is gone")
        finally:
            waiting.cancel()
            over.cancel()

    def _salt(self) -> bytes:
        return self.parts.chance.randbytes(16)

    async def _commit(self) -> None:
        loop, state_due = asyncio.get_running_loop(), 0.0
        while True:
            if not self._pending:
                self._more.clear()
                await self._more.wait()
            group, self._pending = self._pending, []
            self._is_busy = True
            rows = None
            if loop.time() >= state_due:
                rows, state_due = self.engine.drain(), loop.time() + STATE_INTERVAL_S
            took = self.parts.slow()
            await asyncio.sleep(took / 2)
            self.commit([step for _, step, _ in group], rows)
            await asyncio.sleep(took / 2)
            for event, step, answer in group:
                self._release(self._released, event, step, answer)
                self._released += 1
            self._is_busy = False

    def commit(self, steps: Sequence[Step], rows: Mapping[str, bytes | None] | None) -> None:
        """Make a group durable."""
        self._committer.commit(steps, rows)

    def _release(
        self, number: int, event: Event, step: Step, answer: "asyncio.Future[Reply]"
    ) -> None:
        self.life.at("effects before")
        self.parts.left(event, number, self.log)
        for effect in step.effects:
            if isinstance(effect, Reply):
                self.life.at("answer before")
                if not answer.done():
                    answer.set_result(effect)
                self.life.at("answer after")
            elif isinstance(effect, Deliver | Announce):
                self.life.at("permit before")
                self.hub.leave(effect)
                self.life.at("permit after")
            elif isinstance(effect, Publish):
                self.hub.leave(effect)
            elif isinstance(effect, Trace):
                self.life.begin(self._trace(effect))

    async def _trace(self, effect: Trace) -> None:
        """As app.tracing does it, some time later: the process may die before."""
        reader = LineageReader(lambda: self.state)
        await asyncio.sleep(self.parts.chance.random())
        while self.state.leaf_count() < effect.entry:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(STATE_INTERVAL_S)
        found = trace(reader.up_to_date(), reader, self.parts.site.plant, effect, self._salt())
        self.submit(found)

    async def _tiles(self) -> None:
        while True:
            await asyncio.sleep(TILE_INTERVAL_S)
            if self.watch.is_spent:
                continue
            try:
                self.ledger.catch_up(self.state)
            except UnavailableError:
                continue

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            changed = self.watch.look(self.parts.clock.monotonic_ns(), self._salt())
            if changed is not None:
                self.submit(changed)
            self.submit(Tick(self._salt()))

    async def settle(self) -> None:
        """At the end, when nothing comes any more: let state and ledger catch up with the log."""
        while self._pending or self._is_busy:  # noqa: ASYNC110 - virtual time: sleeping costs nothing
            await asyncio.sleep(0.01)
        self._committer.commit([], self.engine.drain())
        self.ledger.catch_up(self.state)
