"""The drills' analyst as a process: gives advice, lists it, asks for history and lineage, and writes down what came.

Advice is sealed once and sent again, the same bytes, until it is answered. Every answer about history is looked over: no
reading twice, times in order. What was advised, answered and found wrong stands in a journal of its own (JSON Lines).
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import IO, Any, Final

from twinvouch.adapters.keys import FileSigner
from twinvouch.core.advice import Advice
from twinvouch.core.command import Input
from twinvouch.core.errors import NotPermittedError, UnavailableError
from twinvouch.core.kind import Purpose
from twinvouch.lab.api import HttpApi
from twinvouch.lab.drill.site import OBSERVER, PLANT, SETPOINTS
from twinvouch.wire.advice import write_advice
from twinvouch.wire.cose import seal

_RESTS_ON: Final = "unit-1/t1"
_TAGS: Final = ("unit-1/t1", "unit-2/t3", "unit-3/t7", "drive-1/setpoint")
_STANDS_S: Final = 30.0  # a piece of advice: fewer than a hundred are open at a time
_AGAIN_S: Final = 0.2
_EVERY: Final = {"advise": 1.0, "list": 3.0, "history": 1.5, "lineage": 2.0}


class Asker:
    """Signs advice for one person, and reads with that person's token."""

    def __init__(self, api: HttpApi, key: Path, journal: IO[str]) -> None:
        self._api = api
        self._signer = FileSigner(key)
        self._journal = journal
        self._tags, self._subjects = cycle(_TAGS), cycle(SETPOINTS)
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Everything at its own pace, until cancelled."""
        acts: dict[str, Callable[[], Awaitable[None]]] = {
            "advise": self._advise,
            "list": self._list,
            "history": self._history,
            "lineage": self._lineage,
        }
        async with asyncio.TaskGroup() as tasks:
            for name, act in acts.items():
                tasks.create_task(_paced(_EVERY[name], act))

    async def _advise(self) -> None:
        rests = await self._api.get(f"/tags/{_RESTS_ON}", purpose="drill")
        now, ident = time.time_ns(), os.urandom(16).hex()
        inputs = (Input(_RESTS_ON, rests["entry"]),)
        until_ns = now + round(_STANDS_S * 1e9)
        said = Advice(
            ident, OBSERVER, next(self._subjects), "look", None, "", now, until_ns, inputs
        )
        content = write_advice(said, PLANT)
        sealed = seal(content, signer=self._signer, plant=PLANT, purpose=Purpose.ADVICE)
        task = asyncio.create_task(self._send(ident, sealed))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, ident: str, sealed: bytes) -> None:
        until = time.monotonic() + _STANDS_S
        while time.monotonic() < until:
            with suppress(UnavailableError):
                code, said = await self._api.post("/advice", sealed)
                if 200 <= code < 300 or code in {403, 409, 422}:
                    self._note({"advised": ident, "code": code, "status": said.get("status", "")})
                    return
            await asyncio.sleep(_AGAIN_S)

    async def _list(self) -> None:
        found = await self._api.get("/advice", limit=100, purpose="drill")
        idents = [piece["id"] for piece in found]
        twice = sorted({i for i in idents if idents.count(i) > 1})
        self._note(
            {
                "listed": len(idents),
                **({"wrong": f"advice {twice} is listed twice"} if twice else {}),
            }
        )

    async def _history(self) -> None:
        tag = next(self._tags)
        page = await self._api.get(f"/history/{tag}", last=50, purpose="drill")
        times = [reading["t_ns"] for reading in page["readings"]]
        line: dict[str, Any] = {"history": tag, "readings": len(times)}
        if times != sorted(set(times)):
            line["wrong"] = f"history of `{tag}` has a reading twice, or not in order: {times}"
        self._note(line)

    async def _lineage(self) -> None:
        rests = await self._api.get(f"/tags/{_RESTS_ON}", purpose="drill")
        await self._api.get(f"/lineage/{rests['entry']}", direction="up", purpose="drill")
        self._note({"lineage": rests["entry"]})

    def _note(self, line: dict[str, Any]) -> None:
        self._journal.write(json.dumps(line, separators=(",", ":")) + "\n")


async def _paced(every_s: float, act: Callable[[], Awaitable[None]]) -> None:
    """Act every so many seconds; a core that is away, or has nothing yet, is asked again."""
    while True:
        await asyncio.sleep(every_s)
        with suppress(UnavailableError, NotPermittedError):
            await act()


async def _run(api: HttpApi, key: Path, journal: IO[str]) -> None:
    task = asyncio.ensure_future(Asker(api, key, journal).run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with suppress(asyncio.CancelledError):
        await task
    await api.close()


def main(url: str, keys: Path, path: Path) -> None:
    """Run until SIGTERM."""
    token = (keys / f"{OBSERVER}.token").read_text("ascii").strip()
    with path.open("a", buffering=1, encoding="utf-8") as journal, suppress(KeyboardInterrupt):
        asyncio.run(_run(HttpApi(url, token), keys / f"{OBSERVER}.key", journal))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
