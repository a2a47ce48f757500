"""EPANET as look-ahead steps it, on Net3; its file comes with the extra `lab`."""

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from twinvouch.adapters.epanet_ahead import Epanet
from twinvouch.core.lookahead import CLOCK, DEMAND, Interval, Question, Trace
from twinvouch.lab.epanet import network_file
from twinvouch.lab.range.net3 import uncontrolled
from twinvouch.twin.rollout import certified, run

pytestmark = pytest.mark.skipif(find_spec("wntr") is None, reason="needs the extra `lab`")
LEVELS = {"tank:1": 16.0, "tank:2": 24.0, "tank:3": 20.0}


@pytest.fixture(scope="module")
def net3() -> Epanet:
    return Epanet(network_file("Net3").read_bytes(), {})


def question(**but: Any) -> Question:
    state = tuple(sorted((n, Interval(v - 0.5, v, v + 0.5)) for n, v in LEVELS.items()))
    limits = (("tank:1", 3.0, 30.0), ("tank:2", 10.0, 39.0), ("tank:3", 7.0, 34.0))
    times = (6 * 3600.0, 3600.0, 300.0, 0.06, 8 * 3600.0)
    return replace(Question("n", b"", state, limits, "run:10", 1.0, 0.0, 1.0, *times), **but)


@pytest.fixture(scope="module")
def traces(net3: Epanet) -> list[Trace]:
    return run(net3, question(), is_command=True)


def test_what_it_tells_is_a_solution_of_the_network(net3: Epanet, traces: list[Trace]) -> None:
    branches, residual = certified(net3, question(), traces, is_command=True)
    assert residual < 1e-4
    assert len(branches) == 5
    backup = run(net3, question(), is_command=False)
    _, residual = certified(net3, question(), backup, is_command=False)
    assert residual < 1e-4


def test_restored_it_goes_on_with_equal_bits_whatever_was_asked_before(
    net3: Epanet, traces: list[Trace]
) -> None:
    run(net3, question(value=0.0), is_command=True)
    again = run(net3, question(), is_command=True)
    assert all(np.array_equal(a.rows, b.rows) for a, b in zip(again, traces, strict=True))
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(again, traces, strict=True))
    other = Epanet(network_file("Net3").read_bytes(), {})
    assert np.array_equal(run(other, question(), is_command=True)[3].rows, traces[3].rows)


def test_a_snapshot_is_where_it_was(net3: Epanet) -> None:
    net3.restore({**LEVELS, CLOCK: 3600.0, DEMAND: 1.05})
    for _ in range(3):
        net3.step({"run:10": 1.0}, 300.0, is_sampled=False)
    kept = net3.snapshot()
    first = net3.step({}, 300.0, is_sampled=True)
    net3.restore(LEVELS)
    net3.step({}, 600.0, is_sampled=False)
    net3.restore(kept)
    row, sample = net3.step({}, 300.0, is_sampled=True)
    # its solver starts cold, so the last digits differ from a run that went on
    assert np.allclose(row, first[0], rtol=1e-4, atol=1e-4)
    assert np.allclose(sample, first[1], rtol=1e-3, atol=1e-1)


def _sample(at: Callable[[Epanet], int], change: float) -> Callable[[Epanet, Trace], Trace]:
    def changed(model: Epanet, trace: Trace) -> Trace:
        samples = trace.samples.copy()
        samples[1, at(model)] += change
        return replace(trace, samples=samples)

    return changed


def _level(model: Epanet, trace: Trace) -> Trace:
    rows = trace.rows.copy()
    rows[10:, model.columns.index("tank:2")] += 0.01
    return replace(trace, rows=rows)


