"""Where effects leave the core: permits, and modes in order with them, to the actuator's stream, everything else to live subscribers.

A slow subscriber loses the oldest messages and is told how many; it never slows anybody else. Permits are
kept until they expire, so that an actuator that reconnects gets them; after a restart of the core they are
gone, since a permit nobody took within seconds must not be used.
"""

import asyncio
import base64
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from math import isfinite
from typing import Any

from numpy.typing import NDArray

from twinvouch.core.event import Announce, Deliver, Effect, Publish
from twinvouch.core.kind import Purpose
from twinvouch.core.ports import Signer
from twinvouch.wire.cose import seal

QUEUE_LIMIT = 1000
MAX_SUBSCRIBERS = 64
HEARTBEAT_S = 10.0


class Subscriber:
    """A bounded queue of ready-made server-sent events."""

    def __init__(self) -> None:
        self.messages: deque[str] = deque()
        self.missed = 0
        self.woken = asyncio.Event()

    def push(self, message: str) -> None:
        """Add a message, dropping the oldest where the reader is too slow."""
        if len(self.messages) >= QUEUE_LIMIT:
            self.messages.popleft()
            self.missed += 1
        self.messages.append(message)
        self.woken.set()

    async def events(self) -> AsyncIterator[str]:
        """Messages for ever, with a comment as heartbeat while there are none."""
        while True:
            if self.missed:
                yield f"event: missed\ndata: {self.missed}\n\n"
                self.missed = 0
            while self.messages:
                yield self.messages.popleft()
            self.woken.clear()
            try:
                await asyncio.wait_for(self.woken.wait(), HEARTBEAT_S)
            except TimeoutError:
                yield ": alive\n\n"


class Hub:
    """Belongs to the event loop's thread; `leave` may be called from any thread."""

    def __init__(
        self,
        plant: str,
        permit_signer: Signer | None,
        permit_ns: int = 0,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._plant = plant
        self._permit_ns = permit_ns
        self._signer = permit_signer
        self._loop: asyncio.AbstractEventLoop | None = None
        self._permits: deque[tuple[int, str]] = deque(
            maxlen=QUEUE_LIMIT
        )  # monotonic expiry ns, message
        self._actuators: set[Subscriber] = set()
        self._live: set[Subscriber] = set()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start passing effects on to this loop."""
        self._loop = loop

    def leave(self, effect: Effect) -> None:
        """Take an effect whose event is durable. A permit is signed here, outside the engine."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        if isinstance(effect, Deliver | Announce) and self._signer is not None:
            raw = seal(
                effect.content, signer=self._signer, plant=self._plant, purpose=Purpose.PERMIT
            )
            name = "mode" if isinstance(effect, Announce) else "permit"
            message = f"event: {name}\ndata: {base64.b64encode(raw).decode()}\n\n"
            _soon(loop, self._permit, message)
        elif isinstance(effect, Publish) and self._live:
            _soon(loop, self._publish, effect)

    def open(self, *, actuator: bool) -> Subscriber | None:
        """A new subscriber; None where there are too many."""
        audience = self._actuators if actuator else self._live
        if len(audience) >= MAX_SUBSCRIBERS:
            return None
        subscriber = Subscriber()
        if actuator:
            now = self._monotonic_ns()
            for expires, message in self._permits:
                if expires > now:
                    subscriber.push(message)
        audience.add(subscriber)
        return subscriber

    def audience(self) -> dict[str, int]:
        """How many streams are open, by kind."""
        return {"permit": len(self._actuators), "live": len(self._live)}

    def close(self, subscriber: Subscriber) -> None:
        """Forget a subscriber."""
        self._actuators.discard(subscriber)
        self._live.discard(subscriber)

    def _permit(self, message: str) -> None:
        now = self._monotonic_ns()
        while self._permits and self._permits[0][0] <= now:
            self._permits.popleft()
        self._permits.append((now + self._permit_ns, message))
        for subscriber in self._actuators:
            subscriber.push(message)

    def _publish(self, effect: Publish) -> None:
        number = effect.body.get("entry", "")
        data = json.dumps(effect.body, separators=(",", ":"), default=_listed)
        message = f"event: {effect.topic}\nid: {number}\ndata: {data}\n\n"
        for subscriber in self._live:
            subscriber.push(message)


def _soon(loop: asyncio.AbstractEventLoop, work: Callable[[Any], None], what: object) -> None:
    """Let the loop do it; one that was closed this moment does nothing any more, which ends no committer."""
    try:
        loop.call_soon_threadsafe(work, what)
    except RuntimeError:
        if not loop.is_closed():
            raise


def _listed(array: NDArray[Any]) -> list[Any]:
    """An array as JSON: what is not finite is null."""
    if array.dtype.kind == "f":
        return [v if isfinite(v) else None for v in array.tolist()]
    listed: list[Any] = array.tolist()
    return listed
