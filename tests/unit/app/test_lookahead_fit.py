"""`lookahead fit` from a CSV to a data file, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.unit.app.plants import GOOD, loaded
from tests.unit.app.test_cli_config import call
from tests.unit.app.test_lookahead_config import AHEAD
from twinvouch.app.lookahead_fit import record_of
from twinvouch.core.errors import UsageError
from twinvouch.core.table import Table

OWN = AHEAD.replace("twinvouch.twin.tank:Tank", "tests.unit.app.fitted_model:Fitted").replace(
    "    numbers: {area_m2: 100, pump_m3h: 100, demand_m3h: 40, low_m: 0, high_m: 10}\n",
    "    data: demand.txt\n",
)
REPLAY = "replay: {time_column: time, time_format: unix, time_zone: UTC}\n"
IDS = ("tank-1/level", "pump-1/speed")


def falling(folder: Path, m3h: float = 25.0, hours: int = 30) -> Path:
    """A tank of 100 m2 that gives so much, five minutes a row, with noise of 2 mm."""
    chance = np.random.default_rng(7)
    t = np.arange(hours * 12) * 300
    level = 9.5 - m3h / 100 * t / 3_600 + chance.normal(0, 0.002, len(t))
    rows = [f"{1_800_000_000 + s},{value:.5f},0.5" for s, value in zip(t, level, strict=True)]
    file = folder / "days.csv"
    file.write_text("\n".join([f"time,{','.join(IDS)}", *rows]) + "\n", encoding="utf-8")
    return file


def test_the_verb_writes_a_data_file_with_what_the_days_say(tmp_path: Path) -> None:
    (tmp_path / "demand.txt").write_text("40", encoding="utf-8")
    config = loaded(tmp_path, GOOD + OWN + REPLAY)
    out = tmp_path / "fitted.txt"
    asked = ("lookahead", "fit", "net", "--from", falling(tmp_path), "--out", out, "--config", config.path)  # fmt: skip
    said = call(*asked)
    assert float(out.read_text(encoding="utf-8")) == pytest.approx(25.0, abs=0.5)
    assert "two persons sign it" in said.stdout
    told = json.loads(call(*asked, "--json").stdout)
    found = told["parameters"]["demand_m3h"]
    assert abs(found["value"] - 25.0) < found["half"] < 2.0
    assert told["rms"]["after"]["level"] < 0.01 < told["rms"]["before"]["level"]
    assert told["stretches"] == 29


def test_what_cannot_be_fitted_is_refused_by_name(tmp_path: Path) -> None:
    config, out = loaded(tmp_path, GOOD + AHEAD + REPLAY), tmp_path / "out"
    asked = ("--from", falling(tmp_path), "--out", out, "--config", config.path)
    assert "cannot be fitted" in call("lookahead", "fit", "net", *asked, code=2).output
    assert "`mill`" in call("lookahead", "fit", "mill", *asked, code=2).output
    call("lookahead", "fit", "net", *asked, "--flow", "inflow", code=2)
    assert not out.exists()


def test_a_record_is_even_in_the_units_of_the_model_and_knows_its_gaps(tmp_path: Path) -> None:
    text = GOOD + AHEAD.replace("error: 0.01", "error: 0.01, factor: 3.0, offset: 1.0")
    settings = loaded(tmp_path, text).lookahead["net"]
    t_ns = np.array([0, 300, 900], np.int64) * 1_000_000_000 + 3_600_000_000_000
    table = Table(IDS, t_ns, np.array([[1.0, 0.5], [2.0, 0.5], [3.0, 0.6]]))
    found = record_of(settings, table, {}, 300.0)
    assert found.clock_s == 3_600.0
    assert found.columns["level"][[0, 1, 3]].tolist() == [4.0, 7.0, 10.0]
    assert np.isnan(found.columns["level"][2])
    with pytest.raises(UsageError, match="well/flow"):
        record_of(settings, table, {"in_m3h": "well/flow"}, 300.0)
