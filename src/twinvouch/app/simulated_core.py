"""The core of the simulated demo: the real engine and commit order, without network, disks and time."""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from twinvouch.adapters.committer import Committer, take
from twinvouch.app.api import views
from twinvouch.core.errors import NotPermittedError, UsageError
from twinvouch.core.event import (
    Announce,
    BatchReceived,
    CommandProposed,
    Deliver,
    Event,
    OutcomeReported,
    Plain,
    QueryAsked,
    Reply,
    Started,
    Tick,
)
from twinvouch.core.kind import Purpose
from twinvouch.core.ports import Signer
from twinvouch.core.site import Site
from twinvouch.engine import Engine
from twinvouch.engine.memory import Memory
from twinvouch.lab.api import Answer
from twinvouch.lab.in_memory import MemoryLog, MemoryState
from twinvouch.lab.virtual_time import VirtualClock
from twinvouch.wire.cose import seal

View = Callable[[Memory], Any]
TICK_S: Final = 1.0
_BUILD: Final = "simulated"


class Core:
    """The engine with the real commit order over stores in memory; permits leave through `permits`."""

    def __init__(
        self, of: Site, chance: random.Random, clock: VirtualClock, signer: Signer
    ) -> None:
        self.engine = Engine(of)
        self.state = MemoryState()
        self.permits: asyncio.Queue[bytes] = asyncio.Queue()
        self.log = MemoryLog()
        self._committer = Committer(self.log, self.state)
        self._chance = chance
        self._clock = clock
        self._signer = signer
        self.feed(Started(self.salt(), of.config_digest, of.policy.digest, _BUILD))

    def salt(self) -> bytes:
        """Chance for one event, from the seed."""
        return self._chance.randbytes(16)

    def feed(self, event: Event) -> Reply:
        """Take one event in, commit, let its effects leave."""
        step = take(self.engine, event, self._clock.wall_ns())
        self._committer.commit([step], self.engine.drain())
        for effect in step.effects:
            if isinstance(effect, Deliver | Announce):
                self.permits.put_nowait(
                    seal(
                        effect.content,
                        signer=self._signer,
                        plant=self.engine.memory.site.plant.id,
                        purpose=Purpose.PERMIT,
                    )
                )
        return next((e for e in step.effects if isinstance(e, Reply)), Reply(200, {}))

    async def send(self, path: str, body: bytes) -> tuple[int, Mapping[str, Plain]]:
        """Fits ports.Transport: what edges and the actuator post."""
        if path == "/api/v1/ingest":
            reply = self.feed(BatchReceived(self.salt(), "edge", body))
        elif path == "/api/v1/outcomes":
            reply = self.feed(OutcomeReported(self.salt(), "actuator", body))
        else:
            raise UsageError(f"nothing is posted to `{path}` here")
        return reply.code, reply.body

    async def tick(self) -> None:
        """Let the engine know that time passes, until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            now = self._clock.wall_ns()  # a virtual clock is never set
            self.feed(Tick(self.salt(), now, now))


class ApiInMemory:
    """Fits lab's Api: the same questions to gate 3, the same views, as one principal."""

    def __init__(self, core: Core, principal: str) -> None:
        self._core = core
        self._principal = principal

    async def get(self, path: str, **params: str | int) -> Any:
        """As Api.get."""
        action, resource, tags, view = self._question(path, params)
        purpose = str(params.get("purpose", ""))
        asked = QueryAsked(self._core.salt(), self._principal, action, resource, purpose, tags)
        reply = self._core.feed(asked)
        if reply.code != 200:
            raise NotPermittedError(f"GET {path}: {reply.body.get('why')}")
        return view(self._core.engine.memory)

    async def post(self, path: str, body: bytes) -> Answer:
        """As Api.post."""
        assert path == "/commands"
        reply = self._core.feed(CommandProposed(self._core.salt(), self._principal, body, ""))
        return reply.code, reply.body

    def _question(
        self, path: str, params: Mapping[str, str | int]
    ) -> tuple[str, str, tuple[str, ...], View]:
        limit = int(params.get("limit", 200))
        if path == "/status":
            return "readStatus", "*", (), views.status
        if path == "/findings":
            since = int(params.get("since", 0))
            return "readFindings", "*", (), lambda m: views.findings(m, since, limit)
        if path == "/commands":
            status = str(params.get("status", ""))
            return "readCommands", "*", (), lambda m: views.commands(m, status, limit)
        if path == "/tags":
            every = tuple(self._core.engine.memory.site.plant.tags)
            return "readTags", "*", every, lambda m: views.tags(m, every)
        tag = path.removeprefix("/tags/")
        return "readTags", tag, (tag,), lambda m: views.tags(m, (tag,))[0]
