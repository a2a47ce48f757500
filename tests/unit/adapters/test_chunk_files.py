"""A chunk file is whole and durable, or not there; a disk without room, a lost power and another file are told."""

import errno
import random
from pathlib import Path

import pytest

from tests.unit.wire.chunks import ABOUT, rows_of
from twinvouch.adapters.chunk_files import ChunkFile, leftovers, write_file
from twinvouch.app.simulation.disk import Failure, SimulatedDisk
from twinvouch.app.simulation.life import Life, Machine
from twinvouch.app.simulation.process_disk import DiskOf
from twinvouch.core.errors import CorruptError, GoneError, UnavailableError
from twinvouch.wire.chunk import write_chunk

RAW, DIGEST = write_chunk(ABOUT, rows_of(40, 2, seed=9), bytes(16))
PATH = Path("/data/history/fast/one.tvc")


def disk(seed: int = 0) -> tuple[SimulatedDisk, DiskOf]:
    below = SimulatedDisk(random.Random(seed))
    return below, DiskOf(below, Life(Machine("here", below, [])))


@pytest.mark.parametrize("seed", range(40))
def test_what_was_written_survives_a_power_failure(seed: int) -> None:
    below, here = disk(seed)
    write_file(PATH, RAW, here)
    below.lose_power()
    assert here.read(PATH) == RAW


@pytest.mark.parametrize("call", ["write", "fsync", "rename", "open", "full"])
def test_a_disk_that_refuses_leaves_nothing(call: str) -> None:
    below, here = disk()
    write_file(PATH.with_name("earlier.tvc"), RAW, here)
    below.is_full = call == "full"
    below.failures.append(Failure(call, below.calls[call] + 1, errno.EIO))
    with pytest.raises(UnavailableError, match=r"one\.tvc` cannot be written"):
        write_file(PATH, RAW, here)
    assert here.names(PATH.parent) == ["earlier.tvc"]
    below.is_full = False
    write_file(PATH, RAW, here)
    assert here.read(PATH) == RAW


def test_a_chunk_is_read_part_by_part_and_known_by_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "fast" / "one.tvc"
    write_file(path, RAW)
    assert path.stat().st_mode & 0o777 == 0o600
    with ChunkFile(path, DIGEST) as file:
        file.verify()
        assert file.footer.about == ABOUT
        assert len(file.column("hall/pump").values) <= 40
    with pytest.raises(CorruptError, match="is another one than the index names"):
        ChunkFile(path, bytes(32))
    with pytest.raises(GoneError, match="is missing"):
        ChunkFile(path.with_name("two.tvc"))


def test_damage_is_told_with_file_and_place(tmp_path: Path) -> None:
    path = tmp_path / "one.tvc"
    for place in (0, 20, len(RAW) // 2, len(RAW) - 1):
        path.write_bytes(RAW[:place] + bytes((RAW[place] ^ 1,)) + RAW[place + 1 :])
        with (
            pytest.raises(CorruptError, match=r"chunk `.*one.tvc`: (byte|part|chunk)"),
            ChunkFile(path) as file,
        ):
            file.verify()


def test_leftovers_are_drafts_and_what_no_index_names(tmp_path: Path) -> None:
    for name in ("a.tvc", "b.tvc", "c.tvc.tmp"):
        write_file(tmp_path / "fast" / name, RAW)
    assert [p.name for p in leftovers(tmp_path, {"fast/a.tvc"})] == ["b.tvc", "c.tvc.tmp"]
