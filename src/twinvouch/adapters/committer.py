"""The commit order, in one place: log, then state and leaves, then (and only then) effects may leave.

`commit` is what the committer thread of the core does with a group of steps, and what `InlineCore` does
with every step: a replay and the simulated demo run the same code without threads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.core.event import Append, Effect, Event, Keep
from twinvouch.core.ports import Group, Log, State
from twinvouch.engine import Engine
from twinvouch.wire.eventlog import read_event, write_event


@dataclass(frozen=True, slots=True)
class Step:
    """One event as logged, and what the engine made of it."""

    record: bytes
    effects: Sequence[Effect]


def take(engine: Engine, event: Event, now_ns: int) -> Step:
    """Feed the engine, at a time that never runs backwards, and remember the event as it is logged."""
    now_ns = max(now_ns, engine.memory.now_ns)
    return Step(write_event(event, now_ns), engine.feed(event, now_ns))


def commit(
    log: Log, state: State, steps: Sequence[Step], rows: Mapping[str, bytes | None]
) -> list[bytes]:
    """Make steps durable and return their leaves; no effect of them may leave before this returns."""
    end = 0
    for step in steps:
        end = log.append(step.record) + 1
    log.sync()
    appended = [e for s in steps for e in s.effects if isinstance(e, Append)]
    blobs = [(e.digest, e.content) for s in steps for e in s.effects if isinstance(e, Keep)]
    state.commit(Group(rows, blobs, [(e.index, e.entry) for e in appended], end))
    return [e.entry for e in appended]


def recover(engine: Engine, log: Log, state: State) -> int:
    """Bring a new engine to where the log ends; returns how many events the state had not seen.

    The state is one transaction behind the log at most: events that were logged and not committed are
    fed again, at the times they were logged with, and committed. Their effects never left; permits among
    them are not delivered any more, since nobody knows how long the process was gone.
    """
    rows, seen = state.load()
    engine.restore(rows)
    steps = []
    for _, record in log.records(seen):
        event, now_ns = read_event(record)
        steps.append(Step(record, engine.feed(event, now_ns)))
    if steps:
        appended = [e for s in steps for e in s.effects if isinstance(e, Append)]
        blobs = [(e.digest, e.content) for s in steps for e in s.effects if isinstance(e, Keep)]
        group = Group(
            engine.drain(), blobs, [(e.index, e.entry) for e in appended], seen + len(steps)
        )
        state.commit(group)
    return len(steps)


class InlineCore:
    """The core without threads: every event is durable, and in the ledger files, when `feed` returns."""

    def __init__(self, engine: Engine, log: Log, state: State, ledger: LedgerFiles) -> None:
        self.engine, self.log, self.state, self.ledger = engine, log, state, ledger
        recover(engine, log, state)
        ledger.catch_up(state)

    def feed(self, event: Event, now_ns: int) -> Sequence[Effect]:
        """Take one event in; its effects may leave."""
        return self.feed_all([(event, now_ns)])[0]

    def feed_all(self, events: Sequence[tuple[Event, int]]) -> list[Sequence[Effect]]:
        """Take several events in as one group."""
        steps = [take(self.engine, event, now_ns) for event, now_ns in events]
        self.ledger.publish(commit(self.log, self.state, steps, self.engine.drain()))
        return [s.effects for s in steps]

    def close(self) -> None:
        """Release the stores."""
        self.log.close()
        self.state.close()
        self.ledger.close()
