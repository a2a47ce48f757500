"""What the proxy's clients wait for: permits of the commands that it proposed, held back until a whole write may be done.

Three promises. A permit for other words than the client asked for is not used. Of a write of several tags no permit is used
before all are there, then they are used in order, and none after one that failed. A write whose client was told that nothing was done is not done later: its permits are refused.
A command that is held is let go: persons may approve it, and its permit is then used like any other.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from twinvouch.core.command import OutcomeStatus, Permit

GIVEN_UP: Final = 10_000  # commands whose permits are refused; the oldest is forgotten
_TOLD = "its client was told by the proxy that nothing was done"
Ended: TypeAlias = tuple[OutcomeStatus, str]
Wanted: TypeAlias = Mapping[str, tuple[str, tuple[int, ...]]]  # by command: its tag and words


@dataclass(slots=True)
class Together:
    """The commands of one write, and how far they are."""

    wanted: Wanted
    arrived: set[str] = field(default_factory=set)
    why_not: str = ""
    decided: asyncio.Event = field(default_factory=asyncio.Event)
    ended: dict[str, Ended] = field(default_factory=dict)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    _after: dict[str, asyncio.Event] = field(default_factory=dict)

    async def turn(self, command: str) -> str:
        """Wait until all before this command are done; why it is not to follow, or nothing."""
        names = list(self.wanted)
        at = names.index(command)
        if not at:
            return ""
        before = names[at - 1]
        await self._after.setdefault(before, asyncio.Event()).wait()
        is_done = self.ended[before][0] is OutcomeStatus.EXECUTED
        return "" if is_done else "what comes before it in the same write was not carried out"

    def end(self, command: str, ended: Ended) -> None:
        """A permit in use has come to its end."""
        self.ended[command] = ended
        self._after.setdefault(command, asyncio.Event()).set()
        if len(self.ended) == len(self.wanted):
            self.done.set()

    @property
    def is_going(self) -> bool:
        """True once every permit is there: from here on the write is carried out, whatever time it takes."""
        return self.decided.is_set() and not self.why_not


class Proposals:
    """The proxied commands of one actuator. Use from one event loop."""

    def __init__(self) -> None:
        self._open: dict[str, Together] = {}
        self._given_up: OrderedDict[str, str] = OrderedDict()

    def expect(self, wanted: Wanted) -> Together:
        """Wait for permits of these commands; call before the first is proposed."""
        together = Together(wanted)
        self._open |= dict.fromkeys(wanted, together)
        return together

    def give_up(self, together: Together, why: str = _TOLD) -> bool:
        """Let none of these commands be carried out; False where it is too late for that."""
        if together.is_going:
            return False
        if not together.decided.is_set():
            together.why_not = why
            together.decided.set()
        for command in together.wanted:
            self.refuse(command, together.why_not)
        return True

    def refuse(self, command: str, why: str) -> None:
        """No permit of this command is used any more."""
        self._open.pop(command, None)
        self._given_up[command] = why
        if len(self._given_up) > GIVEN_UP:
            self._given_up.popitem(last=False)

    def forget(self, together: Together) -> None:
        """Nobody waits any more; permits that come are used as if the proxy had not asked."""
        for command in together.wanted:
            self._open.pop(command, None)

    async def turn(self, permit: Permit) -> str:
        """Wait until this permit may be used; why it never may, or nothing."""
        if why := self._given_up.get(permit.command):
            return why
        together = self._open.get(permit.command)
        if together is None:
            return ""
        if (permit.tag, permit.words) != together.wanted[permit.command]:
            why = f"{list(permit.words)} for `{permit.tag}` was permitted, which is not what the client asked for"
            self.give_up(together, why)
            return why
        together.arrived.add(permit.command)
        if len(together.arrived) == len(together.wanted):
            together.decided.set()
        await together.decided.wait()
        return together.why_not or await together.turn(permit.command)

    def ended(self, command: str, status: OutcomeStatus, why: str) -> None:
        """What became of a permit, as it is reported to the core."""
        together = self._open.get(command)
        if together is None:
            return
        if not together.decided.is_set():  # refused before its turn: by the actuator's own limits
            self.give_up(together, f"a permit of the same write was refused: {why}")
            return
        together.end(command, (status, why))
        if together.done.is_set():
            self.forget(together)
