"""C14 to C16 of docs/explanation/threat-model.md: the record names what was changed, and nothing is said before it is kept."""

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.claims.site import PLANT, Toy, make_site, signer
from twinvouch import verifier
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.sqlite_state import SqliteState
from twinvouch.app.core import Core, Stores, salt
from twinvouch.core.command import Command, Input
from twinvouch.core.errors import UnavailableError
from twinvouch.core.event import Append, BatchReceived, CommandProposed, Deliver, Effect, Priority
from twinvouch.core.kind import Purpose
from twinvouch.engine import Engine
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal


def lived(toy: Toy, batches: int = 3) -> Toy:
    """A little of everything."""
    for _ in range(batches):
        toy.read()
    toy.propose("valve/opening", 0.6)
    toy.ask("bob", "readStatus")
    toy.send(b"noise")
    return toy


def verified(directory: Path) -> verifier.Report:
    return verifier.verify(directory, (directory / "log.vkey").read_text())


def signed_files(ledger: Path) -> list[Path]:
    return [
        ledger / "checkpoint",
        *(p for p in sorted((ledger / "tile").rglob("*")) if p.is_file()),
    ]


@pytest.mark.parametrize("batches", [3, 290])
def test_c14_one_flipped_bit_anywhere_is_named(toy: Toy, batches: int) -> None:
    lived(toy, batches)
    toy.core.close()
    ledger = toy.directory / "ledger"
    assert verified(ledger).ok
    step = 11 if batches == 3 else 1999
    for path in signed_files(ledger):
        genuine = path.read_bytes()
        for at in range(0, len(genuine), step):
            path.write_bytes(
                genuine[:at] + bytes([genuine[at] ^ (1 << at % 8)]) + genuine[at + 1 :]
            )
            report = verified(ledger)
            assert not report.ok, (path.name, at)
            place, name = report.faults[0].place, path.relative_to(ledger).as_posix()
            assert name in place or "checkpoint" in (place, name), (place, name, at)
        path.write_bytes(genuine)
    assert verified(ledger).ok


def test_c14_an_entry_that_is_missing_or_too_many_is_named(toy: Toy) -> None:
    lived(toy)
    toy.core.close()
    ledger = toy.directory / "ledger"
    bundle = max(signed_files(ledger), key=lambda p: ("entries" in p.parts, p.name.zfill(9)))
    genuine = bundle.read_bytes()
    for changed in (genuine[:-1], genuine + b"\0", genuine + genuine, b""):
        bundle.write_bytes(changed)
        assert not verified(ledger).ok
    bundle.unlink()
    assert not verified(ledger).ok


def test_c14_another_key_signs_no_history(toy: Toy) -> None:
    lived(toy)
    toy.core.close()
    other = LedgerFiles(toy.directory / "other", f"{PLANT}/0", signer("permit"))
    other.publish([b"x"])
    key = (toy.directory / "ledger" / "log.vkey").read_text()
    assert not verifier.verify(toy.directory / "other", key).ok


class Snapshots:
    """Copies of the disk after every step of every commit: what a core killed there with `kill -9` leaves behind."""

    def __init__(self, toy: Toy, into: Path) -> None:
        self.toy, self.into = toy, into
        self.said: list[Append] = []  # entries of everything that was answered so far
        self.taken: list[tuple[Path, list[Append]]] = []
        core = toy.core
        core.log.append = self._after(core.log.append)
        core.log.sync = self._after(core.log.sync)
        core.state.commit = self._after(core.state.commit)
        core.ledger.publish = self._after(core.ledger.publish)
        feed = core.feed

        def answered(event: Any, now_ns: int) -> Sequence[Effect]:
            effects = feed(event, now_ns)
            self.said += [e for e in effects if isinstance(e, Append)]
            return effects

        core.feed = answered

    def _after(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any) -> Any:
            result = step(*arguments)
            copy = self.into / str(len(self.taken))
            shutil.copytree(self.toy.directory, copy, ignore=shutil.ignore_patterns("*.lock"))
            self.taken.append((copy, list(self.said)))
            return result

        return stepped


