"""A level controller that stands for the twin: keeps a tank in a band by starting and stopping its pump.

It reads the level and the pump through the core's API with its own token, declares what it rests on,
and signs what it proposes. Whether the plant moves is not its to say. It believes its gauge; where a command of it is held and
the level has a virtual sensor, it goes by the value for control until the gauge counts again.
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
from typing import Any, Final

from twinvouch.adapters.keys import FileSigner
from twinvouch.core.command import Command, Input
from twinvouch.core.errors import NotPermittedError, UnavailableError
from twinvouch.core.kind import Purpose
from twinvouch.core.ports import Signer
from twinvouch.lab import tower
from twinvouch.lab.api import Answer, Api, HttpApi
from twinvouch.lab.net3 import LEVEL, PLANT, RUN
from twinvouch.lab.tower_site import CONTROLLER as TOWER_PRINCIPAL
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal

PRINCIPAL = "controller"
START_BELOW_M, STOP_ABOVE_M = 4.6, 5.3
_HELD, _COUNTS = "held", "counts"
_PURPOSE = "level control"
_PERIOD_S = 0.5
_REPEAT_S = 5.0  # what is wanted is said again after this, as cyclic controllers do
_PAUSE_S = 2.5  # between two commands: the pump's rate limit allows one switch in 2 s
_log = logging.getLogger("twinvouch.lab.controller")


@dataclass(frozen=True, slots=True)
class Loop:
    """A level and the pump that keeps it in a band.

    `is_cyclic`: what is wanted is said again while it is so. `has_estimate`: the level has a virtual sensor.
    """

    level: str
    run: str
    start_below_m: float
    stop_above_m: float
    is_cyclic: bool = False
    has_estimate: bool = False


TANK: Final = Loop(LEVEL, RUN, START_BELOW_M, STOP_ABOVE_M, is_cyclic=True)
TOWER: Final = Loop(tower.LEVEL, tower.BOOSTER, 2.8, 4.0, has_estimate=True)
LOOPS: Final = {"tank-1": (TANK, PRINCIPAL), "tower": (TOWER, TOWER_PRINCIPAL)}


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
    """One loop: read, decide, propose. Whether what it sent was executed, it sees at the pump."""

    def __init__(self, api: Api, hand: Hand, loop: Loop = TANK) -> None:
        self._api = api
        self._hand = hand
        self._loop = loop
        self._wanted: bool | None = None
        self._said_s = float("-inf")
        self._last = ""
        self._goes_by_estimate = False

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
        level = await self._level()
        run = await self._read(f"/tags/{self._loop.run}")
        if level["value"] is None or level["entry"] is None or run["value"] is None:
            return None
        runs = run["value"] > 0
        wanted = decide(level["value"], runs=runs, loop=self._loop)
        now = asyncio.get_running_loop().time()
        is_so = wanted == runs
        if is_so and not self._loop.is_cyclic:
            return None
        pause = _REPEAT_S if wanted == self._wanted and is_so else _PAUSE_S
        if now - self._said_s < pause:
            return None
        self._wanted, self._said_s = wanted, now
        return await self._propose(level, run, wanted=wanted)

    async def _level(self) -> Mapping[str, Any]:
        """The gauge; while it does not count, which a command that stays held tells, the value for control."""
        if self._loop.has_estimate and self._last:
            held = await self._api.get("/commands", status=_HELD, purpose=_PURPOSE)
            self._goes_by_estimate |= any(command["id"] == self._last for command in held)
            self._last = ""
        if self._goes_by_estimate:
            told = await self._read(f"/virtual/{self._loop.level}")
            self._goes_by_estimate = told["virtual"]["state"] != _COUNTS
            return told
        return await self._read(f"/tags/{self._loop.level}")

    async def _read(self, path: str) -> Mapping[str, Any]:
        read: Mapping[str, Any] = await self._api.get(path, purpose=_PURPOSE)
        return read

    async def _propose(
        self, level: Mapping[str, Any], run: Mapping[str, Any], *, wanted: bool
    ) -> Answer:
        loop = self._loop
        what = "estimated level" if self._goes_by_estimate else "level"
        reason = (
            f"{what} {level['value']:.2f} m, band {loop.start_below_m} to {loop.stop_above_m} m"
        )
        inputs = {loop.level: level["entry"], loop.run: run["entry"]}
        sealed = self._hand.sign(loop.run, float(wanted), inputs, reason)
        answer = await self._api.post("/commands", sealed)
        self._last = str(answer[1].get("id", ""))
        _log.info("%s=%d: %s (%s)", loop.run, wanted, answer[1].get("status"), answer[1].get("why"))
        return answer


def decide(level_m: float, *, runs: bool, loop: Loop = TANK) -> bool:
    """Whether the pump is to run: start when low, stop when high, else as it is."""
    if level_m < loop.start_below_m:
        return True
    return runs and level_m <= loop.stop_above_m


def run(url: str, key: Path, token: Path, which: str) -> None:
    """The controller of one of LOOPS as a process, until SIGTERM or Ctrl-C."""
    loop, principal = LOOPS[which]
    hand = Hand(PLANT, principal, FileSigner(key), os.urandom, time.time_ns)
    api = HttpApi(url, token.read_text("ascii").strip())
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(api, Controller(api, hand, loop)))


async def _run(api: HttpApi, controller: Controller) -> None:
    task = asyncio.ensure_future(controller.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with suppress(asyncio.CancelledError):
        await task
    await api.close()
