"""The core's threads: what leaves when, what a restart brings back, what a broken store does."""

import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from tests.claims.site import PLANT, Toy, make_site, signer
from twinvouch.adapters.committer import Committer, recover, take
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.reserve import Reserve, Room
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.sqlite_state import SqliteState
from twinvouch.app.core import BUILD, Core, Stores, runs_as, salt
from twinvouch.app.disk_watch import DiskWatch
from twinvouch.app.inbox import Inbox
from twinvouch.core.errors import ConfigError, UnavailableError
from twinvouch.core.event import BatchReceived, Effect, Priority, QueryAsked, Reply, Started, Tick
from twinvouch.engine import Engine


def make(directory: Path, leave=lambda effect: None, log: SegmentLog | None = None) -> Core:
    state = SqliteState(directory / "state.db")
    log = log or SegmentLog(directory / "log", known=state.load()[1])
    ledger = LedgerFiles(directory / "ledger", f"{PLANT}/0", signer("log"))
    return Core(
        Engine(make_site()), Stores(log, state, ledger, state.reader()), leave, directory / "models"
    )


def batches(tmp_path: Path, count: int) -> list[bytes]:
    """Sealed batches whose times are now."""
    toy = Toy(tmp_path / "toy")
    toy.now = time.time_ns()
    raws = []
    for _ in range(count):
        content = toy.content()
        raws.append(toy.sealed(content))
        toy.seq["edge-1"] = toy.seq.get("edge-1", -1) + 1
        toy.now += 1_000_000
    toy.core.close()
    return raws


def test_answers_come_and_a_clean_stop_leaves_everything_in_the_ledger(tmp_path: Path) -> None:
    core = make(tmp_path)
    core.start()
    futures = [
        core.submit(Priority.READING, BatchReceived(salt(), "p", raw))
        for raw in batches(tmp_path, 20)
    ]
    assert [f.result(10).body["status"] for f in futures] == ["admitted"] * 20
    core.stop()
    state = SqliteState(tmp_path / "state.db")
    ledger = LedgerFiles(tmp_path / "ledger", f"{PLANT}/0", signer("log"))
    assert state.leaf_count() == ledger.size == 21
    state.close()
    ledger.close()


def test_a_tick_is_answered_once_it_is_durable(tmp_path: Path) -> None:
    core = make(tmp_path)
    core.start()
    ticks = [core.tick() for _ in range(3)]
    assert [tick.result(10).code for tick in ticks if tick is not None] == [200] * 3
    assert core.engine.memory.ticked is not None
    core.stop()


def test_a_restart_knows_what_was_there(tmp_path: Path) -> None:
    raws = batches(tmp_path, 6)
    core = make(tmp_path)
    core.start()
    for raw in raws[:3]:
        core.submit(Priority.READING, BatchReceived(salt(), "p", raw)).result(10)
    core.stop()
    core = make(tmp_path)
    core.start()
    again = core.submit(Priority.READING, BatchReceived(salt(), "p", raws[2])).result(10)
    new = core.submit(Priority.READING, BatchReceived(salt(), "p", raws[3])).result(10)
    assert (again.body["status"], new.body["status"]) == ("duplicate", "admitted")
    core.stop()


def test_the_view_of_a_question_is_read_on_the_engine_thread(tmp_path: Path) -> None:
    core = make(tmp_path)
    core.start()
    seen: list[str] = []

    def view(memory) -> int:
        seen.append(threading.current_thread().name)
        return memory.size

    query = QueryAsked(salt(), "bob", "readStatus", "*", "test")
    assert core.submit(Priority.QUERY, query, view).result(10).body["data"] == 2
    denied = QueryAsked(salt(), "", "readStatus", "*", "test")
    assert "data" not in core.submit(Priority.QUERY, denied, view).result(10).body
    assert seen == ["twinvouch-engine"]
    core.stop()


class BrokenLog(SegmentLog):
    """A disk that refuses from the `allowed`-th sync on."""

    allowed = 2

    def sync(self) -> None:
        self.allowed -= 1
        if self.allowed < 0:
            raise UnavailableError("no space left on device")
        super().sync()


def test_c16_no_effect_leaves_when_its_entry_is_not_durable(tmp_path: Path) -> None:
    left: list[Effect] = []
    core = make(tmp_path, left.append, BrokenLog(tmp_path / "log"))
    core.start()
    raws = batches(tmp_path, 2)
    assert core.submit(Priority.READING, BatchReceived(salt(), "p", raws[0])).result(10).code == 200
    shown = len(left)
    future = core.submit(Priority.READING, BatchReceived(salt(), "p", raws[1]))
    with pytest.raises(UnavailableError, match="no space left"):
        future.result(10)
    assert core.ended.wait(10)
    assert len(left) == shown
    with pytest.raises(UnavailableError, match="no space left"):
        core.submit(Priority.READING, BatchReceived(salt(), "p", raws[1]))


def test_after_a_crash_nothing_is_decided_anew_under_another_permit_key(tmp_path: Path) -> None:
    """What the ring says of it decides commands: a permit that left would be a denial in the ledger."""
    log, state = SegmentLog(tmp_path / "log"), SqliteState(tmp_path / "state.db")
    site = replace(make_site(), permit_key=signer("permit").public_key)
    committer, engine = Committer(log, state), Engine(site)
    started = Started(salt(), site.config_digest, site.policy.digest, runs_as(site))
    committer.commit([take(engine, started, time.time_ns())], engine.drain())
    raw = batches(tmp_path, 1)[0]
    committer.commit([take(engine, BatchReceived(salt(), "p", raw), time.time_ns())], None)
    for key in (b"", signer("log").public_key):
        other = replace(site, permit_key=key)
        with pytest.raises(ConfigError, match="Start once as it was"):
            recover(Engine(other), log, state, runs_as(other))
    assert recover(Engine(site), log, state, runs_as(site)) == 1
    log.close()
    state.close()


