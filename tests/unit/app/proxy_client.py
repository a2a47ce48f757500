"""A Modbus client that says exactly what it is told, over TCP or TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from twinvouch.wire.modbus_stream import Frame, Stream, write_frame


class RawClient:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._stream = Stream()
        self._frames: list[Frame] = []

    def say(self, raw: bytes) -> None:
        self.writer.write(raw)

    def ask(self, transaction: int, pdu: str, unit: int = 1) -> None:
        self.say(write_frame(transaction, unit, bytes.fromhex(pdu)))

    async def hear(self) -> Frame | None:
        """The next answer; None where the connection has ended."""
        async with asyncio.timeout(20):
            while not self._frames:
                chunk = await self.reader.read(4096)
                if not chunk:
                    return None
                self._frames += self._stream.feed(chunk)
        return self._frames.pop(0)

    async def told(self, pdu: str, unit: int = 1, transaction: int = 7) -> str:
        """Ask one thing; the answer's PDU in hex, which has the transaction and unit of the question."""
        self.ask(transaction, pdu, unit)
        frame = await self.hear()
        assert frame is not None
        assert frame[:2] == (transaction, unit)
        return frame.pdu.hex()

    async def close(self) -> None:
        self.writer.transport.abort()
        await asyncio.sleep(0)


@asynccontextmanager
async def client(
    port: int, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[RawClient]:
    made = RawClient(*await asyncio.open_connection(host, port, ssl=tls))
    try:
        yield made
    finally:
        await made.close()


async def until(is_so: Callable[[], object]) -> None:
    """Wait for something that happens elsewhere."""
    for _ in range(4000):
        if is_so():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not happen")
