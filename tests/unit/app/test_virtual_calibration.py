"""Curves from history: a tank whose true errors are known, by what is lost; and the verb, from a CSV to what is pasted."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.app.plants import loaded
from tests.unit.app.test_cli_config import call
from tests.unit.app.test_virtual_config import WITH
from twinvouch.app import virtual_sensors
from twinvouch.app.build import site
from twinvouch.app.virtual_calibration import HOURS, calibrate, errors
from twinvouch.core.errors import UsageError
from twinvouch.core.table import Table
from twinvouch.core.virtual import Instead, Virtual

IDS = ("tank-1/level", "well/flow", "town/flow")
NONE, TOWN = frozenset[str](), frozenset({"town/flow"})


def history(seed: int, hours: int = 120, *, bias: float = 0.0, gap: int = 0) -> Table:
    """Minutes: the well follows the town by the hour; the well's meter is off by `bias`; `gap` minutes of it are missing."""
    chance = np.random.default_rng(seed)
    n = hours * 60
    t = np.arange(n) * 60
    town = 40 + 10 * np.sin(t / 86_400 * 2 * np.pi) + np.repeat(chance.normal(0, 4, hours), 60)
    well = np.repeat(town.reshape(hours, 60).mean(axis=1), 60)
    level = 5 + np.cumsum((well - town) / 3600 * 60 / 100) + chance.normal(0, 0.005, n)
    values = np.column_stack([level, well + bias, town])
    if gap:
        values[n // 4 : n // 4 + gap, 1] = np.nan
    return Table(IDS, (t * 1_000_000_000).astype(np.int64), values)


@pytest.fixture
def v(tmp_path: Path) -> Virtual:
    (found,) = site(loaded(tmp_path, WITH)).virtual.values()
    return found


def test_with_exact_meters_noise_is_all_there_is(v: Virtual) -> None:
    found = calibrate(v, [history(1)])
    assert [p.hours for p in found.points[NONE]] == [*HOURS]
    assert all(p.width < 0.02 for p in found.points[NONE]), "the rest is `error`"
    assert all(p.coverage > 0.8 for p in found.points[NONE])
    assert found.usual["town/flow"] == pytest.approx(40, abs=3)


def test_a_meter_that_is_off_grows_by_the_hour(v: Virtual) -> None:
    told = calibrate(v, [history(1, bias=1.0)]).points[NONE]
    assert [p.width + v.error for p in told] == pytest.approx([h / 100 for h in HOURS], abs=0.03)


def test_with_a_meter_lost_it_is_never_narrower_and_covers_as_much(v: Virtual) -> None:
    found = calibrate(v, [history(s, bias=0.5) for s in range(6)])
    for whole, without in zip(found.points[NONE], found.points[TOWN], strict=True):
        assert without.width >= whole.width
        assert without.coverage >= 0.85
    assert found.points[TOWN][2].width > 3 * found.points[NONE][2].width


def test_one_plant_of_many_whose_meter_is_off_is_not_hidden_by_the_average(v: Virtual) -> None:
    runs = [history(s) for s in range(9)]
    good = calibrate(v, runs).points[NONE][3].width
    bad = calibrate(v, [*runs[:7], history(7, bias=1.0), history(8, bias=1.0)]).points[NONE][3]
    assert bad.width > good + 0.04


def test_stretches_over_a_gap_are_left_out(v: Virtual) -> None:
    whole, holed = (errors(v, history(1, gap=g), NONE, 1.0) for g in (0, 60))
    assert len(holed) < len(whole)
    assert len(errors(v, history(1, gap=4), NONE, 1.0)) == len(whole), "shorter than gap_s"
    assert np.abs(holed).max() < 0.05


def test_what_is_no_history_is_told(v: Virtual) -> None:
    with pytest.raises(UsageError, match="too short"):
        calibrate(v, [history(1, hours=2)])
    with pytest.raises(UsageError, match="no column of `town/flow`"):
        calibrate(v, [Table(IDS[:2], history(1).t_ns, history(1).values[:, :2])])


def test_the_verb_prints_what_fits_into_the_configuration(tmp_path: Path) -> None:
    text = WITH.replace("    growth: [[1, 0.05], [8, 0.3]]\n", "").replace(
        "    without:\n      - {lost: [town/flow], growth: [[1, 0.1], [8, 0.9]]}\n", ""
    )
    text += "replay: {time_column: time, time_format: unix, time_zone: UTC}\n"
    config = loaded(tmp_path, text)
    assert virtual_sensors.curves(config.virtual["tank-1/level"]) == {}
    table = history(3)
    rows = [f"{t // 10**9},{a:.4f},{b:.4f},{c:.4f}" for t, (a, b, c) in zip(table.t_ns, table.values, strict=True)]  # fmt: skip
    file = tmp_path / "june.csv"
    file.write_text("\n".join([f"time,{','.join(IDS)}", *rows]) + "\n", encoding="utf-8")
    said = call("virtual", "calibrate", "tank-1/level", "--from", file, "--config", config.path)
    pasted = [line for line in said.stdout.splitlines() if not line.startswith("#")]
    block = "".join(
        f"    {line}\n" for line in pasted if "well/flow]" not in line and ", well" not in line
    )
    (again,) = site(loaded(tmp_path, text.replace("    error: 0.02\n", f"    error: 0.02\n{block}"))).virtual.values()  # fmt: skip
    assert set(again.curves) == {NONE, TOWN}
    asked = ("virtual", "calibrate", "tank-1/level", "--from", file, "--config", config.path)
    told = json.loads(call(*asked, "--json").stdout)
    assert [s["lost"] for s in told["sets"]][:2] == [[], ["well/flow"]]
    call("virtual", "calibrate", "pump-1/speed", *asked[3:], code=2)


def test_what_drives_a_flow_is_fitted_and_narrower_than_its_usual_value(v: Virtual) -> None:
    """The town takes 60 m3/h while its pump runs and 20 while it does not, hours at a time."""
    chance = np.random.default_rng(5)
    table = history(5)
    run = np.repeat(chance.integers(0, 2, len(table.t_ns) // 240), 240).astype(float)
    town = 20 + 40 * run + np.repeat(chance.normal(0, 2, len(run) // 60), 60)
    level = 5 + np.cumsum((40 - town) / 3600 * 60 / 100)
    values = np.column_stack([level, np.full(len(run), 40.0), town, run])
    told = Table((*IDS, "pump-1/run"), table.t_ns, values)
    flow = replace(v.flows[1], instead=Instead(0.0, (("pump-1/run", 1.0),)))
    found = calibrate(replace(v, flows=(v.flows[0], flow)), [told])
    ((_, gain),) = found.instead["town/flow"].gains
    assert (found.instead["town/flow"].base, gain) == pytest.approx((20, 40), abs=1)
    assert found.driven.keys() == {TOWN}
    for usual, driven in zip(found.points[TOWN][:4], found.driven[TOWN], strict=False):
        assert driven.width < usual.width / 2
