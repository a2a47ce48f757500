"""What is over is deleted, what is held is not, what was shredded is gone; and the ledger verifies as before."""

import shutil
import time
from dataclasses import astuple
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.unit.app.kept_plant import DAY, LEVEL, START, Kept, configured
from tests.unit.app.plants import GOOD, problems
from tests.unit.app.test_encryption import ON
from twinvouch import verifier
from twinvouch.adapters import deeds
from twinvouch.adapters.chunk_files import ChunkFile
from twinvouch.adapters.chunk_index import open_index
from twinvouch.adapters.key_store import ErasedError, KeyStore
from twinvouch.adapters.vault import Vault
from twinvouch.app import backup, encryption, retention
from twinvouch.app.cli.retention import command
from twinvouch.app.compaction import DIRECTORY, compact
from twinvouch.app.recall import EARLIEST, LATEST, recall_of
from twinvouch.app.restore import restore
from twinvouch.core.errors import CorruptError, UsageError
from twinvouch.core.event import HistoryChanged

ALL = (EARLIEST, LATEST)
FIRST_DAY = START // DAY


def days(plant: Kept, count: int) -> None:
    """One batch on each of so many days, and chunks of all but the last."""
    for _ in range(count):
        plant.send([5.0, 5.001, 5.0])
        plant.wait(86_400)
    compact(plant.config, lambda _: None)


