"""The water network as it really is: EPANET Net3 with parameters from a seed, and one thing that the guard's model does not have.

Roughness, base demands and pump heads are each multiplied with U(0.9, 1.1); demand has noise, AR(1) with 6 % and two hours, and a
scale of 5 %. What is different in structure is a leak, a loss in a trunk pipe, or another pattern of the day, by the seed.
Units are feet and gallons a minute. Both pumps are moved by commands alone. Every run of EPANET begins cold from levels, settings
and time, so that a plant can be tried ahead and is where it was.
"""

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import pi
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from twinvouch.lab.epanet import Network, OfLink, OfNode, TimeOf, network_file
from twinvouch.lab.epanet_model import Count, Model
from twinvouch.lab.range.plants import DAY_S, STEP_S, STEPS_PER_H, Spell, surge_at

RANGES: Final = {"1": (0.1, 32.1), "2": (6.5, 40.3), "3": (4.0, 35.5)}  # feet
DIAMETERS: Final = {"1": 85.0, "2": 50.0, "3": 164.0}  # feet
PUMPS: Final = ("10", "335")
LIMITS: Final = {
    f"tank-{t}/level": (lo + 0.10 * (hi - lo), lo + 0.95 * (hi - lo))
    for t, (lo, hi) in RANGES.items()
}
FILL: Final = 0.5
STARTS: Final = 4  # of one motor in an hour that it stands
GPM_PER_CFS: Final = 448.831
TRUNKS: Final = ("60", "229", "173", "111")
LEAKS: Final = ("115", "141", "193", "237")
T = TypeVar("T")
_COLD, _MULTIPLIER, _BASE = 10, 4, 1
_HOURS: Final = 60  # that noise is drawn for
_BEFORE_H: Final = 240  # the same of the days before a run


@dataclass(frozen=True, slots=True)
class At:
    """Where the plant is: step, levels in feet, pumps and their speeds, steps of their starts."""

    step: int
    levels: tuple[float, ...]
    runs: tuple[bool, ...]
    speeds: tuple[float, ...]
    starts: tuple[tuple[int, ...], ...]


