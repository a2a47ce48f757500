"""What the proxy does with a write while the core is away, tag by tag: refuse, confirm what is so already, or a listed safe action.

A safe action is written without a permit: its value is one of the list, it is within the actuator's own limits, there are
few in an hour, it is durably known before the first byte, and the core is told of it when it is back.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from twinvouch.adapters.safe_journal import SafeAction, SafeJournal
from twinvouch.app.actuator import Actuator, look, send
from twinvouch.app.proxy_places import Target
from twinvouch.app.proxy_writes import COMMANDS, Fate, Proposer
from twinvouch.app.without_core import Rule, WithoutCore
from twinvouch.core.command import Command
from twinvouch.core.errors import TwinvouchError, UnavailableError
from twinvouch.core.kind import Purpose
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal

HOUR_NS: Final = 3_600_000_000_000
TELL_S: Final = 5.0
_WRITTEN: Final = "written, read back"
_DONE: Final = "this is the report of a safe action that was carried out without the core"
_log = logging.getLogger("twinvouch.proxy")


@dataclass(frozen=True, slots=True)
class SafeWrites:
    """Carries the rules out, and tells the core. `is_connected`: the core takes what is told."""

    rules: Mapping[str, Rule]
    actuator: Actuator
    journal: SafeJournal
    proposer: Proposer
    is_connected: Callable[[], bool]

    async def decide(self, targets: Sequence[Target]) -> Fate:
        """KEPT, SAFE or FAILED where every tag of the write allows it; AWAY else."""
        rules = [self.rules[t.own.tag] for t in targets]
        if all(r.do is WithoutCore.HOLD_LAST for r in rules):
            held = [await self._holds(t) for t in targets]
            return Fate.KEPT if all(held) else Fate.AWAY
        if all(r.do is WithoutCore.PASS_SAFE for r in rules):
            return await self._pass(targets)
        return Fate.AWAY

    async def tell(self) -> None:
        """Tell the core of what it has not been told, again and again until cancelled."""
        while True:
            if self.is_connected():
                for action in self.journal.untold:
                    if not await self._told(action):
                        break
            await self.actuator.clock.sleep(TELL_S)

    async def _holds(self, target: Target) -> bool:
        """True where the device holds these words now."""
        device = target.own.point.device
        async with self.actuator.turn(device):
            return await look(self.actuator.devices[device], target.own) == target.words

    async def _pass(self, targets: Sequence[Target]) -> Fate:
        for target in targets:
            if target.value not in self.rules[target.own.tag].safe or self._is_worn(target.own.tag):
                return Fate.AWAY
        for number, target in enumerate(targets):
            fate = await self._write(target)
            if fate is not Fate.SAFE:
                return Fate.FAILED if number else fate
        return Fate.SAFE

    async def _write(self, target: Target) -> Fate:
        """AWAY where nothing was done."""
        own, clock = target.own, self.actuator.clock
        action = SafeAction(
            secrets.token_hex(16), own.tag, target.value, target.words, clock.wall_ns()
        )
        device = self.actuator.devices[own.point.device]
        async with self.actuator.turn(own.point.device):
            if self._is_worn(own.tag):
                return Fate.AWAY
            try:
                self.journal.begin(action)
            except UnavailableError as error:
                _log.error("`%s`: no safe action: %s", own.tag, error)
                return Fate.AWAY
            outcome = _WRITTEN
            try:
                await send(device, own.point, target.words)
                if await look(device, own) != target.words:
                    outcome = "written, not found afterwards"
            except TwinvouchError as error:
                outcome = str(error)
            self.journal.end(action.nonce, outcome)
        _log.warning("safe action without the core: `%s` = %g: %s", own.tag, target.value, outcome)
        return Fate.SAFE if outcome == _WRITTEN else Fate.FAILED

    def _is_worn(self, tag: str) -> bool:
        """True where there were as many safe actions in the last hour as there may be."""
        most = self.rules[tag].per_hour
        is_worn = self.journal.count(tag, self.actuator.clock.wall_ns() - HOUR_NS) >= most
        if is_worn:
            _log.warning("`%s`: %d safe actions in an hour, limit reached", tag, most)
        return is_worn

    async def _told(self, action: SafeAction) -> bool:
        """Say it as the command that it would have been; no permit of it is ever used."""
        self.actuator.proposals.refuse(action.nonce, _DONE)
        proposer, outcome = self.proposer, action.outcome or "not known: the process ended"
        command = Command(
            action.nonce,
            proposer.principal,
            action.tag,
            action.value,
            proposer.measured_in[action.tag],
            action.at_ns,
            reason=f"report: safe action without the core: {outcome}"[:900],
        )
        sealed = seal(
            write_command(command, proposer.plant),
            signer=proposer.signer,
            plant=proposer.plant,
            purpose=Purpose.COMMAND,
        )
        try:
            code, body = await proposer.transport.send(COMMANDS, sealed)
        except UnavailableError:
            return False
        if "id" not in body:
            _log.error("the core does not take the report of a safe action: %s: %.200r", code, body)
            return False
        self.journal.told(action.nonce, self.actuator.clock.wall_ns())
        return True


async def telling(safe: SafeWrites) -> None:
    """`safe.tell`; a journal that cannot be written any more ends it, not the actuator."""
    try:
        await safe.tell()
    except UnavailableError as error:
        _log.error("safe actions are not told any more: %s", error)
    await asyncio.Event().wait()
