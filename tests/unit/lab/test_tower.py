"""The water tower beside the network, and what the demo's configuration says of it."""

from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.adapters.cel import CelCondition
from twinvouch.adapters.keys import SeededSigner
from twinvouch.app import config, inventory, virtual_sensors
from twinvouch.core.domains import independent
from twinvouch.core.inventory import Table
from twinvouch.lab import site, tower_site
from twinvouch.lab.controller import TOWER, decide
from twinvouch.lab.net3 import METER
from twinvouch.lab.tower import (
    AREA_M2,
    BOOSTER,
    BY_TAG,
    GAUGE,
    INFLOW,
    LEVEL,
    LIMITS_M,
    OUTFLOW,
    REGISTERS,
    RIM_M,
    Tower,
)
from twinvouch.lab.waterworks import Waterworks


def test_a_pump_that_nobody_stops_makes_it_run_over_and_what_runs_over_is_counted() -> None:
    tower = Tower(level=4.0, runs=True)
    minutes = 0
    while not tower.spilled_m3:
        tower.step(60)
        minutes += 1
    assert 120 < minutes < 200
    assert tower.level == RIM_M
    before = tower.spilled_m3
    tower.step(60)
    gained = (tower.inflow - tower.outflow - 0.4) / 60
    assert tower.spilled_m3 - before == pytest.approx(gained)


def test_in_its_band_it_stays_inside_its_limits_and_without_a_pump_it_is_not_empty_soon() -> None:
    tower, levels = Tower(), []
    for minute in range(3 * 24 * 60):
        tower.step(60)
        levels.append(tower.level)
        if minute % 10 == 0:
            tower.runs = decide(tower.level, runs=tower.runs, loop=TOWER)
    low, high = LIMITS_M
    assert low < min(levels) <= max(levels) < high
    assert tower.spilled_m3 == 0
    left = Tower()
    for _ in range(6 * 60):
        left.step(60)
    assert low < left.level < Tower().level


@given(st.floats(0, RIM_M), st.booleans(), st.integers(1, 300))
def test_nothing_is_lost_but_what_leaks(level: float, runs: bool, minutes: int) -> None:  # noqa: FBT001
    tower, stored = Tower(level=level, runs=runs), level * AREA_M2
    for _ in range(minutes):
        tower.step(60)
        stored += (tower.inflow - tower.outflow) / 60
    leaked = stored - tower.spilled_m3 - tower.level * AREA_M2
    assert -1e-6 <= leaked <= 0.4 * minutes / 60 + 1e-6
    assert 0 <= tower.level <= RIM_M


def test_the_plant_moves_it_by_a_write_and_both_stations_read_it() -> None:
    works = Waterworks()
    works.write(Table.COIL, BY_TAG[BOOSTER].point.address, [1])
    before = works.truth().tower
    assert asdict(before) == {"level": 4.8, "runs": True, "spilled_m3": 0.0}
    works.tick()
    assert works.truth().tower.level > before.level
    assert works.value(GAUGE) == pytest.approx(works.value(LEVEL), abs=0.05)
    assert works.value(INFLOW) > works.value(OUTFLOW) > 0
    assert works.read(Table.INPUT, BY_TAG[INFLOW].point.address, 2) != [0, 0]
    works.close()


def test_what_measures_it_twice_shares_no_failure_domain_but_the_clock(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    names = (*site.PRINCIPALS, *site.OF_TOWER)
    keys = {p: SeededSigner(p.ljust(32).encode()).public_key for p in names}
    places = site.Places(1, 2, 3, 4, 0, 5)
    path, _ = site.write(tmp_path, places, site.Identities(keys, {}, bytes(32)))
    checked = config.load(path, CelCondition)
    plant = inventory.plant(checked)
    assert {r.tag for r in REGISTERS} < set(plant.tags)
    own, *others = (plant.tags[t].domains for t in (LEVEL, GAUGE, INFLOW, OUTFLOW))
    for other in others:
        assert (own.edge, other.edge) == ("edge-1", tower_site.EDGE)
        assert own.zone != other.zone
        assert own.vendor != other.vendor
        assert own.key != other.key
        assert own.time_source == other.time_source
    assert len(set(independent([own, others[0]]).tolist())) == 1  # the clock, which is accepted
    assert plant.tags[GAUGE].point is not None
    assert plant.tags[GAUGE].point.unit == METER
    sensor = virtual_sensors.sensors(checked, plant)[LEVEL]
    assert (sensor.low, sensor.high) == LIMITS_M
    assert sensor.assets == ("booster",)
