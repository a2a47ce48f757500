"""Batches from the spool to the core, in the order of their chain, one at a time, at least once.

Only two answers end a batch's wait: that the core has it durably, or that it will never take it. All
else, be it silence, a full inbox, or an answer that no core gives, means: the same batch again later.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, Protocol

from twinvouch.adapters.spool import Spooled
from twinvouch.core.batch import Identity
from twinvouch.core.errors import UnavailableError
from twinvouch.core.event import Plain
from twinvouch.core.ports import Transport

INGEST: Final = "/api/v1/ingest"
_SHORTEST_S: Final = 0.05
_LONGEST_S: Final = 5.0
_LONGEST_ASKED_S: Final = 60.0  # a core that came back earlier than it said is found
# not authenticated, request time-out, too early, too many requests
_TEMPORARY: Final = frozenset({401, 408, 425, 429})
_log = logging.getLogger("twinvouch.edge")


class Verdict(Enum):
    """What an answer means for the batch that was sent."""

    KEPT = auto()  # durable at the core: free the space
    REFUSED = auto()  # never to be taken: free the space and say so
    LATER = auto()


def verdict(status: int, body: Mapping[str, Plain]) -> Verdict:
    """What the core's answer means; `status` in the body says it, not the HTTP status alone.

    401 says that the core does not know who sent what it got. What is in the spool is sealed by this edge, so
    either somebody changed it on the way, or this key is not enrolled: the same batch again heals the
    one, an enrolment the other, and until then nothing is lost.
    """
    said = body.get("status")
    if 200 <= status < 300 and isinstance(said, str) and said != "refused":
        return Verdict.KEPT
    is_final = 400 <= status < 500 and status not in _TEMPORARY
    if is_final and said == "refused":
        return Verdict.REFUSED
    return Verdict.LATER


def pause_s(failures: int, jitter: float, asked_s: float = 0.0) -> float:
    """Seconds before attempt `failures` + 1: doubling from 0.05 to 5 s, half of it `jitter` in 0..1.

    Never shorter than the core asked for (Retry-After), up to a minute.
    """
    step = min(_LONGEST_S, _SHORTEST_S * 2.0 ** min(failures - 1, 16))
    return max(min(asked_s, _LONGEST_ASKED_S), step * (0.5 + 0.5 * jitter))


class Waiting(Protocol):
    """The spool as the shipper sees it."""

    async def oldest(self) -> Spooled | None:
        """The first batch that waits."""
        ...

    async def acknowledge(self, identity: Identity) -> None:
        """Free the space of a batch."""
        ...


@dataclass(slots=True)
class Shipped:
    """Counts of one shipper."""

    kept: int = 0
    refused: int = 0
    failures: int = 0  # attempts that have to be made again
    failing: int = 0  # of these, the last ones without an answer in between


@dataclass(slots=True)
class Shipper:
    """Ships until cancelled; `jitter` draws a number in 0..1.

    Once `is_draining` it returns as soon as the spool is empty or an attempt fails.
    """

    spool: Waiting
    transport: Transport
    sleep: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]
    is_draining: bool = False
    counts: Shipped = field(default_factory=Shipped)

    async def run(self, more: asyncio.Event) -> None:
        """Ship what waits and what comes; `more` is set whenever something came."""
        while True:
            more.clear()
            is_empty, wait_s = False, 0.0
            try:
                batch = await self.spool.oldest()
                is_empty = batch is None
                wait_s = await self._ship(batch) if batch is not None else 0.0
            except UnavailableError as error:  # the core does not answer, or our own disk does not
                wait_s = self._failed(str(error), 0.0)
            if self.is_draining and (is_empty or wait_s):
                return
            if is_empty:
                await more.wait()
            elif wait_s:
                await self.sleep(wait_s)

    async def _ship(self, batch: Spooled) -> float:
        """Send once; returns how many seconds to wait before the next attempt, 0 after a success."""
        status, body = await self.transport.send(INGEST, batch.raw)
        found = verdict(status, body)
        if found is Verdict.LATER:
            asked = body.get("retry_after_s", 0)
            asked_s = 0.0
            if isinstance(asked, int | float) and asked > 0:  # NaN is not
                asked_s = float(min(asked, _LONGEST_ASKED_S))
            return self._failed(f"the core answered {status}: {_said(body)}", asked_s)
        await self.spool.acknowledge(batch.identity)
        if self.counts.failing:
            _log.warning("shipping goes on after %d failed attempts", self.counts.failing)
            self.counts.failing = 0
        if found is Verdict.KEPT:
            self.counts.kept += 1
        else:
            self.counts.refused += 1
            _log.error("the core refuses %s for good, dropped: %s", batch.identity, _said(body))
        return 0.0

    def _failed(self, why: str, asked_s: float) -> float:
        self.counts.failures += 1
        self.counts.failing += 1
        if self.counts.failing == 1:
            _log.warning("batches wait in the spool: %s", why)
        return pause_s(self.counts.failing, self.jitter(), asked_s)


def _said(body: Mapping[str, Plain]) -> str:
    """What the core said, as harmless text of bounded length."""
    return ascii(body.get("detail") or dict(body))[:300]
