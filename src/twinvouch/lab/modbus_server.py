"""The plant's Modbus/TCP listeners (pymodbus), with the role check that pymodbus does not have.

Plain: everybody reads; a write is answered with exception 1 unless the plant is set to
`legacy_writes`, as most controllers in the field are. TLS: a client certificate is demanded, and its role
(Modbus/TCP Security) decides by wire/modbus_roles.py: `write` may do everything, `operator` may switch the
pump, no role may read, a role that cannot be read may do nothing. Two units answer: the controller, and a meter
that has its input registers only, as behind a gateway.
"""

import logging
import ssl
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

from pymodbus import ModbusDeviceIdentification
from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.pdu import ExceptionResponse
from pymodbus.server import ModbusTcpServer, ModbusTlsServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice

from twinvouch.core.errors import UnavailableError
from twinvouch.core.inventory import Table
from twinvouch.lab.certificates import OPERATOR, WRITE, role_of
from twinvouch.lab.net3 import BY_TAG, IDENTITY, METER, RUN, UNIT
from twinvouch.lab.waterworks import RefusedWriteError, Waterworks
from twinvouch.wire.modbus_roles import NO_ROLE, Grant, Roles, refusal

READS = frozenset({1, 2, 3, 4, 43})
WRITES = frozenset({5, 6, 15, 16, 22, 23})  # function codes that change something
_PUMP = BY_TAG[RUN].point.address
ROLES: Roles = {
    NO_ROLE: (Grant(READS),),
    WRITE: (Grant(READS), Grant(WRITES, units=(UNIT, UNIT))),
    OPERATOR: (Grant(READS), Grant(frozenset({5}), (UNIT, UNIT), (_PUMP, _PUMP))),
}
_TABLES = {
    **dict.fromkeys((1, 5, 15), Table.COIL),
    2: Table.DISCRETE,
    **dict.fromkeys((3, 6, 16, 22, 23), Table.HOLDING),
    4: Table.INPUT,
}
SERVED = {UNIT: frozenset(Table) - {Table.IDENTITY}, METER: frozenset({Table.INPUT})}
_peer: ContextVar[str] = ContextVar("peer", default="")
Journal = Callable[[dict[str, Any]], None]

logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)


class Memory:
    """The controller's memory as pymodbus asks for it; every write is told to `journal`."""

    def __init__(self, works: Waterworks, journal: Journal) -> None:
        self._works = works
        self._journal = journal
        self.legacy_writes = False

    async def async_getValues(  # noqa: N802 - pymodbus calls it so
        self, device_id: int, func_code: int, address: int, count: int = 1
    ) -> list[int] | list[bool] | ExcCodes:
        """Words or bits from the memory."""
        table = _TABLES.get(func_code)
        if table not in SERVED.get(device_id, ()):
            return ExcCodes.ILLEGAL_ADDRESS
        assert table is not None
        try:
            words = self._works.read(table, address, count)
        except RefusedWriteError as refused:
            return ExcCodes(refused.code)
        return [bool(w) for w in words] if table in {Table.COIL, Table.DISCRETE} else words

    async def async_setValues(  # noqa: N802
        self, device_id: int, func_code: int, address: int, values: Sequence[int | bool]
    ) -> ExcCodes | None:
        """Write; the listener has already decided who may."""
        table = _TABLES.get(func_code)
        words = [int(v) for v in values]
        if table is None or device_id != UNIT:
            return ExcCodes.ILLEGAL_ADDRESS
        try:
            self._works.write(table, address, words)
        except RefusedWriteError as refused:
            self.tell(str(table), address, words, refused.code)
            return ExcCodes(refused.code)
        self.tell(str(table), address, words, 0)
        return None

    def device_ids(self) -> list[int]:
        """The units there are; any other gets no answer but an exception."""
        return list(SERVED)

    def tell(self, table: str, address: int, words: Sequence[int], code: int) -> None:
        """Journal a write with its peer; `code` is the Modbus exception it got, 0 for none."""
        self._journal(
            {
                "write": {
                    "peer": _peer.get(),
                    "table": table,
                    "address": address,
                    "words": list(words),
                    "exception": code,
                }
            }
        )


class Listener:
    """One listening socket; `port` is known once it is open."""

    def __init__(self, memory: Memory, tls: ssl.SSLContext | None) -> None:
        self._memory = memory
        self._tls = tls
        self._server: Any = None
        self.port = 0

    async def open(self, host: str, port: int) -> None:
        """Listen on `port`, 0 for any free one."""
        nothing = SimDevice(UNIT, SimData(0, values=0, datatype=DataType.REGISTERS))
        identified: Any = ModbusDeviceIdentification
        who = identified({n: text.decode() for n, text in IDENTITY.items()})
        kwargs: dict[str, Any] = {"address": (host, port), "identity": who}
        if self._tls is None:
            server: Any = _PlainServer(nothing, **kwargs)
        else:  # pymodbus' TLS framer takes every read for one whole frame; the socket framer does not
            server = _TlsServer(nothing, sslctx=self._tls, framer=FramerType.SOCKET, **kwargs)
        server.context = self._memory
        if not await server.listen():
            raise UnavailableError(f"cannot listen on {host}:{port}: is it in use?")
        self._server = server
        self.port = int(server.transport.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and drop all connections."""
        if self._server is not None:
            await self._server.shutdown()


class _Handler(ServerRequestHandler):
    """One connection: who it is, and whether it may write."""

    def _who(self) -> tuple[str, str]:
        """Name and role of the client; where writes are open to all, everybody has the role `write`."""
        secured = self.transport.get_extra_info("ssl_object")
        if secured is None:
            return "plain", WRITE if self.server.context.legacy_writes else NO_ROLE
        return role_of(secured.getpeercert(binary_form=True))

    async def handle_request(self) -> None:
        pdu = self.last_pdu
        if pdu is None or self.transport is None:
            return
        name, role = self._who()
        _peer.set(name)
        raw = bytes((pdu.function_code,)) + pdu.encode()
        refused = refusal(ROLES, role, pdu.dev_id, raw)
        if refused is not None:
            if pdu.function_code in WRITES:
                table = str(_TABLES[pdu.function_code])
                self.server.context.tell(table, _address(raw), [], refused.code)
            answer = ExceptionResponse(pdu.function_code, ExcCodes(refused.code))
            answer.transaction_id, answer.dev_id = pdu.transaction_id, pdu.dev_id
            self.server_send(answer, self.last_addr)  # type: ignore[no-untyped-call]
            return
        await super().handle_request()  # type: ignore[no-untyped-call]


def _address(raw: bytes) -> int:
    """Where a request writes, for the journal; of function 23 that comes second."""
    at = 5 if raw[0] == 23 else 1
    return int.from_bytes(raw[at : at + 2], "big")


def _handler(server: Any) -> _Handler:
    handler: Any = _Handler
    made: _Handler = handler(server, server.trace_packet, server.trace_pdu, server.trace_connect)
    return made


class _PlainServer(ModbusTcpServer):
    def callback_new_connection(self) -> _Handler:
        return _handler(self)


class _TlsServer(ModbusTlsServer):
    def callback_new_connection(self) -> _Handler:
        return _handler(self)
