"""The true tank: its own physics and its own errors, from a seed. Nothing of the product is used here.

Area, pump and demand are up to 10 % off what the configuration says; both meters have a scale error for the whole run and
noise of every reading; what leaks is metered by nobody. Demand has a day, and weather that lasts for hours.
"""

from dataclasses import dataclass
from math import exp, pi, sin
from typing import Final

import numpy as np

STEP_S: Final = 300
_HOUR_S: Final = 3_600
_FINE: Final = 10  # steps of the physics in one of the plant
_OFF: Final = 0.10  # how far parameters are off, as a share
_SCALE: Final = 0.01  # scale error of a meter, one standard deviation
_NOISE: Final = 0.02  # noise of a meter's reading, as a share
_LEAK: Final = 0.005  # of the demand, at most
_LEVEL_NOISE_M: Final = 0.005


@dataclass(frozen=True, slots=True)
class Design:
    """What the configuration says of a tank: m2, m, m3/h; `low..high` must not be left, `start..stop` is the band of control."""

    name: str
    area: float
    height: float
    pump: float
    demand: float
    low: float
    high: float
    start: float
    stop: float


LARGE: Final = Design("large", 400.0, 6.0, 150.0, 70.0, 1.0, 5.5, 2.5, 4.0)
SMALL: Final = Design("small", 42.0, 5.0, 150.0, 70.0, 0.6, 4.6, 2.2, 3.2)  # 3 h of residence


class Tank:
    """One run's tank; `readings` are what its instruments say after each step."""

    def __init__(self, design: Design, seed: int) -> None:
        chance = np.random.default_rng([seed, 1])
        off = 1.0 + chance.uniform(-_OFF, _OFF, 3)
        self._area, self._pump = design.area * off[0], design.pump * off[1]
        self._demand, self._phase = design.demand * off[2], chance.uniform(0.0, 2 * pi)
        self._leak = self._demand * chance.uniform(0.0, _LEAK)
        self._scale = 1.0 + chance.normal(0.0, _SCALE, 2)
        self._weather, self._noise = 0.0, np.random.default_rng([seed, 2])
        self._height, self._at_s = design.height, 0.0
        self.level = float(chance.uniform(design.start, design.stop))
        self.inflow = self.outflow = 0.0

    def step(self, *, runs: bool) -> None:
        """Five minutes with the pump on or off."""
        fine_s = STEP_S / _FINE
        flows = np.zeros(2)
        for _ in range(_FINE):
            self._at_s += fine_s
            decay = exp(-fine_s / (2 * _HOUR_S))
            self._weather = decay * self._weather + (1 - decay**2) ** 0.5 * self._noise.normal(0.0, 0.06)  # fmt: skip
            day = 1.0 + 0.3 * sin(2 * pi * self._at_s / (24 * _HOUR_S) + self._phase)
            inflow = self._pump if runs else 0.0
            outflow = max(0.0, self._demand * (day + self._weather))
            change = (inflow - outflow - self._leak) * fine_s / _HOUR_S / self._area
            self.level = min(max(self.level + change, 0.0), self._height)
            flows += (inflow, outflow)
        self.inflow, self.outflow = (flows / _FINE).tolist()

    def readings(self) -> tuple[float, float, float]:
        """Level, inflow and outflow as measured: m, m3/h, means of the step."""
        noise = self._noise.normal(0.0, 1.0, 3)
        told = np.array([self.inflow, self.outflow]) * self._scale * (1.0 + _NOISE * noise[1:])
        level = self.level + _LEVEL_NOISE_M * noise[0]
        return float(min(max(level, 0.0), self._height)), float(told[0]), float(told[1])
