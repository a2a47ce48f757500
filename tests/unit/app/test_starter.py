"""`init`: the starter passes check; a CSV becomes a configuration; what cannot is told with its place."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.app import starter
from twinvouch.app.config import load
from twinvouch.app.config_checks import notices
from twinvouch.app.problems import InvalidConfigError
from twinvouch.app.starter_csv import Column, CsvChoices, clean_id, settings, tag_ids
from twinvouch.core.errors import TwinvouchError, UsageError

CSV = """\
time, tank.level ,pump on,Q [m3/h],label,mode
2026-01-01 00:00,1.00,0,-3.5,0,2
2026-01-01 00:01,1.25,1,,1,2
2026-01-01 00:02,1.75,1,4.5,0,2
"""
UTC = CsvChoices("UTC", ignore=["label"])


def made(folder: Path, text: str = CSV, choices: CsvChoices = UTC, plant: str = "p") -> str:
    file = folder / "readings.csv"
    file.write_text(text, encoding="utf-8")
    return starter.from_csv(file, plant, choices)


def refused(folder: Path, text: str, choices: CsvChoices = UTC) -> list[str]:
    with pytest.raises(InvalidConfigError) as error:
        made(folder, text, choices)
    return [str(p).rpartition("/")[2] for p in error.value.problems]


def test_the_starter_passes_and_says_what_to_run_next(tmp_path: Path) -> None:
    config = starter.write(tmp_path / "new", starter.template("plant-1"))
    assert load(tmp_path / "new" / "twin.yaml").digest == config.digest
    assert config.plant.id == "plant-1"
    assert len(notices(config)) == 2
    steps = starter.next_steps(config)
    assert steps[0].startswith("twinvouch principals add edge-1 --kind edge --config ")
    assert steps[-1].startswith("twinvouch run ")


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    starter.write(tmp_path, starter.template("a"))
    with pytest.raises(UsageError, match="exists"):
        starter.write(tmp_path, starter.template("b"))
    assert load(tmp_path / "twin.yaml").plant.id == "a"


def test_a_csv_becomes_tags(tmp_path: Path) -> None:
    config = starter.write(tmp_path / "new", made(tmp_path))
    assert set(config.tags) == {"tank/level", "p/pump_on", "p/Q", "p/mode"}
    level, pump = config.tags["tank/level"], config.tags["p/pump_on"]
    assert (level.column, level.range, level.resolution) == ("tank.level", (0.812, 1.938), 0.01)
    assert level.rate == pytest.approx(2 * 0.5 / 60, rel=0.01)
    assert (pump.range, pump.rate) == ((0.0, 1.0), None)
    assert config.tags["p/Q"].range == (-5.5, 6.5)
    assert config.tags["p/Q"].unit == "m3/h"
    assert config.tags["p/mode"].range is None  # it never changed: nothing is known
    assert config.groups["scan"].period_s == 60
    assert config.plant.origin == "replay"
    assert config.replay is not None
    assert (config.replay.time_column, config.replay.time_format) == ("time", "iso")
    assert config.replay.ignore == ("label",)


def test_ambiguous_dates_need_a_format(tmp_path: Path) -> None:
    text = "t;x\n06/01/14 00;1\n06/01/14 01;2\n"
    with pytest.raises(
        UsageError, match=r"readings.csv:2:1: time '06/01/14 00' could be --time-format"
    ):
        made(tmp_path, text, CsvChoices("UTC"))
    config = starter.write(tmp_path / "new", made(tmp_path, text, CsvChoices("UTC", "%d/%m/%y %H")))
    assert config.replay is not None
    assert (config.replay.delimiter, config.groups["scan"].period_s) == (";", 3600)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("t,a,a\n", "readings.csv:1:5: duplicate column `a`, first is column 2"),
        ("t,a, a \n", "readings.csv:1:5: duplicate column `a`, first is column 2"),
        ("t,,b\n", "readings.csv:1:3: column 2 has no name"),
        ("t,a\x00\n", "readings.csv:1:3: column 2 has a name that cannot be printed"),
        ("", "readings.csv:1:1: the file is empty"),
        ("t,a\n", "readings.csv:1:1: no rows below the head"),
        ("t,a,b\n2026-01-01,1,\n", "readings.csv:1:5: column `b` is empty; --ignore it"),
        ("t,a\n2026-01-01,on\n", "readings.csv:2:12: `a`, expected a number, got 'on'; or leave the column out"),
        ("t,a\n2026-01-01,nan\n2026-01-02,1\n", "readings.csv:2:12: `a`, expected a number, got 'nan'"),
        ("t,a\n2026-01-01,1_0\n", "readings.csv:2:12: `a`, expected a number, got '1_0'"),
        ("t,a\n2026-01-01,1\n2026-02-30,1\n", "readings.csv:3:1: time '2026-02-30', expected the format 'iso'"),
        ("t,a\n2026-01-01,1\n2026-01-02\n", "readings.csv:3:1: 1 cells, expected 2 as in the head"),
    ],
)  # fmt: skip
def test_what_cannot_become_a_tag_is_told(tmp_path: Path, text: str, words: str) -> None:
    found = refused(tmp_path, text, CsvChoices("UTC"))
    assert any(problem.startswith(words) for problem in found), found


def test_every_bad_cell_is_told_up_to_a_limit(tmp_path: Path) -> None:
    rows = "".join(f"2026-01-01 00:{n:02},x,1\n" for n in range(60))
    found = refused(tmp_path, "t,a,b\n" + rows, CsvChoices("UTC"))
    assert len(found) == 10


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (CsvChoices("UTC", ignore=["lable"]), "column `lable` is not there, did you mean `label`?"),
        (CsvChoices("UTC", time_column="tim"), "did you mean `time`?"),
        (CsvChoices("Mars/Base"), "time zone 'Mars/Base'"),
        (CsvChoices("UTC", "%H:%M"), "time format '%H:%M'"),
    ],
)
def test_choices_that_do_not_fit(tmp_path: Path, choices: CsvChoices, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        made(tmp_path, CSV, choices)


def test_names_become_ids() -> None:
    names = ["L_T1", "pump1/flow", "a.b.c", "Temp (°C)", "temp__c", "°", "Temp  C", "x/", "_"]
    assert list(tag_ids(names, "p").values()) == [
        "p/L_T1", "pump1/flow", "a/b_c", "p/Temp", "p/temp_c", "p/x", "p/Temp_C", "p/x_2", "p/x_3",
    ]  # fmt: skip
    assert (clean_id("Plant Nord (2)"), clean_id("...")) == ("Plant_Nord_2", "plant")


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8),
    st.integers(1, 10**15),
)
def test_inferred_limits_hold_what_was_seen(values: list[float], step_ns: int) -> None:
    column = Column("c", 1, values)
    found = settings(column, np.arange(len(values), dtype=np.int64) * step_ns)
    if "range" in found:
        low, high = found["range"]  # type: ignore[misc]
        assert low <= min(values)
        assert max(values) <= high
        assert low < high
    if "rate" in found and len(values) > 1:
        seconds = step_ns / 1e9
        assert np.abs(np.diff(values)).max() / seconds <= found["rate"]  # type: ignore[operator]


@given(st.text(alphabet=st.sampled_from('t,a;"\n2026-01 :3.\t\x00é'), max_size=120))
def test_any_csv_is_a_valid_configuration_or_refused(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    try:
        starter.write(folder / "new", made(folder, text, CsvChoices("UTC")))
    except TwinvouchError:
        assert not (folder / "new" / "twin.yaml").exists()


def test_batadal_clean_year(shared_data: Path, tmp_path: Path) -> None:
    file = shared_data / "batadal" / "dataset03.csv"
    with pytest.raises(UsageError, match="could be"):
        starter.from_csv(file, "ctown", CsvChoices("UTC"))
    choices = CsvChoices("UTC", "%d/%m/%y %H", ignore=["ATT_FLAG"])
    config = starter.write(tmp_path, starter.from_csv(file, "ctown", choices))
    assert len(config.tags) == 43
    assert config.groups["scan"].period_s == 3600
    assert {t.column for t in config.tags.values()} == set(
        file.read_text().partition("\n")[0].strip().split(",")
    ) - {"DATETIME", "ATT_FLAG"}
