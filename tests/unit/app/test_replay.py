"""A CSV becomes signed batches, cell by cell, and the counts add up."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.app.plants import write
from twinvouch.adapters.keys import SeededSigner
from twinvouch.app import inventory, starter
from twinvouch.app.config import load
from twinvouch.app.config_model import Config
from twinvouch.app.csv_table import open_table
from twinvouch.app.problems import InvalidConfigError
from twinvouch.app.replay import DELAY_NS, Counts, Fed, Sealer, blocks, layout, replay, settings_of
from twinvouch.app.starter_csv import CsvChoices
from twinvouch.core.batch import Batch, Origin, Quality
from twinvouch.core.errors import ConfigError
from twinvouch.core.kind import Purpose
from twinvouch.wire.batch import read_batch, read_header
from twinvouch.wire.cose import check, unseal

TEXT = """\
version: 1
plant: {id: p}
replay: {time_column: t, time_zone: UTC, ignore: [note]}
assets: {a: {}}
groups:
  fast: {edge: e, period_s: 1, max_age_s: 10}
  slow: {edge: e, period_s: 1, max_age_s: 10}
edges: {e: {groups: [fast, slow], gather_s: 2, max_rows: 3}}
principals: [{id: e, kind: edge}]
tags:
  a/x: {group: fast, column: X}
  a/y: {group: fast, column: Y}
  a/z: {group: slow, column: Z}
