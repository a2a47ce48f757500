"""A controller for the benches and tests of the guard proxy: answers reads, and remembers everything else that reached it.

It is the oracle: whatever is no read counts as a write, also what no controller would carry out.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from twinvouch.core.errors import MalformedError
from twinvouch.core.inventory import Table
from twinvouch.wire.modbus import read_request, write_response
from twinvouch.wire.modbus_message import (
    Function,
    Identification,
    Identify,
    Mask,
    Read,
    ReadWrite,
    Refusal,
    Request,
    Values,
    WriteMany,
    WriteOne,
    WrittenMany,
)
from twinvouch.wire.modbus_stream import Stream, write_frame

Seen = tuple[Any, ...]
_PLAIN: Final = {
    7: b"\x07\x00",
    11: b"\x0b\x00\x00\x00\x01",
    12: b"\x0c\x06\x00\x00\x00\x01\x00\x01",
    17: b"\x11\x02\x01\xff",
}
_TABLES: Final = {
    1: Table.COIL,
    2: Table.DISCRETE,
    3: Table.HOLDING,
    4: Table.INPUT,
    5: Table.COIL,
    15: Table.COIL,
}


class Plant:
    """One controller; `seen` are the writes, as `(unit, table, address, words)` or `(unit, "mask", address, keep, put)`."""

    def __init__(self) -> None:
        self.values: dict[tuple[int, Table, int], int] = {}
        self.seen: list[Seen] = []
        self.reads = 0
        self.connections = 0
        self.is_silent = False
        self.port = 0
        self._server: asyncio.Server | None = None
        self.lines: set[asyncio.Transport] = set()

    async def open(self, port: int = 0) -> None:
        """Listen on loopback."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Line(self), "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and drop all connections."""
        if self._server is not None:
            self._server.close()
        for line in list(self.lines):
            line.abort()
        await asyncio.sleep(0.01)

    def answer(self, unit: int, pdu: bytes) -> bytes:
        """The PDU of the answer; everything but a read is remembered."""
        if pdu[0] in _PLAIN and len(pdu) == 1:
            self.reads += 1
            return _PLAIN[pdu[0]]
        try:
            request = read_request(pdu)
        except MalformedError:
            self.seen.append((unit, "odd", pdu.hex()))
            return bytes((pdu[0] | 0x80, 1))
        return write_response(self._carry_out(unit, request))

    def _carry_out(self, unit: int, request: Request) -> Any:
        if isinstance(request, Identify):
            objects = ((0, b"twinvouch"), (1, b"bench"), (2, b"1"))
            return Identification(Function.IDENTIFY, request.detail, 1, None, objects)
        if isinstance(request, Read):
            self.reads += 1
            return self._read(unit, request.function, request.address, request.count)
        if isinstance(request, Mask):
            at = (unit, Table.HOLDING, request.address)
            self.seen.append((unit, "mask", request.address, request.keep, request.put))
            old = self.values.get(at, 0)
            self.values[at] = old & request.keep | request.put & ~request.keep & 0xFFFF
            return request
        table = _TABLES.get(request.function, Table.HOLDING)
        words = (request.value,) if isinstance(request, WriteOne) else request.values
        self._write(unit, table, request.address, words)
        if isinstance(request, ReadWrite):
            return self._read(unit, request.function, request.read_address, request.count)
        if isinstance(request, WriteMany):
            return WrittenMany(request.function, request.address, len(words))
        return request

    def _read(self, unit: int, function: Function, address: int, count: int) -> Values | Refusal:
        table = _TABLES.get(function, Table.HOLDING)
        size = (count + 7) // 8 * 8 if table in {Table.COIL, Table.DISCRETE} else count
        found = tuple(self.values.get((unit, table, address + n), 0) for n in range(size))
        return Values(function, found)

    def _write(self, unit: int, table: Table, address: int, words: Sequence[int]) -> None:
        self.seen.append((unit, table.value, address, tuple(words)))
        for n, word in enumerate(words):
            self.values[unit, table, address + n] = word


class _Line(asyncio.Protocol):
    """One connection to the controller."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._stream = Stream()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._plant.connections += 1
        self._plant.lines.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._plant.lines.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        try:
            frames = self._stream.feed(data)
        except MalformedError:
            self._plant.seen.append((-1, "odd", data.hex()))
            self._transport.abort()
            return
        for transaction, unit, pdu in frames:
            answer = self._plant.answer(unit, pdu)
            if not self._plant.is_silent:
                self._transport.write(write_frame(transaction, unit, answer))
