"""A listener drops its connections without a word on stderr, and serves whoever comes again."""

import asyncio
from typing import Any

from twinvouch.lab.listener import Listener


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)


def test_a_dropped_connection_is_no_error_and_may_come_again() -> None:
    complaints: list[dict[str, Any]] = []

    async def talk(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello\n")
        said = await reader.readline()
        listener.drop()
        rest = await reader.read()
        writer.close()
        return said + rest

    async def act() -> list[bytes]:
        asyncio.get_running_loop().set_exception_handler(lambda _, c: complaints.append(c))
        await listener.open()
        said = [await talk(listener.port), await talk(listener.port)]
        await listener.close()
        return said

    listener = Listener("127.0.0.1", _echo)
    assert asyncio.run(asyncio.wait_for(act(), 30)) == [b"hello\n", b"hello\n"]
    assert complaints == []
