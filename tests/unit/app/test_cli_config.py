"""The verbs init, check, principals and replay, from the outside."""

import csv
import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from tests.unit.app.plants import GOOD, changed, write
from twinvouch.app.cli import main

CSV_HEAD = "time,level,pump\n"


def call(*args: object, code: int = 0) -> Result:
    """Run one verb in this process; stdout and stderr apart."""
    runner = CliRunner()

    @click.command(context_settings={"ignore_unknown_options": True})
    @click.argument("args", nargs=-1, type=click.UNPROCESSED)
    def program(args: tuple[str, ...]) -> None:
        main(args)

    result = runner.invoke(program, [str(a) for a in args])
    assert result.exit_code == code, (result.exit_code, result.output, result.exception)
    return result


def readings(folder: Path, name: str, first: int, rows: int) -> Path:
    path = folder / name
    lines = [
        f"2026-01-0{1 + n // 24} {n % 24:02}:00,{5 + (n % 7) / 10},{n % 2}"
        for n in range(first, first + rows)
    ]
    path.write_text(CSV_HEAD + "\n".join(lines) + "\n")
    return path


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """A configuration made from a CSV, with the edge's key."""
    file = readings(tmp_path, "clean.csv", 0, 60)
    call("init", tmp_path / "plant", "--from-csv", file, "--time-zone", "UTC")
    config = tmp_path / "plant" / "twin.yaml"
    call("principals", "add", "edge-1", "--kind", "edge", "--config", config)
    return config


def test_init_writes_a_starter_that_passes_check(tmp_path: Path) -> None:
    result = call("init", tmp_path / "new", "--plant", "p1")
    assert "twinvouch principals add edge-1 --kind edge" in result.output
    result = call("check", tmp_path / "new" / "twin.yaml", "--json")
    told = json.loads(result.stdout)
    assert told["ok"]
    assert len(told["notices"]) == 2
    call("init", tmp_path / "new", code=2)


def test_the_lines_that_init_prints_work(tmp_path: Path) -> None:
    result = call("init", tmp_path / "new")
    for line in result.output.splitlines():
        if line.startswith("  twinvouch principals"):
            call(*line.split()[1:])
    told = json.loads(call("check", tmp_path / "new" / "twin.yaml", "--json").stdout)
    assert told["notices"] == []


def test_init_from_csv_needs_a_time_zone(tmp_path: Path) -> None:
    file = readings(tmp_path, "clean.csv", 0, 5)
    result = call("init", tmp_path / "p", "--from-csv", file, code=2)
    assert "--time-zone" in result.stderr
    call("init", tmp_path / "p", "--time-zone", "UTC", code=2)
    assert not (tmp_path / "p").exists()


