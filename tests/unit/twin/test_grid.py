import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from twinvouch.core.lookahead import Interval, Question
from twinvouch.twin.grid import Grid
from twinvouch.twin.rollout import certified, run

DATA = {
    "buses": ["a", "b", "c", "d"],
    "lines": {
        "ab": {"from": "a", "to": "b", "x": 0.1, "rate_mw": 100.0},
        "bc": {"from": "b", "to": "c", "x": 0.1, "rate_mw": 100.0},
        "ca": {"from": "c", "to": "a", "x": 0.1, "rate_mw": 100.0},
        "ab-2": {"from": "a", "to": "b", "x": 0.1, "rate_mw": 100.0},
        "cd": {"from": "c", "to": "d", "x": 0.1, "rate_mw": 100.0},
    },
    "generators": {
        "west": {"bus": "a", "high_mw": 100.0},
        "east": {"bus": "c", "high_mw": 100.0},
    },
}
LOADS = {"load:a": 0.0, "load:b": 80.0, "load:c": 20.0, "load:d": 10.0}


def grid(**but: Any) -> Grid:
    return Grid(json.dumps({**DATA, **but}).encode(), {})


def question(actuator: str, value: float) -> Question:
    gens = {"gen:west": 55.0, "gen:east": 55.0}
    state = tuple(sorted((n, Interval(v, v, v)) for n, v in {**LOADS, **gens}.items()))
    limits = (("loading", -1.0, 1.0), ("loading_n1", -1.0, 1.0))
    times = (3600.0, 900.0, 900.0, 0.05, 0.0)
    return Question("g", b"", state, limits, actuator, value, 0.0, 100.0, *times)


def flows(model: Grid, **lines: float) -> dict[str, float]:
    model.restore({**LOADS, "gen:west": 55.0, "gen:east": 55.0})
    row, _ = model.step({f"line:{n.replace('_', '-')}": v for n, v in lines.items()}, 0.0)
    return dict(zip(model.columns, row, strict=True))


def test_power_flows_as_the_nodes_have_it() -> None:
    row = flows(grid())
    into_b = row["flow:ab"] + row["flow:ab-2"] - row["flow:bc"]
    assert into_b == pytest.approx(80.0)
    assert row["flow:cd"] == pytest.approx(10.0)
    assert row["flow:ab"] == pytest.approx(row["flow:ab-2"])


@pytest.mark.parametrize("line", ["ab", "bc", "ca", "ab-2"])
def test_outages_by_factors_are_flows_without_the_line(line: str) -> None:
    model = grid()
    whole = flows(model)
    without = flows(model, **{line.replace("-", "_"): 0.0})
    assert whole["loading_n1"] >= without["loading"] - 1e-9


def test_the_worst_outage_is_one_of_them() -> None:
    model = grid()
    worst = max(flows(model, **{n: 0.0})["loading"] for n in ("ab", "bc", "ca", "ab_2"))
    assert flows(model)["loading_n1"] == pytest.approx(worst)


def test_a_breaker_that_leaves_no_spare_is_seen() -> None:
    model = grid()
    safe, asked = question("gen:east", 60.0), question("line:bc", 0.0)
    branches, residual = certified(model, safe, run(model, safe, is_command=True), is_command=True)
    assert residual < 1e-9
    assert all(b.worst < 0 for b in branches)
    # without b-c nothing but c-a feeds c: its outage would take c and d down
    branches, _ = certified(model, asked, run(model, asked, is_command=True), is_command=True)
    assert all(b.worst > 0 and b.quantity == "loading_n1" for b in branches)
    at_once, _ = certified(model, asked, run(model, asked, is_command=False), is_command=False)
    assert all(b.worst < 0 for b in at_once)


def test_a_command_that_splits_the_grid_is_beyond_every_limit_and_certified() -> None:
    model, asked = grid(), question("line:cd", 0.0)
    traces = run(model, asked, is_command=True)
    branches, residual = certified(grid(), asked, traces, is_command=True)
    assert residual < 1e-12
    assert all(b.worst == pytest.approx((102.0 - 1.0) / 2) for b in branches)
    rows = traces[0].rows.copy()
    rows[:, model.columns.index("loading")] = 0.5
    _, lied = certified(model, asked, [replace(traces[0], rows=rows), *traces[1:]], is_command=True)
    assert lied > 100.0


def test_more_pieces_are_worse() -> None:
    told = [flows(grid(), cd=0.0), flows(grid(), cd=0.0, bc=0.0, ca=0.0)]
    assert [(row["loading"], row["loading_n1"]) for row in told] == [(102.0, 102.0), (103.0, 103.0)]


@pytest.mark.parametrize("column", ["flow:ab", "loading", "loading_n1"])
def test_a_changed_number_is_seen(column: str) -> None:
    model, asked = grid(), question("gen:east", 60.0)
    traces = run(model, asked, is_command=True)
    rows = traces[0].rows.copy()
    rows[:, model.columns.index(column)] *= 0.9
    _, residual = certified(
        model, asked, [replace(traces[0], rows=rows), *traces[1:]], is_command=True
    )
    assert residual > 1e-3


def test_restored_it_goes_on_with_equal_bits() -> None:
    model = grid()
    first = flows(model, ab=0.0)
    flows(model, bc=0.0)
    model.restore({"load:a": 1.0})
    assert flows(model, ab=0.0) == first


@pytest.mark.parametrize(
    "but",
    [
        {"buses": ["a"]},
        {"generators": {}},
        {"lines": {**DATA["lines"], "ab": {"from": "a", "to": "b", "x": -0.1, "rate_mw": 1.0}}},  # type: ignore[dict-item]
        {"buses": ["a", "b", "c", "d", "e"]},
    ],
)
def test_what_is_no_grid_is_refused(but: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="grid"):
        grid(**but)


def test_what_is_no_number_is_no_answer() -> None:
    model = grid()
    with pytest.raises(ValueError, match="finite"):
        model.restore({"load:a": float("nan")})
    asked = question("gen:east", 60.0)
    (trace, *_) = run(model, asked, is_command=True)
    rows = trace.rows.copy()
    rows[0, model.columns.index("flow:ab")] = np.nan
    assert not model.residual({}, replace(trace, rows=rows), 900.0) <= 1.0