def days_left(plant: Kept) -> list[int]:
    readings = recall_of(plant.config).page(LEVEL, ALL, limit=10_000).readings
    return sorted(set((readings.clock.received_ns // DAY - FIRST_DAY).tolist()))


def verified(plant: Kept) -> bool:
    plant.publish()
    return verifier.verify(plant.config.data_dir / "ledger", plant.stores.ledger.verifier_key).ok


def chunk_files(plant: Kept) -> list[Path]:
    return sorted((plant.config.data_dir / DIRECTORY).glob("*/*.tvc"))


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        ("retention: {history_days: 2}\n", 2),
        ("retention: {history_days: 9, groups: {fast: 3}}\n", 3),
        ("retention: {criticality_days: [1, 1, 4, 9]}\n", 4),  # the most critical tag has 2
        ("", 6),
    ],
)
def test_days_are_kept_by_group_by_criticality_or_in_general(
    tmp_path: Path, more: str, kept: int
) -> None:
    plant = Kept(configured(tmp_path / "plant", more))
    days(plant, 6)
    retention.purge(plant.config, (FIRST_DAY + 6) * DAY)
    assert len(chunk_files(plant)) == kept
    assert days_left(plant) == list(range(6 - kept, 6))
    plant.close()


def test_c36_the_ledger_verifies_after_a_purge_and_the_core_goes_on(tmp_path: Path) -> None:
    plant = Kept(configured(tmp_path / "plant", "retention: {history_days: 1}\n"))
    days(plant, 4)
    assert verified(plant)
    size = plant.engine.memory.size
    root = (plant.config.data_dir / "ledger" / "checkpoint").read_bytes()
    retention.purge(plant.config, plant.now_ns)
    assert verified(plant)
    assert (plant.config.data_dir / "ledger" / "checkpoint").read_bytes() == root
    plant.stores.retire(plant.stores.state.load()[1])
    plant.close()
    again = Kept(plant.config, now_ns=plant.now_ns, seq=plant.seq, prev=plant.prev)
    assert again.engine.memory.size == size
    again.send([5.0])
    assert verified(again)
    again.close()


def test_c36_a_hold_outlives_retention_until_it_is_lifted(tmp_path: Path) -> None:
    hold = (
        "retention: {history_days: 1, holds: {case-7: {reason: claim of the water board, "
        "tags: [tank-1/level], from: 2026-11-27, to: 2026-11-28}}}\n"
    )
    plant = Kept(configured(tmp_path / "plant", hold))
    days(plant, 6)
    found = retention.purge(plant.config, plant.now_ns)
    assert {names for _, names in found.held} == {("case-7",)}
    assert days_left(plant) == [1, 2, 5]
    assert retention.purge(plant.config, plant.now_ns).over == ()
    lifted = configured(tmp_path / "plant", "retention: {history_days: 1}\n")
    assert len(retention.purge(lifted, plant.now_ns).over) == 2
    assert days_left(plant) == [5]
    plant.close()


def test_a_hold_on_another_tag_or_time_holds_nothing(tmp_path: Path) -> None:
    config = configured(
        tmp_path / "plant",
        "retention: {history_days: 1, holds: {a: {reason: x, from: 2030-01-01}, "
        "b: {reason: x, to: 2026-11-25T23:59Z}}}\n",
    )
    plant = Kept(config)
    days(plant, 3)
    assert retention.purge(config, plant.now_ns).held == ()
    plant.close()


def test_the_log_is_not_dropped_before_it_is_in_the_history(tmp_path: Path) -> None:
    plant = Kept(configured(tmp_path / "plant", "retention: {segments_days: 1}\n"))
    log = plant.stores.log
    plant.send([5.0])
    seen: list[int] = []
    object.__setattr__(log, "drop_before", lambda number: seen.append(number) or 0)
    object.__setattr__(log, "older_than", lambda _: 999)
    plant.stores.retire(500)
    plant.wait(86_400)
    done = compact(plant.config, lambda _: None)
    plant.stores.retire(500)
    assert seen == [0, done.record]
    plant.close()


def test_a_hold_keeps_the_signed_records_too(tmp_path: Path) -> None:
    config = configured(
        tmp_path / "plant", "retention: {holds: {a: {reason: x, from: 2026-11-01}}}\n"
    )
    assert retention.log_cutoff_ns(config, START + 400 * DAY) < START
    free = configured(tmp_path / "other", "")
    assert retention.log_cutoff_ns(free, START + 400 * DAY) == START + 370 * DAY


def test_without_history_the_log_goes_by_age_alone(tmp_path: Path) -> None:
    plant = Kept(configured(tmp_path / "plant", "retention: {history_days: 0}\n"))
    seen: list[int] = []
    object.__setattr__(plant.stores.log, "drop_before", lambda number: seen.append(number) or 0)
    object.__setattr__(plant.stores.log, "older_than", lambda _: 999)
    plant.stores.retire(500)
    assert seen == [500]
    plant.close()


def test_c28_a_shredded_day_is_gone_from_log_blobs_and_chunks_and_proofs_hold(
    tmp_path: Path,
) -> None:
    plant = Kept(configured(tmp_path / "plant", ON))
    plant.send([5.0, 99.0, 5.0])  # flagged: its findings are blobs
    plant.wait(86_400)
    days(plant, 2)
    assert verified(plant)
    entry = plant.stores.state.leaves(0, 2)
    encryption.shred(plant.config, "edge-1", FIRST_DAY, time.time_ns())

    page = recall_of(plant.config).page(LEVEL, ALL)
    assert page.erased == (("edge-1", FIRST_DAY),)
    assert days_left(plant) == [1, 2]
    secrets = KeyStore(
        plant.config.data_dir / "keys.db",
        plant.config.path.parent / "secrets/core.kek",
        is_owner=False,
    )
    vault = Vault(secrets)
    opened = 0
    for path in chunk_files(plant):
        try:
            with ChunkFile(path, vault=vault) as file:
                file.verify()
                opened += 1
        except ErasedError:
            assert path.name.startswith(f"{FIRST_DAY:06d}-")
    assert opened == 2
    vault.close()
    assert verified(plant)
    assert plant.stores.state.leaves(0, 2) == entry
    # the log is read past it, and another pass has nothing to do with that day
    shutil.rmtree(plant.config.data_dir / DIRECTORY)
    compact(plant.config, lambda _: None)
    assert days_left(plant) == [1, 2]
    plant.close()


def test_c27_chunks_tell_nothing_without_a_key(tmp_path: Path) -> None:
    plain, sealed = Kept(configured(tmp_path / "a")), Kept(configured(tmp_path / "b", ON))
    for plant in (plain, sealed):
        days(plant, 2)
        plant.close()
    with ChunkFile(chunk_files(plain)[0]) as file:
        file.verify()
    with pytest.raises(CorruptError, match="is encrypted and no key is configured"):
        ChunkFile(chunk_files(sealed)[0])


def test_c36_what_is_held_is_not_shredded(tmp_path: Path) -> None:
    hold = "retention: {holds: {case-7: {reason: x, tags: [tank-1/level], to: 2026-11-26}}}\n"
    plant = Kept(configured(tmp_path / "plant", ON + hold))
    days(plant, 3)
    with pytest.raises(UsageError, match="held by `case-7`"):
        encryption.shred(plant.config, "edge-1", FIRST_DAY, time.time_ns())
    encryption.shred(plant.config, "edge-1", FIRST_DAY + 2, time.time_ns())
    assert days_left(plant) == [0, 1]
    plant.close()


def test_the_command_line_shows_holds_and_says_what_it_would_do(tmp_path: Path) -> None:
    more = "retention: {history_days: 1, holds: {case-7: {reason: claim, to: 2026-11-26}}}\n"
    plant = Kept(configured(tmp_path / "plant", more))
    days(plant, 3)
    plant.close()

    def call(*words: str) -> str:
        done = CliRunner().invoke(command, [*words, "--config", str(plant.config.path)])
        assert done.exit_code == 0, done.output
        return done.output

    def at_the_end() -> int:
        return plant.now_ns

    clock = pytest.MonkeyPatch()
    clock.setattr("twinvouch.app.cli.retention.time.time_ns", at_the_end)
    try:
        assert "case-7" in call("holds")
        assert call("holds").splitlines()[1].split()[-2:] == ["1", "claim"]
        assert call("purge", "--dry-run").splitlines()[-1] == "1 chunks would be deleted, 1 held"
        assert len(chunk_files(plant)) == 3
        assert call("purge").splitlines()[-1] == "1 chunks deleted, 1 held"
        assert len(chunk_files(plant)) == 2
        assert "fast" in call("status")
    finally:
        clock.undo()


def test_retention_names_what_is_not_there(tmp_path: Path) -> None:
    wrong = (
        "retention: {groups: {slow: 3}, holds: {a: {reason: x, tags: [tank-1/lvel], "
        "from: 2026-12-01, to: 2026-11-01}, b: {reason: x, from: 2026-02-31}}}\n"
    )
    said = "\n".join(problems(tmp_path, GOOD + wrong))
    assert "`slow` is no scan group" in said
    assert "`tank-1/lvel` is no tag" in said
    assert "`to` 2026-11-01, expected not before `from` 2026-12-01" in said
    assert "2026-02-31" in said


def test_a_backup_has_the_history_and_a_restored_core_goes_on_with_it(tmp_path: Path) -> None:
    plant = Kept(configured(tmp_path / "plant"))
    days(plant, 4)
    plant.send([5.5])
    plant.publish()
    made = tmp_path / "backup"
    backup.create(plant.config, made)
    plant.close()
    before = recall_of(plant.config).page(LEVEL, ALL, limit=10_000).readings
    shutil.rmtree(plant.config.data_dir)
    restore(plant.config, made)
    again = Kept(plant.config, now_ns=time.time_ns(), seq=plant.seq, prev=plant.prev)
    after = recall_of(plant.config).page(LEVEL, ALL, limit=10_000).readings
    assert after.values.tolist() == before.values.tolist()
    assert after.clock.entry.tolist() == before.clock.entry.tolist()
    again.send([5.6])
    again.wait(86_400)
    compact(plant.config, lambda _: None)
    readings = recall_of(plant.config).page(LEVEL, ALL, limit=10_000).readings
    assert sorted(readings.values.tolist()) == sorted([*before.values.tolist(), 5.6])
    again.close()


def test_a_backup_leaves_out_a_chunk_that_goes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = Kept(configured(tmp_path / "plant"))
    days(plant, 3)
    plant.publish()
    copied = backup.files.copy_log

    def purged(*args: Path | int) -> int:
        chunk_files(plant)[0].unlink()
        return copied(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(backup.files, "copy_log", purged)
    backup.create(plant.config, tmp_path / "backup")
    backup.check(tmp_path / "backup", plant.stores.ledger.verifier_key, plant.config.plant.id)
    index = open_index(tmp_path / "backup" / DIRECTORY)
    assert index is not None
    assert len(index.all()) == 2
    index.close()
    plant.close()


def enter(plant: Kept) -> list[tuple[str, str, int, int]]:
    """What the keeper of a running core does with the deeds that wait."""
    done = []
    for path in deeds.waiting(plant.config.data_dir):
        deed = deeds.read(path)
        plant.feed(HistoryChanged(bytes(16), *astuple(deed)))
        path.unlink()
        done.append((deed.what, deed.subject, deed.day - FIRST_DAY, deed.count))
    return done


def test_what_becomes_of_the_history_is_entered_in_the_ledger(tmp_path: Path) -> None:
    plant = Kept(configured(tmp_path / "plant", ON + "retention: {history_days: 2}\n"))
    days(plant, 3)
    faults = list(retention.verify(plant.config))
    assert len(faults) == 3
    assert "no ledger entry names its digest" in faults[0]
    assert enter(plant) == [("written", "fast", day, 6) for day in range(3)]
    assert list(retention.verify(plant.config)) == []
    encryption.shred(plant.config, "edge-1", FIRST_DAY, time.time_ns())
    assert list(retention.verify(plant.config)) == []
    retention.purge(plant.config, plant.now_ns)
    assert sorted(enter(plant)) == [("purged", "fast", 0, 1), ("shredded", "edge-1", 0, 0)]
    assert verified(plant)
    report = verifier.verify(plant.config.data_dir / "ledger", plant.stores.ledger.verifier_key)
    assert report.contents.kinds["history"] == 5
    plant.close()


def test_a_chunk_that_somebody_exchanged_is_found(tmp_path: Path) -> None:
    plant = Kept(configured(tmp_path / "plant"))
    days(plant, 2)
    enter(plant)
    first, second = chunk_files(plant)
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    (fault,) = retention.verify(plant.config)
    assert "is another one than the index names" in fault
    first.unlink()
    (fault,) = retention.verify(plant.config)
    assert "is missing" in fault
    first.write_bytes(kept)
    done = CliRunner().invoke(command, ["verify", "--config", str(plant.config.path)])
    assert "2 chunks hold" in done.output
    plant.close()


def test_chunks_whose_index_was_lost_are_never_taken_for_leftovers(tmp_path: Path) -> None:
    plant = Kept(configured(tmp_path / "plant"))
    days(plant, 3)
    files = chunk_files(plant)
    for leftover in (plant.config.data_dir / DIRECTORY).glob("index.db*"):
        leftover.unlink()
    for _ in range(2):  # the second time there is an index, and it is empty
        with pytest.raises(CorruptError, match="has chunks and its index does not know them"):
            compact(plant.config, lambda _: None)
        with pytest.raises(CorruptError):
            retention.purge(plant.config, plant.now_ns)
    assert chunk_files(plant) == files
    plant.close()


def test_a_damaged_index_keeps_the_log_and_does_not_end_the_core(tmp_path: Path) -> None:
    plant = Kept(configured(tmp_path / "plant"))
    days(plant, 2)
    index = plant.config.data_dir / DIRECTORY / "index.db"
    index.write_bytes(b"no database" * 1_000)
    dropped: list[int] = []
    object.__setattr__(plant.stores.log, "drop_before", lambda number: dropped.append(number) or 0)
    assert plant.stores.retire(500) == 0
    assert dropped == []
    plant.close()
