"""The parts of `bench endure` that need no processes: damages, the judge of the history, the large store, and what is told."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.unit.app.kept_plant import LEVEL, Kept, configured
from twinvouch import verifier
from twinvouch.app import build
from twinvouch.app.bench import endured, endured_judge, full_disk, large_start, tails
from twinvouch.app.bench.tails_store import damages
from twinvouch.app.bench.tails_tally import COLUMNS, LIMIT
from twinvouch.app.compaction import compact


def test_every_store_is_damaged_and_nothing_acknowledged_is_gone_without_a_word(
    tmp_path: Path,
) -> None:
    rows, is_ok = tails.run(tmp_path, lambda _: None, every=211)
    assert is_ok
    stores = Counter(row["store"] for row in rows)
    assert set(stores.values()) == {3}, "cut, byte and bit of each"
    assert len(stores) == 9
    for row in rows:
        assert row["tried"] == sum(row[c] for c in COLUMNS[3:8]) > 0, row
        assert row["unsaid"] == 0 or row["expected"].startswith(LIMIT), row
    by_store = {(row["store"], row["damage"]): row for row in rows}
    chunk, log = by_store["chunks", "bit"], by_store["event log, state up to date", "byte"]
    assert chunk["refused"] == chunk["tried"]
    assert log["refused"] > 0
    assert by_store["reserve", "cut"]["repaired"] == by_store["reserve", "cut"]["tried"]


def test_each_offset_is_cut_and_flipped() -> None:
    assert list(damages(b"\x00\xff", 0, 1)) == [
        ("cut", 0, b""),
        ("byte", 0, b"\xff\xff"),
        ("bit", 0, b"\x01\xff"),
        ("cut", 1, b"\x00"),
        ("byte", 1, b"\x00\x00"),
        ("bit", 1, b"\x00\xfd"),
    ]


@pytest.mark.parametrize("kills", [5, 7, 200, 1000])
def test_all_are_killed_and_together_as_often_as_asked(kills: int) -> None:
    found = endured.shares(kills)
    assert min(found.values()) >= 1
    assert sum(found.values()) == kills


def test_the_judge_of_the_history_finds_what_is_lost_and_what_is_there_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = Kept(configured(tmp_path / "plant"))
    for _ in range(3):
        plant.send([5.0, 5.1])
        plant.wait(86_400)
    plant.close()
    compact(plant.config, lambda _: None)
    sent = np.array([t_ns for t_ns, *_ in plant.sent])
    found = endured_judge.recalled(plant.config, {LEVEL: [sent]})
    assert (found.found, found.lost, found.twice, found.strange) == (6, 0, 0, 0)
    found = endured_judge.recalled(plant.config, {LEVEL: [sent[1:], sent[:1] + 7]})
    assert (found.lost, found.strange) == (1, 1)
    assert "1 acknowledged readings are not in the history" in found.faults[0]
    monkeypatch.setattr(endured_judge, "_asked", lambda _recall, _tag: np.append(sent, sent[2]))
    found = endured_judge.recalled(plant.config, {LEVEL: [sent]})
    assert (found.twice, len(found.faults)) == (1, 1)


def test_the_large_store_is_one_that_a_core_opens_and_a_verifier_agrees_with(
    tmp_path: Path,
) -> None:
    config = large_start._configured(tmp_path, 1)
    source = large_start.write_store(config, 1_000_000)
    assert source.seq % large_start._GROUP_OF == 0
    stores = build.stores(config)
    assert stores.log.end == stores.ledger.size == source.seq
    stores.close()
    ledger = config.data_dir / "ledger"
    assert verifier.verify(ledger, (ledger / "log.vkey").read_text()).ok
    assert list((config.data_dir / "history").glob("*/*.tvc"))


def test_where_no_file_system_of_its_own_is_given_nothing_is_tried_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(full_disk, "_UNSHARE", ("no-such-program-here",))
    figures, is_ok = full_disk.run(tmp_path, said.append)
    assert is_ok
    assert figures == {"full_how": "not tried: no user namespaces"}
    assert len(said) == 1
