"""The virtual plant as a process: EPANET Net3 in accelerated time behind two Modbus/TCP listeners.

It prints one JSON line with its ports when it listens, writes its truth and every write request to a
journal (JSON Lines), and takes one-line JSON orders on standard input: `{"legacy_writes": true}`. It
ends when its standard input ends, so it never outlives whoever started it with a pipe. Time never
catches up: a machine that stalls makes the plant slow, not jumpy.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from twinvouch.core.errors import UsageError
from twinvouch.lab import certificates
from twinvouch.lab.modbus_server import Listener, Memory
from twinvouch.lab.net3 import TICK_S
from twinvouch.lab.waterworks import Waterworks

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class PlantOptions:
    """What a plant process is started with; port 0 means any free one."""

    certificates: Path
    plain_port: int = 0
    tls_port: int = 0
    legacy_writes: bool = False
    journal: Path | None = None
    follows_stdin: bool = True


def run(options: PlantOptions) -> None:
    """Run until standard input ends (or for ever, if it is not followed)."""
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(options))


async def _run(options: PlantOptions) -> None:
    works = Waterworks()
    with open(options.journal or "/dev/null", "a", buffering=1, encoding="utf-8") as file:  # noqa: ASYNC230, PTH123
        memory = Memory(works, _journal(file))
        memory.legacy_writes = options.legacy_writes
        plain = Listener(memory, None)
        secured = Listener(memory, certificates.server_context(options.certificates))
        await plain.open(HOST, options.plain_port)
        await secured.open(HOST, options.tls_port)
        print(json.dumps({"plain": plain.port, "tls": secured.port}), flush=True)
        ticking = asyncio.create_task(_tick(works, _journal(file)))
        try:
            await _follow_orders(memory, follows=options.follows_stdin)
        finally:
            ticking.cancel()
            await plain.close()
            await secured.close()
            works.close()


async def _tick(works: Waterworks, journal: Callable[[dict[str, Any]], None]) -> None:
    clock = asyncio.get_running_loop().time
    due = clock() + TICK_S
    while True:
        await asyncio.sleep(max(0.0, due - clock()))
        works.tick()
        journal({"truth": asdict(works.truth())})
        due = max(due + TICK_S, clock())


async def _follow_orders(memory: Memory, *, follows: bool) -> None:
    if not follows:
        await asyncio.Event().wait()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        obey(memory, line.decode())
        print(json.dumps({"legacy_writes": memory.legacy_writes}), flush=True)


def obey(memory: Memory, line: str) -> None:
    """Carry out one order."""
    try:
        order = json.loads(line)
    except ValueError:
        order = None
    if not isinstance(order, dict) or not isinstance(order.get("legacy_writes"), bool):
        raise UsageError(f'order {line!r:.80}: expected {{"legacy_writes": true or false}}')
    memory.legacy_writes = order["legacy_writes"]


def _journal(file: IO[str]) -> Callable[[dict[str, Any]], None]:
    def write(line: dict[str, Any]) -> None:
        file.write(json.dumps({"t_ns": time.time_ns(), **line}, separators=(",", ":")) + "\n")

    return write