def test_after_a_crash_nothing_is_decided_anew_under_another_configuration(tmp_path: Path) -> None:
    log, state = SegmentLog(tmp_path / "log"), SqliteState(tmp_path / "state.db")
    committer, engine = Committer(log, state), Engine(make_site())
    site = engine.memory.site
    started = Started(salt(), site.config_digest, site.policy.digest, BUILD)
    committer.commit([take(engine, started, time.time_ns())], engine.drain())
    raw = batches(tmp_path, 1)[0]
    committer.commit([take(engine, BatchReceived(salt(), "p", raw), time.time_ns())], None)
    changed = Engine(replace(site, config_digest=b"d" * 32))
    with pytest.raises(ConfigError, match="Start once as it was"):
        recover(changed, log, state, BUILD)
    with pytest.raises(ConfigError, match="Start once as it was"):
        recover(Engine(site), log, state, "twinvouch 9")
    assert recover(Engine(site), log, state, BUILD) == 1
    assert recover(changed, log, state, BUILD) == 0
    log.close()
    state.close()


def test_a_bug_in_the_engine_ends_the_core_and_answers_everybody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    core = make(tmp_path)
    core.start()
    core.engine.feed = lambda event, now_ns, stored: 1 / 0  # type: ignore[method-assign,assignment]
    future = core.submit(Priority.READING, BatchReceived(salt(), "p", b""))
    with pytest.raises(UnavailableError):
        future.result(10)
    assert core.ended.wait(10)
    assert "ZeroDivisionError" in caplog.text


def test_the_inbox_is_bounded_and_commands_have_room_of_their_own() -> None:
    inbox = Inbox(2)
    for _ in range(2):
        inbox.put(Priority.READING, Tick(b""))
    with pytest.raises(UnavailableError, match="limit is 2"):
        inbox.put(Priority.QUERY, Tick(b""))
    command: Future[Reply] = inbox.put(Priority.COMMAND, Tick(b"c"))
    with inbox.ready:
        first = inbox.get()
    assert first is not None
    assert first.future is command


def test_old_segments_are_dropped_as_the_configuration_says(tmp_path: Path) -> None:
    asked: list[int] = []
    core = make(tmp_path)
    object.__setattr__(core._stores, "retire", lambda seen: asked.append(seen) or 0)
    core._retire_due = 0.0
    core.start()
    core.submit(Priority.READING, BatchReceived(salt(), "p", b"junk")).result(10)
    core.stop()
    assert len(asked) == 1


def test_one_who_goes_away_before_the_answer_does_not_end_the_core(tmp_path: Path) -> None:
    """A cancelled request must not leave a future that refuses its result on the committer's thread."""
    core = make(tmp_path)
    core.start()
    for raw in batches(tmp_path, 5):
        core.submit(Priority.READING, BatchReceived(salt(), "p", raw)).cancel()
    answer = core.submit(Priority.QUERY, QueryAsked(salt(), "bob", "readStatus", "*", "test"))
    assert answer.result(10).code == 200
    assert core.engine.memory.counts["batch:admitted"] == 5
    assert not core.fatal
    core.stop()


@pytest.mark.parametrize("attempt", range(5))
def test_a_core_whose_log_broke_can_still_be_stopped(tmp_path: Path, attempt: int) -> None:
    log = BrokenLog(tmp_path / "log")
    core = make(tmp_path, log=log)
    core.start()
    futures = []
    for _ in range(200):
        try:
            futures.append(core.submit(Priority.READING, BatchReceived(salt(), "p", b"junk")))
        except UnavailableError:
            break
    for future in futures:
        assert future.exception(10) is None or isinstance(future.exception(), UnavailableError)
    stopping = threading.Thread(target=core.stop, daemon=True)
    stopping.start()
    stopping.join(10)
    assert not stopping.is_alive(), "stop waits for a committer that is gone"
    assert core.fatal
    assert attempt < 5


def test_a_retention_that_fails_leaves_nobody_without_his_answer(tmp_path: Path) -> None:
    def refused(seen: int) -> int:
        raise UnavailableError(f"cannot unlink below {seen}")

    core = make(tmp_path)
    core.start()
    core._stores = replace(core._stores, retire=refused)
    core._retire_due = 0.0
    asked = QueryAsked(salt(), "bob", "readStatus", "*", "")
    assert core.submit(Priority.QUERY, asked).result(10).code == 200
    assert core.ended.wait(10)
    assert "cannot unlink" in core.fatal
    core.stop()


def test_a_full_inbox_does_not_swallow_that_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = make(tmp_path)
    core._disk = DiskWatch(Reserve(tmp_path, 0), 50.0)
    monkeypatch.setattr(Reserve, "room", lambda _: Room(1, 1000))
    core.start()
    submit = core.submit

    def busy(*_: object) -> "Future[Reply]":
        raise UnavailableError("8192 events are waiting")

    monkeypatch.setattr(core, "submit", busy)
    assert core.tick() is None
    monkeypatch.setattr(core, "submit", submit)
    assert core.tick() is not None
    asked = QueryAsked(salt(), "bob", "readStatus", "*", "after the tick")
    assert core.submit(Priority.QUERY, asked).result(10).code == 200
    assert core.engine.memory.is_disk_full
    core.stop()
