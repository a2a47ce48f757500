"""A tank that pumps fill and people empty: the smallest model that look-ahead works with.

Level in m, flows in m3/h. A pump gives `pump_m3h` at speed 1 and full-on, in proportion to its speed, less
`droop_m3h_per_m` for each metre of level. Demand follows a sine of the day of amplitude `swing`, times the factor of
the start. Explicit Euler: a step is one balance, so that the certificate is that balance.
"""

from collections.abc import Mapping, Sequence
from math import cos, isfinite, pi
from typing import Final

import numpy as np

from twinvouch.core.lookahead import CLOCK, DEMAND, Trace

_DAY_S: Final = 86_400.0
_HOUR_S: Final = 3_600.0
_NUMBERS: Final = {
    "area_m2": None,
    "pump_m3h": None,
    "demand_m3h": None,
    "low_m": None,
    "high_m": None,
    "droop_m3h_per_m": 0.0,
    "swing": 0.0,
    "peak_h": 12.0,
    "time_scale": 1.0,  # seconds of the plant in one of the clock, for a plant that is simulated faster
}


class Tank:
    """Fits Lookahead: `level`, and the actuators `run` (on above 0.5) and `speed`."""

    columns = ("level", DEMAND, CLOCK, "run", "speed", "in_m3h", "out_m3h")
    actuators = ("run", "speed")
    laws = ("band", "off")

    def __init__(self, data: bytes, numbers: Mapping[str, float]) -> None:
        if data:
            raise ValueError("a tank has no data file")
        strange = sorted(set(numbers) - set(_NUMBERS))
        missing = sorted(n for n, v in _NUMBERS.items() if v is None and n not in numbers)
        if strange or missing:
            raise ValueError(f"numbers of a tank: unknown {strange}, missing {missing}")
        self._n = {n: float(numbers.get(n, v or 0.0)) for n, v in _NUMBERS.items()}
        wrong = [n for n, v in self._n.items() if not isfinite(v)]
        if wrong or not (self._n["area_m2"] > 0 and self._n["low_m"] < self._n["high_m"]):
            raise ValueError("numbers of a tank: a positive area, and low_m below high_m")
        self._at: dict[str, float] = {}

    def limits(self) -> Mapping[str, tuple[float, float]]:
        """Bottom and rim; beyond them the model goes on, so that how far a limit is passed can be told."""
        return {"level": (self._n["low_m"], self._n["high_m"])}

    def restore(self, start: Mapping[str, float]) -> None:
        """As Lookahead.restore; an actuator that is not given is off, its speed 1."""
        known = {"run": 0.0, "speed": 1.0, DEMAND: 1.0, CLOCK: 0.0, **start}
        if "level" not in known or not all(isfinite(v) for v in known.values()):
            raise ValueError("a tank starts at a `level`, with finite numbers")
        self._at = {name: float(known[name]) for name in ("level", DEMAND, CLOCK, "run", "speed")}

    def snapshot(self) -> Mapping[str, float]:
        """As Lookahead.snapshot."""
        return dict(self._at)

    def law(self, name: str, state: Mapping[str, float]) -> Mapping[str, float]:
        """`band`: on below the middle, off above it; `off`: off."""
        middle = (self._n["low_m"] + self._n["high_m"]) / 2
        is_on = name == "band" and state["level"] < middle
        return {"run": 1.0 if is_on else 0.0, "speed": 1.0}

    def step(
        self,
        settings: Mapping[str, float],
        seconds: float,
        *,
        is_sampled: bool = False,  # noqa: ARG002 (a row tells all)
    ) -> tuple[Sequence[float], Sequence[float]]:
        """As Lookahead.step."""
        if not all(isfinite(v) for v in settings.values()):
            raise ValueError("settings must be finite numbers")
        at = self._at
        at.update(settings)
        inflow = self._inflow(at["level"], at["run"], at["speed"])
        outflow = self._outflow(at[DEMAND], at[CLOCK])
        row = [*(at[n] for n in self.columns[:5]), inflow, outflow]
        gained = (inflow - outflow) * seconds * self._n["time_scale"] / _HOUR_S
        at["level"] += gained / self._n["area_m2"]
        at[CLOCK] += seconds * self._n["time_scale"]
        return row, ()

    def residual(self, start: Mapping[str, float], trace: Trace, step_s: float) -> float:
        """Mass balance of every step, and flows as pump and demand have them; a share of the pump's flow."""
        rows = dict(zip(self.columns, trace.rows.T, strict=True))
        passed = np.arange(len(trace.rows)) * step_s * self._n["time_scale"]
        clock = start.get(CLOCK, 0.0) + passed
        inflow = [
            self._inflow(*v) for v in zip(rows["level"], rows["run"], rows["speed"], strict=True)
        ]
        outflow = [self._outflow(start.get(DEMAND, 1.0), t) for t in clock.tolist()]
        hours = step_s * self._n["time_scale"] / _HOUR_S
        stored = np.diff(rows["level"]) * self._n["area_m2"] / hours
        wrong = (
            stored - (rows["in_m3h"] - rows["out_m3h"])[:-1],
            rows["in_m3h"] - inflow,
            rows["out_m3h"] - outflow,
        )
        worst = np.max([np.abs(w).max(initial=0.0) for w in wrong])
        return float(worst) / max(self._n["pump_m3h"], 1e-9)

    def _inflow(self, level: float, run: float, speed: float) -> float:
        if run <= 0.5:
            return 0.0
        head = max(level - self._n["low_m"], 0.0)
        return max(self._n["pump_m3h"] * speed - self._n["droop_m3h_per_m"] * head, 0.0)

    def _outflow(self, factor: float, clock_s: float) -> float:
        of_day = 2 * pi * (clock_s - self._n["peak_h"] * _HOUR_S) / _DAY_S
        return self._n["demand_m3h"] * factor * (1 + self._n["swing"] * cos(of_day))
