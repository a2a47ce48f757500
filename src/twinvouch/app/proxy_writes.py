"""A client's write as commands to the core: it is carried out with a permit for each tag of it, or answered by an exception.

The answer says what may still happen. 1, 2, 3, 6, 10: nothing was done and nothing of this write will be. 5: it is held, and may
be done once persons have approved it. 4: it was permitted, and the device failed or what became of it is not known.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from twinvouch.app.clock import Clock
from twinvouch.app.proposals import Proposals, Together
from twinvouch.app.proxy_places import Places, Request, Target, Unfit
from twinvouch.core.command import Command, OutcomeStatus
from twinvouch.core.errors import UnavailableError
from twinvouch.core.kind import Purpose
from twinvouch.core.ports import Signer, Transport
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal
from twinvouch.wire.modbus import write_response
from twinvouch.wire.modbus_guard import Code, Pass, Write, answer_of_both, read_of_both, refusal
from twinvouch.wire.modbus_message import ReadWrite, WriteMany, WrittenMany

COMMANDS: Final = "/api/v1/commands"
AT_ONCE: Final = 32  # writes that wait for a decision; each may be up to 16 commands
HELD_S: Final = 60.0  # the same write, said again, is the same question for so long
OUTCOME_S: Final = (
    20.0  # a permit in use is waited for: the device's own time limits end it long before
)
_log = logging.getLogger("twinvouch.proxy")


class Fate(StrEnum):
    """What became of a client's write: what writes are counted by."""

    EXECUTED = "executed"
    DENIED = "denied"
    HELD = "held"
    LATE = "late"
    FAILED = "failed"
    UNFIT = "unfit"
    BUSY = "busy"
    AWAY = "away"  # the core did not answer, and the tag's policy says no
    KEPT = "kept"  # the core did not answer; the register holds that value already
    SAFE = "safe"  # the core did not answer; a listed safe action was carried out


CODES: Final = {
    Fate.DENIED: Code.VALUE,
    Fate.HELD: Code.ACKNOWLEDGE,
    Fate.LATE: Code.BUSY,
    Fate.FAILED: Code.FAILURE,
    Fate.BUSY: Code.BUSY,
    Fate.AWAY: Code.BUSY,
}
DONE: Final = frozenset({Fate.EXECUTED, Fate.KEPT, Fate.SAFE})
Read = Callable[[int, bytes], Awaitable[bytes]]  # unit and PDU: the PDU of the answer
WithoutCore = Callable[[Sequence[Target]], Awaitable[Fate]]


@dataclass(frozen=True, slots=True)
class Proposer:
    """In whose name, with what key and over what way commands are proposed; `measured_in` has the unit of each tag."""

    plant: str
    principal: str
    signer: Signer
    transport: Transport
    measured_in: Mapping[str, str]


