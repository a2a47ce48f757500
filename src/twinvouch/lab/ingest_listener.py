"""The HTTP side of the man in the middle: takes the edge's posts and gives them to a Transport.

Just enough HTTP/1.1 for one client that we know: posts with a length, connections kept.
"""

import asyncio
import json
from contextlib import suppress

from twinvouch.core.errors import UnavailableError
from twinvouch.core.ports import Transport
from twinvouch.lab.listener import Listener

_MOST = 64 * 2**20
_REASONS = {200: "OK", 400: "Bad Request", 502: "Bad Gateway"}


class IngestListener(Listener):
    """What the core does not answer becomes a 502."""

    def __init__(self, behind: Transport, host: str) -> None:
        super().__init__(host, self._link)
        self._behind = behind

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while await self._exchange(reader, writer):
                pass

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; False where the connection cannot go on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, _, rest = head[0].partition(" ")
        path = rest.partition(" ")[0]
        fields = dict(line.lower().split(":", 1) for line in head[1:] if ":" in line)
        length = fields.get("content-length", "").strip()
        if method != "POST" or not length.isdecimal() or int(length) > _MOST:
            writer.write(_answer(400, {}))
            return False
        body = await reader.readexactly(int(length))
        try:
            status, said = await self._behind.send(path, body)
        except UnavailableError as error:
            status, said = 502, {"detail": str(error)}
        writer.write(_answer(status, dict(said)))
        await writer.drain()
        return True


def _answer(status: int, said: object) -> bytes:
    body = json.dumps(said).encode()
    head = (
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Answer')}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
