"""A listening port that passes each connection to one coroutine and can be closed with all of them."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """Listens on a free `port` (known after `open`) of `host`; `serve` handles one connection."""

    def __init__(self, host: str, serve: Serve) -> None:
        self._host = host
        self._serve = serve
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self.port = 0

    async def open(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._one, self._host, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop, and drop all connections."""
        if self._server is not None:
            self._server.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def drop(self) -> None:
        """Drop all connections; whoever comes again is served again."""
        for link in self._links:
            link.cancel()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        try:
            with suppress(asyncio.CancelledError):  # dropped: asyncio would call that an error
                await self._serve(reader, writer)
        finally:
            self._links.discard(task)
            writer.close()
