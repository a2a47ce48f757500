"""The grid as it really is: direct-current flows over lines whose reactances and rates a file knows to 10 % at best.

Three areas, each a triangle of buses with a generator, tied by four lines. The structural difference is a line inside an area that the
guard's file does not have, or one that carries a fifth less than it says. Own code: nodal equations solved with the slack's row
out. MW; loads follow the day with noise, AR(1).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import cos, pi
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.lab.range.plants import DAY_S, STEP_S, STEPS_PER_H, Spell, surge_at

AREAS: Final = {"a": ("a1", "a2", "a3"), "b": ("b1", "b2", "b3"), "c": ("c1", "c2", "c3")}
BUSES: Final = tuple(bus for buses in AREAS.values() for bus in buses)
LOADS: Final = dict(zip(BUSES, (60.0, 50.0, 45.0, 40.0, 70.0, 35.0, 55.0, 45.0, 50.0), strict=True))
GENERATORS: Final = {"a": ("a1", 250.0), "b": ("b1", 230.0), "c": ("c1", 240.0)}  # bus, largest MW
LINES: Final = {  # name: from, to, reactance, rate in MW
    "a12": ("a1", "a2", 0.05, 110.0),
    "a13": ("a1", "a3", 0.05, 110.0),
    "a23": ("a2", "a3", 0.08, 70.0),
    "b12": ("b1", "b2", 0.05, 110.0),
    "b13": ("b1", "b3", 0.05, 110.0),
    "b23": ("b2", "b3", 0.08, 70.0),
    "c12": ("c1", "c2", 0.05, 110.0),
    "c13": ("c1", "c3", 0.05, 110.0),
    "c23": ("c2", "c3", 0.08, 70.0),
    "ab": ("a2", "b2", 0.10, 60.0),
    "bc": ("b3", "c3", 0.10, 60.0),
    "ca": ("c2", "a3", 0.10, 60.0),
    "ab2": ("a1", "b3", 0.12, 60.0),
}
TIES: Final = {"ab": ("a", "b"), "bc": ("b", "c"), "ca": ("c", "a"), "ab2": ("a", "b")}
LIMITS: Final = {"grid/loading": (0.0, 1.0)}
SPLIT: Final = 10.0  # loading where a bus hangs on nothing: everybody there is dark
_HOURS: Final = 60


@dataclass(frozen=True, slots=True)
class At:
    """Step, what each generator is set to, which lines are in."""

    step: int
    power: tuple[float, ...]
    lines: tuple[bool, ...]


class GridTrue:
    """Fits TruePlant."""

    def __init__(self, seed: int) -> None:
        chance = np.random.default_rng([seed, 17])
        place = {bus: n for n, bus in enumerate(BUSES)}
        self._ends = np.array([(place[a], place[b]) for a, b, _, _ in LINES.values()])
        x = np.array([line[2] for line in LINES.values()]) * chance.uniform(0.9, 1.1, len(LINES))
        self._rate = np.array([line[3] for line in LINES.values()]) * chance.uniform(0.97, 1.1, len(LINES))  # fmt: skip
        self._b, self._extra = 1.0 / x, np.zeros((len(BUSES), len(BUSES)))
        self.difference = self._differ(chance, seed)
        self._noise = _loads(chance)
        self._spells: tuple[Spell, ...] = ()
        self._solved: dict[tuple[bool, ...], NDArray[np.float64] | None] = {}
        at = At(0, (0.0,) * len(GENERATORS), (True,) * len(LINES))
        self._at = _dispatched(at, self._load(at))
        self._worst = self._outside(self._at)

    def write(self, tag: str, value: float) -> None:
        """`gen-a/power` in MW, `line-ab/closed`."""
        self._at = written(self._at, tag, value)
        self._worst = max(self._worst, self._outside(self._at))

    def advance(self) -> None:
        """One step: the loads move."""
        self._at = replace(self._at, step=self._at.step + 1)
        self._worst = self._outside(self._at)

    def truth(self) -> Mapping[str, float]:
        """By tag; flows of ties are positive from the first area to the second."""
        at, load = self._at, self._load(self._at)
        flows = self._flows(at)
        found = {f"bus-{bus}/load": float(mw) for bus, mw in zip(BUSES, load, strict=True)}
        found |= {f"gen-{g}/power": p for g, p in zip(GENERATORS, at.power, strict=True)}
        found |= {
            f"line-{n}/closed": float(is_in) for n, is_in in zip(LINES, at.lines, strict=True)
        }
        told = dict(
            zip(LINES, [0.0] * len(LINES) if flows is None else flows.tolist(), strict=True)
        )
        found["gen-a/slack"] = float(load.sum()) - sum(at.power)
        found |= {f"tie-{n}/flow": told[n] for n in TIES}
        return found

    def excess(self) -> float:
        """The largest loading beyond 1."""
        return self._worst

    def ahead(self, writes: Mapping[str, float], held: int, law: str, steps: int) -> float:
        """As TruePlant."""
        assert law == "dispatch", law
        at, worst = self._at, -1.0
        for tag, value in writes.items():
            at = written(at, tag, value)
        for k in range(steps):
            if k >= held:
                at = _dispatched(replace(at, lines=(True,) * len(LINES)), self._load(at))
            worst = max(worst, self._outside(at))
            at = replace(at, step=at.step + 1)
        return worst

    def surge(self, spells: Sequence[Spell]) -> None:
        """Loads."""
        self._spells = tuple(spells)

    def close(self) -> None:
        """Nothing is held."""

    def _differ(self, chance: np.random.Generator, seed: int) -> str:
        if seed % 2:
            line = list(LINES)[int(chance.integers(0, 9))]
            self._rate[list(LINES).index(line)] *= 0.8
            return f"line {line} carries a fifth less"
        area = list(AREAS)[int(chance.integers(0, 3))]
        m, n = BUSES.index(AREAS[area][1]), BUSES.index(AREAS[area][2])
        b = 1.0 / 0.1
        self._extra[[m, n, m, n], [m, n, n, m]] += [b, b, -b, -b]
        return f"one more line inside area {area}"

    def _load(self, at: At) -> NDArray[np.float64]:
        row = self._noise[min(at.step, len(self._noise) - 1)]
        factor = surge_at(self._spells, at.step)
        loads: NDArray[np.float64] = np.array([*LOADS.values()]) * row * factor
        return loads

    def _outside(self, at: At) -> float:
        flows = self._flows(at)
        return SPLIT if flows is None else float((np.abs(flows) / self._rate).max()) - 1.0

    def _flows(self, at: At) -> NDArray[np.float64] | None:
        """Of each line, MW; None where the grid is split. What generators do not give, the first area's does."""
        inverse = self._inverse(at.lines)
        if inverse is None:
            return None
        injected = -self._load(at)
        for (bus, _), power in zip(GENERATORS.values(), at.power, strict=True):
            injected[BUSES.index(bus)] += power
        angles = np.concatenate(([0.0], inverse @ injected[1:]))
        apart = angles[self._ends[:, 0]] - angles[self._ends[:, 1]]
        flows: NDArray[np.float64] = np.where(at.lines, self._b, 0.0) * apart
        return flows

    def _inverse(self, lines: tuple[bool, ...]) -> NDArray[np.float64] | None:
        if lines not in self._solved:
            nodal = self._extra.copy()
            for (m, n), b, is_in in zip(self._ends.tolist(), self._b.tolist(), lines, strict=True):
                if is_in:
                    nodal[[m, n, m, n], [m, n, n, m]] += [b, b, -b, -b]
            reduced = nodal[1:, 1:]
            is_whole = np.linalg.matrix_rank(reduced) == len(BUSES) - 1
            self._solved[lines] = (
                np.asarray(np.linalg.inv(reduced), np.float64) if is_whole else None
            )
        return self._solved[lines]