"""
HEAD = "t,Z, X ,note,Y\n"
ROWS = [f"2026-01-01 00:00:{n:02},{n + 0.5},{n},n,{-n}" for n in range(7)]


def table(folder: Path, rows: list[str], head: str = HEAD) -> Path:
    path = folder / "f.csv"
    path.write_text(head + "".join(r + "\n" for r in rows), encoding="utf-8")
    return path


def batches(folder: Path, rows: list[str], counts: Counts | None = None) -> Iterator[Batch]:
    """The batches as the gate would read them, each checked on the way."""
    config = load(write(folder, TEXT))
    plant = inventory.plant(config)
    signer = SeededSigner(bytes(32))
    sealer = Sealer(plant, "e", 7, signer)
    prev = bytes(32)
    for seq, block in enumerate(
        blocks(open_table(table(folder, rows)), config, plant, counts or Counts())
    ):
        sealed = unseal(sealer.seal(block))
        check(sealed, signer.public_key, plant="p", purpose=Purpose.READINGS)
        content = bytes(sealed.content)
        header = read_header(content)
        assert (header.identity.seq, header.identity.epoch, header.origin) == (
            seq,
            7,
            Origin.REPLAY,
        )
        assert header.prev == prev
        prev = sealed.digest
        yield read_batch(content, sealed.digest, header, plant.groups[header.group], 1000)


def test_rows_become_batches_per_group(tmp_path: Path) -> None:
    found = list(batches(tmp_path, ROWS))
    assert [(b.group, len(b.t_ns)) for b in found] == [
        ("fast", 3),
        ("slow", 3),
        ("fast", 3),
        ("slow", 3),
        ("fast", 1),
        ("slow", 1),
    ]
    assert found[0].values.tolist() == [[0, 0], [1, -1], [2, -2]]
    assert found[1].values.tolist() == [[0.5], [1.5], [2.5]]
    assert (np.diff(found[0].t_ns) == 1_000_000_000).all()


def test_gaps_and_steps_back_close_a_batch(tmp_path: Path) -> None:
    rows = [ROWS[0], ROWS[1], ROWS[6], ROWS[2], ROWS[2]]
    fast = [b for b in batches(tmp_path, rows) if b.group == "fast"]
    assert [b.values[:, 0].tolist() for b in fast] == [[0, 1], [6], [2, 2]]


def test_empty_text_and_nan_cells_are_told_apart(tmp_path: Path) -> None:
    counts = Counts()
    rows = ["2026-01-01,1, ,,Bad", "2026-01-01,nan,1e999,,inf", '2026-01-01,1,"2",,1_0']
    found = list(batches(tmp_path, rows, counts))
    fast, slow = found
    good, bad, missing = Quality.GOOD, Quality.BAD, Quality.MISSING
    assert fast.quality.tolist() == [[missing, bad], [good, good], [good, bad]]
    assert slow.quality.tolist() == [[good], [good], [good]]
    assert np.isnan(slow.values[1, 0])
    assert np.isinf(fast.values[1]).all()
    assert fast.values[2, 0] == 2
    assert (counts.rows, counts.cells, counts.missing, counts.bad) == (3, 9, 1, 2)
    assert [str(p).rpartition("f.csv:")[2] for p in counts.told] == [
        "2:17: `Y` is 'Bad', no number",
        "4:19: `Y` is '1_0', no number",
    ]


def test_rows_that_cannot_be_sent_are_counted_and_named(tmp_path: Path) -> None:
    counts = Counts()
    rows = ["yesterday,1,1,,1", ROWS[0], "2026-01-01,1", ROWS[1] + ",extra"]
    assert sum(len(b.t_ns) for b in batches(tmp_path, rows, counts)) == 2
    assert (counts.rows, counts.rows_refused, counts.cells) == (4, 3, 3)
    assert [str(p).rpartition("f.csv:")[2].partition(",")[0] for p in counts.told] == [
        "2:1: time 'yesterday'", "4:1: 2 cells", "5:1: 6 cells",
    ]  # fmt: skip


def test_the_layout_names_what_is_missing_or_unknown(tmp_path: Path) -> None:
    config = load(write(tmp_path, TEXT))
    with pytest.raises(InvalidConfigError) as error:
        layout(open_table(table(tmp_path, [], "t,Z,XX,Y,new\n")), config, inventory.plant(config))
    assert [p.text for p in error.value.problems] == [
        "missing column `X`, did you mean `XX`?",
        "column `XX`, did you mean `X`?",
        "column `new`; it is no tag and not in `replay.ignore`",
    ]


def test_a_config_that_says_nothing_of_csv_is_refused(tmp_path: Path) -> None:
    config = starter.write(tmp_path, starter.template("p"))
    with pytest.raises(ConfigError, match="missing section `replay:`"):
        settings_of(config)


def test_the_report_adds_up_and_the_clock_follows_the_file(tmp_path: Path) -> None:
    config = load(write(tmp_path, TEXT))
    plant = inventory.plant(config)
    arrivals: list[int] = []

    def feed(_raw: bytes, now_ns: int) -> Fed:
        arrivals.append(now_ns)
        if len(arrivals) == 2:
            return Fed("refused", {"not_owner": 1}, {"not_owner": 0})
        return Fed("admitted", {"range": 2}, {"range": 5})

    sealers = {"e": Sealer(plant, "e", 1, SeededSigner(bytes(32)))}
    report = replay(open_table(table(tmp_path, ROWS)), config, plant, sealers, feed)
    assert report.whole
    assert (report.admitted, report.refused) == (18, 3)
    assert report.batches == {"admitted": 5, "refused": 1}
    assert report.findings == {"range": 10, "not_owner": 1}
    assert report.cells_named == {"range": 25, "not_owner": 0}
    assert arrivals == sorted(arrivals)
    assert arrivals[0] == 1_767_225_602 * 1_000_000_000 + DELAY_NS


@given(st.lists(st.text(alphabet=st.sampled_from('2026-01:,."x\n é'), max_size=30), max_size=6))
def test_any_rows_are_sent_or_refused(
    tmp_path_factory: pytest.TempPathFactory, rows: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("r")
    counts = Counts()
    try:
        found = list(batches(folder, rows, counts))
    except InvalidConfigError:
        return
    assert sum(b.values.size for b in found) == counts.cells
    assert counts.rows - counts.rows_refused == counts.cells // 3


def batadal_config(shared_data: Path, folder: Path) -> Config:
    choices = CsvChoices("UTC", "%d/%m/%y %H", ignore=["ATT_FLAG"])
    text = starter.from_csv(shared_data / "batadal" / "dataset03.csv", "ctown", choices)
    return starter.write(folder, text)


def test_batadal_attacks_are_sent_whole(shared_data: Path, tmp_path: Path) -> None:
    file = shared_data / "batadal" / "dataset04.csv"
    config = batadal_config(shared_data, tmp_path)
    counts = Counts()
    found = list(blocks(open_table(file), config, inventory.plant(config), counts))
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines, skipinitialspace=True))
    assert counts.rows == len(rows) == 4177
    assert (counts.cells, counts.rows_refused, counts.missing, counts.bad) == (4177 * 43, 0, 0, 0)
    group = inventory.plant(config).groups["scan"]
    columns = [config.tags[t].column or "" for t in group.ids]
    values = np.concatenate([b.values for b in found])
    assert values.tolist() == [[float(row[c]) for c in columns] for row in rows]
