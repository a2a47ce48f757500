"""A building as rooms with a heat capacity, walls between them and outside, and heaters: an RC network.

The data file is JSON: `zones` `{name: {capacity_kwh_k, gain_kw}}`, `walls` `[[zone, zone, kw_k], ...]`, `outside`
`{zone: kw_k}`, `heaters` `{name: {zone, kw}}`. Quantities: `zone:NAME` and `outside`, degrees Celsius. Actuators:
`heater:NAME`, 0 to 1. Gains (people, machines) are multiplied by the demand factor of the start. Explicit Euler in steps of at
most SUBSTEP_S; the certificate is the energy balance of every step, for all steps at once.
"""

import json
from collections.abc import Mapping, Sequence
from math import ceil, isfinite
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.lookahead import CLOCK, DEMAND, Course, Trace
from twinvouch.twin.building_fit import parameters, varied

SUBSTEP_S: Final = 60.0
_HOUR_S: Final = 3_600.0
_COLDEST, _HOTTEST = -60.0, 120.0
_MOST: Final = 500  # zones


class Building:
    """Fits Lookahead. Law `thermostat` heats a zone below number `target_c` (20) fully, above it not; `off` heats none."""

    laws = ("thermostat", "off")
    parameters = staticmethod(parameters)
    varied = staticmethod(varied)

    def __init__(self, data: bytes, numbers: Mapping[str, float]) -> None:
        if strange := sorted(set(numbers) - {"target_c"}):
            raise ValueError(f"numbers of a building: unknown {strange}, there is `target_c`")
        self._target = numbers.get("target_c", 20.0)
        told: Any = json.loads(data)
        zones, heaters = told["zones"], told["heaters"]
        if not 1 <= len(zones) <= _MOST or not heaters:
            raise ValueError(f"a building needs 1 to {_MOST} zones, and a heater")
        self._zones, place = tuple(zones), {name: n for n, name in enumerate(zones)}
        self._capacity = np.array([float(z["capacity_kwh_k"]) for z in zones.values()])
        self._gain = np.array([float(z.get("gain_kw", 0.0)) for z in zones.values()])
        self._outside = np.array([float(told["outside"].get(z, 0.0)) for z in zones])
        self._walls = np.zeros((len(zones), len(zones)))
        for a, b, conductance in told["walls"]:
            self._walls[place[a], place[b]] += float(conductance)
            self._walls[place[b], place[a]] += float(conductance)
        self._heat = np.zeros((len(heaters), len(zones)))
        for n, heater in enumerate(heaters.values()):
            self._heat[n, place[heater["zone"]]] = float(heater["kw"])
        self.actuators = tuple(f"heater:{name}" for name in heaters)
        self._states = (*(f"zone:{z}" for z in zones), "outside")
        self.columns: tuple[str, ...] = (*self._states, *self.actuators, DEMAND, CLOCK)
        self._expect_physical()
        self._steps: dict[float, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
        self._once: dict[float, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
        self._at: dict[str, float] = {}  # in the order of the columns
        self._warmed = [(f"heater:{n}", f"zone:{h['zone']}") for n, h in heaters.items()]
        self._warms = np.array([place[h["zone"]] for h in heaters.values()], np.intp)

    def limits(self) -> Mapping[str, tuple[float, float]]:
        """Temperatures that a building can have."""
        return dict.fromkeys((f"zone:{z}" for z in self._zones), (_COLDEST, _HOTTEST))

    def restore(self, start: Mapping[str, float]) -> None:
        """As Lookahead.restore; heaters that are not given are off."""
        self._at = dict(zip(self.columns, self._restored(start), strict=True))

    def _restored(self, start: Mapping[str, float]) -> list[float]:
        """In the order of the columns."""
        known = {**dict.fromkeys(self.actuators, 0.0), DEMAND: 1.0, CLOCK: 0.0, **start}
        missing = [n for n in self._states if n not in known]
        if missing or not all(isfinite(v) for v in known.values()):
            raise ValueError(f"a building starts with finite numbers, missing: {missing}")
        return [float(known[name]) for name in self.columns]

    def snapshot(self) -> Mapping[str, float]:
        """As Lookahead.snapshot."""
        return dict(self._at)

    def law(self, name: str, state: Mapping[str, float]) -> Mapping[str, float]:
        """As the class says."""
        if name != "thermostat":
            return dict.fromkeys(self.actuators, 0.0)
        return {heater: float(state[zone] < self._target) for heater, zone in self._warmed}

    def step(
        self,
        settings: Mapping[str, float],
        seconds: float,
        *,
        is_sampled: bool = False,  # noqa: ARG002 (a row tells all)
    ) -> tuple[Sequence[float], Sequence[float]]:
        """As Lookahead.step."""
        if not all(map(isfinite, settings.values())):
            raise ValueError("settings must be finite numbers")
        at = self._at
        at.update(settings)
        row = list(at.values())
        moves, gained = self._moves(seconds)
        after = row[:-2] @ moves + at[DEMAND] * gained
        at.update(zip(self._states, after.tolist(), strict=False))  # outside stays
        at[CLOCK] += seconds
        return row, ()

    def together(
        self, starts: Sequence[Mapping[str, float]], course: Course
    ) -> NDArray[np.float64]:
        """As Together.together."""
        at = np.array([self._restored(start) for start in starts])
        if not np.isfinite(list(course.settings.values())).all():
            raise ValueError("settings must be finite numbers")
        rows = np.empty((len(starts), course.steps + 1, len(self.columns)))
        moves, gained = self._moves(course.step_s)
        zones, last = len(self._zones), len(self._states) + len(self.actuators)
        set_to = [(self.columns.index(name), value) for name, value in course.settings.items()]
        warms = np.array([law == "thermostat" for law in course.laws])[:, None]
        for k in range(course.steps + 1):
            if k >= course.held:
                at[:, len(self._states) : last] = (at[:, self._warms] < self._target) & warms
            else:
                for column, value in set_to:
                    at[:, column] = value
            rows[:, k] = at
            at[:, :zones] = at[:, :-2] @ moves + at[:, -2:-1] * gained
            at[:, -1] += course.step_s
        return rows

    def law_rows(self, name: str, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """As Together.law_rows."""
        if name != "thermostat":
            return np.zeros((len(rows), len(self.actuators)))
        return (rows[:, self._warms] < self._target).astype(np.float64)

    def residual(self, start: Mapping[str, float], trace: Trace, step_s: float) -> float:
        """How far any zone is from where its energy balance leads in a step, as a share of 1 K."""
        rows, count = trace.rows, len(self._zones)
        after = self._after(rows[:-1], start.get(DEMAND, 1.0), step_s)
        wrong = np.abs(rows[1:, :count] - after).max(initial=0.0)
        outside = np.abs(np.diff(rows[:, count])).max(initial=0.0)
        return float(np.max([wrong, outside]))

    def _after(
        self, rows: NDArray[np.float64], factor: float, seconds: float
    ) -> NDArray[np.float64]:
        """Temperatures float64[n, zones] after so long, from rows float64[n, columns]."""
        count = len(self._zones)
        zones, outside = rows[:, :count], rows[:, count : count + 1]
        heat = rows[:, count + 1 : count + 1 + len(self.actuators)] @ self._heat
        keeps, gains = self._through(seconds)
        power = heat + outside * self._outside + self._gain * factor  # kW
        after: NDArray[np.float64] = zones @ keeps + power @ gains
        return after

    def _moves(self, seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The same for all quantities and actuators at once: float64[columns but two, zones], and of gains float64[zones]."""
        if seconds not in self._once:
            keeps, gains = self._through(seconds)
            parts = (keeps, (self._outside @ gains)[None, :], self._heat @ gains)
            told = np.concatenate(parts), self._gain @ gains
            self._once = {**dict(list(self._once.items())[-7:]), seconds: told}
        return self._once[seconds]

    def _through(self, seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What becomes of temperatures, and of a constant power, in all substeps of a step; both [zones, zones]."""
        if seconds not in self._steps:
            count = max(1, ceil(seconds / SUBSTEP_S))
            per_kw = np.diag(seconds / count / _HOUR_S / self._capacity)
            lost = np.diag(self._walls.sum(axis=1) + self._outside)
            once = np.eye(len(self._zones)) + (self._walls - lost) @ per_kw
            keeps, gains = np.eye(len(self._zones)), np.zeros_like(once)
            for _ in range(count):
                keeps, gains = keeps @ once, gains @ once + per_kw
            self._steps = {**dict(list(self._steps.items())[-7:]), seconds: (keeps, gains)}
        return self._steps[seconds]

    def _expect_physical(self) -> None:
        parts = (self._capacity, self._walls, self._outside, self._heat)
        finite = all(np.isfinite(p).all() for p in (*parts, self._gain))
        if not finite or (self._capacity <= 0).any() or min(p.min() for p in parts) < 0:
            raise ValueError("a building has finite numbers, capacities above 0, none below 0")
        fastest = (self._walls.sum(axis=1) + self._outside) / self._capacity
        if fastest.max() * SUBSTEP_S / _HOUR_S >= 1:
            raise ValueError("a zone changes within a minute: too light for steps of a minute")
