"""The reserve file: really allocated, given up once, made again when there is room."""

import errno
import os
from pathlib import Path

import pytest

from twinvouch.adapters.reserve import Reserve


def test_it_is_allocated_and_given_up_once(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path, 300_000)
    assert not reserve.is_there
    assert not reserve.release()
    assert reserve.make()
    assert reserve.make()
    found = (tmp_path / "reserve").stat()
    assert found.st_blocks * 512 >= 300_000
    assert found.st_mode & 0o777 == 0o600
    assert Reserve(tmp_path, 300_000).is_there
    assert reserve.release()
    assert not reserve.release()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, 100_000, 600_000])
def test_one_of_another_size_is_made_again(tmp_path: Path, size: int) -> None:
    """Cut short, or made when less or more was configured."""
    (tmp_path / "reserve").write_bytes(bytes(size))
    reserve = Reserve(tmp_path, 300_000)
    assert not reserve.is_there
    assert reserve.make()
    assert reserve.is_there
    assert (tmp_path / "reserve").stat().st_size == 300_000


def test_none_is_wanted(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path, 0)
    assert reserve.is_there
    assert reserve.make()
    assert not reserve.release()
    assert list(tmp_path.iterdir()) == []


def test_room_is_that_of_the_file_system(tmp_path: Path) -> None:
    room = Reserve(tmp_path, 0).room()
    assert 0 < room.free <= room.total


@pytest.mark.parametrize(("code", "raised"), [(errno.ENOSPC, ""), (errno.EIO, "refused")])
def test_where_there_is_no_room_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, raised: str
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(code, "refused")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    if raised:
        with pytest.raises(OSError, match="refused"):
            Reserve(tmp_path, 1000).make()
    else:
        assert not Reserve(tmp_path, 1000).make()
    assert list(tmp_path.iterdir()) == []
