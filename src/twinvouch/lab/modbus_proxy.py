"""A TCP man in the middle between the edge and the plant's plain Modbus port.

Requests pass as they are; answers to reads are rewritten by a Liar. It follows transactions, so it
knows which registers an answer is about.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from struct import pack, unpack

from twinvouch.core.inventory import Table
from twinvouch.lab.liar import Liar
from twinvouch.lab.listener import Listener

_READS = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}
_HEADER = 7  # transaction, protocol, length, unit
_MOST_PENDING = 64
Rewrite = Callable[[bytes], bytes]


class ModbusProxy(Listener):
    """Forwards each connection to the plant."""

    def __init__(self, liar: Liar, host: str, plant_port: int) -> None:
        super().__init__(host, self._link)
        self._liar = liar
        self._plant_port = plant_port

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            plant, to_plant = await asyncio.open_connection(self._host, self._plant_port)
        except OSError:
            return
        follow = Transactions(self._liar)
        pumps = [
            asyncio.create_task(_pump(reader, to_plant, follow.asked)),
            asyncio.create_task(_pump(plant, writer, follow.answered)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            to_plant.close()


class Transactions:
    """One connection's reads that wait for their answer: what makes an answer readable."""

    def __init__(self, liar: Liar) -> None:
        self._liar = liar
        self._pending: dict[int, tuple[Table, int, int]] = {}

    def asked(self, frame: bytes) -> bytes:
        """Remember a read request; every frame goes on unchanged."""
        transaction, function = int.from_bytes(frame[:2], "big"), frame[_HEADER]
        if function in _READS and len(frame) == _HEADER + 5:
            if len(self._pending) >= _MOST_PENDING:
                self._pending.clear()
            address, count = unpack(">HH", frame[_HEADER + 1 :])
            self._pending[transaction] = (_READS[function], address, count)
        return frame

    def answered(self, frame: bytes) -> bytes:
        """The answer with lies in it; an exception or an answer nobody asked for goes on unchanged."""
        asked = self._pending.pop(int.from_bytes(frame[:2], "big"), None)
        function, data = frame[_HEADER], frame[_HEADER + 2 :]
        if asked is None or function not in _READS:
            return frame
        table, address, count = asked
        if table in {Table.COIL, Table.DISCRETE}:
            bits = [data[at // 8] >> at % 8 & 1 for at in range(min(count, 8 * len(data)))]
            said = _bits(self._liar.rewrite(table, address, bits), len(data))
        else:
            words = list(unpack(f">{len(data) // 2}H", data[: len(data) // 2 * 2]))
            said = pack(f">{len(words)}H", *self._liar.rewrite(table, address, words))
        return frame[: _HEADER + 2] + said


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rewrite: Rewrite
) -> None:
    """Frame by frame, until one side ends."""
    with suppress(OSError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readexactly(_HEADER)
            length = int.from_bytes(head[4:6], "big") - 1
            if not 2 <= length <= 254:
                return
            writer.write(rewrite(head + await reader.readexactly(length)))
            await writer.drain()


def _bits(bits: list[int], size: int) -> bytes:
    said = bytearray(size)
    for at, bit in enumerate(bits):
        said[at // 8] |= bit << at % 8
    return bytes(said)
