"""The plant's Modbus/TCP listeners (pymodbus), with the role check that pymodbus does not have.

Plain: everybody reads; a write is answered with exception 1 unless the plant is set to
`legacy_writes`, as most controllers in the field are. TLS: a client certificate is demanded, and only
one with the role `write` may write (Modbus/TCP Security, role-based client authorisation).
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
from twinvouch.lab.certificates import WRITE, role_of
from twinvouch.lab.net3 import IDENTITY, UNIT
from twinvouch.lab.waterworks import RefusedWriteError, Waterworks

WRITES = frozenset({5, 6, 15, 16, 22, 23})  # function codes that change something
_TABLES = {
    **dict.fromkeys((1, 5, 15), Table.COIL),
    2: Table.DISCRETE,
    **dict.fromkeys((3, 6, 16, 22, 23), Table.HOLDING),
    4: Table.INPUT,
}
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
        if table is None or device_id != UNIT:
            return ExcCodes.ILLEGAL_ADDRESS
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
        """The one unit there is."""
        return [UNIT]

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

    def _who(self) -> tuple[str, bool]:
        secured = self.transport.get_extra_info("ssl_object")
        if secured is None:
            return "plain", bool(self.server.context.legacy_writes)
        name, role = role_of(secured.getpeercert(binary_form=True))
        return name, role == WRITE

    async def handle_request(self) -> None:
        pdu = self.last_pdu
        if pdu is None or self.transport is None:
            return
        name, may_write = self._who()
        _peer.set(name)
        if pdu.function_code in WRITES and not may_write:
            table = str(_TABLES[pdu.function_code])
            self.server.context.tell(table, pdu.address, [], int(ExcCodes.ILLEGAL_FUNCTION))
            refusal = ExceptionResponse(pdu.function_code, ExcCodes.ILLEGAL_FUNCTION)
            refusal.transaction_id, refusal.dev_id = pdu.transaction_id, pdu.dev_id
            self.server_send(refusal, self.last_addr)  # type: ignore[no-untyped-call]
            return
        await super().handle_request()  # type: ignore[no-untyped-call]


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
