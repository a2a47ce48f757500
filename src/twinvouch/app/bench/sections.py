"""A plant of any size from a seed: sections of ten tags, each a tank that a pump fills and two districts empty.

Enough of physics that tags explain each other as in a plant: the level follows what flows in and out, the pump switches
by the level, pressures follow level and flow, power follows flow and lift, and a noise that all districts share relates
the sections. Instruments are noisy and rounded. Nothing about it is meant to be hard: it is for measuring speed.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.table import Table

KINDS: Final = (
    "level",
    "bottom-pressure",
    "pump-run",
    "inflow",
    "outflow",
    "branch-a",
    "branch-b",
    "suction",
    "discharge",
    "power",
)
SEED: Final = 1  # of the plant that is measured
_BEGIN_S: Final = 1_767_225_600  # 2026-01-01 UTC
_DAY_S: Final = 86_400
_LOW, _HIGH, _AREA = 2.0, 4.0, 120.0  # m, m, m2
_HEAD: Final = 9.81  # kPa a metre
_SHARED, _OWN, _HOURLY = (
    0.05,
    0.08,
    0.8,
)  # sd of demand's noise, and what is left of it after an hour
_NOISE: Final = (0.004, 0.05, 0.0, 0.01, 0.008, 0.005, 0.005, 0.3, 0.3, 0.05)
_STEP: Final = (0.001, 0.01, 1.0, 0.001, 0.001, 0.001, 0.001, 0.1, 0.1, 0.01)


@dataclass(frozen=True, slots=True, eq=False)
class Sections:
    """So many sections: what a seed has made of each, float64[S], and the time between rows."""

    seed: int
    period_s: int
    phase: NDArray[np.float64]
    demand: NDArray[np.float64]
    pump: NDArray[np.float64]
    share: NDArray[np.float64]

    @property
    def ids(self) -> tuple[str, ...]:
        """All tags, section by section."""
        return tuple(f"section-{n}/{kind}" for n in range(len(self.phase)) for kind in KINDS)

    def run(self, rows: int, first: int = 0) -> Table:
        """`rows` rows from row `first` of the plant's life on; from another first row come other weather and noise."""
        count = len(self.phase)
        chance = np.random.default_rng([self.seed, 1, first])
        t_s = _BEGIN_S + self.period_s * np.arange(first, first + rows, dtype=np.int64)
        level, pump, drawn = self._levels(t_s, chance)
        values = np.empty((rows, count * len(KINDS)))
        flow = pump * self.pump * (1.1 - 0.05 * level)
        discharge = 300.0 + _HEAD * level + 8.0 * flow**2
        suction = 150.0 - 6.0 * flow**2
        part = self.share * drawn
        power = pump * (4.0 + 0.02 * flow * (discharge - suction))
        for n, true in enumerate(
            (level, _HEAD * level, pump, flow, drawn, part, drawn - part, suction, discharge, power)
        ):
            moving = np.abs(true) > 1e-9 if KINDS[n] in {"inflow", "power"} else 1.0
            noisy = true + chance.normal(0.0, _NOISE[n], true.shape) * moving
            values[:, n :: len(KINDS)] = np.round(np.round(noisy / _STEP[n]) * _STEP[n], 6)
        return Table(self.ids, t_s * 10**9, values)

    def _levels(
        self, t_s: NDArray[np.int64], chance: np.random.Generator
    ) -> tuple[NDArray[np.float64], ...]:
        """Levels, pumps and demands float64[R, S], minute by minute as pumps switch."""
        count, minutes = len(self.phase), self.period_s / 60
        kept = _HOURLY ** (minutes / 60)
        fresh = np.sqrt(1 - kept**2)
        made = np.empty((3, len(t_s), count))
        level = chance.uniform(_LOW, _HIGH, count)
        pump = (chance.uniform(size=count) < 0.5).astype(float)
        own, shared = chance.normal(0, _OWN, count), float(chance.normal(0, _SHARED))
        for row, day in enumerate((t_s % _DAY_S / _DAY_S).tolist()):
            own = kept * own + fresh * chance.normal(0, _OWN, count)
            shared = kept * shared + fresh * float(chance.normal(0, _SHARED))
            shape = 1 + 0.4 * np.sin(2 * np.pi * (day + self.phase))
            drawn = self.demand * shape * np.exp(own + shared)
            pump = np.where(level < _LOW, 1.0, np.where(level > _HIGH, 0.0, pump))
            flow = pump * self.pump * (1.1 - 0.05 * level)
            level += minutes * (flow - drawn) / _AREA
            made[:, row] = level, pump, drawn
        return tuple(made)


def sections(tags: int, seed: int, period_s: int = 60) -> Sections:
    """A plant of `tags` tags, a multiple of ten."""
    count = tags // len(KINDS)
    chance = np.random.default_rng([seed, 0])
    return Sections(
        seed,
        period_s,
        chance.uniform(0, 0.2, count),
        chance.uniform(0.8, 1.2, count),
        chance.uniform(2.0, 2.4, count),
        chance.uniform(0.3, 0.7, count),
    )


def with_lies(table: Table, every: int, length: int, seed: int) -> Table:
    """In each `every` rows one tag that moves is off by two of its standard deviations for `length` rows."""
    chance = np.random.default_rng([seed, 2])
    values, sd = table.values.copy(), table.values.std(axis=0)
    moving = np.flatnonzero([not tag.endswith("pump-run") for tag in table.ids])
    for start in range(every // 2, len(values) - length, every):
        tag = int(chance.choice(moving))
        values[start : start + length, tag] += 2 * sd[tag]
    return Table(table.ids, table.t_ns, values)
