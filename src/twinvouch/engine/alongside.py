"""Two engines fed with one log: the old one decides as it did, the new one as if it had known what the rewind knows.

What the plant did it did for both: readings come as they came, and a write that the actuator carried out explains
what it moved, though the new engine did not permit it. The actuator's report on such a write is nothing that the new
one asked for, so it is passed over. Pure: no effect leaves from here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from twinvouch.core.errors import MalformedError
from twinvouch.core.event import Append, Deliver, Effect, Event, OutcomeReported, Tick
from twinvouch.engine.flow import Engine
from twinvouch.engine.memory import Memory
from twinvouch.engine.renumbered import Renumbered
from twinvouch.engine.upheld import uphold
from twinvouch.wire.cose import unseal
from twinvouch.wire.outcome import read_outcome


@dataclass(slots=True)
class Passed:
    """What did not leave, or did not come in, counted."""

    permits: int = 0  # of the new lineage: never issued
    outcomes: int = 0  # reports on writes that the new lineage did not permit


class Alongside:
    """Feeds both engines; the new one must have the memory that the old one has."""

    def __init__(self, old: Engine, new: Engine) -> None:
        self.old, self.new, self.passed = old, new, Passed()
        self._elsewhere: dict[str, int] = {}  # commands that only the old one permitted -> number
        new.memory.renumbered = Renumbered(old.memory.size)

    def begin_again(self, old: Engine, new: Engine) -> None:
        """Go on with engines that were restored from what these know, as a restart does."""
        memory = self.new.memory
        new.memory.renumbered = memory.renumbered
        self.old, self.new = old, new

    def feed(
        self, event: Event, now_ns: int, stored: bytes = b""
    ) -> tuple[list[Effect], list[Effect]]:
        """The effects of both, of the new one none where the event is nothing to it."""
        of = _reported(event, self.old.memory)
        old = self.old.feed(event, now_ns, stored)
        if of and not self._expects(of):
            self.passed.outcomes += 1
            new = []
        else:
            new = self.new.feed(event, now_ns, stored)
            uphold(self.new.memory)
        self._follow(event, old, new)
        return old, new

    def _expects(self, command: str) -> bool:
        """Whether the new one issued a permit for it, if perhaps another one: what is reported on that, is on its own."""
        record = self.new.memory.records.get(command)
        if record is None or not record.permit_nonce:
            return False
        self.new.memory.by_nonce[self.old.memory.records[command].permit_nonce] = command
        return True

    def _follow(self, event: Event, old: Sequence[Effect], new: Sequence[Effect]) -> None:
        for entry, place in _pairs(old, new):
            self.new.memory.renumbered.put(entry, place)
        permitted = {e.command for e in new if isinstance(e, Deliver)}
        self.passed.permits += len(permitted)
        only = {e.command for e in old if isinstance(e, Deliver)} - permitted
        for command in only:
            # no permit of its own is the entry after another event: the number is free, and in order
            self._elsewhere[command] = self.new.memory.size
        if only or (self._elsewhere and isinstance(event, OutcomeReported | Tick)):
            self._carry_over()

    def _carry_over(self) -> None:
        """Let what only the old one permitted explain changes of its actuator, and count in its past."""
        for command, number in list(self._elsewhere.items()):
            record = self.old.memory.records.get(command)
            if record is not None:
                memory, write = self.new.memory, replace(record.as_write(), permit=number)
                memory.dirty |= memory.past.add(write, memory.frame, memory.now_ns)
            if record is None or not record.is_open:
                del self._elsewhere[command]


def _reported(event: Event, old: Memory) -> str:
    """The command that an actuator's report is on; empty where it is none, or of no permit that is known."""
    if not isinstance(event, OutcomeReported):
        return ""
    try:
        outcome = read_outcome(unseal(event.raw).content, old.site.plant.id)
    except MalformedError:
        return ""
    command = old.by_nonce.get(outcome.permit, "")
    return command if command in old.records else ""


def _pairs(old: Sequence[Effect], new: Sequence[Effect]) -> Iterator[tuple[int, int]]:
    """Entries of an event that are each other's: all where both have as many, else the first, which says what came."""
    mine, theirs = ([e.index for e in effects if isinstance(e, Append)] for effects in (old, new))
    pairs = zip(mine, theirs, strict=False)
    return pairs if len(mine) == len(theirs) else islice(pairs, 1)
