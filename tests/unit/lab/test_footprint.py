"""What the kernel says of a process, and of a directory."""

import os
from pathlib import Path

import pytest

from twinvouch.core.errors import UnavailableError
from twinvouch.lab.drill import footprint


def test_the_kernels_words_are_read(tmp_path: Path) -> None:
    place = tmp_path / "7"
    (place / "fd").mkdir(parents=True)
    for name in ("0", "1", "2"):
        (place / "fd" / name).touch()
    (place / "status").write_text("Name:\tx\nState:\tS (sleeping)\nThreads:\t9\n")
    (place / "smaps_rollup").write_text(
        "00400000-7ffe [rollup]\nRss: 500 kB\nPss: 300 kB\nAnonymous: 220 kB\n"
    )
    assert footprint.of_process(7, tmp_path) == footprint.Footprint(300, 220, 3, 9)


def test_this_process_has_a_footprint() -> None:
    mine = footprint.of_process(os.getpid())
    assert mine.pss_kib > 1000
    assert mine.anonymous_kib > 1000
    assert mine.handles >= 3
    assert mine.threads >= 1


def test_a_process_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be read"):
        footprint.of_process(7, tmp_path)


def test_bytes_of_a_file_of_a_directory_and_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(bytes(10))
    (tmp_path / "c").write_bytes(bytes(5))
    assert footprint.bytes_below(tmp_path) == 15
    assert footprint.bytes_below(tmp_path / "c") == 5
    assert footprint.bytes_below(tmp_path / "none") == 0
