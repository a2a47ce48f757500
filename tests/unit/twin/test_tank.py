from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.core.lookahead import CLOCK, DEMAND, Trace
from twinvouch.core.ports import Lookahead
from twinvouch.twin.tank import Tank

NUMBERS = {"area_m2": 100.0, "pump_m3h": 100.0, "demand_m3h": 40.0, "low_m": 0.0, "high_m": 10.0}
SETTINGS = {"run": 1.0, "speed": 1.0}


def tank(**but: float) -> Tank:
    return Tank(b"", {**NUMBERS, **but})


def rolled(model: Lookahead, start: dict[str, float], steps: int = 12) -> Trace:
    model.restore(start)
    return Trace(np.array([model.step(SETTINGS, 300.0, is_sampled=False)[0] for _ in range(steps)]))


def test_a_pump_fills_it_by_what_demand_leaves() -> None:
    model = tank()
    model.restore({"level": 5.0})
    for _ in range(12):
        model.step(SETTINGS, 300.0)
    assert model.snapshot()["level"] == pytest.approx(5.6)


@given(
    st.floats(0, 10),
    st.floats(0.5, 1.5),
    st.floats(0, 86_400),
    st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.floats(0, 1.2)), min_size=2, max_size=20),
)
def test_restored_it_goes_on_with_equal_bits(
    level: float, factor: float, clock: float, moves: list[tuple[float, float]]
) -> None:
    model = tank(swing=0.3, droop_m3h_per_m=2.0)
    model.restore({"level": level, DEMAND: factor, CLOCK: clock})
    half = len(moves) // 2
    for run, speed in moves[:half]:
        model.step({"run": run, "speed": speed}, 300.0)
    kept = model.snapshot()
    first = [tuple(model.step({"run": r, "speed": s}, 300.0)[0]) for r, s in moves[half:]]
    model.restore({"level": 0.0})
    model.step({"run": 1.0, "speed": 0.3}, 77.0)
    model.restore(kept)
    again = [tuple(model.step({"run": r, "speed": s}, 300.0)[0]) for r, s in moves[half:]]
    assert first == again


@given(st.floats(0, 10), st.floats(0.5, 1.5), st.floats(0, 86_400))
def test_what_it_tells_obeys_its_own_balance(level: float, factor: float, clock: float) -> None:
    model, start = (
        tank(swing=0.3, droop_m3h_per_m=2.0),
        {"level": level, DEMAND: factor, CLOCK: clock},
    )
    assert model.residual(start, rolled(model, start), 300.0) < 1e-9


@pytest.mark.parametrize("column", ["level", "in_m3h", "out_m3h"])
def test_a_changed_number_breaks_the_balance(column: str) -> None:
    model, start = tank(), {"level": 5.0}
    trace = rolled(model, start)
    rows = trace.rows.copy()
    rows[6, model.columns.index(column)] *= 1.02
    assert model.residual(start, replace(trace, rows=rows), 300.0) > 1e-3


@pytest.mark.parametrize(
    "start", [{}, {"level": float("nan")}, {"level": 5.0, "speed": float("inf")}]
)
def test_it_starts_from_finite_numbers_only(start: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        tank().restore(start)


def test_a_setting_that_is_no_number_is_refused() -> None:
    model = tank()
    model.restore({"level": 5.0})
    with pytest.raises(ValueError, match="finite"):
        model.step({"speed": float("nan")}, 300.0)


@pytest.mark.parametrize(
    ("data", "numbers"),
    [
        (b"x", NUMBERS),
        (b"", {}),
        (b"", {**NUMBERS, "area": 3.0}),
        (b"", {**NUMBERS, "area_m2": 0.0}),
        (b"", {**NUMBERS, "low_m": 10.0}),
        (b"", {**NUMBERS, "swing": float("nan")}),
    ],
)
def test_what_is_no_tank_is_refused(data: bytes, numbers: Any) -> None:
    with pytest.raises(ValueError, match="tank"):
        Tank(data, numbers)