def written(at: At, tag: str, value: float) -> At:
    """After a write."""
    asset, _, what = tag.partition("/")
    name = asset.partition("-")[2]
    if what == "power":
        n = list(GENERATORS).index(name)
        return replace(at, power=(*at.power[:n], value, *at.power[n + 1 :]))
    n = list(LINES).index(name)
    return replace(at, lines=(*at.lines[:n], value > 0.5, *at.lines[n + 1 :]))


def _dispatched(at: At, load: NDArray[np.float64]) -> At:
    """Generators share the load by size."""
    sizes = [size for _, size in GENERATORS.values()]
    return replace(at, power=tuple(float(load.sum()) * s / sum(sizes) for s in sizes))


def _loads(chance: np.random.Generator) -> NDArray[np.float64]:
    """A factor of each load for every step: the day, and noise of 4 % with two hours; float64[steps, buses]."""
    count, keeps = len(BUSES), float(np.exp(-STEP_S / 7_200))
    base, noise, found = chance.uniform(0.9, 1.1, count), np.zeros(count), []
    for k in range(_HOURS * STEPS_PER_H):
        noise = keeps * noise + chance.normal(0.0, 0.04 * np.sqrt(1 - keeps**2), count)
        day = 1.0 - 0.12 * cos(2 * pi * (k * STEP_S / DAY_S - 0.15))
        found.append(base * (day + noise))
    return np.array(found)
