"""What look-ahead costs: CPU of a decision (both branches run and certified, as worker and core do it), and the way to a worker.

Every decision starts elsewhere, from a seed, with an interval of 2 % of the range on every level, so that all members count. The
counterfactual is not looked for. Runs and certificate are measured in one process; the way to a worker in wall time, with a
model that takes next to nothing. What several workers gain is measured with real ones: the wall time of a decision, and its
critical path in CPU (of the slowest worker, and of the core), which other work on the machine does not lengthen.
"""

import json
import queue
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from time import process_time_ns
from typing import Final

import numpy as np

from twinvouch.adapters.epanet_ahead import Epanet
from twinvouch.app.bench import crew
from twinvouch.app.lookahead import Served, Workers
from twinvouch.app.lookahead_worker import Plan
from twinvouch.app.model_class import make
from twinvouch.core.event import Simulate, SimulationDone
from twinvouch.core.lookahead import Interval, Question, members
from twinvouch.core.ports import Lookahead
from twinvouch.lab.epanet import network_file
from twinvouch.twin import rollout
from twinvouch.twin.building import Building
from twinvouch.twin.grid import Grid
from twinvouch.twin.tank import Tank
from twinvouch.wire.lookahead import read_answer, write_answer, write_question

Pair = tuple[Lookahead, Lookahead]  # of the worker, and of the core
Ask = Callable[[np.random.Generator], Question]
Figures = dict[str, float | int | str]
HORIZON_S, TAU_S, STEP_S, DEMAND = 6 * 3_600.0, 3_600.0, 300.0, 0.06
DECISIONS: Final = 100
FEW: Final = 15  # of what takes long
ASKED: Final = 200
AT_ONCE: Final = 20
BUSES, LINES, ZONES = 118, 186, 5
EPANET: Final = "twinvouch.adapters.epanet_ahead:Epanet"
TANK: Final = "twinvouch.twin.tank:Tank"
NUMBERS: Final = {
    "area_m2": 100.0,
    "pump_m3h": 100.0,
    "demand_m3h": 40.0,
    "low_m": 0.0,
    "high_m": 10.0,
}


def run() -> Figures:
    """Milliseconds of CPU and of waiting; members, steps and sizes with them."""
    found: Figures = {"horizon_h": HORIZON_S / 3_600, "tau_s": TAU_S, "step_s": STEP_S}
    if find_spec("wntr") is None:
        found["networks"] = "not measured: pip install 'twinvouch[lab]'"
    else:
        found |= _network("Net3", "net3", DECISIONS) | _network("ky4", "nodes_964", FEW)
        found |= _agreed()
    found |= _decided("building", *_building(), DECISIONS)
    found |= _decided("grid_118_n1", *_grid(), FEW)
    return {**found, **_ways()}


def _network(file: str, name: str, count: int) -> Figures:
    data = network_file(file).read_bytes()
    model = Epanet(data, {})
    ask = partial(_asked_of, model)
    chance = np.random.default_rng(2)
    several = [ask(chance) for _ in range(count + 1)]
    shared = crew.figures(name, EPANET, data, several)
    return {**_decided(name, (model, Epanet(data, {})), ask, count), **shared}


def _asked_of(model: Epanet, chance: np.random.Generator) -> Question:
    """A start of a network, and its first pump on."""
    limits = model.limits()
    centres = {
        n: low + (high - low) * chance.uniform(0.3, 0.7) for n, (low, high) in limits.items()
    }
    state = {
        n: Interval(c - 0.02 * (high - low), c, c + 0.02 * (high - low))
        for (n, (low, high)), c in zip(limits.items(), centres.values(), strict=True)
    }
    inner = tuple(
        (n, low + 0.1 * (high - low), high - 0.05 * (high - low))
        for n, (low, high) in limits.items()
    )
    clock = float(chance.integers(0, 24)) * 3_600
    return _question(state, inner, model.actuators[0], clock)


def _agreed() -> Figures:
    """A decision of the highest class: Net3, and then a tank as the second model, one after the other, both branches of both."""
    data = network_file("Net3").read_bytes()
    first, tank = (Epanet(data, {}), Epanet(data, {})), (Tank(b"", NUMBERS), Tank(b"", NUMBERS))
    chance, taken = np.random.default_rng(3), list[float]()
    for n in range(DECISIONS + 1):
        asked = _asked_of(first[0], chance)
        level = float(chance.uniform(3.0, 7.0))
        state = {"level": Interval(level - 0.2, level, level + 0.2)}
        other = _question(state, (("level", 1.0, 9.0),), "run", asked.clock_s)
        began = process_time_ns()
        _both(first, asked)
        _both(tank, other)
        if n:  # the first opens the library
            taken.append((process_time_ns() - began) / 1e6)
    return {f"second_model_cpu_ms_p{q}": round(float(np.percentile(taken, q)), 2) for q in (50, 99)}


def _building() -> tuple[Pair, Ask]:
    names = [f"z{n}" for n in range(ZONES)]
    data = {
        "zones": {n: {"capacity_kwh_k": 5.0, "gain_kw": 1.0} for n in names},
        "walls": [[a, b, 0.2] for a, b in pairwise(names)],
        "outside": dict.fromkeys(names, 0.3),
        "heaters": {f"h-{n}": {"zone": n, "kw": 15.0} for n in names},
    }
    raw = json.dumps(data).encode()

    def ask(chance: np.random.Generator) -> Question:
        at = {f"zone:{n}": float(chance.uniform(17, 23)) for n in names}
        state = {n: Interval(v - 0.5, v, v + 0.5) for n, v in at.items()}
        state["outside"] = Interval(0.0, 2.0, 4.0)
        limits = tuple((f"zone:{n}", 12.0, 26.0) for n in names)
        return _question(state, limits, "heater:h-z0", 0.0)

    return (Building(raw, {}), Building(raw, {})), ask


