import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from twinvouch import verifier
from twinvouch.adapters import ledger_files
from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.sqlite_state import SqliteState
from twinvouch.core.errors import CorruptError, UnavailableError
from twinvouch.core.ports import Group
from twinvouch.ledger import tiles

SIGNER = SeededSigner(b"\7" * 32)


class KilledError(BaseException):
    """The process ends here: nothing that comes after happens."""


def leaves(count: int, start: int = 0) -> list[bytes]:
    return [f"entry {n}".encode() for n in range(start, start + count)]


def root(count: int) -> bytes:
    return tiles.grow(tiles.Edge(), leaves(count))[0].root()


def open_ledger(directory: Path) -> LedgerFiles:
    return LedgerFiles(directory, "net3/0", SIGNER)


def verified(directory: Path) -> int:
    """Size of the ledger, by the stand-alone program."""
    key = (directory / "log.vkey").read_text()
    report = verifier.verify(directory, key)
    assert report.ok, report.faults
    return report.size


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Callable[[int], SqliteState]]:
    made: list[SqliteState] = []

    def make(count: int) -> SqliteState:
        store = SqliteState(tmp_path / f"state-{len(made)}.db")
        store.commit(Group({}, [], list(enumerate(leaves(count))), 1))
        made.append(store)
        return store

    yield make
    for store in made:
        store.close()


def test_a_new_ledger_signs_its_emptiness(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "ledger")
    assert (ledger.size, ledger.root) == (0, root(0))
    assert verified(tmp_path / "ledger") == 0


