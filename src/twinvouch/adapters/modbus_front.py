"""The proxy's listening side: connections of Modbus clients, each with its requests and answers in order.

Bounded in everything: connections, bytes and requests of each, time for a frame that has begun, idle time. A request
gets an answer, which says no where it must; only a header that lied, silence or a client that takes nothing ends a
connection. A write waits for the reads before it, and what is behind a write waits for it.
"""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from struct import Struct
from typing import Any, Final

from twinvouch.adapters.link_tls import Revoked
from twinvouch.adapters.modbus_back import Done
from twinvouch.adapters.modbus_role import NOBODY, peer_of
from twinvouch.adapters.modbus_sights import Sights
from twinvouch.core.errors import UnavailableError
from twinvouch.wire.modbus_guard import Code, Guard, Intake, Pass, Why, Write, refusal
from twinvouch.wire.modbus_stream import Frame

PIPELINED: Final = 16  # requests of one client without an answer; more of them wait in its socket
UNSENT: Final = 16_384  # bytes of answers that a client has not taken
FRAME_S: Final = 5.0  # for a frame that has begun, and for a client that takes nothing
_SWEEP_S = 1.0
_BACKLOG = 128
_HANDSHAKE_S = 5.0
_log = logging.getLogger("twinvouch.proxy")
_HEADER = Struct(">HHHB")
Ask = Callable[[int, bytes, Done], None]
Judge = Callable[[int, Write, str], Awaitable[bytes]]  # unit, write, who: the PDU of the answer


