"""`bench gate`: its plant is one in which tags explain each other, its sentences say what was scored, and it names what is missing."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from twinvouch.app.bench import gate, scale
from twinvouch.app.bench.gate import Sizes
from twinvouch.app.bench.sections import KINDS, sections, with_lies
from twinvouch.app.bench.stream import Stream, sentences
from twinvouch.app.cli import cli
from twinvouch.core.errors import UsageError
from twinvouch.core.table import Table
from twinvouch.readings.detect.learn import learn
from twinvouch.readings.detect.state import ATTACK, Scored

SMALL = Sizes(tags=10, learned=2000, rounds=1, rows=150, batches=1, many_tags=20)


def column(table: Table, kind: str) -> np.ndarray:
    return table.values[:, KINDS.index(kind) :: len(KINDS)]


def test_a_section_is_a_tank_that_its_pump_fills() -> None:
    table = sections(30, 3).run(5000)
    level, pump = column(table, "level"), column(table, "pump-run")
    assert len(table.ids) == table.values.shape[1] == len(set(table.ids)) == 30
    assert 1.8 < level.min() < 2.1
    assert 3.9 < level.max() < 4.2
    assert set(np.unique(pump)) == {0.0, 1.0}
    assert (np.abs(np.diff(pump, axis=0)).sum(axis=0) > 10).all()
    assert (column(table, "inflow")[pump == 0] == 0).all()
    moved = column(table, "inflow") - column(table, "outflow")
    rise = np.diff(level, axis=0) * 120.0
    for n in range(3):
        assert np.corrcoef(moved[1:, n], rise[:, n])[0, 1] > 0.7
    branches = column(table, "branch-a") + column(table, "branch-b")
    assert np.abs(branches - column(table, "outflow")).max() < 0.1


def test_a_seed_decides_and_later_rows_are_others_at_later_times() -> None:
    plant = sections(10, 3)
    one, again, later = plant.run(50), sections(10, 3).run(50), plant.run(50, first=50)
    assert np.array_equal(one.values, again.values)
    assert later.t_ns[0] - one.t_ns[-1] == 60 * 10**9
    assert not np.array_equal(one.values, later.values)


def test_lies_are_on_one_tag_at_a_time() -> None:
    table = sections(20, 3).run(3000)
    lied = with_lies(table, 1000, 50, 3)
    differs = lied.values != table.values
    assert differs.any(axis=1).sum() == 150
    assert (differs.sum(axis=1) <= 1).all()
    assert not differs[:, [n for n, tag in enumerate(table.ids) if "run" in tag]].any()


def test_a_sentence_says_value_and_expectation() -> None:
    alarm = np.zeros((2, 2), np.uint8)
    alarm[1, 0] = ATTACK
    values, error = np.full((2, 2), 5.0), np.full((2, 2), 1.5)
    none = np.zeros((2, 2))
    scored = Scored(
        alarm, np.zeros(2), np.full((2, 2), 7.2), np.full((2, 2), 0.5), error, none, none, none
    )
    (told,) = sentences(("tank/level", "tank/flow"), values, scored)
    assert told.startswith("`tank/level` is 5, expected 3.5 from the other tags: chance 1e-7.2")


def test_a_stream_carries_state_on_and_tells_of_alarms() -> None:
    plant = sections(10, 1)
    learned = learn(plant.run(4000))
    test = with_lies(plant.run(600, 4000), 400, 80, 1)
    stream = Stream(learned, test)
    stream.feed(0, 200, 1)
    assert stream.alarmed == 0
    stream.feed(200, 600, 64)
    assert 0 < stream.alarmed <= stream.sentences


@pytest.mark.slow
def test_a_larger_plant_is_measured_here_and_in_a_process_of_its_own() -> None:
    for found in (scale.measure(10, 20, 400), scale.in_child(10, 20, 400)):
        assert tuple(found) == scale.KEYS
        assert found["cost_ratio_2000"] > 0
        assert found["cost_ratio_2000_row"] > 0
        assert min(found["learn_peak_mb_2000"], found["learn_table_mb_2000"]) > 1


def test_a_process_that_ends_badly_gives_no_figures() -> None:
    found = scale.in_child(10, 10, 5)  # too few rows to learn from
    assert found.pop("died") == 1
    assert found == dict.fromkeys(scale.KEYS)


def test_missing_baselines_are_named_with_what_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gate, "find_spec", lambda name: None if name == "river" else object())
    said = CliRunner().invoke(cli, ["bench", "gate", "--json"])
    assert isinstance(said.exception, UsageError)
    assert said.exception.exit_code == 2
    assert "baselines river are not installed: `./dev bench gate`" in str(said.exception)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the baselines and what they import
def test_figures_of_a_small_plant(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in gate.NEEDED:
        pytest.importorskip(name)
    monkeypatch.setattr(gate, "Sizes", lambda: replace(SMALL))
    said = CliRunner().invoke(cli, ["bench", "gate", "--scale", "--json"])
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    rates = ("values_per_s_row", "values_per_s_256", "vs_river_hst", "vs_pyod", "vs_pyod_256")
    of_scale = ("cost_ratio_2000", "cost_ratio_2000_row", "learn_s_2000", "learn_peak_mb_2000")
    calm = ("values_per_s_row_calm", "values_per_s_256_calm")
    assert all(found[key] > 0 for key in (*rates, *calm, *of_scale))
    assert found["pyod"] == "HBOS"