def test_publishing_in_any_steps_gives_the_same_root(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    for step in (1, 4, 250, 1, 0, 300):
        ledger.publish(leaves(step, ledger.size))
        assert verified(tmp_path) == ledger.size
    assert (ledger.size, ledger.root) == (556, root(556))


def test_a_ledger_goes_on_after_it_was_closed(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    for step in (3, 253, 7):
        ledger.publish(leaves(step, ledger.size))
        ledger.close()
        ledger = open_ledger(tmp_path)
    assert (ledger.size, ledger.root) == (263, root(263))
    assert verified(tmp_path) == 263


def test_partial_tiles_are_kept_until_the_full_one_is_there(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    for step in (10, 20):
        ledger.publish(leaves(step, ledger.size))
    assert sorted(p.name for p in (tmp_path / "tile/0/000.p").iterdir()) == ["10", "30"]
    ledger.publish(leaves(230, 30))
    assert not (tmp_path / "tile/0/000.p").exists()
    assert not (tmp_path / "tile/entries/000.p").exists()
    assert [p.name for p in (tmp_path / "tile/entries/001.p").iterdir()] == ["4"]


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    first = open_ledger(tmp_path)
    with pytest.raises(UnavailableError, match="in use by another process"):
        open_ledger(tmp_path)
    first.close()
    assert open_ledger(tmp_path).size == 0


# -- a crash after every step -----------------------------------------------------------------

STEPS = [(os, "fsync"), (Path, "replace"), (Path, "mkdir"), (shutil, "rmtree"), (os, "write")]


def kill_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> list[str]:
    """Let so many effects on the disk happen, then none any more."""
    done: list[str] = []

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            if len(done) >= steps:
                raise KilledError
            result = real(*args, **kwargs)
            done.append(name)
            return result

        return step

    for place, name in STEPS:
        monkeypatch.setattr(place, name, counted(name, getattr(place, name)))
    return done


def crash(directory: Path, steps: int, act: Callable[[LedgerFiles], None]) -> bool:
    """Whether `act` on the ledger was cut short by the end of the process after `steps` effects."""
    ledger = None
    with pytest.MonkeyPatch.context() as patch:
        kill_after(patch, steps)
        try:
            ledger = open_ledger(directory)
            act(ledger)
        except KilledError:
            return True
        finally:
            if ledger is not None:
                ledger.close()
    return False


@pytest.mark.parametrize(("before", "step"), [(0, 3), (250, 10), (250, 600), (256, 1)])
def test_a_crash_after_any_step_loses_nothing_and_signs_nothing_else(
    tmp_path: Path, state: Callable[[int], SqliteState], before: int, step: int
) -> None:
    committed = state(before + step)
    if before:
        ledger = open_ledger(tmp_path / "ledger")
        ledger.publish(leaves(before))
        ledger.close()
    else:
        (tmp_path / "ledger").mkdir()
    steps = 0
    while True:
        copy = tmp_path / f"copy-{steps}"
        shutil.copytree(tmp_path / "ledger", copy)
        was_cut = crash(copy, steps, lambda ledger: ledger.catch_up(committed))
        if (copy / "checkpoint").exists():  # what was signed is whole at every moment
            assert verified(copy) in {0, before, before + step}
        back = open_ledger(copy)
        assert back.size in {0, before, before + step}
        back.catch_up(committed)
        assert (back.size, back.root) == (before + step, root(before + step))
        assert verified(copy) == before + step
        assert not list(copy.rglob("*.p/*.p"))
        back.close()
        shutil.rmtree(copy)
        steps += 1
        if not was_cut:
            break
    assert steps > 10


def test_a_crash_leaves_files_beyond_the_checkpoint_that_the_verifier_names(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    steps = 0
    while not (tmp_path / "tile/0/000.p/3").exists():
        assert crash(tmp_path, steps, lambda ledger: ledger.publish(leaves(3)))
        steps += 1
    report = verifier.verify(tmp_path, (tmp_path / "log.vkey").read_text())
    assert (report.ok, report.size) == (True, 0)
    assert set(report.beyond) >= {"tile/0/000.p/3", "tile/entries/000.p/3"}


def test_a_full_disk_signs_nothing_and_the_same_leaves_go_in_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = open_ledger(tmp_path)
    ledger.publish(leaves(5))

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(UnavailableError, match="No space left on device; nothing was signed"):
            ledger.publish(leaves(300, 5))
    assert (ledger.size, verified(tmp_path)) == (5, 5)
    ledger.publish(leaves(300, 5))
    assert (ledger.root, verified(tmp_path)) == (root(305), 305)


# -- never two roots for one size --------------------------------------------------------------


def test_other_leaves_for_a_file_that_stands_are_refused(tmp_path: Path) -> None:
    """Tiles of the next size are there (a crash before the checkpoint): other leaves cannot replace them."""
    open_ledger(tmp_path).close()
    for path, content in tiles.grow(tiles.Edge(), leaves(3))[1]:
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(content)
    ledger = open_ledger(tmp_path)
    with pytest.raises(CorruptError, match="holds other bytes than the entries give"):
        ledger.publish(leaves(3, 100))
    ledger.publish(leaves(3))
    assert verified(tmp_path) == 3


def test_a_state_store_of_fewer_entries_is_a_restored_backup(
    tmp_path: Path, state: Callable[[int], SqliteState]
) -> None:
    ledger = open_ledger(tmp_path / "ledger")
    ledger.publish(leaves(9))
    with pytest.raises(CorruptError, match="9 entries are signed, the state store has 8"):
        ledger.catch_up(state(8))


@pytest.mark.parametrize("size", [3, 256, 258])
def test_a_state_store_of_other_entries_is_refused(
    tmp_path: Path, state: Callable[[int], SqliteState], size: int
) -> None:
    ledger = open_ledger(tmp_path / "ledger")
    ledger.publish([*leaves(size - 1), b"another one"])
    with pytest.raises(CorruptError, match=f"to {size} differ from those in the state store"):
        ledger.catch_up(state(size + 5))
    assert verified(tmp_path / "ledger") == size


def test_catching_up_signs_every_chunk(
    tmp_path: Path, state: Callable[[int], SqliteState], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    class Listening(LedgerFiles):
        def publish(self, leaves: Sequence[bytes]) -> None:
            super().publish(leaves)
            sizes.append(self.size)

    monkeypatch.setattr(ledger_files, "CHUNK", 100)
    ledger = Listening(tmp_path / "ledger", "net3/0", SIGNER)
    ledger.catch_up(state(250))
    assert (sizes, ledger.root) == ([100, 200, 250], root(250))


def test_a_missing_checkpoint_beside_tiles_is_not_begun_anew(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.publish(leaves(3))
    ledger.close()
    (tmp_path / "checkpoint").unlink()
    with pytest.raises(CorruptError, match="has tiles and no checkpoint"):
        open_ledger(tmp_path)


def test_a_checkpoint_changed_under_the_writer_is_noticed(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.publish(leaves(3))
    old = (tmp_path / "checkpoint").read_bytes()
    ledger.publish(leaves(3, 3))
    (tmp_path / "checkpoint").write_bytes(old)
    with pytest.raises(CorruptError, match="changed by another program"):
        ledger.publish(leaves(1, 6))


def test_another_key_does_not_go_on_with_a_ledger(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    with pytest.raises(CorruptError, match="no signature by `net3/0`"):
        LedgerFiles(tmp_path, "net3/0", SeededSigner(b"\1" * 32))


def test_a_flipped_bit_in_what_is_needed_to_go_on_is_named(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.publish(leaves(260))
    ledger.close()
    for path in ("tile/0/001.p/4", "tile/1/000.p/1", "tile/entries/001.p/4", "checkpoint"):
        whole = (tmp_path / path).read_bytes()
        (tmp_path / path).write_bytes(whole[:-3] + bytes([whole[-3] ^ 4]) + whole[-2:])
        with pytest.raises(CorruptError, match=r"ledger files|checkpoint"):
            open_ledger(tmp_path)
        (tmp_path / path).write_bytes(whole)
    assert open_ledger(tmp_path).size == 260
