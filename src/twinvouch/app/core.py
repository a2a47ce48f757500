"""The core: one engine thread that owns all state, one committer thread, one publisher of ledger tiles.

While the committer makes one group durable the engine works on the next; the larger the load, the larger the
groups. What the committer cannot make durable ends the process: nothing of it was said to anybody, and a
restart begins from what is durable. Ledger tiles and checkpoints follow behind, off the path of every answer.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

from twinvouch import __version__
from twinvouch.adapters.committer import Committer, Step, recover, take
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.vault import Vault
from twinvouch.app.disk_watch import DiskWatch
from twinvouch.app.inbox import After, Inbox, Item
from twinvouch.app.lineage import LineageReader
from twinvouch.app.metering import Meter, TimedLog
from twinvouch.app.receipts import Sources, open_sources
from twinvouch.app.tracing import Tracer
from twinvouch.core.errors import TwinvouchError, UnavailableError
from twinvouch.core.event import (
    Announce,
    Deliver,
    DisavowalTraced,
    DiskChanged,
    Effect,
    Event,
    Priority,
    Publish,
    Reply,
    Simulate,
    SimulationDone,
    Started,
    Tick,
    Trace,
)
from twinvouch.core.inventory import key_id
from twinvouch.core.ports import Leaves, Log, State
from twinvouch.core.site import Site
from twinvouch.engine import Engine

BUILD = f"twinvouch {__version__}"
SALT_BYTES = 16
INBOX_LIMIT = 4096
GROUP_LIMIT = 512  # events
TILE_INTERVAL_S = 0.2
STATE_INTERVAL_S = 0.05  # the state follows the log at most this far behind while events come
RETENTION_INTERVAL_S = 3600.0
SWITCH_S = (
    5e-4  # a thread that comes back from the disk waits this long at most for the interpreter
)

_log = logging.getLogger("twinvouch.core")
Leave = Callable[[Effect], None]
Foresee = Callable[[bytes], "Future[SimulationDone]"]


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the core keeps things."""

    log: Log
    state: State
    ledger: LedgerFiles
    reader: Leaves  # of the state, for the publisher's thread
    another: Callable[[], Leaves] | None = None  # a reader for a thread of its own
    repairs: tuple[str, ...] = ()  # what start-up cut off the log, in words
    vault: Vault | None = None  # None: nothing is encrypted
    retire: Callable[[int], int] = int  # drop old log segments below this record; says how many
    disk: DiskWatch | None = None  # None: room is not watched, as in a replay
    data: Path | None = None  # where all of it lies; None: no receipts are made of it

    def close(self) -> None:
        """Release them all."""
        self.log.close()
        self.reader.close()
        self.state.close()
        self.ledger.close()
        if self.vault is not None:
            self.vault.close()