CHANGES = {
    "a head": _sample(lambda m: m._physics.nodes.index("101"), 2.0),
    "a flow": _sample(lambda m: len(m._physics.nodes) + m._physics.links.index("101"), 50.0),
    "a pump": _sample(lambda m: len(m._physics.nodes) + m._physics.links.index("10"), -100.0),
    "a level": _level,
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_number_is_seen(net3: Epanet, traces: list[Trace], what: str) -> None:
    told = [traces[0], CHANGES[what](net3, traces[1]), *traces[2:]]
    _, residual = certified(net3, question(), told, is_command=True)
    assert residual > 1e-3


def test_a_pump_left_on_fills_and_one_left_off_empties(net3: Epanet) -> None:
    def levels(value: float) -> float:
        asked = question(value=value, tau_s=6 * 3600.0)
        return float(run(net3, asked, is_command=True)[0].rows[-1, 2])

    assert levels(1.0) > levels(0.0) + 1.0


@pytest.mark.parametrize(
    "start",
    [
        {},
        {**LEVELS, "tank:1": float("nan")},
        {**LEVELS, "tank:1": 99.0},
        {**LEVELS, DEMAND: float("inf")},
        {**LEVELS, "speed:10": float("nan")},
    ],
)
def test_what_cannot_be_is_refused_not_kept(net3: Epanet, start: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"finite|levels|refused"):
        net3.restore(start)


def test_limits_lie_inside_of_full_tanks(net3: Epanet) -> None:
    low, high = net3.limits()["tank:1"]
    assert (low > 0.1, high < 32.1) == (True, True)


@pytest.mark.parametrize("data", [b"", b"[TANKS]\n 1 2 3\n", b"\xff" * 50, b"[RULES]\nRULE 1\n"])
def test_what_is_no_network_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"input file|network"):
        Epanet(data, {})


def test_a_tank_that_runs_empty_is_certified(net3: Epanet) -> None:
    lows = {n: low for n, (low, _) in net3.limits().items()}
    state = tuple(sorted((n, Interval(v + 0.3, v + 0.4, v + 0.5)) for n, v in lows.items()))
    limits = tuple((n, low + 0.1, high) for n, (low, high) in net3.limits().items())
    asked = question(state=state, limits=limits, value=0.0, tau_s=6 * 3600.0)
    told = run(net3, asked, is_command=True)
    branches, residual = certified(net3, asked, told, is_command=True)
    levels = [
        [trace.rows[:, n].min() for n, c in enumerate(net3.columns) if c in lows] for trace in told
    ]
    assert any(
        low < least for each in levels for low, least in zip(each, lows.values(), strict=True)
    )
    assert any(b.worst > 0 for b in branches)
    assert residual < 0.01


def test_a_full_tank_does_not_excuse_a_level_that_rises_by_more_than_flows(
    net3: Epanet, traces: list[Trace]
) -> None:
    _, high = net3.limits()["tank:1"]
    rows = traces[0].rows.copy()
    rows[20:, net3.columns.index("tank:1")] = high * 1.01
    lie = replace(traces[0], rows=rows)
    assert net3.residual({}, lie, 300.0) > 1e-3


def test_many_values_are_told_as_one_by_one(net3: Epanet) -> None:
    net3.restore(LEVELS)
    net3.step({}, 0.0, is_sampled=True)
    project = net3._opened()
    places = [project.node(n) for n in net3._physics.nodes]
    each = [project.heads([place]).read()[0] for place in places]
    assert project.heads(places).read() == each
    with pytest.raises(ValueError, match="error"):
        project.heads([len(places) + 1]).read()


def test_a_run_in_which_all_tanks_run_dry_is_certified_and_leaves_its_limits() -> None:
    """Nothing supplies the network then, and EPANET's heads are what they come to: minus hundreds of millions of feet."""
    network = Epanet(uncontrolled(), {})
    lows = {n: low for n, (low, _) in network.limits().items()}
    state = tuple(sorted((n, Interval(v + 2.0, v + 2.5, v + 3.0)) for n, v in lows.items()))
    limits = tuple((n, low + 0.1, high) for n, (low, high) in network.limits().items())
    asked = question(state=state, limits=limits, actuator="", tau_s=6 * 3600.0)
    told = run(network, asked, is_command=True)
    branches, residual = certified(network, asked, told, is_command=True)
    assert min(trace.samples.min() for trace in told) < -1e6
    assert residual < 0.01
    assert all(b.worst > 0 for b in branches)
