"""Listening: one loop per broker. What comes is translated at once, and sealed every `gather_s`.

A broker that is gone is reported, and tried again with growing pauses; the edge's other sources go on.
"""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from twinvouch.app.clock import Clock
from twinvouch.app.edge_messages import Translator, rebirth
from twinvouch.app.edge_seal import AsyncSpool
from twinvouch.app.edge_ship import pause_s
from twinvouch.core.errors import UnavailableError
from twinvouch.core.ports import Message
from twinvouch.core.report import Told

REPORT_NS: Final = 1_000_000_000  # reports wait so long for others of their kind
MOST_WAITING: Final = 50_000  # readings, before the broker is not listened to for a moment
_log = logging.getLogger("twinvouch.edge")


class Session(Protocol):
    """A connection to a broker, as `adapters.mqtt` makes it."""

    @property
    def dropped(self) -> int:
        """Messages that did not fit into the queue."""
        ...

    def messages(self) -> AsyncIterator[list[Message]]:
        """Messages as they come."""
        ...

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish once."""
        ...


class Source(Protocol):
    """A broker to connect to."""

    def session(self, topics: Sequence[str]) -> AbstractAsyncContextManager[Session]:
        """Connect and subscribe; raises UnavailableError."""
        ...


@dataclass(frozen=True, slots=True)
class Broker:
    """One broker of an edge: its id, how to reach it, and whether nodes may be asked for a birth."""

    name: str
    source: Source
    may_ask: bool = False


class Listener:
    """The loop of one broker."""

    def __init__(
        self, broker: Broker, translator: Translator, spool: AsyncSpool, limits: tuple[int, int]
    ) -> None:
        self._broker = broker
        self._translator = translator
        self._spool = spool
        self._gather_ns, self._max_rows = limits
        self._failures = 0
        self._reported_ns = 0
        self.messages = 0
        self.readings = 0

    async def run(self, clock: Clock, jitter: Callable[[], float]) -> None:
        """Listen until cancelled; what waits then is left for `finish`."""
        while True:
            try:
                await self._listen(clock)
            except UnavailableError as error:
                self._lost(error, clock.wall_ns())
            await clock.sleep(pause_s(self._failures, jitter()))

    async def seal(self, clock: Clock) -> None:
        """Seal what was heard, every `gather_s`, until cancelled."""
        while True:
            await clock.sleep(self._gather_ns / 1e9)
            await self._keep_readings()
            now_ns = clock.monotonic_ns()
            if now_ns - self._reported_ns >= REPORT_NS:
                self._reported_ns = now_ns
                await self._keep_reports()

    async def finish(self) -> None:
        """Keep what was gathered."""
        await self._keep_readings()
        await self._keep_reports()

    async def _listen(self, clock: Clock) -> None:
        async with self._broker.source.session(self._translator.filters) as session:
            self._back(clock.wall_ns())
            dropped = 0
            async for messages in session.messages():
                now_ns = clock.wall_ns()
                self.messages += len(messages)
                for message in messages:
                    self._translator.take(message, now_ns)
                    while self._translator.size >= MOST_WAITING:
                        await clock.sleep(0.01)
                if session.dropped > dropped:
                    lost, dropped = session.dropped - dropped, session.dropped
                    self._translator.tell(Told.OVERFLOW, "", now_ns, dropped=lost)
                await self._ask(session, now_ns)

    async def _ask(self, session: Session, now_ns: int) -> None:
        nodes, self._translator.rebirths = self._translator.rebirths, set()
        for node in sorted(nodes) if self._broker.may_ask else ():
            await session.publish(*rebirth(node, now_ns))

    async def _keep_readings(self) -> None:
        for group, changes in self._translator.changes(self._max_rows):
            self.readings += len(changes.t_ns)
            await self._spool.keep(group, changes)

    async def _keep_reports(self) -> None:
        reports = self._translator.reports()
        if reports:  # they are about the broker, and stand in the chain of any of its groups
            await self._spool.keep(next(iter(self._translator.groups.values())), reports)

    def _lost(self, error: UnavailableError, now_ns: int) -> None:
        self._failures += 1
        if self._failures == 1:
            _log.warning("broker `%s`: %s", self._broker.name, error)
            self._translator.tell(Told.LOST, "", now_ns)

    def _back(self, now_ns: int) -> None:
        if self._failures:
            _log.warning("broker `%s` answers again", self._broker.name)
            self._translator.tell(Told.BACK, "", now_ns)
        self._failures = 0
