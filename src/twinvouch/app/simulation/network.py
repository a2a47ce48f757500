"""A network that drops, delays, duplicates, reorders, flips bits and partitions, as the seed says.

A request that was lost on its way, or whose answer was, looks the same to the sender: silence until its
time-out. A duplicate or delayed request arrives when it arrives, behind others too; that is reordering.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from twinvouch.app.simulation.life import Killed, Life
from twinvouch.core.errors import UnavailableError
from twinvouch.core.event import Plain

TIMEOUT_S = 2.0
Answer: TypeAlias = tuple[int, Mapping[str, Plain]]
Server: TypeAlias = Callable[[str, str, bytes], Awaitable[Answer]]  # peer, path, body


@dataclass(frozen=True, slots=True)
class Weather:
    """Chances of each fault per message, and the longest delay in seconds."""

    drop: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0
    late: float = 0.0
    late_s: float = 0.0


@dataclass(slots=True)
class Network:
    """All links; `serve` is the door of the core that runs now, None while none does."""

    chance: random.Random
    weather: Weather
    serve: Server | None = None
    apart: set[str] = field(default_factory=set)  # names that cannot reach the core now
    faults: Counter[str] = field(default_factory=Counter)
    flying: set[asyncio.Task[None]] = field(default_factory=set)

    def happens(self, what: str, chance: float) -> bool:
        """Whether a fault strikes now."""
        if chance and self.chance.random() < chance:
            self.faults[what] += 1
            return True
        return False

    def is_open(self, name: str) -> bool:
        """Whether `name` reaches a core."""
        return self.serve is not None and name not in self.apart

    async def request(self, name: str, path: str, body: bytes) -> Answer:
        """One request of `name`; UnavailableError where no answer comes."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        sent = [body]
        if self.happens("duplicate", self.weather.duplicate):
            sent.append(body)
        for copy in sent:
            if not self.happens("drop request", self.weather.drop):
                self._fly(self._arrive(name, path, self._damaged(copy), answered))
        try:
            return await asyncio.wait_for(answered, TIMEOUT_S)
        except TimeoutError:
            raise UnavailableError("the core did not answer in time") from None

    async def delay(self) -> None:
        """How long a message is on its way."""
        pause = self.chance.random() * 0.004
        if self.happens("late", self.weather.late):
            pause += self.chance.random() * self.weather.late_s
        await asyncio.sleep(pause)

    def _damaged(self, body: bytes) -> bytes:
        if not body or not self.happens("bit flipped", self.weather.corrupt):
            return body
        place = self.chance.randrange(len(body))
        return (
            body[:place] + bytes([body[place] ^ 1 << self.chance.randrange(8)]) + body[place + 1 :]
        )

    async def _arrive(
        self, name: str, path: str, body: bytes, answered: "asyncio.Future[Answer]"
    ) -> None:
        await self.delay()
        serve = self.serve
        if serve is None or name in self.apart:
            self.faults["partition"] += name in self.apart
            return
        try:
            answer = await serve(name, path, body)
        except UnavailableError as error:
            answer = (503, {"detail": str(error)})
        await self.delay()
        if name in self.apart or self.happens("drop answer", self.weather.drop):
            return
        if not answered.done():
            answered.set_result(answer)

    def _fly(self, message: Awaitable[None]) -> None:
        task = asyncio.ensure_future(message)
        self.flying.add(task)
        task.add_done_callback(self._landed)

    def _landed(self, task: "asyncio.Future[None]") -> None:
        self.flying.discard(task)
        if not task.cancelled():
            error = task.exception()
            assert error is None or isinstance(error, Killed), error


@dataclass(frozen=True, slots=True)
class Link:
    """The way of one life to the core. Fits ports.Transport."""

    network: Network
    name: str
    life: Life
    heard: Callable[[str, bytes, int, Mapping[str, Plain]], None]

    async def send(self, path: str, body: bytes) -> Answer:
        """One request; what the answer says is noted where the sender hears it."""
        self.life.at("request before")
        status, said = await self.network.request(self.name, path, body)
        self.life.at("answer heard")
        self.heard(path, body, status, said)
        return status, said