def test_init_tells_what_is_wrong_with_the_csv(tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("time,a,a\n")
    result = call("init", tmp_path / "p", "--from-csv", file, "--time-zone", "UTC", code=3)
    assert "bad.csv:1:8: duplicate column `a`" in result.stderr


def test_check_ends_with_3_and_names_every_place(tmp_path: Path) -> None:
    text = changed("max: 1,", "max: 9,")
    path = write(tmp_path, changed("zone: field}, pump", "zone: feild}, pump", text))
    result = call("check", path, code=3)
    assert f"{path}:5:25: " in result.stderr
    assert "2 error(s)" in result.stderr
    told = json.loads(call("check", path, "--json", code=3).stdout)
    assert [p["line"] for p in told["problems"]] == [5, 17]
    assert told["ok"] is False


def test_check_tries_interlocks_and_policies(tmp_path: Path) -> None:
    path = write(tmp_path, changed("tank_1_level > 2.0", "tank_1_level + 2.0"))
    assert f"{path}:17:53: interlock" in call("check", path, code=3).stderr
    (tmp_path / "p.cedar").write_text("permit (everything);")
    path = write(tmp_path, GOOD + "policy: p.cedar\n")
    told = json.loads(call("check", path, "--json", code=3).stdout)
    assert "policy" in told["problems"][0]["text"]


def test_check_of_a_missing_file(tmp_path: Path) -> None:
    assert "twin.yaml:1:1: no such file" in call("check", tmp_path / "twin.yaml", code=3).stderr


def test_principals_are_listed_without_secrets(plant: Path) -> None:
    args = ("--kind", "person", "--role", "operator", "--role", "engineer", "--token", "--json")
    made = json.loads(call("principals", "add", "anna", *args, "--config", plant).stdout)
    secrets = [Path(made[f]).read_text().strip() for f in ("key_file", "token_file")]
    listed = call("principals", "list", "--config", plant, "--json")
    anna = json.loads(listed.stdout)[1]
    assert anna["roles"] == ["operator", "engineer"]
    assert anna["key_id"] == made["key_id"]
    assert anna["token"] is True
    table = call("principals", "list", "--config", plant)
    for secret in secrets:
        assert secret not in listed.output + table.output + plant.read_text() + str(made)
    call("principals", "add", "anna", *args, "--config", plant, code=2)


def test_a_replay_accounts_for_every_cell(plant: Path, tmp_path: Path) -> None:
    file = readings(tmp_path, "other.csv", 60, 50)
    text = (
        file.read_text()
        .replace(",5.0,", ",99,", 1)
        .replace(",5.1,", ",,", 1)
        .replace(",5.2,", ",x,", 1)
    )
    file.write_text(text)
    with file.open(newline="") as lines:
        cells = sum(len(row) - 1 for row in csv.reader(lines)) - 2
    told = json.loads(call("replay", file, "--config", plant, "--json").stdout)
    assert (told["rows"], told["cells"]) == (50, cells)
    assert told["cells_admitted"] + told["cells_refused"] == cells
    assert (told["cells_missing"], told["cells_no_number"]) == (1, 1)
    assert told["cells_named_in_findings"]["range"] == 1
    assert told["cells_named_in_findings"]["quality"] >= 1
    verify = ("ledger", "verify", told["ledger"], "--key", told["ledger_key"])
    assert "VERIFIED" in call(*verify).output


def test_rows_that_cannot_be_sent_end_a_replay_with_1(plant: Path, tmp_path: Path) -> None:
    file = readings(tmp_path, "other.csv", 0, 3)
    file.write_text(file.read_text() + "yesterday,1,1\n")
    result = call("replay", file, "--config", plant, code=1)
    assert "4 rows, 1 not sent" in result.stdout
    assert "other.csv:5:1: time 'yesterday'" in result.stderr


def test_each_replay_has_a_place_and_an_origin_of_its_own(plant: Path, tmp_path: Path) -> None:
    file = readings(tmp_path, "other.csv", 0, 3)
    told = [json.loads(call("replay", file, "--config", plant, "--json").stdout) for _ in range(2)]
    assert told[0]["ledger"] != told[1]["ledger"]
    assert told[0]["ledger_key"].split("+")[0] != told[1]["ledger_key"].split("+")[0]
    assert {t["batches"]["admitted"] for t in told} == {1}
    used = Path(told[0]["ledger"]).parent
    call("replay", file, "--config", plant, "--data", used, code=2)


def test_a_replay_without_the_edge_key_says_what_to_do(tmp_path: Path) -> None:
    file = readings(tmp_path, "clean.csv", 0, 5)
    call("init", tmp_path / "p", "--from-csv", file, "--time-zone", "UTC")
    result = call("replay", file, "--config", tmp_path / "p" / "twin.yaml", code=3)
    assert "twinvouch principals add edge-1 --kind edge" in result.stderr
    assert not (tmp_path / "p" / "data").exists()


def test_batadal_from_init_to_the_verified_ledger(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "batadal"
    options = ("--time-zone", "UTC", "--time-format", "%d/%m/%y %H", "--ignore", "ATT_FLAG")
    call("init", tmp_path, "--from-csv", folder / "dataset03.csv", *options)
    config = tmp_path / "twin.yaml"
    call("principals", "add", "edge-1", "--kind", "edge", "--config", config)
    told = json.loads(call("replay", folder / "dataset04.csv", "--config", config, "--json").stdout)
    assert (told["rows"], told["cells"], told["cells_admitted"]) == (4177, 4177 * 43, 4177 * 43)
    assert set(told["findings"]) == {"range", "rate"}
    assert told["values_per_s"] > 0
    call("ledger", "verify", told["ledger"], "--key", told["ledger_key"])