class Net3True:
    """Fits TruePlant."""

    def __init__(self, seed: int, *, is_before: bool = False) -> None:
        """`is_before`: in the weather of the days before the run."""
        chance = np.random.default_rng([seed, 3])
        self._network = Network(network_file("Net3"), STEP_S)
        self._tanks = [self._network.node(t) for t in RANGES]
        self._pumps = [self._network.link(p) for p in PUMPS]
        self.difference = _differ(self._network, chance, seed)
        self._network.call("settimeparam", int(TimeOf.REPORT_STEP), ctypes.c_long(STEP_S))
        self._network.call("openH")
        noise, season = _noise(chance), 1.0 + chance.uniform(-0.05, 0.05)
        other = _noise(np.random.default_rng([seed, 4]), _BEFORE_H) if is_before else noise
        self._noise = other * season
        shares = chance.uniform(0.45, 0.6, len(self._tanks)).tolist()
        spans = RANGES.values()
        levels = tuple(lo + s * (hi - lo) for (lo, hi), s in zip(spans, shares, strict=True))
        self._at = At(0, levels, (True, True), (1.0, 1.0), ((), ()))
        self._spells: tuple[Spell, ...] = ()
        self._flows = (0.0,) * len(self._tanks)
        self._worst = outside(self._at)

    def write(self, tag: str, value: float) -> None:
        """`pump-10/run`, `pump-10/speed`, and the same of pump 335."""
        self._at = written(self._at, tag, value)
        self._worst = max(self._worst, outside(self._at))

    def advance(self) -> None:
        """One step of STEP_S."""
        before = self._at.levels
        self._at = next(self._run(self._at, self._at.runs, 0, 1))
        self._flows = tuple(
            (new - old) * pi / 4 * DIAMETERS[t] ** 2 / STEP_S * GPM_PER_CFS
            for t, new, old in zip(RANGES, self._at.levels, before, strict=True)
        )
        self._worst = outside(self._at)

    def truth(self) -> Mapping[str, float]:
        """By tag; inflow is the mean of the last step."""
        found: dict[str, float] = {}
        for t, level, flow in zip(RANGES, self._at.levels, self._flows, strict=True):
            found |= {f"tank-{t}/level": level, f"tank-{t}/gauge": level, f"tank-{t}/inflow": flow}
        for p, runs, speed in zip(PUMPS, self._at.runs, self._at.speeds, strict=True):
            found |= {f"pump-{p}/run": float(runs), f"pump-{p}/speed": speed}
        return found

    def excess(self) -> float:
        """Of levels, and of starts: one more than a motor stands is a share of 1."""
        return self._worst

    def ahead(self, writes: Mapping[str, float], held: int, law: str, steps: int) -> float:
        """Of levels, and of the starts that the writes themselves make; starts by the law are not counted."""
        assert law == "fill", law
        at, worst = self._at, levels_outside(self._at)
        for tag, value in writes.items():
            at = written(at, tag, value)
        if writes:
            worst = max(worst, outside(at))
        for reached in self._run(at, at.runs, held, steps):
            worst = max(worst, levels_outside(reached))
        return worst

    def surge(self, spells: Sequence[Spell]) -> None:
        """Demand."""
        self._spells = tuple(spells)

    def close(self) -> None:
        """Free EPANET."""
        self._network.close()

    def _run(self, at: At, runs: tuple[bool, ...], held: int, steps: int) -> Iterator[At]:
        """Where the plant is after each step; from step `held` on by law, unless `held` is 0 and there is one step."""
        self._begin(at)
        for k in range(steps):
            if steps > 1 and k >= held:
                at = _by_law(at)
            if at.runs != runs or k:
                self._set(at)
            self._multiply(at)
            self._pass()
            levels = tuple(self._level(n) for n in self._tanks)
            runs, at = at.runs, replace(at, step=at.step + 1, levels=levels)
            yield at

    def _begin(self, at: At) -> None:
        """Put EPANET where the plant is."""
        call = self._network.call
        for node, level, (lo, hi) in zip(self._tanks, at.levels, RANGES.values(), strict=True):
            call("setnodevalue", node, int(OfNode.TANK_LEVEL), ctypes.c_double(min(max(level, lo), hi)))  # fmt: skip
        for link, is_on, speed in zip(self._pumps, at.runs, at.speeds, strict=True):
            self._network.set_link(link, OfLink.INIT_STATUS, float(is_on))
            if is_on:  # a status that is set afterwards would be speed 1 again
                self._network.set_link(link, OfLink.INIT_SETTING, speed)
        call("settimeparam", int(TimeOf.PATTERN_START), ctypes.c_long(at.step * STEP_S % DAY_S))
        call("initH", _COLD)

    def _set(self, at: At) -> None:
        for link, is_on, speed in zip(self._pumps, at.runs, at.speeds, strict=True):
            self._network.set_link(link, OfLink.STATUS, float(is_on))
            if is_on:  # a setting would open a closed pump
                self._network.set_link(link, OfLink.SETTING, speed)

    def _multiply(self, at: At) -> None:
        noise = float(self._noise[min(at.step, len(self._noise) - 1)])
        factor = noise * surge_at(self._spells, at.step)
        self._network.call("setoption", _MULTIPLIER, ctypes.c_double(factor))

    def _pass(self) -> None:
        """Solve and go on for a step; EPANET stops in between where a tank is full or empty."""
        left = STEP_S
        while left:
            self._network.resolve()
            passed = ctypes.c_long()
            self._network.call("settimeparam", int(TimeOf.STEP), ctypes.c_long(left))
            self._network.call("nextH", ctypes.byref(passed))
            assert 0 < passed.value <= left, passed.value
            left -= passed.value

    def _level(self, node: int) -> float:
        head = self._network.node_value(node, OfNode.HEAD)
        return head - self._network.node_value(node, OfNode.ELEVATION)


def written(at: At, tag: str, value: float) -> At:
    """After a write; switching a pump on is a start."""
    asset, _, what = tag.partition("/")
    n = PUMPS.index(asset.removeprefix("pump-"))
    if what == "speed":
        return replace(at, speeds=_with(at.speeds, n, value))
    is_on, starts = value > 0.5, at.starts[n]
    if is_on and not at.runs[n]:
        starts = (*(s for s in starts if s > at.step - STEPS_PER_H), at.step)
    return replace(at, runs=_with(at.runs, n, is_on), starts=_with(at.starts, n, starts))