class Core:
    """Runs an Engine over its stores; `submit` from any thread, effects leave through `leave`."""

    def __init__(self, engine: Engine, stores: Stores, leave: Leave, model_directory: Path) -> None:
        self.engine = engine
        self.model_directory = model_directory
        self.foresee: Foresee | None = None  # a model asked for somebody who only looks
        self.lineage = None if stores.another is None else LineageReader(stores.another)
        self.inbox = Inbox(INBOX_LIMIT)
        self.fatal = ""
        self.behind = ""  # why ledger tiles are not up to date
        self.ended = threading.Event()
        self._stores = stores
        self._leave = leave
        self._pending: list[tuple[Item, Step]] = []
        self._in_hand: Item | None = None  # what the engine is working on
        self._group: tuple[list[tuple[Item, Step]], Mapping[str, bytes | None] | None] | None = None
        self.meter = Meter()
        self._tracer: Tracer | None = None
        self._disk = stores.disk
        self._committer = Committer(
            TimedLog(stores.log, self.meter.fsync),
            stores.state,
            bool if stores.disk is None else stores.disk.release,
        )
        self._state_due = 0.0
        self._retire_due = time.monotonic() + RETENTION_INTERVAL_S
        self._idle = True  # the committer has nothing in hand
        self._engine_done = False
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._supervise, args=(loop,), name=f"twinvouch-{name}", daemon=True
            )
            for name, loop in (
                ("engine", self._engine_loop),
                ("commit", self._commit_loop),
                ("tiles", self._tile_loop),
            )
        ]
        self.recovered = recover(
            engine, stores.log, stores.state, runs_as(engine.memory.site), stores.vault
        )
        if stores.disk is not None:
            stores.disk.begin(was_full=engine.memory.is_disk_full)
        self._publish()  # ends here where files and state contradict each other

    def start(self) -> None:
        """Start the threads and enter what the core runs with."""
        sys.setswitchinterval(SWITCH_S)
        if self.lineage is not None:
            self._tracer = Tracer(self.lineage, self.engine.memory.site.plant, self._traced, salt)
        for thread in self._threads:
            thread.start()
        site = self.engine.memory.site
        started = Started(salt(), site.config_digest, site.policy.digest, runs_as(site))
        self.submit(Priority.STATEMENT, started).result()

    def submit(
        self, priority: Priority, event: Event, after: After | None = None
    ) -> "Future[Reply]":
        """Give an event to the engine; the future has its Reply once it is durable.

        Raises UnavailableError where the inbox is full or the core has stopped, FullError where the disk has no room for it. `after` is called on the
        engine thread with its memory, where the reply is 200; what it returns becomes `body["data"]`.
        """
        if self.fatal:
            raise UnavailableError(self.fatal)
        if self._disk is not None:
            self._disk.admit(event)
        return self.inbox.put(priority, event, after)

    def tick(self) -> "Future[Reply] | None":
        """Let time pass; call once a second. A full inbox loses nothing but the tick (None).

        What it gives is done when everything up to this tick is durable: the core works.
        """
        disk = self._disk
        changed = None if disk is None else disk.look(time.monotonic_ns(), salt())
        try:
            if disk is not None and changed is not None:
                self._say(disk, changed)
            return self.submit(
                Priority.STATEMENT, Tick(salt(), time.time_ns(), time.monotonic_ns())
            )
        except UnavailableError:
            return None

    def _say(self, disk: DiskWatch, changed: DiskChanged) -> None:
        try:
            self.submit(Priority.STATEMENT, changed)
        except UnavailableError:
            disk.put_back(changed)
            raise

    def _traced(self, found: DisavowalTraced) -> None:
        self.submit(Priority.STATEMENT, found)

    def give_up(self, error: BaseException) -> None:
        """End this core as a broken store does: something it cannot go on without has failed."""
        _log.error("the core ends", exc_info=error)
        self._fail([], error)

    def stop(self) -> None:
        """Finish what was taken in, refuse the rest, close the stores."""
        for item in self.inbox.close():
            item.future.set_exception(UnavailableError("the core is stopping"))
        if self._tracer is not None:
            self._tracer.stop()
        for thread in self._threads[:2]:
            thread.join()
        self._stopping.set()
        self._threads[2].join()
        if self.lineage is not None:
            with self.lineage.lock:
                self.lineage.close()
        self._stores.close()

    @property
    def sources(self) -> Sources | None:
        """What receipts are made from; to be closed after use. None where that is not known."""
        stores = self._stores
        if stores.data is None:
            return None
        groups = self.engine.memory.site.plant.groups
        return open_sources(stores.data, stores.ledger.verifier_key, groups, stores.vault)

    @property
    def state_behind(self) -> int:
        """Durable events that the state store has not seen yet."""
        seen = self._committer.state_end
        return self._committer.end - seen if seen else 0

    @property
    def tiles_behind(self) -> int:
        """Ledger entries that are in no tile yet."""
        return max(0, self.engine.memory.size - self._stores.ledger.size)

    def _engine_loop(self) -> None:
        ready = self.inbox.ready
        while True:
            with ready:
                ready.wait_for(self._has_work)
                if self.fatal:
                    return
                if self._idle and self._pending:
                    self._hand_over()
                item = self.inbox.get() if len(self._pending) < GROUP_LIMIT else None
                self._in_hand = item
                if item is None and self.inbox.closed and not self._pending:
                    ready.wait_for(lambda: self._idle)
                    if not self.fatal:
                        self._hand_over()  # nothing but the rows that the state has not seen
                    self._engine_done = True
                    ready.notify_all()
                    return
            if item is not None:
                step = self._take(item)
                with ready:
                    self._in_hand = None
                    if not self.fatal:
                        self._pending.append((item, step))

    def _has_work(self) -> bool:
        if self.fatal or (self._pending and self._idle):
            return True
        if len(self.inbox) and len(self._pending) < GROUP_LIMIT:
            return True
        return self.inbox.closed and not self._pending

    def _take(self, item: Item) -> Step:
        step = take(self.engine, item.event, time.time_ns(), self._stores.vault)
        if item.after is None:
            return step
        data = None
        effects: list[Effect] = []
        for effect in step.effects:
            if isinstance(effect, Reply) and effect.code == 200:
                data = item.after(self.engine.memory)
                effects.append(replace(effect, body={**effect.body, "data": data}))
            else:
                effects.append(effect)
        return Step(step.record, effects)

    def _retire(self) -> None:
        """Once an hour drop log segments that are older than the configuration keeps and that the state has seen."""
        now = time.monotonic()
        if now >= self._retire_due:
            self._retire_due = now + RETENTION_INTERVAL_S
            self._stores.retire(self._committer.state_end)

    def _publish(self) -> None:
        """Tiles and checkpoint wait for a disk with room; what contradicts itself ends the process."""
        if self._disk is not None and self._disk.is_spent:
            self.behind = "the disk is full: what is left is for decisions and statements"
            return
        try:
            self._stores.ledger.catch_up(self._stores.reader)
        except UnavailableError as error:
            if str(error) != self.behind:
                _log.error("ledger tiles wait: %s", error)
            self.behind = str(error)
        else:
            self.behind = ""

    def _supervise(self, loop: Callable[[], None]) -> None:
        """Run a loop; whatever escapes it is a bug or a broken store, and ends this core at once."""
        try:
            loop()
        except Exception as error:  # noqa: BLE001 - the one place that may not let anything pass silently
            _log.exception("the core ends")
            self._fail([], error)

    def _hand_over(self) -> None:
        now = time.monotonic()
        rows = None
        if now >= self._state_due or self.inbox.closed:
            rows = self.engine.drain()
            self._state_due = now + STATE_INTERVAL_S
        self._group = (self._pending, rows)
        self._pending = []
        self._idle = False
        self.inbox.ready.notify_all()

    def _commit_loop(self) -> None:
        ready = self.inbox.ready
        while True:
            with ready:
                ready.wait_for(lambda: self._group is not None or self._engine_done)
                group = self._group
                if group is None:
                    return
            try:
                self._committer.commit([step for _, step in group[0]], group[1])
            except (TwinvouchError, OSError) as error:
                self._fail(group[0], error)
                return
            self.meter.group.observe(len(group[0]))
            with ready:
                self._group, self._idle = None, True
                ready.notify_all()
            for item, step in group[0]:
                self.meter.answered(item, step.effects)
                self._release(item, step.effects)
            self._retire()  # last: what fails here leaves nobody without his answer

    def _release(self, item: Item, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Reply):
                item.future.set_result(effect)
            elif isinstance(effect, Deliver | Announce | Publish | Simulate):
                self._leave(effect)
            elif isinstance(effect, Trace) and self._tracer is not None:
                self._tracer.take(effect)

    def _fail(self, group: list[tuple[Item, Step]], error: BaseException) -> None:
        """Nothing of this group left; the engine is ahead of what is durable, so this process is over."""
        unavailable = UnavailableError(f"cannot make events durable: {error}")
        with self.inbox.ready:
            self.fatal = str(unavailable)
            in_hand = [self._in_hand] if self._in_hand is not None else []
            unanswered = [i for i, _ in group] + in_hand + [i for i, _ in self._pending]
            unanswered += self.inbox.close()
            self._pending.clear()
            self._idle, self._engine_done = True, True
            self.inbox.ready.notify_all()
        for item in unanswered:
            item.future.set_exception(unavailable)
        self.ended.set()

    def _tile_loop(self) -> None:
        """Publish what was committed, in the rhythm of TILE_INTERVAL_S, and once more at the end."""
        while True:
            is_last = self._stopping.wait(TILE_INTERVAL_S)
            if not self.fatal:
                self._publish()
            if is_last:
                return


def runs_as(site: Site) -> str:
    """The build, the permit key and the model: no setting names them, and they decide commands and labels."""
    said = [BUILD]
    if site.permit_key:
        said.append(f"permit key {key_id(site.permit_key).hex()}")
    if site.detector is not None:
        said.append(f"model {site.detector.digest.hex()[:16]}")
    models = (each for a in site.ahead.values() for each in (a, a.second) if each is not None)
    aheads = sorted({(a.model, a.digest.hex()[:16]) for a in models})
    said += [f"look-ahead {name} {digest}" for name, digest in aheads]
    return ", ".join(said)


def salt() -> bytes:
    """Fresh chance for one event."""
    return os.urandom(SALT_BYTES)
