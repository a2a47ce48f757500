"""Exports: the same readings as the history in CSV and Parquet, derivations as PROV-JSON and OpenLineage."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.unit.app.kept_plant import LEVEL
from tests.unit.app.test_backup import Plant
from tests.unit.app.test_backup import configured as backup_plant
from tests.unit.app.test_history_api import Site
from tests.unit.app.test_live_core import closed
from twinvouch.app.cli import export
from twinvouch.app.cli.export import command
from twinvouch.core.errors import NotPermittedError, UnavailableError, UsageError

__all__ = ["closed"]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "plant")
    yield made
    made.live.close()


def call(site: Site, *words: str, who: str = "ada") -> Result:
    return CliRunner().invoke(command, [*words, "--config", str(site.path), "--as", who])


def test_csv_has_every_reading_with_label_and_reason(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PAGE", 4)
    out = tmp_path / "level.csv"
    done = call(site, "csv", "--tag", LEVEL, "--tag", "pump-1/speed", "--out", str(out))
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(out.read_text("utf-8").splitlines()))
    level = [r for r in rows if r["tag"] == LEVEL]
    assert [(int(r["t_ns"]), float(r["value"])) for r in level] == [s[:2] for s in site.sent]
    assert len(rows) == 2 * len(level)
    (flagged,) = [r for r in level if r["reasons"]]
    assert flagged["value"] == "99.0"
    assert flagged["reasons"].startswith("range: ")
    assert flagged["identity"] == "120"
    assert site.live.memory.counts["query:allowed"] >= len(rows) // 4
    assert not list(tmp_path.glob("*.tmp"))


def test_an_export_is_another_permission_than_looking(site: Site, tmp_path: Path) -> None:
    assert site.run(LEVEL, "--last", "1", who="eve").exit_code == 0
    denied = call(site, "csv", "--tag", LEVEL, "--out", str(tmp_path / "x.csv"), who="eve")
    assert isinstance(denied.exception, NotPermittedError)
    assert not (tmp_path / "x.csv").exists()


def test_parquet_is_read_back_by_duckdb(site: Site, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip("duckdb")
    out = tmp_path / "all.parquet"
    done = call(site, "parquet", "--tag", LEVEL, "--tag", "pump-1/speed", "--out", str(out))
    assert done.exit_code == 0, done.output

    def ask(query: str) -> list[dict[str, Any]]:
        said = CliRunner().invoke(command, ["sql", query, str(out)])
        assert said.exit_code == 0, said.exception
        return [json.loads(line) for line in said.stdout.splitlines()]

    rows = ask(f"SELECT epoch_ns(time) t, value FROM history WHERE tag = '{LEVEL}' ORDER BY t")
    assert [(r["t"], r["value"]) for r in rows] == [s[:2] for s in site.sent]
    (one,) = ask(
        "SELECT count(*) n, min(plausibility) low FROM history WHERE reasons LIKE 'range%'"
    )
    assert one["n"] == 1
    assert one["low"] < 255
    wrong = CliRunner().invoke(command, ["sql", "SELECT nothing FROM history", str(out)])
    assert isinstance(wrong.exception, UsageError)


def test_what_is_not_installed_is_told_with_the_line_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "find_spec", lambda _: None)
    words = ["parquet", "--tag", LEVEL, "--out", str(tmp_path / "x")]
    refused = CliRunner().invoke(command, words)
    assert isinstance(refused.exception, UnavailableError)
    assert "pip install 'twinvouch[lake]'" in str(refused.exception)


def test_a_command_is_followed_to_the_batches_that_it_rests_on(tmp_path: Path) -> None:
    plant = Plant(backup_plant(tmp_path / "plant"))
    for _ in range(3):
        plant.read()
    reply = plant.propose(plant.command())
    assert reply.code == 200
    plant.publish()
    last = plant.engine.memory.size - 1
    where = ["--config", str(plant.config.path)]

    said = CliRunner().invoke(command, ["prov", str(last), *where])
    assert said.exit_code == 0, said.exception
    document = json.loads(said.stdout)
    kinds = {name: told["prov:type"] for name, told in document["entity"].items()}
    assert kinds[f"tv:entry-{last}"] in {"tv:decision", "tv:permit"}
    assert {"tv:batch", "tv:command", "tv:decision"} <= set(kinds.values())
    assert {"tv:edge-1", "tv:scada"} == set(document["agent"])
    for told in document["wasDerivedFrom"].values():
        assert {told["prov:generatedEntity"], told["prov:usedEntity"]} <= set(kinds)
        assert told["prov:activity"] in document["activity"]
    told = next(t for n, t in document["entity"].items() if n == f"tv:entry-{last}")
    assert len(bytes.fromhex(told["tv:leaf"])) == 32

    said = CliRunner().invoke(command, ["openlineage", str(last), *where])
    events = [json.loads(line) for line in said.stdout.splitlines()]
    assert len(events) == len(kinds)
    made: set[str] = set()
    for event in events:
        assert event["eventType"] == "COMPLETE"
        assert {d["name"] for d in event["inputs"]} <= made, "parents come first"
        made |= {d["name"] for d in event["outputs"]}
    assert len({event["run"]["runId"] for event in events}) == len(events)
    refused = CliRunner().invoke(command, ["prov", "999", *where])
    assert isinstance(refused.exception, UsageError)
    plant.close()
