"""The building as it really is: rooms that keep heat, furniture that keeps more, a loop of hot water that can be slammed.

Every parameter is multiplied with U(0.9, 1.1) by the seed. The guard's model has no furniture, no loop, no wind and one weather: the
structural difference. Degrees Celsius, kW, bar. Exact solution of a step by its matrix, so that a step is a step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import cos, pi
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.lab.range.plants import DAY_S, STEP_S, STEPS_PER_H, Spell, surge_at

ZONES: Final = ("z1", "z2", "z3", "z4", "z5")
COLDEST, HOTTEST = 14.0, 27.0
LOWEST_BAR, HIGHEST_BAR = 1.0, 6.0
LIMITS: Final = {
    **{f"{z}/temp": (COLDEST, HOTTEST) for z in ZONES},
    "loop/pressure": (LOWEST_BAR, HIGHEST_BAR),
}
CAPACITY, GAIN, WALL, OUTSIDE, HEATER_KW = 5.0, 1.0, 0.2, 0.3, 15.0
TARGET_C: Final = 20.0
STILL_BAR, BAR_PER_SLAM = 3.0, 20.0  # of a whole valve at once; a slow one is none
OPEN: Final = 0.8  # the valve, where the heaters give what is written on them
_FURNITURE_KWH_K, _FURNITURE_KW_K = 3.0, 0.8
_HOURS: Final = 60


@dataclass(frozen=True, slots=True)
class At:
    """Step; temperatures of air and of furniture; heaters 0..1; the valve, and how far it was moved since the last step."""

    step: int
    air: tuple[float, ...]
    furniture: tuple[float, ...]
    heaters: tuple[float, ...]
    valve: float
    slam: float = 0.0
    purges: bool = False  # the loop is let out


class BuildingTrue:
    """Fits TruePlant."""

    difference = "furniture, wind and a loop of hot water"

    def __init__(self, seed: int) -> None:
        chance = np.random.default_rng([seed, 11])
        count = len(ZONES)

        def about(value: float, size: int = count) -> NDArray[np.float64]:
            return value * chance.uniform(0.9, 1.1, size)

        self._gain, self._outside, self._kw = about(GAIN), about(OUTSIDE), about(HEATER_KW)
        self._through = _through(about(CAPACITY), about(WALL, count - 1), self._outside, about(_FURNITURE_KW_K))  # fmt: skip
        self._weather = _weather(chance)
        self._spells: tuple[Spell, ...] = ()
        air = tuple(chance.uniform(19.0, 22.0, count).tolist())
        self._at = At(0, air, air, (0.5,) * count, OPEN)
        self._worst = outside(self._at)

    def write(self, tag: str, value: float) -> None:
        """`z1/heater` and so on, `loop/valve`, `loop/purge`."""
        self._at = written(self._at, tag, value)
        self._worst = max(self._worst, outside(self._at))

    def advance(self) -> None:
        """One step."""
        self._at = self._stepped(self._at)
        self._worst = outside(self._at)

    def truth(self) -> Mapping[str, float]:
        """By tag."""
        at = self._at
        found = {"outside/temp": self._cold(at.step), "loop/pressure": pressure(at)}
        found |= {"loop/valve": at.valve, "loop/purge": float(at.purges)}
        for z, air, heater in zip(ZONES, at.air, at.heaters, strict=True):
            found |= {f"{z}/temp": air, f"{z}/return": air, f"{z}/heater": heater}
        return found

    def excess(self) -> float:
        """Of temperatures and the pressure of the loop."""
        return self._worst

    def ahead(self, writes: Mapping[str, float], held: int, law: str, steps: int) -> float:
        """As TruePlant."""
        at = replace(self._at, slam=0.0)
        for tag, value in writes.items():
            at = written(at, tag, value)
        worst = outside(at)
        for k in range(steps):
            if k >= held:
                at = _by_law(at, law)
            at = self._stepped(at)
            worst = max(worst, outside(at))
        return worst

    def surge(self, spells: Sequence[Spell]) -> None:
        """Heat that is lost: a storm."""
        self._spells = tuple(spells)

    def close(self) -> None:
        """Nothing is held."""

    def _cold(self, step: int) -> float:
        return float(self._weather[min(step, len(self._weather) - 1)])

    def _stepped(self, at: At) -> At:
        keeps, gains = self._through
        heat = self._kw * np.array(at.heaters) * (at.valve / OPEN)
        cold, more = self._cold(at.step), surge_at(self._spells, at.step) - 1
        lost = self._outside * cold - self._outside * more * (np.array(at.air) - cold)
        power = np.concatenate((heat + self._gain + lost, np.zeros(len(ZONES))))
        after = keeps @ np.concatenate((at.air, at.furniture)) + gains @ power
        air, furniture = after[: len(ZONES)].tolist(), after[len(ZONES) :].tolist()
        return replace(at, step=at.step + 1, air=tuple(air), furniture=tuple(furniture), slam=0.0)


def written(at: At, tag: str, value: float) -> At:
    """After a write; a valve that moves far at once slams."""
    if tag == "loop/valve":
        return replace(at, valve=value, slam=max(at.slam, abs(value - at.valve)))
    if tag == "loop/purge":
        return replace(at, purges=value > 0.5)
    place = ZONES.index(tag.partition("/")[0])
    return replace(at, heaters=(*at.heaters[:place], value, *at.heaters[place + 1 :]))


def pressure(at: At) -> float:
    """Of the loop; of one that is let out none."""
    return 0.0 if at.purges else STILL_BAR + BAR_PER_SLAM * at.slam


def outside(at: At) -> float:
    """The largest excess as a share of a range."""
    span = HOTTEST - COLDEST
    zones = max(max(COLDEST - t, t - HOTTEST) / span for t in at.air)
    bar = pressure(at)
    return max(zones, max(LOWEST_BAR - bar, bar - HIGHEST_BAR) / (HIGHEST_BAR - LOWEST_BAR))


def _by_law(at: At, law: str) -> At:
    """`thermostat` heats what is below TARGET_C, `off` nothing; the valve stays."""
    is_on = law == "thermostat"
    return replace(at, heaters=tuple(float(is_on and t < TARGET_C) for t in at.air))


def _through(
    capacity: NDArray[np.float64],
    walls: NDArray[np.float64],
    lost: NDArray[np.float64],
    inside: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What becomes of temperatures and of constant power in a step; both [2 zones, 2 zones]."""
    count = len(ZONES)
    conducts = np.zeros((2 * count, 2 * count))
    for n, wall in enumerate(walls.tolist()):
        conducts[n, n + 1] = conducts[n + 1, n] = wall
    for n, between in enumerate(inside.tolist()):
        conducts[n, count + n] = conducts[count + n, n] = between
    leaves = conducts.sum(axis=1) + np.concatenate((lost, np.zeros(count)))
    holds = np.concatenate((capacity, np.full(count, _FURNITURE_KWH_K)))
    rate = (conducts - np.diag(leaves)) / holds[:, None]
    values, vectors = np.linalg.eig(rate)
    back, hours = np.linalg.inv(vectors), STEP_S / 3_600
    keeps = (vectors @ np.diag(np.exp(values * hours)) @ back).real
    grown = (vectors @ np.diag(np.expm1(values * hours) / values) @ back).real
    return keeps, grown / holds[None, :]


def _weather(chance: np.random.Generator) -> NDArray[np.float64]:
    """Outside, a winter's day of four degrees around -5, with wind that comes and goes."""
    steps = np.arange(_HOURS * STEPS_PER_H)
    mean, keeps = chance.uniform(-7.0, -3.0), float(np.exp(-1 / STEPS_PER_H / 3))
    found, gust = [], 0.0
    for k in steps.tolist():
        gust = keeps * gust + float(chance.normal(0.0, 0.3))
        found.append(mean - 4 * cos(2 * pi * (k * STEP_S / DAY_S - 0.2)) + gust)
    return np.array(found)
