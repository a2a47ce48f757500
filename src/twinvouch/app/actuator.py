"""The actuator: takes sealed permits, writes each at most once, and reports what became of it.

The order is the promise. Judge; spend durably; reach the device; judge the time again; write; read back;
keep the signed outcome durably until the core has it. A permit that was spent and has no outcome after a
crash is read back once and reported UNKNOWN: it is never sent again.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from twinvouch.adapters.actuator_journal import ActuatorJournal, Spending
from twinvouch.app.actuator_check import (
    Accepted,
    OwnLimits,
    OwnPoint,
    Refused,
    asset_of,
    judge,
    mode_of,
)
from twinvouch.app.clock import Clock
from twinvouch.app.proposals import Proposals
from twinvouch.core.command import Outcome, OutcomeStatus, Permit
from twinvouch.core.errors import TwinvouchError, UnavailableError
from twinvouch.core.inventory import Point
from twinvouch.core.kind import Purpose
from twinvouch.core.ports import Device, Signer
from twinvouch.wire.cose import seal
from twinvouch.wire.mode import Notice
from twinvouch.wire.outcome import write_outcome
from twinvouch.wire.words import word_count

MOST_AT_ONCE: Final = 64  # permits in work; they live for seconds, so a longer queue serves nobody
_log = logging.getLogger("twinvouch.actuator")
Words: TypeAlias = tuple[int, ...]
Found: TypeAlias = tuple[OutcomeStatus, Words, str]  # status, words read back, sentence


@dataclass(slots=True)
class Tally:
    """Counts of one run. `forged`: bytes that the permit key does not vouch for."""

    forged: int = 0
    repeated: int = 0
    dropped: int = 0
    outcomes: dict[OutcomeStatus, int] = field(default_factory=dict)


@dataclass(slots=True)
class Actuator:
    """One plant's actuator. `devices` by name; `more` is called whenever an outcome waits for the core.

    `limits` stay; `current` gives them with the permit keys of this moment, where those can change.
    """

    limits: OwnLimits
    devices: Mapping[str, Device]
    journal: ActuatorJournal
    signer: Signer
    clock: Clock
    more: Callable[[], None]
    tally: Tally = field(default_factory=Tally)
    current: Callable[[], OwnLimits] | None = None
    proposals: Proposals = field(default_factory=Proposals)
    _turns: dict[str, asyncio.Lock] = field(default_factory=dict)
    _at_once: int = 0

    async def take(self, raw: bytes) -> None:
        """Carry out one sealed permit, or refuse it; take note of a mode. Raises only where nothing can be remembered."""
        told = self._mode(raw)
        if told is not None:
            self.journal.begin_epoch(told.asset, told.epoch)
            return
        if self._at_once >= MOST_AT_ONCE:
            self.tally.dropped += 1
            _log.error("%d permits are in work, one more was dropped", self._at_once)
            return
        judgement = self._judged(raw)
        if judgement is None:
            return
        left_ns = judgement.permit.expires_ns - self.clock.wall_ns()
        deadline_ns = (
            self.clock.monotonic_ns() + left_ns
        )  # a wall clock that is set back gives no time
        self._at_once += 1
        try:
            if why := await self.proposals.turn(judgement.permit):
                if self._judged(raw) is not None:  # it may have come twice while it waited
                    self._refuse(Refused(why, judgement.permit, is_final=True))
                return
            async with self.turn(judgement.own.point.device):
                judgement = self._judged(raw)  # it may have expired, or come twice, while it waited
                if judgement is not None:
                    await self._carry_out(judgement, deadline_ns)
        finally:
            self._at_once -= 1

    async def resolve(self) -> None:
        """After a start: report every permit that was spent and has no outcome, with what is found now."""
        await asyncio.gather(*map(self._resolve_one, self.journal.unresolved))

    def _mode(self, raw: bytes) -> Notice | None:
        """What the core tells of an asset's mode; None where it is a permit, or nothing."""
        limits = self.limits if self.current is None else self.current()
        return mode_of(raw, self.clock.wall_ns(), limits)

    def _judged(self, raw: bytes) -> Accepted | None:
        """Judge; a refusal is reported where something is to be reported."""
        limits = self.limits if self.current is None else self.current()
        judgement = judge(raw, self.clock.wall_ns(), limits, self.journal)
        if isinstance(judgement, Accepted):
            return judgement
        self._refuse(judgement)
        return None

    def _refuse(self, refused: Refused) -> None:
        permit = refused.permit
        if permit is None:
            self.tally.forged += 1
            _log.warning("ignored: %s", refused.sentence)
        elif not refused.is_final:
            self.tally.repeated += 1
            _log.warning("command %s, `%s`: %s", permit.command, permit.tag, refused.sentence)
        else:
            sealed = self._sealed(permit.nonce, (OutcomeStatus.REFUSED, (), refused.sentence))
            self.journal.refuse(self._spending(permit), sealed)
            self._tell(permit.command, permit.tag, (OutcomeStatus.REFUSED, (), refused.sentence))

    async def _carry_out(self, accepted: Accepted, deadline_ns: int) -> None:
        permit = accepted.permit
        self.journal.spend(self._spending(permit))
        self._finish(self._spending(permit), await self._write(accepted, deadline_ns))

    async def _write(self, accepted: Accepted, deadline_ns: int) -> Found:
        permit, point = accepted.permit, accepted.own.point
        device = self.devices[point.device]
        try:
            before = await _read(device, accepted.own)
        except TwinvouchError as error:
            return OutcomeStatus.FAILED, (), f"nothing was written: {error}"
        is_late = self.clock.monotonic_ns() >= deadline_ns
        begun = self.journal.mode_epoch(asset_of(permit))
        if begun > permit.mode_epoch:
            why = f"nothing was written: mode epoch {begun} began while the device was reached"
            return OutcomeStatus.REFUSED, before, why
        if is_late or self.clock.wall_ns() >= permit.expires_ns:
            why = "nothing was written: the permit expired while the device was reached"
            return OutcomeStatus.REFUSED, before, why
        doubt = ""
        try:
            await send(device, point, permit.words)
        except UnavailableError as error:
            doubt = f"whether it was written is not known: {error}"
        except TwinvouchError as error:
            return OutcomeStatus.FAILED, await look(device, accepted.own), str(error)
        return await self._read_back(accepted, before, doubt)

    async def _read_back(self, accepted: Accepted, before: Words, doubt: str) -> Found:
        """What the device holds now, against what was written."""
        own, wanted = accepted.own, accepted.permit.words
        found = await look(self.devices[own.point.device], own)
        if doubt:
            return OutcomeStatus.UNKNOWN, found, f"{doubt}; found {_shown(found)}"
        if not found:
            why = f"the device confirmed {_shown(wanted)} and could then not be read"
            return OutcomeStatus.UNKNOWN, (), why
        if found != wanted:
            why = f"the device confirmed {_shown(wanted)}, read back {_shown(found)}"
            return OutcomeStatus.FAILED, found, why
        why = f"`{own.tag}` = {accepted.value:.9g}: {_shown(before)} became {_shown(found)}"
        return OutcomeStatus.EXECUTED, found, why

    async def _resolve_one(self, spending: Spending) -> None:
        own = self.limits.points.get(spending.tag)
        found: Words = ()
        if own is not None:
            async with self.turn(own.point.device):
                found = await look(self.devices[own.point.device], own)
        why = (
            f"the actuator ended between spending the permit for {_shown(spending.words)} and its report; "
            f"found {_shown(found)} after the restart, nothing was sent again"
        )
        self._finish(spending, (OutcomeStatus.UNKNOWN, found, why))

    def _finish(self, spending: Spending, found: Found) -> None:
        self.journal.finish(spending.nonce, self._sealed(spending.nonce, found))
        self._tell(spending.command, spending.tag, found)

    def _tell(self, command: str, tag: str, found: Found) -> None:
        status, _, why = found
        self.tally.outcomes[status] = self.tally.outcomes.get(status, 0) + 1
        level = logging.INFO if status is OutcomeStatus.EXECUTED else logging.WARNING
        _log.log(level, "command %s, `%s`: %s: %s", command, tag, status, why)
        self.proposals.ended(command, status, why)
        self.more()

    def _sealed(self, nonce: bytes, found: Found) -> bytes:
        status, words, why = found
        outcome = Outcome(nonce, status, words, why[:1000], self.clock.wall_ns())
        content = write_outcome(outcome, self.limits.plant)
        return seal(content, signer=self.signer, plant=self.limits.plant, purpose=Purpose.OUTCOME)

    def _spending(self, permit: Permit) -> Spending:
        return Spending(
            nonce=permit.nonce,
            command=permit.command,
            tag=permit.tag,
            words=permit.words,
            mode_epoch=permit.mode_epoch,
            expires_ns=permit.expires_ns,
            at_ns=self.clock.wall_ns(),
        )

    def turn(self, device: str) -> asyncio.Lock:
        """Whoever writes to a device holds this."""
        return self._turns.setdefault(device, asyncio.Lock())


async def send(device: Device, point: Point, words: Words) -> None:
    """Write the words; of a register with a bit of ours only that bit, in one step at the device.

    A device that cannot do that (function 22) refuses. Reading the register and writing it back instead
    could undo what its own control does to the other bits in between.
    """
    if point.bit is None:
        await device.write(point.unit, point.table, point.address, words)
    else:
        await device.mask(point.unit, point.address, ~(1 << point.bit) & 0xFFFF, words[0])


async def _read(device: Device, own: OwnPoint) -> Words:
    """The words of the point; of a register with a bit of ours that bit alone."""
    point = own.point
    count = word_count(point.encoding)
    words = tuple(await device.read(point.unit, point.table, point.address, count))
    return words if point.bit is None else tuple(word & 1 << point.bit for word in words)


async def look(device: Device, own: OwnPoint) -> Words:
    """What the device holds; empty where it does not say."""
    try:
        return await _read(device, own)
    except TwinvouchError as error:
        _log.warning("`%s` cannot be read back: %s", own.tag, error)
        return ()


def _shown(words: Sequence[int]) -> str:
    return f"words {list(words)}" if words else "nothing"
