"""The journal: what is spent stays spent, over restarts, torn lines, damage, a full disk and compaction."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from twinvouch.adapters import actuator_journal
from twinvouch.adapters.actuator_journal import FILE, ActuatorJournal, Spending
from twinvouch.core.errors import CorruptError, UnavailableError

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
NOW = 1_800_000_000 * SECOND
TTL = 10 * SECOND


def spending(number: int, **changes) -> Spending:
    one = Spending(
        nonce=number.to_bytes(16, "big"),
        command=f"c{number}",
        tag="pump-1/speed",
        words=(16256, 0),
        mode_epoch=0,
        expires_ns=NOW + 5 * SECOND,
        at_ns=NOW,
    )
    return replace(one, **changes)


ONE, TWO, THREE = spending(1), spending(2, mode_epoch=4), spending(3, tag="valve-1/open")


def opened(directory: Path, now: int = NOW, plant: str = "net3") -> ActuatorJournal:
    return ActuatorJournal(directory / "actuator", plant, now, TTL)


def filled(directory: Path) -> None:
    journal = opened(directory)
    journal.spend(ONE)
    journal.finish(ONE.nonce, b"outcome one")
    journal.spend(TWO)
    journal.refuse(THREE, b"outcome three")
    journal.delivered(ONE.nonce)
    journal.close()


def test_a_new_journal_knows_nothing(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    assert (journal.unresolved, journal.outbox, journal.horizon_ns) == ((), (), 0)
    assert not journal.is_spent(ONE.nonce)
    assert journal.mode_epoch("pump-1") == 0
    assert journal.repaired == ""
    journal.close()
    assert (tmp_path / "actuator" / FILE).stat().st_mode & 0o777 == 0o600


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    filled(tmp_path)
    journal = opened(tmp_path)
    assert all(journal.is_spent(s.nonce) for s in (ONE, TWO, THREE))
    assert journal.unresolved == (TWO,)
    assert journal.outbox == ((THREE.nonce, b"outcome three"),)
    assert (journal.mode_epoch("pump-1"), journal.mode_epoch("valve-1")) == (4, 0)
    assert journal.repaired == ""
    assert journal.horizon_ns == 0
    journal.close()


def test_every_line_is_synced_before_the_call_returns(tmp_path: Path, monkeypatch) -> None:
    journal = opened(tmp_path)
    synced: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        synced.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(os, "fsync", fsync)
    sizes = []
    for act in (
        lambda: journal.spend(ONE),
        lambda: journal.finish(ONE.nonce, b"o"),
        lambda: journal.delivered(ONE.nonce),
        lambda: journal.refuse(TWO, b"o"),
    ):
        act()
        sizes.append((tmp_path / "actuator" / FILE).stat().st_size)
    assert synced == sizes
    journal.close()


def test_a_tail_torn_at_any_byte_is_cut_said_and_answered_with_a_horizon(tmp_path: Path) -> None:
    filled(tmp_path)
    file = tmp_path / "actuator" / FILE
    whole = file.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for cut in range(last + 1, len(whole)):
        file.write_bytes(whole[:cut])
        journal = opened(tmp_path)
        assert f"byte {last}" in journal.repaired
        assert journal.horizon_ns == NOW + TTL
        assert all(journal.is_spent(s.nonce) for s in (ONE, TWO, THREE))
        assert journal.outbox[0] == (ONE.nonce, b"outcome one")  # its delivery was the torn line
        journal.close()
        again = opened(tmp_path, NOW + DAY)
        assert again.repaired == ""
        assert again.horizon_ns == NOW + TTL
        again.close()


@pytest.mark.parametrize("tail", [b"\x00" * 512, b"00000000 {}\n", b"\xff\n", b"no line"])
def test_garbage_at_the_end_is_a_torn_tail(tmp_path: Path, tail: bytes) -> None:
    filled(tmp_path)
    file = tmp_path / "actuator" / FILE
    whole = file.read_bytes()
    file.write_bytes(whole + tail)
    journal = opened(tmp_path)
    assert f"{len(tail)} bytes were cut" in journal.repaired
    assert journal.is_spent(TWO.nonce)
    journal.close()


def test_a_torn_first_line_gives_a_journal_with_a_horizon(tmp_path: Path) -> None:
    opened(tmp_path).close()
    file = tmp_path / "actuator" / FILE
    whole = file.read_bytes()
    for cut in range(1, len(whole)):
        file.write_bytes(whole[:cut])
        journal = opened(tmp_path)
        assert journal.horizon_ns == NOW + TTL
        journal.spend(ONE)
        journal.close()
        opened(tmp_path).close()


def test_a_flipped_bit_never_unspends(tmp_path: Path) -> None:
    """Before the last line it stops the process; in the last one it counts as torn."""
    filled(tmp_path)
    file = tmp_path / "actuator" / FILE
    whole = file.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for at in range(len(whole)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        if at < last:
            with pytest.raises(CorruptError, match=r"byte \d"):
                opened(tmp_path)
        else:
            journal = opened(tmp_path)
            assert journal.horizon_ns == NOW + TTL
            journal.close()


def test_the_journal_of_another_plant_is_refused(tmp_path: Path) -> None:
    filled(tmp_path)
    with pytest.raises(CorruptError, match="version 1 of plant `net4`, got"):
        opened(tmp_path, plant="net4")


def test_two_processes_do_not_share_a_journal(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    with pytest.raises(UnavailableError, match="in use"):
        opened(tmp_path)
    journal.close()
    opened(tmp_path).close()


def test_after_a_write_that_failed_nothing_is_remembered_and_nothing_accepted(
    tmp_path: Path, monkeypatch
) -> None:
    journal = opened(tmp_path)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UnavailableError, match="No space left"):
        journal.spend(ONE)
    assert not journal.is_spent(ONE.nonce)
    monkeypatch.undo()
    with pytest.raises(UnavailableError, match="closed"):
        journal.spend(ONE)
    journal.close()


def test_a_short_write_is_continued(tmp_path: Path, monkeypatch) -> None:
    journal = opened(tmp_path)
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data[:7])))
    journal.spend(ONE)
    monkeypatch.undo()
    journal.close()
    again = opened(tmp_path)
    assert again.unresolved == (ONE,)
    again.close()


def test_compaction_keeps_what_matters_and_refuses_what_it_forgets(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(actuator_journal, "_COMPACT_BYTES", 20_000)
    monkeypatch.setattr(actuator_journal, "_KEEP", 10)
    journal = opened(tmp_path)
    journal.spend(ONE)  # stays open
    journal.refuse(THREE, b"never delivered")
    old = [spending(k, expires_ns=NOW + k) for k in range(10, 60)]
    new = [spending(k, expires_ns=NOW + 3 * DAY, at_ns=NOW + 3 * DAY) for k in range(60, 120)]
    for one in [*old, *new]:
        journal.spend(one)
        journal.finish(one.nonce, b"x" * 100)
        journal.delivered(one.nonce)
    file = tmp_path / "actuator" / FILE
    assert file.stat().st_size < 60_000
    assert journal.horizon_ns == NOW + 49, "the last ten that are over are kept"
    for state in (journal, None):
        found = state or opened(tmp_path)
        assert found.unresolved == (ONE,)
        assert found.outbox == ((THREE.nonce, b"never delivered"),)
        assert all(found.is_spent(s.nonce) for s in (ONE, THREE, *new))
        assert all(found.is_spent(s.nonce) or s.expires_ns <= found.horizon_ns for s in old)
        assert not found.is_spent(old[0].nonce)
        found.close()
    assert sorted(p.name for p in file.parent.iterdir()) == [FILE, "lock"]


def test_a_long_life_stays_small_on_disk_and_in_memory(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(
        actuator_journal.os, "fsync", lambda _: None
    )  # 15,000 of them, not the point
    journal = opened(tmp_path)
    file = tmp_path / "actuator" / FILE
    most = 0
    for k in range(5_000):
        one = spending(k, expires_ns=NOW + k * SECOND, at_ns=NOW + k * SECOND)
        journal.spend(one)
        journal.finish(one.nonce, b"x" * 300)
        journal.delivered(one.nonce)
        most = max(most, len(journal._spent))
        assert journal.is_spent(one.nonce)
    assert most <= 2_100, "twice a thousand, and a minute of new ones"
    assert file.stat().st_size < 3_000_000
    assert journal.horizon_ns > NOW + 2_000 * SECOND
    journal.close()
    again = opened(tmp_path)
    assert len(again._spent) <= 2_100
    assert again.horizon_ns == journal.horizon_ns
    again.close()


def test_permits_that_expire_far_ahead_are_never_forgotten(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(actuator_journal.os, "fsync", lambda _: None)
    monkeypatch.setattr(actuator_journal, "_KEEP", 5)
    journal = opened(tmp_path)
    ahead = [spending(k, expires_ns=NOW + 9 * DAY) for k in range(40)]
    for one in ahead:
        journal.refuse(one, b"no")
        journal.delivered(one.nonce)
    assert journal.horizon_ns == 0
    assert all(journal.is_spent(one.nonce) for one in ahead)
    journal.close()


def test_a_compaction_that_fails_changes_nothing_on_disk(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(actuator_journal, "_COMPACT_BYTES", 1)
    journal = opened(tmp_path)
    journal._compact_at = 1 << 40
    journal.spend(ONE)
    journal.finish(ONE.nonce, b"o")
    journal._compact_at = 1

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(UnavailableError, match="Read-only"):
        journal.delivered(ONE.nonce)
    with pytest.raises(UnavailableError, match="closed"):
        journal.spend(TWO)
    journal.close()
    monkeypatch.undo()
    again = opened(tmp_path)
    assert again.is_spent(ONE.nonce)
    assert again.outbox == ()
    again.close()
