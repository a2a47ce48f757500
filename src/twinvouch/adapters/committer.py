"""The commit order, in one place: log, then state and leaves, then (and only then) effects may leave.

`Committer` is what the committer thread of the core uses with groups of steps, and `InlineCore` with
every step: a replay and the simulated demo run the same code without threads.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from twinvouch.adapters import vault as vaults
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.sealed_state import blob_place
from twinvouch.adapters.vault import Vault
from twinvouch.core.errors import ConfigError, MalformedError, UnavailableError
from twinvouch.core.event import Append, Effect, Event, Keep, Started
from twinvouch.core.ports import Group, Log, State
from twinvouch.engine import Engine
from twinvouch.wire.encrypted import is_encrypted
from twinvouch.wire.eventlog import read_event, write_event


@dataclass(frozen=True, slots=True)
class Step:
    """One event as logged, and what the engine made of it; where there is a vault, record and blobs are encrypted."""

    record: bytes
    effects: Sequence[Effect]


def take(engine: Engine, event: Event, now_ns: int, vault: Vault | None = None) -> Step:
    """Feed the engine, at a time that never runs backwards, and remember the event as it is logged.

    With a vault the record is encrypted first, since its entries commit to what is stored.
    """
    now_ns = max(now_ns, engine.memory.now_ns)
    record = write_event(event, now_ns)
    if vault is not None:
        stream = vaults.stream_of(event, engine.memory.site.plant, engine.memory.ring)
        record = vault.seal(stream, now_ns, record, vaults.LOG)
    return _fed(engine, record, (event, now_ns), vault)


def _fed(engine: Engine, record: bytes, timed: tuple[Event, int], vault: Vault | None) -> Step:
    """Feed the engine an event whose record is stored so."""
    event, now_ns = timed
    effects = engine.feed(event, now_ns, stored_digest(record))
    return Step(record, sealed(engine, effects, timed, vault))


def stored_digest(record: bytes) -> bytes:
    """What entries commit to where the record of their event is encrypted; else nothing."""
    return sha256(record).digest() if is_encrypted(record) else b""


def sealed(
    engine: Engine, effects: Sequence[Effect], timed: tuple[Event, int], vault: Vault | None
) -> Sequence[Effect]:
    """The effects of an event with their blobs as they are stored."""
    if vault is None:
        return effects
    event, now_ns = timed
    stream = vaults.stream_of(event, engine.memory.site.plant, engine.memory.ring)
    return [_kept(e, stream, now_ns, vault) if isinstance(e, Keep) else e for e in effects]


def _kept(effect: Keep, stream: str, now_ns: int, vault: Vault) -> Keep:
    """A blob under the key of the event it came with; what many entries share has keys of its own."""
    stream = vaults.LABELS if effect.is_shared else stream
    place = blob_place(effect.digest)
    return Keep(effect.digest, vault.seal(stream, now_ns, effect.content, place), effect.is_shared)


class Committer:
    """Makes groups of steps durable, in order; belongs to one thread.

    The log is what makes durable; state and leaves follow in one transaction whenever the caller gives `rows`
    (ADR 8). What the state has not seen when the process dies is fed from the log again. `make_room` is asked where a
    store refused to write; where it made some, the same is written once more.
    """

    def __init__(self, log: Log, state: State, make_room: Callable[[], bool] = bool) -> None:
        self._log, self._state, self._make_room = log, state, make_room
        self.end = 0  # number of the log record after the last one made durable here
        self.state_end = 0  # the same of what the state has seen
        self._blobs: list[tuple[bytes, bytes]] = []
        self._leaves: list[tuple[int, bytes]] = []

    def commit(self, steps: Sequence[Step], rows: Mapping[str, bytes | None] | None) -> None:
        """Make a group durable; no effect of it may leave before this returns. `rows` are all changes since the last."""
        self._twice(lambda: self._write(steps))
        self._blobs += [
            (e.digest, e.content) for s in steps for e in s.effects if isinstance(e, Keep)
        ]
        self._leaves += [
            (e.index, e.entry) for s in steps for e in s.effects if isinstance(e, Append)
        ]
        if rows is not None and self.end:
            group = Group(rows, self._blobs, self._leaves, self.end)
            self._twice(lambda: self._state.commit(group))
            self._blobs, self._leaves = [], []
            self.state_end = self.end

    def _write(self, steps: Sequence[Step]) -> None:
        end = self.end
        for step in steps:
            end = self._log.append(step.record) + 1
        self._log.sync()
        self.end = end

    def _twice(self, work: Callable[[], None]) -> None:
        """Do it, and once more where it failed, nothing of it is kept, and room could be made."""
        try:
            work()
        except UnavailableError:
            if not self._make_room():
                raise
            work()


def recover(
    engine: Engine, log: Log, state: State, build: str | None = None, vault: Vault | None = None
) -> int:
    """Bring a new engine to where the log ends; returns how many events the state had not seen.

    Events that were logged and that the state has not seen are fed again, at the times they were logged with,
    and committed. Their effects are not released again; permits among them that were not delivered are not
    delivered any more, since nobody knows how long the process was gone.

    What was answered must not be decided anew: where such events were taken in under another configuration, policy
    or build (None: not compared) than this engine's, ConfigError says to start once with those (ADR 8).
    """
    rows, seen = state.load()
    engine.restore(rows)
    steps = []
    for number, record in log.records(seen):
        event, now_ns = _read(number, vaults.opened(vault, record, vaults.LOG))
        if not isinstance(event, Started):
            _expect_unchanged(engine, build)
        steps.append(_fed(engine, record, (event, now_ns), vault))
    if steps:
        appended = [(e.index, e.entry) for s in steps for e in s.effects if isinstance(e, Append)]
        blobs = [(e.digest, e.content) for s in steps for e in s.effects if isinstance(e, Keep)]
        state.commit(Group(engine.drain(), blobs, appended, seen + len(steps)))
    return len(steps)


def _read(number: int, record: bytes) -> tuple[Event, int]:
    try:
        return read_event(record)
    except MalformedError as error:
        raise ConfigError(
            f"record {number} of the event log cannot be read ({error}): it was written by another version; "
            "start with the version that wrote it, stop, then start this one"
        ) from None


def _expect_unchanged(engine: Engine, build: str | None) -> None:
    site, then = engine.memory.site, engine.memory.runs_with
    now = (site.config_digest, site.policy.digest, then[2] if build is None else build)
    if then[0] and then != now:
        raise ConfigError(
            "the last run ended in a crash, and its last events are still to be taken over under what it ran with: "
            f"configuration {then[0].hex()}, policy {then[1].hex()}, {then[2]}; "
            f"this is configuration {now[0].hex()}, policy {now[1].hex()}, {now[2]}. "
            "Start once as it was, stop, then start with the change"
        )


class InlineCore:
    """The core without threads: every event is durable, and in the ledger files, when `feed` returns."""

    def __init__(
        self,
        engine: Engine,
        log: Log,
        state: State,
        ledger: LedgerFiles,
        vault: Vault | None = None,
    ) -> None:
        self.engine, self.log, self.state, self.ledger = engine, log, state, ledger
        self.vault = vault
        recover(engine, log, state, vault=vault)
        ledger.catch_up(state)
        self._committer = Committer(log, state)

    def feed(self, event: Event, now_ns: int) -> Sequence[Effect]:
        """Take one event in; its effects may leave."""
        return self.feed_all([(event, now_ns)])[0]

    def feed_all(self, events: Sequence[tuple[Event, int]]) -> list[Sequence[Effect]]:
        """Take several events in as one group."""
        steps = [take(self.engine, event, now_ns, self.vault) for event, now_ns in events]
        self._committer.commit(steps, self.engine.drain())
        self.ledger.publish([e.entry for s in steps for e in s.effects if isinstance(e, Append)])
        return [s.effects for s in steps]

    def close(self) -> None:
        """Release the stores."""
        self.log.close()
        self.state.close()
        self.ledger.close()
        if self.vault is not None:
            self.vault.close()
