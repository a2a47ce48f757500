"""A witness over crashes: killed or without power at every boundary, it never stands for two heads of one size."""

import asyncio
import errno
import random
from pathlib import Path

import pytest

from tests.unit.ledger.test_witness import KEY, LOG, LOGS, head, leaves, request
from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.witness_store import Cosigned, WitnessStore
from twinvouch.app.simulation.disk import Failure, SimulatedDisk
from twinvouch.app.simulation.life import Crash, Killed, Life, Machine
from twinvouch.app.simulation.process_disk import DiskOf
from twinvouch.core.errors import CorruptError, UnavailableError
from twinvouch.ledger import checkpoint, witness
from twinvouch.ledger.checkpoint import Checkpoint, VerifierKey
from twinvouch.ledger.cosignature import cosigned_at

WITNESS = SeededSigner(b"\3" * 32)
PLACE = Path("/witness")
BOUNDARIES = [
    "tile.open", "tile.write before", "tile.write after", "tile.sync before", "tile.sync after",
    "tile.rename before", "tile.rename after", "directory.sync before", "directory.sync after",
]  # fmt: skip


def store(disk: DiskOf) -> WitnessStore:
    return WitnessStore(PLACE, "w1", WITNESS, disk, lambda: 1_700_000_000)


def test_it_cosigns_what_extends_and_remembers_it(tmp_path: Path) -> None:
    kept = WitnessStore(tmp_path / "w", "w1", WITNESS)
    _, first = kept.add(request(0, leaves(3)), LOGS)
    assert first is not None
    assert first.note.endswith(first.line)
    assert cosigned_at(checkpoint.read_note(first.note), kept.key)
    kept.close()
    again = WitnessStore(tmp_path / "w", "w1", WITNESS)
    assert again.last("net3/0") == first
    judged, known = again.add(request(0, leaves(9)), LOGS)
    assert (judged.code, judged.why, known) == (witness.CONFLICT, "3", first)
    judged, _ = again.add(request(3, leaves(9, 1)), LOGS)
    assert judged.code == witness.UNPROVEN
    assert again.last("net3/0") == first
    again.close()


def test_one_process_a_directory(tmp_path: Path) -> None:
    kept = WitnessStore(tmp_path, "w1", WITNESS)
    with pytest.raises(UnavailableError, match="in use"):
        WitnessStore(tmp_path, "w1", WITNESS)
    kept.close()


def test_a_new_epoch_is_a_log_of_its_own(tmp_path: Path) -> None:
    kept = WitnessStore(tmp_path, "w1", WITNESS)
    kept.add(request(0, leaves(9)), LOGS)
    note = checkpoint.sign(Checkpoint("net3/1", 4, head(leaves(4)).root), LOG)
    epochs = {**LOGS, "net3/1": [VerifierKey("net3/1", LOG.public_key)]}
    assert kept.add(witness.Request(0, (), note), LOGS)[0].code == witness.UNKNOWN
    assert kept.add(witness.Request(0, (), note), epochs)[0].code == witness.OK
    assert kept.last("net3/0").head.size == 9  # type: ignore[union-attr]
    kept.close()


def test_a_changed_file_is_never_built_on(tmp_path: Path) -> None:
    kept = WitnessStore(tmp_path, "w1", WITNESS)
    kept.add(request(0, leaves(3)), LOGS)
    [path] = [p for p in tmp_path.iterdir() if p.name != "lock"]
    raw = path.read_bytes()
    for changed in (raw[:-10] + b"AAAAAAAA=\n", b"", checkpoint.sign(head(leaves(1)), LOG)):
        path.write_bytes(changed)
        with pytest.raises(CorruptError, match="nothing of this log is cosigned"):
            kept.add(request(3, leaves(9)), LOGS)
    kept.close()


@pytest.mark.parametrize("is_power", [False, True])
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_two_heads_of_one_size_never_leave(boundary: str, nth: int, *, is_power: bool) -> None:
    """A fork is offered after every crash: what was given out before is never contradicted."""
    for seed in range(20):
        asyncio.run(_lives(Crash(boundary, nth, is_power), seed))


async def _lives(crash: Crash, seed: int) -> None:
    below = SimulatedDisk(random.Random(seed))
    machine = Machine("w", below, [crash])
    told: dict[int, bytes] = {}
    fork = 10**9
    for _ in range(3):
        try:
            _serve(DiskOf(below, Life(machine)), told, fork)
        except Killed:
            if crash.is_power:
                below.lose_power()
            fork = max(
                told, default=0
            )  # from now on a history that leaves out what nobody was told
    assert told
    assert machine.died


def _serve(disk: DiskOf, told: dict[int, bytes], fork: int) -> None:
    kept = store(disk)
    for size in (2, 3, 5, 8, 9):
        _note(kept.last("net3/0"), told)
        known = kept.last("net3/0")
        old = known.head.size if known is not None else 0
        judged, made = kept.add(request(old, leaves(max(size, old), fork)), LOGS)
        if judged.code == witness.OK:
            _note(made, told)


def _note(made: Cosigned | None, told: dict[int, bytes]) -> None:
    """What left: at most one root a size, and what was told only grows."""
    if made is not None:
        assert told.setdefault(made.head.size, made.head.root) == made.head.root
        assert made.head.size == max(told)
        assert checkpoint.verify(made.note, KEY) == made.head


@pytest.mark.parametrize("what", ["open", "write", "fsync", "rename"])
def test_a_disk_that_refuses_lets_nothing_out(what: str) -> None:
    below = SimulatedDisk(random.Random(1))
    kept = store(DiskOf(below, Life(Machine("w", below, []))))
    kept.add(request(0, leaves(3)), LOGS)
    below.failures.append(Failure(what, below.calls[what] + 1, errno.EIO))
    if what == "open":
        below.seen.pop(PLACE / f"{kept._path('net3/0').name}.tmp", None)
    with pytest.raises(UnavailableError, match="nothing was said"):
        kept.add(request(3, leaves(9)), LOGS)
    below.failures.clear()
    assert kept.add(request(3, leaves(9)), LOGS)[0].code == witness.OK


def test_what_a_failed_sync_left_unknown_is_stored_before_it_is_shown() -> None:
    below = SimulatedDisk(random.Random(1))
    kept = store(DiskOf(below, Life(Machine("w", below, []))))
    kept.add(request(0, leaves(3)), LOGS)
    below.failures.append(Failure("fsync", below.calls["fsync"] + 2, errno.EIO))  # of the directory
    with pytest.raises(UnavailableError):
        kept.add(request(3, leaves(9)), LOGS)
    shown = kept.last("net3/0")
    below.lose_power()
    assert store(DiskOf(below, Life(Machine("w", below, [])))).last("net3/0") == shown