@dataclass(frozen=True, slots=True)
class Door:
    """Where clients come in, and how many for how long; with TLS, whose certificates are revoked."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    most_clients: int = 32
    idle_s: float = 60.0
    revoked: Revoked | None = None


@dataclass(slots=True)
class Counts:
    """What came since the start. `owned`: what was answered here, by reason; `turned_away`: connections."""

    reads: int = 0
    writes: int = 0
    broken: int = 0
    turned_away: int = 0
    owned: dict[Why, int] = field(default_factory=dict)


class Front:
    """One listening socket before one device. `ask` puts a read to the device, `judge` has a write decided on."""

    def __init__(self, door: Door, guard: Guard, ask: Ask, judge: Judge) -> None:
        self.door = door
        self.guard = guard
        self.ask = ask
        self.judge = judge
        self.counts, self.sights = Counts(), Sights()
        self.port = 0
        self.clients: dict[Client, None] = {}  # oldest first
        self._server: asyncio.Server | None = None
        self._sweeping: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Listen; UnavailableError where the address is taken."""
        loop, door = asyncio.get_running_loop(), self.door
        patience_s = None if door.tls is None else _HANDSHAKE_S
        try:
            self._server = await loop.create_server(
                partial(Client, self),
                door.host,
                door.port,
                ssl=door.tls,
                backlog=_BACKLOG,
                ssl_handshake_timeout=patience_s,
            )
        except OSError as error:
            raise UnavailableError(
                f"proxy: cannot listen on {door.host}:{door.port}: {error.strerror}; is it in use?"
            ) from None
        self.port = int(self._server.sockets[0].getsockname()[1])
        self._sweeping = loop.call_later(_SWEEP_S, self._sweep)

    def close(self) -> None:
        """Stop listening, end all connections."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        if self._server is not None:
            self._server.close()
        for client in list(self.clients):
            client.end()

    def admit(self, client: "Client") -> bool:
        """Take a new connection in; the oldest one that has not asked for anything yet makes room for it."""
        if self._is_revoked(client):
            return False
        if len(self.clients) >= self.door.most_clients:
            self.counts.turned_away += 1
            silent = next((c for c in self.clients if not c.has_asked), None)
            if silent is None:
                return False
            self.leave(silent)
            silent.end()
        self.clients[client] = None
        return True

    def leave(self, client: "Client") -> None:
        """A connection is over."""
        self.clients.pop(client, None)

    def _is_revoked(self, client: "Client") -> bool:
        revoked = self.door.revoked
        return revoked is not None and client.peer.serial in revoked.serials

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        if self.door.revoked is not None and (wrong := self.door.revoked.look()):
            _log.error("%s", wrong)
        for client in list(self.clients):
            client.look(now_s, self.door.idle_s)
            if self._is_revoked(client):
                client.end()
        self._sweeping = loop.call_later(_SWEEP_S, self._sweep)


class _Slot:
    """A request that waits for its answer."""

    __slots__ = ("_client", "answer", "transaction", "unit")

    def __init__(self, client: "Client", frame: Frame) -> None:
        self._client = client
        self.transaction = frame.transaction
        self.unit = frame.unit
        self.answer = b""

    def done(self, pdu: bytes) -> None:
        """The PDU of the answer."""
        self.answer = pdu
        self._client.flush()


class Client(asyncio.BufferedProtocol):
    """One connection."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._intake = Intake()
        self._slots: deque[_Slot] = deque()
        self._next: tuple[Frame, Write] | None = None  # waits for the reads before it
        self._writing: asyncio.Task[None] | None = None
        self._transport: Any = None
        self.peer = NOBODY
        self._is_choked = self._is_paused = self._has_ended = self._is_working = False
        self._since_s = 0.0  # when the last whole request came, or the client began to take nothing
        self._partial_s = 0.0  # since when a frame is seen that does not end
        self.has_asked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came: see who it is, and whether there is room."""
        self._transport = transport
        self._since_s = asyncio.get_running_loop().time()
        self._transport.set_write_buffer_limits(high=UNSENT)
        secured = transport.get_extra_info("ssl_object")
        if secured is not None:
            self.peer = peer_of(secured.getpeercert(binary_form=True) or b"")
        if not self._front.admit(self):
            self._transport.close()
            self._transport = None

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone; a write that is being decided goes on."""
        del exc
        self._front.leave(self)
        self._slots.clear()
        self._next, self._transport = None, None

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        del sizehint
        return self._intake.space()

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes came."""
        self._intake.came(nbytes)
        self._work()

    def eof_received(self) -> bool:
        """It sends no more, and may still take what it asked for."""
        self._has_ended = True
        return bool(self._slots or self._next) and self.peer is NOBODY  # TLS has no half

    def pause_writing(self) -> None:
        """It takes no answers: nothing more is asked for it."""
        self._is_choked = True
        self._since_s = asyncio.get_running_loop().time()

    def resume_writing(self) -> None:
        """It takes answers again."""
        self._is_choked = False
        self._work()

    def end(self) -> None:
        """Close once what is written has left."""
        if self._transport is not None:
            self._transport.close()

    def look(self, now_s: float, idle_s: float) -> None:
        """Time passed: whoever began a frame and does not end it, takes nothing, or is silent is left."""
        quiet_s = now_s - self._since_s
        if self._is_choked and quiet_s > FRAME_S:
            self._transport.abort()
        elif self._slots or self._next:
            return  # it waits for us, not we for it
        elif quiet_s > idle_s or self._drips(now_s):
            self.end()

    def _drips(self, now_s: float) -> bool:
        """True where the frame that has begun was there FRAME_S ago already."""
        if not self._intake.pending:
            return False
        if not self._partial_s:
            self._partial_s = now_s
        return now_s - self._partial_s > FRAME_S

    def flush(self) -> None:
        """Send the answers that are due, in the order of the requests."""
        slots, transport = self._slots, self._transport
        if transport is None:
            return
        while slots and (answer := slots[0].answer):
            slot = slots.popleft()
            transport.write(_HEADER.pack(slot.transaction, 0, len(answer) + 1, slot.unit) + answer)
        if not self._is_working and (self._next or self._intake.pending or self._has_ended):
            self._work()

    def _work(self) -> None:
        """Take requests while there is room for their answers."""
        self._is_working = True
        while (
            self._writing is None
            and len(self._slots) < PIPELINED
            and not self._is_choked
            and self._transport is not None
        ):
            if self._next is not None:
                if self._slots:
                    break
                frame, write = self._next
                self._next = None
                self._begin(frame, write)
                break
            following = self._intake.next()
            if following is None:
                break
            self._take(following)
        self._is_working = False
        self._regulate()

    def _take(self, frame: Frame) -> None:
        front = self._front
        self.has_asked, self._partial_s = True, 0.0
        self._since_s = asyncio.get_running_loop().time()
        sorted_ = front.guard.sort(frame.unit, frame.pdu, self.peer.role)
        if isinstance(sorted_, Write):
            self._next = (frame, sorted_)
            return
        slot = _Slot(self, frame)
        self._slots.append(slot)
        if isinstance(sorted_, Pass):
            front.counts.reads += 1
            front.ask(frame.unit, sorted_.pdu, slot.done)
            return
        self._tell(frame, sorted_.why)
        slot.done(sorted_.pdu)

    def _tell(self, frame: Frame, why: Why) -> None:
        owned = self._front.counts.owned
        owned[why] = owned.get(why, 0) + 1
        if why is not Why.ECHO:
            address = self._transport.get_extra_info("peername")
            self._front.sights.add(why, str(address[0]) if address else "", frame.pdu[0])
            peer = self.peer.name or address
            _log.warning(
                "refused by the proxy (%s): function %d to unit %d of %.100s",
                *(why, frame.pdu[0], frame.unit, peer),
            )

    def _begin(self, frame: Frame, write: Write) -> None:
        slot = _Slot(self, frame)
        self._slots.append(slot)
        self._front.counts.writes += 1
        self._writing = asyncio.get_running_loop().create_task(self._decide(slot, write))

    async def _decide(self, slot: _Slot, write: Write) -> None:
        answer = refusal(write.request.function, Code.FAILURE)
        try:
            answer = await self._front.judge(slot.unit, write, self.peer.name)
        finally:
            self._writing = None
            slot.done(answer)
            self._work()

    def _regulate(self) -> None:
        """Read no further than there is room, and end where nothing can come any more."""
        transport, intake = self._transport, self._intake
        if transport is None or transport.is_closing():
            return
        is_waiting = bool(self._slots or self._next)
        if not is_waiting and (intake.fault or self._has_ended):
            self._front.counts.broken += bool(intake.fault)
            transport.close()
            return
        if intake.is_full is not self._is_paused:
            self._is_paused = intake.is_full
            (transport.pause_reading if self._is_paused else transport.resume_reading)()
