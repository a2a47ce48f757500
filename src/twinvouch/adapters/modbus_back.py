"""The proxy's own way to a device, for what passes: one connection, our transaction ids, a bounded queue.

Every question gets exactly one answer, through `done`, and soon: the device's where it fits, else an exception of ours.
An answer that fits nothing ends the connection, since what comes after it cannot be told apart from later answers.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final, NamedTuple

from twinvouch.wire.modbus_guard import Code, Intake, fits, refusal

QUEUE: Final = 128  # questions that wait for their turn; a device answers some hundred a second
_HEADER = Struct(">HHHB")
Done = Callable[[bytes], None]


class Asked(NamedTuple):
    """One question: the unit, our PDU, where the answer goes, and by when (monotonic s)."""

    unit: int
    pdu: bytes
    done: Done
    until_s: float


@dataclass(frozen=True, slots=True)
class Address:
    """Where the device listens, and how patient we are."""

    host: str
    port: int
    timeout_s: float = 2.0
    in_flight: int = 1
    tls: ssl.SSLContext | None = None


class Back:
    """Questions to one device. Use from one event loop."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._waiting: dict[int, Asked] = {}
        self._queue: deque[Asked] = deque()
        self._line: _Line | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._transaction = 0
        self.waited_s = 0.0  # from asking to the answer, of all questions that a device answered
        self._loop = asyncio.get_running_loop()

    def ask(self, unit: int, pdu: bytes, done: Done) -> None:
        """Ask; `done` gets the PDU of the answer, perhaps before this returns."""
        if len(self._queue) >= QUEUE:
            done(refusal(pdu[0], Code.BUSY))
            return
        asked = Asked(unit, pdu, done, self._loop.time() + self._address.timeout_s)
        if self._timer is None:
            self._timer = self._loop.call_later(self._address.timeout_s, self._look)
        line = self._line
        if line is not None and not self._queue and len(self._waiting) < self._address.in_flight:
            self._send(line, asked)
            return
        self._queue.append(asked)
        if line is None and self._connecting is None:
            self._connecting = self._loop.create_task(self._connect())

    def close(self) -> None:
        """End the connection; what waits is answered."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self._timer is not None:
            self._timer.cancel()
        self._fail()

    def answered(self, transaction: int, unit: int, pdu: bytes) -> bool:
        """A frame of the device; False where it answers nothing that was asked."""
        asked = self._waiting.get(transaction)
        if asked is None or asked.unit != unit or not fits(asked.pdu, pdu):
            return False
        del self._waiting[transaction]
        self.waited_s += self._loop.time() - asked.until_s + self._address.timeout_s
        if self._queue:
            self._pump()
        asked.done(pdu)
        return True

    def lost(self, line: "_Line") -> None:
        """The connection ended, or may not be used any more."""
        if self._line is line:
            self._fail()

    def _send(self, line: "_Line", asked: Asked) -> None:
        transaction = self._transaction = (self._transaction + 1) & 0xFFFF
        self._waiting[transaction] = asked
        line.write(_HEADER.pack(transaction, 0, len(asked.pdu) + 1, asked.unit) + asked.pdu)

    def _pump(self) -> None:
        while (
            self._line is not None and self._queue and len(self._waiting) < self._address.in_flight
        ):
            self._send(self._line, self._queue.popleft())

    async def _connect(self) -> None:
        at = self._address
        try:
            async with asyncio.timeout(at.timeout_s):
                _, line = await self._loop.create_connection(
                    lambda: _Line(self), at.host, at.port, ssl=at.tls
                )
        except (OSError, TimeoutError):
            self._connecting = None
            self._fail()
            return
        self._connecting, self._line = None, line
        self._pump()

    def _look(self) -> None:
        """Time passed: a device that owes an answer is left, and nobody waits in the queue for ever."""
        now_s = self._loop.time()
        if any(a.until_s <= now_s for a in self._waiting.values()):
            self._fail()
        while self._queue and self._queue[0].until_s <= now_s:
            late = self._queue.popleft()
            late.done(refusal(late.pdu[0], Code.NO_ANSWER))
        left = [a.until_s for a in (*self._waiting.values(), *self._queue)]
        self._timer = self._loop.call_at(min(left), self._look) if left else None

    def _fail(self) -> None:
        """Leave the connection; what was on the way has no answer, and what waits for its turn neither."""
        line, self._line = self._line, None
        failed = [*self._waiting.values(), *self._queue]
        self._waiting.clear()
        self._queue.clear()
        if line is not None:
            line.abort()
        for asked in failed:
            asked.done(refusal(asked.pdu[0], Code.NO_ANSWER))


class _Line(asyncio.BufferedProtocol):
    """One connection to the device."""

    write: Callable[[bytes], None]

    def __init__(self, back: Back) -> None:
        self._back = back
        self._intake = Intake()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.write = self._transport.write

    def abort(self) -> None:
        self._transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        return self._intake.space()

    def buffer_updated(self, nbytes: int) -> None:
        intake = self._intake
        intake.came(nbytes)
        while (frame := intake.next()) is not None:
            if not self._back.answered(*frame):
                self._back.lost(self)
                return
        if intake.fault:
            self._back.lost(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._back.lost(self)