def outside(at: At) -> float:
    """The largest excess of levels and starts."""
    lately = [sum(s > at.step - STEPS_PER_H for s in starts) for starts in at.starts]
    return max(levels_outside(at), float(max(lately) - STARTS))


def levels_outside(at: At) -> float:
    """The largest excess of levels, as a share of a tank's range."""
    found = []
    for t, level in zip(RANGES, at.levels, strict=True):
        low, high = LIMITS[f"tank-{t}/level"]
        lo, hi = RANGES[t]
        found.append(max(low - level, level - high) / (hi - lo))
    return max(found)


def _by_law(at: At) -> At:
    """All pumps while the tanks together are emptier than FILL, none after that."""
    spans = zip(at.levels, RANGES.values(), strict=True)
    shares = [(level - lo) / (hi - lo) for level, (lo, hi) in spans]
    is_on = sum(shares) / len(shares) < FILL
    return replace(at, runs=(is_on,) * len(PUMPS), speeds=(1.0,) * len(PUMPS))


def _with(values: tuple[T, ...], n: int, value: T) -> tuple[T, ...]:
    return (*values[:n], value, *values[n + 1 :])


def _noise(chance: np.random.Generator, hours: int = _HOURS) -> NDArray[np.float64]:
    """A factor of demand for every step: AR(1), sigma 6 %, two hours."""
    keeps = float(np.exp(-STEP_S / 7_200))
    shocks = chance.normal(0.0, 0.06 * np.sqrt(1 - keeps**2), hours * STEPS_PER_H)
    value, found = float(chance.normal(0.0, 0.06)), []
    for shock in shocks.tolist():
        value = keeps * value + shock
        found.append(1.0 + value)
    return np.array(found)


def _differ(network: Network, chance: np.random.Generator, seed: int) -> str:
    """Change parameters by 10 % at most, and one thing in structure; says which."""
    model = Model(network)
    for pump in PUMPS:
        model.drop_controls_of(network.link(pump))
    model.drop_controls_of(network.link("330"))
    for node in range(1, model.count(Count.NODES) + 1):
        base = network.node_value(node, OfNode.DEMAND)
        if base > 0:
            model.set_node(node, OfNode.DEMAND, base * chance.uniform(0.9, 1.1))
    for link in range(1, model.count(Count.LINKS) + 1):
        rough = network.link_value(link, OfLink.ROUGHNESS)
        if 50 < rough < 250 and model.link_name(link) not in PUMPS:
            network.set_link(link, OfLink.ROUGHNESS, rough * chance.uniform(0.9, 1.1))
    for curve in (1, 2):
        _lift(network, curve, chance.uniform(0.9, 1.1))
    place = chance.integers(0, 4)
    if seed % 3 == 0:
        model.set_node(network.node(LEAKS[place]), OfNode.EMITTER, chance.uniform(2.0, 12.0))
        return f"a leak at node {LEAKS[place]}"
    if seed % 3 == 1:
        loss = chance.uniform(18.0, 60.0)
        network.set_link(network.link(TRUNKS[place]), OfLink.MINOR_LOSS, loss)
        return f"a loss of K = {loss:.0f} in pipe {TRUNKS[place]}"
    pattern = np.array(model.pattern(1))
    hours = np.arange(len(pattern))
    shape = 1 + 0.12 * np.sin(2 * pi * (hours / len(pattern) + chance.uniform()))
    values = (ctypes.c_double * len(pattern))(*(pattern * shape).tolist())
    network.call("setpattern", _BASE, values, len(pattern))
    return "another pattern of the day"


def _lift(network: Network, curve: int, factor: float) -> None:
    """Multiply the heads of a pump's curve."""
    count, x, y = ctypes.c_int(), ctypes.c_double(), ctypes.c_double()
    network.call("getcurvelen", curve, ctypes.byref(count))
    for point in range(1, count.value + 1):
        network.call("getcurvevalue", curve, point, ctypes.byref(x), ctypes.byref(y))
        network.call("setcurvevalue", curve, point, x, ctypes.c_double(y.value * factor))
