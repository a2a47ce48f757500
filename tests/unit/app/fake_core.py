"""A core's two ends for an actuator: a stream of permits and a place for outcomes, as raw HTTP."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FakeCore:
    """Streams what is put into `send`, keeps the outcomes it is given; `answer` is its answer to them."""

    def __init__(self, token: str = "tvt_token") -> None:
        self.token = token
        self.url = ""
        self.streams = 0
        self.outcomes: list[bytes] = []
        self.answer: tuple[int, dict[str, object]] = (200, {"status": "executed"})
        self.stream_status = "200 OK"
        self.came = asyncio.Event()
        self.opened = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []

    async def send(self, raw: bytes) -> None:
        """One permit to every stream that is open."""
        await self.say(b"event: permit\ndata: " + base64.b64encode(raw) + b"\n\n")

    async def say(self, raw: bytes) -> None:
        """Raw bytes to every stream that is open."""
        await self.opened.wait()
        for writer in self._writers:
            writer.write(raw)

    def cut(self) -> None:
        """Drop all streams."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        self.opened.clear()

    async def wait_for(self, outcomes: int) -> None:
        """Until so many outcomes have come."""
        while len(self.outcomes) < outcomes:
            self.came.clear()
            await self.came.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                if head.startswith("GET /api/v1/permits/stream "):
                    await self._stream(head, writer, reader)
                    return
                size = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
                await self._post(await reader.readexactly(size), writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def _stream(
        self, head: str, writer: asyncio.StreamWriter, reader: asyncio.StreamReader
    ) -> None:
        self.streams += 1
        status = self.stream_status
        if f"authorization: bearer {self.token}\r\n" not in head.lower():
            status = "401 Unauthorized"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Type: text/event-stream\r\n\r\n".encode())
        if not status.startswith("200"):
            await writer.drain()
            writer.close()
            return
        writer.write(b": twinvouch\n\n")
        self._writers.append(writer)
        self.opened.set()
        await reader.read()

    async def _post(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        status, answer = self.answer
        text = json.dumps(answer).encode()
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(text), text))
        self.outcomes.append(body)
        self.came.set()


@asynccontextmanager
async def serving(token: str = "tvt_token") -> AsyncIterator[FakeCore]:
    core = FakeCore(token)
    server = await asyncio.start_server(core._serve, "127.0.0.1", 0)
    core.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield core
    finally:
        core.cut()
        server.close()
        await asyncio.sleep(0.01)
