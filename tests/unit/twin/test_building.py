import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.core.errors import MalformedError
from twinvouch.core.lookahead import CLOCK, DEMAND, Course, Interval, Question, Trace, members
from twinvouch.twin.building import Building
from twinvouch.twin.rollout import certified, run

DATA = {
    "zones": {
        "hall": {"capacity_kwh_k": 5.0, "gain_kw": 1.0},
        "store": {"capacity_kwh_k": 8.0},
    },
    "walls": [["hall", "store", 0.2]],
    "outside": {"hall": 0.4, "store": 0.1},
    "heaters": {"radiator": {"zone": "hall", "kw": 20.0}},
}
START = {"zone:hall": 18.0, "zone:store": 12.0, "outside": 0.0}


def building(**but: Any) -> Building:
    return Building(json.dumps({**DATA, **but}).encode(), {})


def question(value: float, centre: float = 18.0) -> Question:
    state = tuple(sorted((n, Interval(v, v, v)) for n, v in {**START, "zone:hall": centre}.items()))
    limits = (("zone:hall", 10.0, 26.0),)
    times = (6 * 3600.0, 3600.0, 300.0, 0.2, 0.0)
    return Question("b", b"", state, limits, "heater:radiator", value, 0.0, 1.0, *times)


def test_heat_goes_where_it_is_colder() -> None:
    model = building(outside={})
    model.restore({"zone:hall": 30.0, "zone:store": 10.0, "outside": 0.0, DEMAND: 0.0})
    for _ in range(200):
        model.step({}, 3600.0)
    after = model.snapshot()
    assert after["zone:hall"] == pytest.approx(after["zone:store"], abs=0.1)
    energy = 5 * after["zone:hall"] + 8 * after["zone:store"]
    assert energy == pytest.approx(5 * 30 + 8 * 10)


@given(st.floats(-20, 40), st.floats(-20, 40), st.lists(st.floats(0, 1), min_size=2, max_size=10))
def test_restored_it_goes_on_with_equal_bits(a: float, b: float, heats: list[float]) -> None:
    model = building()
    model.restore({"zone:hall": a, "zone:store": b, "outside": 3.0})
    model.step({"heater:radiator": heats[0]}, 300.0)
    kept = model.snapshot()
    first = [model.step({"heater:radiator": h}, 300.0) for h in heats]
    model.restore(START)
    model.step({}, 77.0)
    model.restore(kept)
    assert [model.step({"heater:radiator": h}, 300.0) for h in heats] == first


@pytest.mark.parametrize("is_command", [True, False])
def test_honest_runs_are_certified_and_changed_ones_are_not(*, is_command: bool) -> None:
    model, asked = building(), question(1.0)
    traces = run(model, asked, is_command=is_command)
    branches, residual = certified(model, asked, traces, is_command=is_command)
    assert residual < 1e-9
    assert len(branches) == 10
    rows = traces[0].rows.copy()
    rows[5:, 1] += 0.05  # the store, which no law looks at
    changed = [replace(traces[0], rows=rows), *traces[1:]]
    _, residual = certified(model, asked, changed, is_command=is_command)
    assert residual > 0.01


def test_a_heater_left_on_drives_the_hall_out() -> None:
    model, hot = building(), question(1.0, 25.0)
    branches, _ = certified(model, hot, run(model, hot, is_command=True), is_command=True)
    assert all(b.worst > 0 for b in branches)
    at_once, _ = certified(model, hot, run(model, hot, is_command=False), is_command=False)
    assert all(b.worst < 0 for b in at_once)


@pytest.mark.parametrize(
    "but",
    [
        {"zones": {}},
        {"heaters": {}},
        {"zones": {"hall": {"capacity_kwh_k": 0.0}, "store": {"capacity_kwh_k": 1.0}}},
        {"zones": {"hall": {"capacity_kwh_k": 0.001}, "store": {"capacity_kwh_k": 1.0}}},
        {"walls": [["hall", "store", -1.0]]},
    ],
)
def test_what_is_no_building_is_refused(but: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"building|zone"):
        building(**but)


def test_what_is_no_number_is_refused() -> None:
    model = building()
    with pytest.raises(ValueError, match="finite"):
        model.restore({**START, "outside": float("nan")})
    model.restore(START)
    with pytest.raises(ValueError, match="finite"):
        model.step({"heater:radiator": float("nan")}, 300.0)
    told = Trace(np.full((3, len(model.columns)), np.nan))
    assert not model.residual(START, told, 300.0) <= 1.0


@given(
    st.lists(
        st.tuples(st.floats(-20, 40), st.floats(-20, 40), st.floats(0.5, 1.5)),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 5),
    st.sampled_from([{}, {"heater:radiator": 0.3}]),
    st.sampled_from(["thermostat", "off"]),
)
def test_runs_together_are_those_of_steps(
    starts: list[tuple[float, float, float]], held: int, settings: dict[str, float], law: str
) -> None:
    model, steps = building(), 5
    told = [
        {
            "zone:hall": a,
            "zone:store": b,
            "outside": -5.0,
            DEMAND: d,
            CLOCK: 60.0,
            "heater:radiator": 1.0,
        }
        for a, b, d in starts
    ]
    course = Course((law,) * len(told), settings, held, steps, 300.0)
    found = model.together(told, course)
    for start, rows in zip(told, found, strict=True):
        model.restore(start)
        one = []
        for k in range(steps + 1):
            at = settings if k < held else model.law(law, model.snapshot())
            one.append(model.step(at, 300.0 if k < steps else 0.0)[0])
        assert np.allclose(rows, one, rtol=1e-12, atol=1e-9)
        wanted = [
            [model.law(law, dict(zip(model.columns, row, strict=True)))[a] for a in model.actuators]
            for row in rows.tolist()
        ]
        assert model.law_rows(law, rows).tolist() == wanted


def test_a_run_that_leaves_its_law_is_no_run() -> None:
    worst, model, asked = 3, building(), question(0.0)
    told = run(model, asked, is_command=False)
    rows = told[0].rows.copy()
    column = model.columns.index(model.actuators[0])
    rows[worst, column] = 1.0 - rows[worst, column]
    with pytest.raises(MalformedError, match=f"in step {worst} `heater:"):
        certified(model, asked, [replace(told[0], rows=rows), *told[1:]], is_command=False)
    with pytest.raises(ValueError, match="finite"):
        model.together(
            [members(asked)[0]], Course(("off",), {"heater:radiator": float("nan")}, 1, 2, 60.0)
        )
    with pytest.raises(ValueError, match="finite"):
        model.together([{}], Course(("off",), {}, 1, 2, 60.0))