def _grid() -> tuple[Pair, Ask]:
    """A ring with chords from a seed, of the size of the IEEE case of 118 buses."""
    chance = np.random.default_rng(7)
    buses = [f"b{n}" for n in range(BUSES)]
    ends = [(n, (n + 1) % BUSES) for n in range(BUSES)]
    while len(ends) < LINES:
        a, b = chance.choice(BUSES, 2, replace=False).tolist()
        if (a, b) not in ends and (b, a) not in ends:
            ends.append((a, b))
    lines = {
        f"l{k}": {
            "from": buses[a],
            "to": buses[b],
            "x": float(chance.uniform(0.05, 0.2)),
            "rate_mw": 2_000.0,
        }
        for k, (a, b) in enumerate(ends)
    }
    generators = {f"g{k}": {"bus": buses[9 * k], "high_mw": 400.0} for k in range(13)}
    told = {"buses": buses, "lines": lines, "generators": generators}
    raw = json.dumps(told).encode()

    def ask(chance: np.random.Generator) -> Question:
        at = {f"load:{b}": float(chance.uniform(10, 50)) for b in buses}
        state = {n: Interval(0.98 * v, v, 1.02 * v) for n, v in at.items()}
        state |= {f"gen:g{k}": Interval(200.0, 200.0, 200.0) for k in range(13)}
        limits = (("loading", -1.0, 1.0), ("loading_n1", -1.0, 1.0))
        return _question(state, limits, f"line:l{chance.integers(0, LINES)}", 0.0)

    return (Grid(raw, {}), Grid(raw, {})), ask


def _question(
    state: dict[str, Interval],
    limits: tuple[tuple[str, float, float], ...],
    actuator: str,
    clock_s: float,
) -> Question:
    times = (HORIZON_S, TAU_S, STEP_S, DEMAND, clock_s)
    value = 0.0 if actuator.startswith("line") else 1.0
    return Question(
        "bench", b"", tuple(sorted(state.items())), limits, actuator, value, 0.0, 1.0, *times
    )


def _decided(name: str, pair: Pair, ask: Ask, count: int) -> Figures:
    chance = np.random.default_rng(1)
    whole, checked, residual = list[float](), list[float](), 0.0
    asked = ask(chance)
    _both(pair, asked)  # open, and warm
    for _ in range(count):
        asked = ask(chance)
        began = process_time_ns()
        check_ns, found = _both(pair, asked)
        whole.append((process_time_ns() - began) / 1e6)
        checked.append(check_ns / 1e6)
        residual = float(np.maximum(residual, found))
    return {
        f"{name}_members": len(members(asked)),
        f"{name}_laws": len(pair[0].laws),
        f"{name}_decisions": count,
        f"{name}_cpu_ms_p50": round(float(np.percentile(whole, 50)), 2),
        f"{name}_cpu_ms_p99": round(float(np.percentile(whole, 99)), 2),
        f"{name}_certificate_cpu_ms_p50": round(float(np.percentile(checked, 50)), 2),
        f"{name}_residual": float(f"{residual:.2g}"),
    }


def _both(pair: Pair, asked: Question) -> tuple[int, float]:
    """Run both branches, send them as bytes and certify them; ns of the certificates, and the largest residual."""
    check_ns, residual = 0, 0.0
    for is_command in (True, False):
        answer = write_answer(rollout.run(pair[0], asked, is_command=is_command))
        began = process_time_ns()
        _, found = rollout.certified(pair[1], asked, read_answer(answer), is_command=is_command)
        check_ns += process_time_ns() - began
        residual = float(np.maximum(residual, found))
    return check_ns, residual


def _ways() -> Figures:
    """From a question to its answer, one after the other and many at once, over one worker."""
    made = make(TANK, b"", NUMBERS)
    plan = Plan("bench", TANK, b"", NUMBERS, made.digest, 512)
    told: queue.Queue[SimulationDone] = queue.Queue()
    workers = Workers([Served(plan, made.model, 1, 60.0)], told.put)
    workers.start()
    try:
        state = {"level": Interval(4.9, 5.0, 5.1)}
        asked = _question(state, (("level", 1.0, 9.0),), "run", 0.0)
        raw = write_question(replace(asked, digest=made.digest))
        workers.take(Simulate("warm", raw))
        told.get()
        alone = [_way(workers, told, raw, 1)[0] for _ in range(ASKED)]
        crowd = [w for _ in range(ASKED // AT_ONCE) for w in _way(workers, told, raw, AT_ONCE)]
    finally:
        workers.stop()
    return {
        "worker_round_trip_ms_p50": round(float(np.percentile(alone, 50)), 2),
        "worker_round_trip_ms_p99": round(float(np.percentile(alone, 99)), 2),
        "worker_at_once": AT_ONCE,
        "worker_wait_ms_p50": round(float(np.percentile(crowd, 50)), 2),
        "worker_wait_ms_p99": round(float(np.percentile(crowd, 99)), 2),
        "worker_open": workers.workers[0].unprevented or "nothing",
    }


def _way(
    workers: Workers, told: "queue.Queue[SimulationDone]", raw: bytes, count: int
) -> list[float]:
    began = time.perf_counter()
    for n in range(count):
        workers.take(Simulate(str(n), raw))
    waited = []
    for _ in range(count):
        told.get()
        waited.append((time.perf_counter() - began) * 1e3)
    return waited
