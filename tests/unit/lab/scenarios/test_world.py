"""Scenarios: fixed by their digest, labelled truly, and physically sound."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from twinvouch.app.cli import cli
from twinvouch.core.errors import UsageError
from twinvouch.core.table import Table
from twinvouch.lab import plain_ridge
from twinvouch.lab.scenarios import world as worlds
from twinvouch.lab.scenarios.events import CHANGES, TYPES, draw
from twinvouch.lab.scenarios.settings import Settings, read, settings
from twinvouch.lab.scenarios.world import World, world

pytest.importorskip("wntr")
# the benchmark is these numbers; a new digest is a new benchmark and makes old figures incomparable
DIGEST = "5080f093363867ec94cd789a92e28b12ccaa4c02d3b56b9a6f0c4f199272f1d2"
SHORT = replace(settings(), training_days=30, test_days=45, events=8)


@pytest.fixture(scope="module")
def made() -> Iterator[list[World]]:
    kept = dict(worlds._KEPT)
    yield [world("net3", seed, SHORT) for seed in range(6)]
    worlds._KEPT.clear()
    worlds._KEPT.update(kept)


def test_the_settings_are_fixed() -> None:
    assert settings().digest == DIGEST


def test_a_seed_decides_everything(made: list[World]) -> None:
    again = world("net3", 3, SHORT)
    assert np.array_equal(again.test.values, made[3].test.values)
    assert again.events == made[3].events
    assert again.digest == made[3].digest
    assert not np.array_equal(made[2].test.values, made[3].test.values)
    assert np.array_equal(made[2].training.values, made[3].training.values)


def test_events_keep_two_days_of_quiet() -> None:
    full = settings()
    gap = full.gap_h * 3600 / full.period_s
    for seed in range(200):
        drawn = draw(full, seed)
        edges = [(0, 0), *((d.start, d.end) for d in drawn), (full.test_days * 96, 0)]
        assert all(b[0] - a[1] >= gap for a, b in pairwise(edges))
        assert all(8 <= d.end - d.start <= 14 * 96 for d in drawn)
        assert all(0.5 <= d.size <= 8 for d in drawn)


def test_every_kind_comes_up() -> None:
    seen = {d.type for seed in range(20) for d in draw(settings(), seed)}
    assert seen == set(TYPES)


def test_only_the_tags_of_an_event_lie_and_only_then(made: list[World]) -> None:
    lied = 0
    for w in made:
        differs = w.test.values != w.true
        for e in w.events:
            last = len(differs) if e.type == "recalibration" else e.end
            for tag in e.tags:
                lied += int(differs[e.start : e.end, w.test.ids.index(tag)].any())
                differs[e.start : last, w.test.ids.index(tag)] = False
        assert not differs.any()
    assert lied > 10


def test_sizes_are_the_largest_departures(made: list[World]) -> None:
    dialled = ("offset", "scaling", "ramp", "noise", "recalibration")
    seen = 0
    for w in made:
        drifted: set[str] = set()  # a recalibration lasts, and later lies are told on top of it
        for e, drawn in zip(w.events, draw(SHORT, w.seed), strict=True):
            if e.type in dialled and not drifted & set(e.tags):
                k = w.test.ids.index(e.tags[0])
                largest = 0.0
                for row in range(e.start, e.end):
                    largest = max(largest, abs(w.test.values[row, k] - w.true[row, k]) / w.sd[k])
                assert e.size == pytest.approx(largest)
                assert e.size == pytest.approx(drawn.size, abs=0.6)  # readings are rounded
                seen += 1
            drifted |= set(e.tags) if e.type == "recalibration" else set()
    assert seen >= 6


def test_changes_are_told_by_people_and_attacks_are_not(made: list[World]) -> None:
    for e in (e for w in made for e in w.events):
        assert e.is_attack == (e.type not in CHANGES)
        told = {"setpoint": "command", "maintenance": "ticket", "recalibration": "ticket"}
        assert (None if e.context is None else e.context.kind) == told.get(e.type)


def test_a_forced_pump_really_does_what_it_is_forced_to(made: list[World]) -> None:
    forced = [(w, e) for w in made for e in w.events if e.type in {"forced", "maintenance"}]
    assert forced
    for w, e in forced:
        flow = w.true[e.start + 1 : e.end, w.test.ids.index(f"{e.asset}/flow")]
        status = w.true[e.start + 1 : e.end, w.test.ids.index(f"{e.asset}/status")]
        assert len(np.unique(status)) == 1
        if status[0] == 0:
            assert np.abs(flow).max() == 0


def test_a_moved_threshold_is_hidden_and_a_moved_set_point_is_shown(made: list[World]) -> None:
    seen = set()
    for w in made:
        for e in w.events:
            if e.type in {"threshold", "setpoint"}:
                k = w.test.ids.index(e.tags[0])
                usual = w.training.values[0, k]
                assert (w.true[e.start : e.end, k] != usual).all()
                shown = w.test.values[e.start : e.end, k] != usual
                assert shown.all() if e.type == "setpoint" else not shown.any()
                seen.add(e.type)
    assert seen == {"threshold", "setpoint"}


def test_water_is_conserved(made: list[World]) -> None:
    """Tank 2 of Net3 stands at the end of one pipe: its level moves by what flows there."""
    w = made[0]
    level = w.true[:, w.test.ids.index("tank-2/level")]
    flow = w.true[:, w.test.ids.index("pipe-50/flow")]
    area = np.pi / 4 * 50**2
    moved = np.diff(level) * area
    flown = (flow[1:] + flow[:-1]) / 2 * 900 * 0.002228009
    assert abs(np.corrcoef(moved, flown)[0, 1]) > 0.9


def test_the_training_is_clean_and_alive(made: list[World]) -> None:
    w = made[0]
    assert len(w.training.t_ns) == 30 * 96
    assert np.isfinite(w.training.values).all()
    assert (w.sd > 0).sum() >= 20
    assert w.test.t_ns[0] - w.training.t_ns[-1] == SHORT.period_s * 10**9


def test_nothing_differs_before_the_first_event(made: list[World]) -> None:
    w = made[1]
    quiet = world("net3", 1, replace(SHORT, events=1))
    first = min(w.events[0].start, quiet.events[0].start)
    assert np.array_equal(w.test.values[:first], quiet.test.values[:first])


def test_the_yardstick_is_a_ridge_per_tag() -> None:
    chance = np.random.default_rng(1)
    base = chance.normal(size=(600, 1))
    values = np.hstack((base, base + 0.1 * chance.normal(size=(600, 1)), np.ones((600, 1))))
    table = Table(("a", "b", "c"), np.arange(600) * 3_600_000_000_000, values)
    found = plain_ridge.errors(table)
    assert found[:, 2].tolist() == [0.0] * 599
    assert plain_ridge.robust_sd(table)[1] == pytest.approx(0.1, rel=0.2)
    values[300, 1] += 5  # an error of one row stays in its row and the next one's lag
    moved = plain_ridge.errors(table)
    assert np.abs(moved[299, 1] - found[299, 1]) > 3


def test_unknown_settings_are_refused() -> None:
    raw = Path(worlds.__file__).parents[1] / "scenarios.yaml"
    text = raw.read_text("utf-8")
    with pytest.raises(UsageError, match="weather"):
        read(text.replace("weekend_shift_h: 1.5", "weekend_shift: 1.5").encode())
    assert read(text.encode()).digest == sha256(text.encode()).hexdigest()


def test_a_world_is_written_without_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def short() -> Settings:
        return SHORT

    monkeypatch.setattr("twinvouch.lab.scenarios.settings.settings", short)
    out = tmp_path / "world"
    said = CliRunner().invoke(cli, ["lab", "scenario", "--seed", "3", "--out", str(out)])
    assert said.exit_code == 0, said.output
    assert {p.name for p in out.iterdir()} == {
        "training.csv",
        "test.csv",
        "truth.csv",
        "events.json",
        "README",
    }
    header = (out / "test.csv").read_text("utf-8").splitlines()[0].split(",")
    assert header[0] == "time"
    assert "tank-1/level" in header
    assert not [name for name in header if "label" in name or "attack" in name]


def test_a_network_that_is_not_there_is_named(tmp_path: Path) -> None:
    arguments = ["lab", "scenario", "--network", "ctown", "--seed", "1", "--out", str(tmp_path)]
    said = CliRunner().invoke(cli, [*arguments, "--networks", str(tmp_path)])
    assert said.exit_code != 0
    assert "ctown.inp" in str(said.exception) + said.output
