"""C30 of docs/explanation/threat-model.md: a full disk stops readings and commands, never what people say, and is over by itself."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.claims.site import PLANT, Toy, make_site, signer
from twinvouch import verifier
from twinvouch.adapters.committer import Committer, Step
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.reserve import Reserve
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.sqlite_state import SqliteState
from twinvouch.app.core import Core, Stores, salt
from twinvouch.app.disk_watch import DiskWatch
from twinvouch.core.command import Command, Input
from twinvouch.core.errors import FullError, UnavailableError
from twinvouch.core.event import (
    BatchReceived,
    CommandProposed,
    DiskChanged,
    Priority,
    QueryAsked,
    Reply,
    StatementReceived,
)
from twinvouch.core.kind import Purpose
from twinvouch.core.statement import Statement, Verb
from twinvouch.engine import Engine
from twinvouch.lab.in_memory import MemoryLog, MemoryState
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal
from twinvouch.wire.eventlog import read_event
from twinvouch.wire.statement import write_statement

MIB = 1024 * 1024


def full(toy: Toy, is_full: int, refused: int = 0) -> list[Any]:
    return list(toy.core.feed(DiskChanged(toy.salt(), is_full, 10, 1000, refused), toy.now))


def test_c30_commands_are_denied_and_statements_taken_while_the_disk_is_full(toy: Toy) -> None:
    toy.read()
    held, _ = toy.propose("pump/run", 1.0)
    full(toy, 1)
    reply, _ = toy.propose("valve/opening", 0.6)
    assert (reply.code, reply.body["status"]) == (403, "denied")
    assert "disk of the core is full" in str(reply.body["why"])
    assert toy.memory.records[str(held.body["id"])].status.value == "held"
    said, _ = toy.say("bob", Verb.DISTRUST, "tank/level")
    assert said.code == 200
    said, _ = toy.say("bob", Verb.RESTORE, "tank/level", nonce=toy.salt())
    full(toy, 0)
    reply, _ = toy.propose("valve/opening", 0.6)
    assert reply.body["status"] != "denied", reply.body
    assert toy.rules().count("disk") == 2


def test_c30_a_restart_knows_that_the_disk_was_full(toy: Toy) -> None:
    full(toy, 1, refused=7)
    toy.core.close()
    toy.open()
    assert toy.memory.is_disk_full
    toy.core.close()


def test_c30_a_group_that_found_no_room_is_written_once_more_and_once_only() -> None:
    class Tight(MemoryLog):
        failing = 1

        def sync(self) -> None:
            if self.failing:
                self.failing -= 1
                self._records.clear()
                raise UnavailableError("no space left on device")

    log, asked = Tight(), []
    committer = Committer(log, MemoryState(), lambda: asked.append(1) is None)
    committer.commit([Step(b"a", []), Step(b"b", [])], {})
    assert [record for _, record in log.records()] == [b"a", b"b"]
    assert asked == [1]
    log.failing = 2
    with pytest.raises(UnavailableError):
        committer.commit([Step(b"c", [])], {})


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB of its own."""
    place = tmp_path / "small"
    place.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"A FULL DISK WAS NOT TRIED: a tmpfs cannot be mounted here: {error}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


class Small:
    """A core with its threads on a small file system, and hands of now."""

    def __init__(self, place: Path, hands: Path) -> None:
        self.place = place
        hands.mkdir()
        self.toy = Toy(hands)
        self.toy.now = time.time_ns()
        state = SqliteState(place / "state.db")
        log = SegmentLog(place / "log", known=state.load()[1])
        ledger = LedgerFiles(place / "ledger", f"{PLANT}/0", signer("log"))
        self.watch = DiskWatch(Reserve(place, MIB), 5.0)
        stores = Stores(log, state, ledger, state.reader(), disk=self.watch)
        self.core = Core(Engine(make_site()), stores, lambda _: None, place / "models")
        self.core.start()
        self.acknowledged: list[bytes] = []

    def tick(self) -> None:
        self.core.tick()
        asked = QueryAsked(salt(), "bob", "readStatus", "*", "after a tick")  # a tick has no answer
        assert self.core.submit(Priority.QUERY, asked).result(20).code == 200

    def read(self) -> Reply:
        toy = self.toy
        toy.now = time.time_ns()
        raw = toy.sealed(toy.content())
        reply = self.core.submit(Priority.READING, BatchReceived(salt(), "p", raw)).result(20)
        toy.seq["edge-1"] = toy.seq.get("edge-1", -1) + 1
        if reply.code == 200:
            self.acknowledged.append(raw)
        return reply

    def propose(self) -> Reply:
        entry = self.core.engine.memory.frame.entry("tank/level")
        command = Command(
            salt().hex(), "twin", "valve/opening", 0.6, "1", time.time_ns(), (Input("tank/level", entry),)
        )  # fmt: skip
        raw = seal(
            write_command(command, PLANT), signer=signer("twin"), plant=PLANT, purpose=Purpose.COMMAND
        )  # fmt: skip
        return self.core.submit(Priority.COMMAND, CommandProposed(salt(), "p", raw, "")).result(20)

    def distrust(self) -> Reply:
        now = time.time_ns()
        said = Statement(
            "bob", Verb.DISTRUST, "tank/flow", "test", b"", salt(), now, now + 60 * 10**9
        )
        raw = seal(
            write_statement(said, PLANT), signer=signer("bob"), plant=PLANT, purpose=Purpose.STATEMENT
        )  # fmt: skip
        return self.core.submit(Priority.STATEMENT, StatementReceived(salt(), "p", raw)).result(20)

    def fill(self, leave: int) -> Path:
        """Another program takes everything but `leave` bytes."""
        hog = self.place / "hog"
        free = Reserve(self.place, 0).room().free + (hog.stat().st_size if hog.exists() else 0)
        descriptor = os.open(hog, os.O_WRONLY | os.O_CREAT, 0o600)
        os.posix_fallocate(descriptor, 0, free - leave)
        os.close(descriptor)
        return hog


@pytest.mark.slow
def test_c30_on_a_real_file_system_that_is_full(small: Path, tmp_path: Path) -> None:
    here = Small(small, tmp_path / "hands")
    here.tick()
    assert (small / "reserve").stat().st_size == MIB
    assert here.read().code == 200

    here.fill(leave=MIB)  # less than 5 % of 24 MiB
    here.tick()
    with pytest.raises(FullError):
        here.read()
    assert here.propose().code == 403
    assert here.distrust().code == 200

    hog = here.fill(leave=0)  # even the last 5 % are gone
    assert here.distrust().code == 200, "from the reserve file"
    for _ in range(20):
        assert here.distrust().code == 200
        assert here.propose().code == 403
    assert not (small / "reserve").exists()
    assert not here.core.fatal

    hog.unlink()
    here.tick()
    here.tick()
    assert (small / "reserve").exists()
    assert here.read().code == 200
    here.core.stop()

    report = verifier.verify(small / "ledger", (small / "ledger" / "log.vkey").read_text())
    assert report.ok, report.faults
    assert report.contents.kinds["disk"] >= 2
    log = SegmentLog(small / "log")
    sent = [read_event(record)[0] for _, record in log.records()]
    log.close()
    assert set(here.acknowledged) <= {getattr(event, "raw", b"") for event in sent}
    assert len(here.acknowledged) == 2
    shutil.rmtree(small / "ledger")
