"""Safe actions are remembered whatever ends the process, in room that is there already."""

from dataclasses import replace
from pathlib import Path

import pytest

from twinvouch.adapters.safe_journal import FILE, KEPT_NS, SIZE, SafeAction, SafeJournal
from twinvouch.core.errors import CorruptError, UnavailableError

NOW = 1_800_000_000_000_000_000
ONE = SafeAction("aa" * 16, "pump/run", 0.0, (0,), NOW)


def test_what_was_begun_is_there_after_a_restart(tmp_path: Path) -> None:
    journal = SafeJournal(tmp_path, NOW)
    journal.begin(ONE)
    journal.close()
    again = SafeJournal(tmp_path, NOW + 1)
    assert again.untold == (ONE,)
    again.end(ONE.nonce, "written")
    assert again.untold == (replace(ONE, outcome="written"),)
    again.told(ONE.nonce, NOW + 1)
    assert again.untold == ()
    assert again.count("pump/run", NOW - 1) == 1
    assert again.count("pump/run", NOW) == again.count("tank/x", 0) == 0
    again.close()
    late = SafeJournal(tmp_path, NOW + KEPT_NS + 1)
    assert late.count("pump/run", 0) == 0, "told, and more than an hour ago"
    late.close()


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_last_line_is_cut(tmp_path: Path, cut: int) -> None:
    journal = SafeJournal(tmp_path, NOW)
    journal.begin(ONE)
    journal.begin(replace(ONE, nonce="bb" * 16))
    journal.close()
    path = tmp_path / FILE
    raw = path.read_bytes().rstrip(b"\0")
    path.write_bytes(raw[:-cut].ljust(SIZE, b"\0"))
    again = SafeJournal(tmp_path, NOW)
    assert [a.nonce for a in again.untold][:1] == [ONE.nonce]
    assert len(again.untold) == (2 if cut == 1 else 1)
    again.close()


def test_damage_before_the_end_is_told(tmp_path: Path) -> None:
    journal = SafeJournal(tmp_path, NOW)
    journal.begin(ONE)
    journal.begin(replace(ONE, nonce="bb" * 16))
    journal.close()
    path = tmp_path / FILE
    raw = bytearray(path.read_bytes())
    raw[20] ^= 1
    path.write_bytes(raw)
    with pytest.raises(CorruptError, match="line 1 is damaged"):
        SafeJournal(tmp_path, NOW)


def test_its_room_is_allocated_and_ends(tmp_path: Path) -> None:
    journal = SafeJournal(tmp_path, NOW)
    assert (tmp_path / FILE).stat().st_size == SIZE
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
    while journal._end + 400 < SIZE:
        journal.begin(replace(ONE, nonce=f"{journal._end:032x}"))
    last = replace(ONE, nonce="ee" * 16, outcome="x" * 500)
    with pytest.raises(UnavailableError, match="is full"):
        journal.begin(last)
    assert len(journal.untold) > 1000
    journal.close()
