"""The drills' controller as a process: proposes set-points, each value once, and asks what a service asks.

Values only ever grow, so every write at the plant names the command it came from. What it proposed and what
it was answered stands in its own journal (JSON Lines). A proposal without an answer is sent again, the same
bytes: a core must know it again, whatever was killed in between.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from typing import IO, Any, Final

import httpx

from twinvouch.adapters.keys import FileSigner
from twinvouch.core.errors import NotPermittedError, UnavailableError
from twinvouch.core.kind import Purpose
from twinvouch.core.statement import Statement, Verb
from twinvouch.lab.api import HttpApi
from twinvouch.lab.controller import Hand
from twinvouch.lab.drill.site import CONTROLLER, OBSERVER, PLANT, SETPOINTS, Load
from twinvouch.wire.command import read_command
from twinvouch.wire.cose import seal, unseal
from twinvouch.wire.statement import write_statement

_RESTS_ON: Final = "unit-1/t1"
_DOUBTED: Final = "unit-4/t12"
_AGAIN_S: Final = 0.2
_GIVE_UP_S: Final = 25.0  # a command older than 30 s is refused anyway
_LISTEN_S: Final = 5.0
_TAGS: Final = ("unit-2/t3", "unit-3/t7", "drive-1/setpoint")


@dataclass(frozen=True, slots=True)
class Parts:
    """What the controller works with."""

    url: str
    keys: Path
    journal: IO[str]
    load: Load


class Controller:
    """Proposes for one service and signs statements for one person."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        token = (parts.keys / f"{CONTROLLER}.token").read_text("ascii").strip()
        self._api = HttpApi(parts.url, token)
        # made once: each client loads all certificates of the machine, and a day of that is a leak
        headers = {"Authorization": f"Bearer {token}"}
        self._stream = httpx.AsyncClient(trust_env=False, headers=headers)
        signer = FileSigner(parts.keys / f"{CONTROLLER}.key")
        self._hand = Hand(PLANT, CONTROLLER, signer, os.urandom, time.time_ns)
        self._person = FileSigner(parts.keys / f"{OBSERVER}.key")
        self._values = count(1)
        self._setpoints = cycle(SETPOINTS)
        self._asked = cycle(_TAGS)
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Everything at its own pace, until cancelled."""
        load = self._parts.load
        async with asyncio.TaskGroup() as tasks:
            for every_s, act in (
                (1 / load.commands_per_s, self._propose),
                (1 / load.queries_per_s, self._ask),
                (load.stream_every_s, self._listen),
                (load.statement_every_s, self._doubt),
            ):
                tasks.create_task(_paced(every_s, act))

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()
        await self._stream.aclose()

    async def _propose(self) -> None:
        rests = await self._api.get(f"/tags/{_RESTS_ON}", purpose="drill")
        if rests["entry"] is None:
            return  # not read yet
        tag, value = next(self._setpoints), next(self._values)
        sealed = self._hand.sign(tag, float(value), {_RESTS_ON: rests["entry"]}, "drill")
        ident = read_command(unseal(sealed).content, PLANT, signed=True).id
        self._note({"proposed": ident, "tag": tag, "value": value})
        task = asyncio.create_task(self._send(ident, sealed))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, ident: str, sealed: bytes) -> None:
        until = time.monotonic() + _GIVE_UP_S
        while time.monotonic() < until:
            try:
                code, said = await self._api.post("/commands", sealed)
            except UnavailableError:
                code, said = 0, {}
            if 200 <= code < 300 or code in {403, 409, 422}:
                self._note({"answered": ident, "code": code, "status": said.get("status", "")})
                return
            await asyncio.sleep(_AGAIN_S)
        self._note({"given_up": ident})

    async def _ask(self) -> None:
        await self._api.get(f"/tags/{next(self._asked)}", purpose="drill")

    async def _listen(self) -> None:
        """Open the live stream, listen for a while, go away without a word."""
        url = f"{self._parts.url}/api/v1/stream"
        with suppress(httpx.HTTPError, TimeoutError):
            async with asyncio.timeout(_LISTEN_S), self._stream.stream("GET", url) as answer:
                async for _ in answer.aiter_bytes():
                    pass

    async def _doubt(self) -> None:
        for verb in (Verb.DISTRUST, Verb.RESTORE):
            now = time.time_ns()
            said = Statement(
                OBSERVER, verb, _DOUBTED, "drill", b"", os.urandom(16), now, now + 60 * 10**9
            )
            content = write_statement(said, PLANT)
            sealed = seal(content, signer=self._person, plant=PLANT, purpose=Purpose.STATEMENT)
            await self._api.post("/statements", sealed)

    def _note(self, line: dict[str, Any]) -> None:
        self._parts.journal.write(json.dumps(line, separators=(",", ":")) + "\n")


async def _paced(every_s: float, act: Callable[[], Awaitable[None]]) -> None:
    """Act every so many seconds (0: never), without catching up; a core that is away is waited for."""
    if not every_s:
        return
    clock = asyncio.get_running_loop().time
    due = clock() + every_s
    while True:
        await asyncio.sleep(max(0.0, due - clock()))
        with suppress(UnavailableError, NotPermittedError):
            await act()
        due = max(due + every_s, clock())


def main(url: str, keys: Path, journal: Path, load: Load) -> None:
    """Run until SIGTERM."""
    with journal.open("a", buffering=1, encoding="utf-8") as file, suppress(KeyboardInterrupt):
        asyncio.run(_run(Parts(url, keys, file, load)))


async def _run(parts: Parts) -> None:
    controller = Controller(parts)
    task = asyncio.ensure_future(controller.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with suppress(asyncio.CancelledError):
        await task
    await controller.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), Load(*map(float, sys.argv[4:])))
