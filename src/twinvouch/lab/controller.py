"""A level controller that stands for the twin: keeps tank 1 in a band by starting and stopping pump 10.

It reads the level and the pump through the core's API with its own token, declares what it rests on,
and signs what it proposes. Whether the plant moves is not its to say.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinvouch.adapters.keys import FileSigner
from twinvouch.core.command import Command, Input
from twinvouch.core.errors import NotPermittedError, UnavailableError
from twinvouch.core.kind import Purpose
from twinvouch.core.ports import Signer
from twinvouch.lab.api import Answer, Api, HttpApi
from twinvouch.lab.net3 import LEVEL, PLANT, RUN
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal

PRINCIPAL = "controller"
START_BELOW_M, STOP_ABOVE_M = 4.6, 5.3
_PERIOD_S = 0.5
_REPEAT_S = 5.0  # what is wanted is said again after this, as cyclic controllers do
_PAUSE_S = 2.5  # between two commands: the pump's rate limit allows one switch in 2 s
_log = logging.getLogger("twinvouch.lab.controller")


@dataclass(frozen=True, slots=True)
class Hand:
    """Signs commands as one principal of a plant; `chance` draws nonces, `wall_ns` dates commands."""

    plant: str
    principal: str
    signer: Signer
    chance: Callable[[int], bytes]
    wall_ns: Callable[[], int]

    def sign(
        self, tag: str, value: float, inputs: Mapping[str, int] | None = None, reason: str = ""
    ) -> bytes:
        """A sealed command that rests on `inputs` (tag -> ledger entry)."""
        declared = tuple(Input(t, e) for t, e in (inputs or {}).items())
        ident = self.chance(16).hex()
        command = Command(ident, self.principal, tag, value, "", self.wall_ns(), declared, reason)
        content = write_command(command, self.plant)
        return seal(content, signer=self.signer, plant=self.plant, purpose=Purpose.COMMAND)


class Controller:
    """One loop: read, decide, propose. `proposed` counts what it sent, `executed` is not known to it."""

    def __init__(self, api: Api, hand: Hand) -> None:
        self._api = api
        self._hand = hand
        self._wanted: bool | None = None
        self._said_s = float("-inf")

    async def run(self) -> None:
        """Until cancelled; a core that is away is waited for."""
        while True:
            try:
                await self.step()
            except (UnavailableError, NotPermittedError) as error:
                _log.warning("no answer: %s", error)
            await asyncio.sleep(_PERIOD_S)

    async def step(self) -> Answer | None:
        """Read, and propose where something is to be said."""
        level = await self._api.get(f"/tags/{LEVEL}", purpose="level control")
        run = await self._api.get(f"/tags/{RUN}", purpose="level control")
        if level["value"] is None or run["value"] is None:
            return None
        wanted = decide(level["value"], runs=run["value"] > 0)
        now = asyncio.get_running_loop().time()
        pause = _REPEAT_S if wanted == self._wanted and wanted == (run["value"] > 0) else _PAUSE_S
        if now - self._said_s < pause:
            return None
        self._wanted, self._said_s = wanted, now
        return await self._propose(level, run, wanted=wanted)

    async def _propose(
        self, level: Mapping[str, Any], run: Mapping[str, Any], *, wanted: bool
    ) -> Answer:
        reason = f"level {level['value']:.2f} m, band {START_BELOW_M} to {STOP_ABOVE_M} m"
        inputs = {LEVEL: level["entry"], RUN: run["entry"]}
        answer = await self._api.post(
            "/commands", self._hand.sign(RUN, float(wanted), inputs, reason)
        )
        _log.info("%s=%d: %s (%s)", RUN, wanted, answer[1].get("status"), answer[1].get("why"))
        return answer


def decide(level_m: float, *, runs: bool) -> bool:
    """Whether pump 10 is to run: start when low, stop when high, else as it is."""
    if level_m < START_BELOW_M:
        return True
    return runs and level_m <= STOP_ABOVE_M


def run(url: str, key: Path, token: Path) -> None:
    """The controller as a process, until SIGTERM or Ctrl-C."""
    hand = Hand(PLANT, PRINCIPAL, FileSigner(key), os.urandom, time.time_ns)
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(HttpApi(url, token.read_text("ascii").strip()), hand))


async def _run(api: HttpApi, hand: Hand) -> None:
    task = asyncio.ensure_future(Controller(api, hand).run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with suppress(asyncio.CancelledError):
        await task
    await api.close()
