"""The two ways between actuator and core, both opened by the actuator: permits come in, outcomes go out.

Permits are a stream that is opened again whenever it ends; what was missed is not asked for, since a permit
lives for seconds. Outcomes are posted in order until the core has each, at least once.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from twinvouch.adapters.actuator_journal import ActuatorJournal
from twinvouch.adapters.event_stream import OPEN
from twinvouch.app.edge_ship import pause_s
from twinvouch.core.errors import ConfigError, NotPermittedError, UnavailableError
from twinvouch.core.event import Plain
from twinvouch.core.ports import Transport
from twinvouch.wire.sse import ServerEvent

PERMITS: Final = "/api/v1/permits/stream"
OUTCOMES: Final = "/api/v1/outcomes"
_LATER = frozenset({401, 403, 408, 425, 429})  # somebody has to enrol us, or it is only busy
_log = logging.getLogger("twinvouch.actuator")
Sleep = Callable[[float], Awaitable[None]]
Jitter = Callable[[], float]


def is_settled(status: int, body: Mapping[str, Plain]) -> bool:
    """True where the core has an outcome durably, or says that it will never take it."""
    said = body.get("status")
    if 200 <= status < 300:
        return isinstance(said, str) and said != "refused"
    return 400 <= status < 500 and status not in _LATER and said == "refused"


def sealed_permit(event: ServerEvent) -> bytes | None:
    """The sealed permit, or mode, in an event; None for an event that has none."""
    if event.name not in {"permit", "mode", "message"}:
        return None
    try:
        return base64.b64decode(event.data, validate=True)
    except (binascii.Error, ValueError):
        return None


@dataclass(slots=True)
class PermitStream:
    """Takes permits until cancelled; `connect` opens one connection and yields its events.

    `working` are the permits being carried out: they outlive the stream, and one that waits for a slow
    device holds up no other.
    """

    connect: Callable[[], AsyncGenerator[ServerEvent]]
    take: Callable[[bytes], Coroutine[Any, Any, None]]
    sleep: Sleep
    jitter: Jitter
    working: set[asyncio.Task[None]] = field(default_factory=set)
    is_open: bool = False  # the core has answered, and the stream has not ended
    _failures: int = 0

    async def run(self, tasks: asyncio.TaskGroup) -> None:
        """Come back for ever; the work on each permit is a task of `tasks`."""
        while True:
            try:
                async with aclosing(self.connect()) as events:
                    async for event in events:
                        self._on(event, tasks)
            except (UnavailableError, NotPermittedError, ConfigError) as error:
                self._failures += 1
                if self._failures == 1:
                    _log.warning("no permits come: %s", error)
            finally:
                self.is_open = False
            await self.sleep(pause_s(max(1, self._failures), self.jitter()))

    def _on(self, event: ServerEvent, tasks: asyncio.TaskGroup) -> None:
        if event == OPEN:
            self._failures, self.is_open = 0, True
            _log.info("connected to the core, permits come")
            return
        raw = sealed_permit(event)
        if raw is None:
            _log.warning("the core sent an event without a permit: %.60r", event)
            return
        task = tasks.create_task(self.take(raw))
        self.working.add(task)
        task.add_done_callback(self.working.discard)


@dataclass(slots=True)
class Reporter:
    """Posts what waits in the journal's outbox until cancelled, or once, until `is_draining`."""

    journal: ActuatorJournal
    transport: Transport
    sleep: Sleep
    jitter: Jitter
    is_draining: bool = False
    _failures: int = 0

    async def run(self, more: asyncio.Event) -> None:
        """Post what waits and what comes; `more` is set whenever something came."""
        while True:
            more.clear()
            is_done = await self._post_all()
            if self.is_draining:
                return
            if is_done:
                await more.wait()
            else:
                await self.sleep(pause_s(self._failures, self.jitter()))

    async def _post_all(self) -> bool:
        """Post the outbox in order; False where the core did not take one, which is tried again."""
        for nonce, sealed in self.journal.outbox:
            try:
                status, body = await self.transport.send(OUTCOMES, sealed)
            except UnavailableError as error:
                return self._failed(str(error))
            if not is_settled(status, body):
                return self._failed(f"the core answered {status}: {ascii(dict(body))[:300]}")
            if not 200 <= status < 300:
                _log.error("the core refuses an outcome for good: %s", ascii(dict(body))[:300])
            self.journal.delivered(nonce)
            self._failures = 0
        return True

    def _failed(self, why: str) -> bool:
        self._failures += 1
        if self._failures == 1:
            _log.warning("outcomes wait: %s", why)
        return False