def test_c15_what_was_acknowledged_is_in_the_ledger_after_a_kill_at_any_moment(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "live"
    directory.mkdir()
    toy = Toy(directory)
    snapshots = Snapshots(toy, tmp_path)
    lived(toy)
    assert len(snapshots.taken) == 4 * 6
    for copy, said in snapshots.taken:
        again = Toy(copy)
        leaves = again.core.state.leaves(0, again.core.state.leaf_count())
        assert [leaves[e.index] for e in said] == [e.entry for e in said]
        assert again.core.ledger.size == len(leaves) >= len(said)
        assert again.read("edge-2", "slow").body["status"] == "admitted", "and it goes on"
        again.core.close()
        report = verified(copy / "ledger")
        assert report.ok, report.faults
        assert report.size == len(leaves) + 1
    toy.core.close()


def test_c15_an_acknowledged_batch_is_known_after_a_restart(toy: Toy) -> None:
    content = toy.content()
    assert toy.send(toy.sealed(content)).body["status"] == "admitted"
    toy.core.close()
    toy.open()
    assert toy.send(toy.sealed(content)).body["status"] == "duplicate"
    assert toy.memory.frame.value("tank/level") == 5.0


class GatedLog(SegmentLog):
    """A log whose sync waits for somebody, and then works or does not."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.reached, self.open, self.broken = threading.Event(), threading.Event(), False

    def sync(self) -> None:
        self.reached.set()
        assert self.open.wait(10)
        if self.broken:
            raise UnavailableError("no space left on device")
        super().sync()


class Living:
    """A core with its threads; the batch and the command it is given are of now."""

    def __init__(self, directory: Path) -> None:
        self.left: list[Effect] = []
        self.log = GatedLog(directory / "log")
        self.state = SqliteState(directory / "state.db")
        ledger = LedgerFiles(directory / "ledger", f"{PLANT}/0", signer("log"))
        stores = Stores(self.log, self.state, ledger, self.state.reader())
        self.core = Core(Engine(make_site()), stores, self.left.append, directory / "models")
        self.toy = Toy(directory / "hands")
        self.toy.now = time.time_ns()

    def begin(self) -> None:
        """Start, let the start be durable, and take a batch in; then the log waits again."""
        self.log.open.set()
        self.core.start()
        batch = BatchReceived(salt(), "p", self.toy.sealed(self.toy.content()))
        answer = self.core.submit(Priority.READING, batch).result(10)
        assert answer.body["status"] == "admitted", answer.body
        self.left.clear()
        self.log.open.clear()
        self.log.reached.clear()

    def command(self) -> CommandProposed:
        entry = self.core.engine.memory.frame.entry("tank/level")
        inputs = (Input("tank/level", entry),)
        command = Command(salt().hex(), "twin", "valve/opening", 0.6, "1", time.time_ns(), inputs)
        raw = seal(
            write_command(command, PLANT),
            signer=signer("twin"),
            plant=PLANT,
            purpose=Purpose.COMMAND,
        )
        return CommandProposed(salt(), "p", raw, "")


@pytest.fixture
def living(tmp_path: Path) -> Living:
    (tmp_path / "hands").mkdir()
    return Living(tmp_path)


def test_c16_no_answer_permit_or_message_leaves_before_it_is_durable(living: Living) -> None:
    living.begin()
    future = living.core.submit(Priority.COMMAND, living.command())
    assert living.log.reached.wait(10)
    assert living.core.engine.memory.records, "the engine has decided"
    assert not future.done()
    assert living.left == []
    living.log.open.set()
    assert future.result(10).body["status"] == "permitted"
    assert any(isinstance(e, Deliver) for e in _wait_for(living.left))
    living.core.stop()


def test_c16_a_log_that_cannot_sync_releases_nothing(living: Living) -> None:
    living.begin()
    living.log.broken = True
    futures = [living.core.submit(Priority.COMMAND, living.command()) for _ in range(3)]
    assert living.log.reached.wait(10)
    living.log.open.set()
    for future in futures:
        with pytest.raises(UnavailableError, match="no space left"):
            future.result(10)
    assert living.left == []
    assert "no space left" in living.core.fatal
    with pytest.raises(UnavailableError):
        living.core.submit(Priority.COMMAND, living.command())
    living.core.stop()


def test_c16_a_state_that_cannot_commit_releases_nothing(living: Living) -> None:
    living.begin()

    def broken(_group: object) -> None:
        raise UnavailableError("database is full")

    living.state.commit = broken  # type: ignore[method-assign]
    living.core._state_due = 0.0  # with the next group
    future = living.core.submit(Priority.COMMAND, living.command())
    living.log.open.set()
    with pytest.raises(UnavailableError, match="database is full"):
        future.result(10)
    assert living.left == []
    living.core.stop()


def _wait_for(left: list[Effect]) -> list[Effect]:
    """Effects leave just after the answer."""
    for _ in range(1000):
        if any(isinstance(e, Deliver) for e in left):
            break
        time.sleep(0.005)
    return left