@dataclass(slots=True)
class Writes:
    """Decides on writes to one device. `is_connected`: permits can come; `without_core` is asked where none can."""

    places: Places
    proposer: Proposer
    proposals: Proposals
    clock: Clock
    is_connected: Callable[[], bool]
    without_core: WithoutCore
    read: Read
    decide_s: float = 3.0
    fates: dict[Fate, int] = field(default_factory=dict)
    _held: dict[tuple[tuple[str, float], ...], int] = field(default_factory=dict)
    _at_once: int = 0

    async def judge(self, unit: int, write: Write, who: str) -> bytes:
        """The PDU that answers a write, once it is known; `who` is the client's name where TLS has shown one."""
        request = write.request
        targets = self.places.targets(unit, request)
        if isinstance(targets, Unfit):
            self._count(Fate.UNFIT, targets.sentence)
            return refusal(request.function, targets.code)
        if self._at_once >= AT_ONCE:
            self._count(Fate.BUSY, f"{AT_ONCE} writes are being decided")
            return refusal(request.function, Code.BUSY)
        self._at_once += 1
        try:
            fate, why = await self._fate(targets, who)
        finally:
            self._at_once -= 1
        self._count(fate, f"{_shown(targets)}: {why}")
        if fate not in DONE:
            return refusal(request.function, CODES[fate])
        return await self._confirmed(unit, request)

    async def _fate(self, targets: Sequence[Target], who: str) -> tuple[Fate, str]:
        if not self.is_connected():
            return await self.without_core(targets), "no permits come"
        if self._is_held(targets):
            return Fate.HELD, "held already"
        commands = [self._command(target, who) for target in targets]
        wanted = {c.id: (c.tag, t.words) for c, t in zip(commands, targets, strict=True)}
        together = self.proposals.expect(wanted)
        try:
            return await self._asked(targets, commands, together)
        except BaseException:
            self.proposals.give_up(together)  # no permit may wait for what has ended
            raise

    async def _asked(
        self, targets: Sequence[Target], commands: Sequence[Command], together: Together
    ) -> tuple[Fate, str]:
        """Propose, and wait for all permits or the first no; then for what becomes of them."""
        said: tuple[Fate, str] | None
        try:
            async with asyncio.timeout(self.decide_s):
                said = await self._propose_all(commands, together)
                if said is None:
                    await together.decided.wait()
        except TimeoutError:
            said = Fate.LATE, f"no permit within {self.decide_s:g} s"
        except UnavailableError as error:
            if self.proposals.give_up(together):
                return await self.without_core(targets), str(error)
            said = None
        if said is not None and said[0] is Fate.HELD:
            self._hold(targets)
            self.proposals.forget(together)
            return said
        if said is not None and self.proposals.give_up(together):
            return said
        return await self._outcome(together)

    async def _propose_all(
        self, commands: Sequence[Command], together: Together
    ) -> tuple[Fate, str] | None:
        """None where the core permits all of them; the first no ends it, and what is held of several is given up."""
        for command in commands:
            fate, why = await self._propose(command)
            if fate is not Fate.EXECUTED:
                is_one = len(commands) == 1
                return (
                    (fate, why) if fate is not Fate.HELD or is_one else (Fate.LATE, f"held: {why}")
                )
            if together.why_not:
                break
        return None

    async def _propose(self, command: Command) -> tuple[Fate, str]:
        """EXECUTED here means permitted."""
        proposer = self.proposer
        content = write_command(command, proposer.plant)
        sealed = seal(
            content, signer=proposer.signer, plant=proposer.plant, purpose=Purpose.COMMAND
        )
        code, body = await proposer.transport.send(COMMANDS, sealed)
        status, why = body.get("status"), str(body.get("why") or body.get("detail") or "")[:300]
        if code == 200 and status in {"permitted", "executed"}:
            return Fate.EXECUTED, why
        if code == 200 and status == "held":
            return Fate.HELD, why
        if code in {429, 503}:
            return Fate.BUSY, f"the core answered {code}: {why}"
        return Fate.DENIED, f"the core answered {code}: {why}"

    def _is_held(self, targets: Sequence[Target]) -> bool:
        """True while this very write waits for approval: cyclic writers do not ask persons again every second."""
        now_ns = self.clock.monotonic_ns()
        self._held = {key: until for key, until in self._held.items() if until > now_ns}
        return _said(targets) in self._held

    def _hold(self, targets: Sequence[Target]) -> None:
        if len(self._held) < AT_ONCE:
            self._held[_said(targets)] = self.clock.monotonic_ns() + round(HELD_S * 1e9)

    async def _outcome(self, together: Together) -> tuple[Fate, str]:
        if together.why_not:
            self.proposals.give_up(together)
            return Fate.DENIED, together.why_not
        try:
            async with asyncio.timeout(OUTCOME_S):
                await together.done.wait()
        except TimeoutError:
            return Fate.FAILED, f"no outcome within {OUTCOME_S:g} s"
        bad = [why for s, why in together.ended.values() if s is not OutcomeStatus.EXECUTED]
        return (Fate.FAILED, bad[0]) if bad else (Fate.EXECUTED, "")

    async def _confirmed(self, unit: int, request: Request) -> bytes:
        """The answer to a write that was carried out; function 23 then reads."""
        if isinstance(request, ReadWrite):
            asked: Pass = read_of_both(request)
            return answer_of_both(await self.read(unit, asked.pdu))
        if isinstance(request, WriteMany):
            count = len(request.values)
            return write_response(WrittenMany(request.function, request.address, count))
        return write_response(request)

    def _command(self, target: Target, who: str) -> Command:
        tag, proposer = target.own.tag, self.proposer
        return Command(
            secrets.token_hex(16),
            proposer.principal,
            tag,
            target.value,
            proposer.measured_in[tag],
            self.clock.wall_ns(),
            reason=f"a Modbus client's write{f', client {who[:100]}' if who else ''}",
        )

    def _count(self, fate: Fate, why: str) -> None:
        self.fates[fate] = self.fates.get(fate, 0) + 1
        level = logging.INFO if fate in DONE else logging.WARNING
        _log.log(level, "write %s: %s", fate, why)


def _said(targets: Sequence[Target]) -> tuple[tuple[str, float], ...]:
    return tuple((t.own.tag, t.value) for t in targets)


def _shown(targets: Sequence[Target]) -> str:
    return ", ".join(f"`{t.own.tag}` = {t.value:.9g}" for t in targets)
