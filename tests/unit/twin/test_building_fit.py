"""A building's parameters are found again in what a building with others did."""

import json

import numpy as np
import pytest

from tests.unit.twin.test_building import DATA
from twinvouch.app.lookahead_fit import fitted_data
from twinvouch.core.errors import ConfigError
from twinvouch.core.lookahead import DEMAND
from twinvouch.twin.building import Building
from twinvouch.twin.building_fit import SPREADS, parameters, varied
from twinvouch.twin.fitting import Parameter, Record, fit

RAW = json.dumps(DATA).encode()
COLUMNS = ("zone:hall", "zone:store", "outside", "heater:radiator")


def days(model: Building, seed: int, rows: int = 600) -> Record:
    """Five minutes a row; outside and the heater wander, thermometers are off by 0.02 K."""
    chance = np.random.default_rng(seed)
    model.restore({"zone:hall": 18.0, "zone:store": 12.0, "outside": 0.0, DEMAND: 1.0})
    told = []
    for n in range(rows):
        if n % 24 == 0:
            state = dict(model.snapshot())
            model.restore({**state, "outside": float(chance.uniform(-10, 10))})
        heat = float(chance.uniform()) if n % 6 == 0 else model.snapshot()["heater:radiator"]
        row, _ = model.step({"heater:radiator": heat}, 300.0)
        told.append(row[: len(COLUMNS)])
    noise = chance.normal(0.0, 0.02, (rows, len(COLUMNS))) * [1.0, 1.0, 0.0, 0.0]
    rows_read = np.array(told) + noise
    return Record(300.0, 0.0, {c: rows_read[:, n] for n, c in enumerate(COLUMNS)})


def test_what_differs_is_found_within_its_interval_and_the_rest_stays() -> None:
    true = {"capacity:hall": 1.3, "outside:hall": 0.85, "heater:radiator": 1.1}
    record = days(Building(varied(RAW, true), {}), 5)
    given = [Parameter(n, v, s) for n, (v, s) in parameters(RAW).items()]
    found = fit(lambda values: Building(varied(RAW, values), {}), given, [record], 12)
    assert found.after["zone:hall"] < 0.05
    assert found.before["zone:hall"] > 0.2
    for p in found.parameters:
        assert p.value == pytest.approx(true.get(p.name, 1.0), abs=max(1.5 * p.half, 0.02)), p.name


def test_it_is_fitted_by_its_name_and_a_file_that_is_none_is_refused() -> None:
    record = days(Building(varied(RAW, {"capacity:hall": 1.3}), {}), 6)
    told = fitted_data("twinvouch.twin.building:Building", (RAW, {}), [record], 12)
    capacity = json.loads(told.data)["zones"]["hall"]["capacity_kwh_k"]
    assert capacity == pytest.approx(1.3 * 5.0, rel=0.05)
    with pytest.raises(ConfigError, match="zones"):
        fitted_data("twinvouch.twin.building:Building", (b"{}", {}), [record], 12)


def test_parameters_are_of_every_room_wall_and_heater() -> None:
    told = parameters(RAW)
    assert set(told) == {
        *("capacity:hall", "gain:hall", "outside:hall", "capacity:store", "gain:store"),
        *("outside:store", "walls", "heater:radiator"),
    }
    assert all(told[n] == (1.0, SPREADS[n.partition(":")[0]]) for n in told)


def test_a_varied_file_differs_in_what_is_named_and_no_factor_is_nothing_or_less() -> None:
    assert json.loads(varied(RAW, {}))["walls"] == DATA["walls"]
    told = json.loads(varied(RAW, {"walls": 2.0, "capacity:store": 0.5, "outside:hall": -3.0}))
    assert told["walls"] == [["hall", "store", pytest.approx(0.4)]]
    assert told["zones"]["store"] == {"capacity_kwh_k": 4.0, "gain_kw": 0.0}
    assert told["zones"]["hall"] == {"capacity_kwh_k": 5.0, "gain_kw": 1.0}
    assert told["outside"]["hall"] == pytest.approx(0.02)
    Building(varied(RAW, dict.fromkeys(parameters(RAW), -1.0)), {})
