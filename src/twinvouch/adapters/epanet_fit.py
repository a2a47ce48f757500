"""What of a water network is fitted to the plant: roughness of its pipes, heads of its pumps, and demand, by pattern and by the hour.

Demand by the hour is two waves, of a day and of half a day: one value an hour would learn the noise of the days that were looked
at. What is fitted is written as an input file again, so that the model that runs is the one that two persons sign.
"""

from collections.abc import Mapping
from math import cos, pi, sin
from typing import Final

from twinvouch.wire.inp import read_inp
from twinvouch.wire.inp_scaled import DAY_H, Factors, demand_patterns, scaled

SPREADS: Final = {"roughness": 0.06, "pump": 0.06, "pattern": 0.08, "wave": 0.08}
_WAVES: Final = {"cos24": (cos, 1), "sin24": (sin, 1), "cos12": (cos, 2), "sin12": (sin, 2)}
_LEAST: Final = 0.05  # of what the file came with


def parameters(data: bytes) -> Mapping[str, tuple[float, float]]:
    """By name what the file came with, and how far it may be off (one sigma). MalformedError where it cannot be read."""
    pumps = {f"pump:{p}": (1.0, SPREADS["pump"]) for p in read_inp(data).pumps}
    patterns = {f"pattern:{p}": (1.0, SPREADS["pattern"]) for p in demand_patterns(data)}
    waves = {f"wave:{w}": (0.0, SPREADS["wave"]) for w in _WAVES}
    return {"roughness": (1.0, SPREADS["roughness"]), **pumps, **patterns, **waves}


def varied(data: bytes, values: Mapping[str, float]) -> bytes:
    """The file with these parameters; those that are not named stay as they are."""
    waves = {w: values.get(f"wave:{w}", 0.0) for w in _WAVES}
    hours = [
        1.0 + sum(waves[w] * wave(2 * pi * n * hour / DAY_H) for w, (wave, n) in _WAVES.items())
        for hour in range(DAY_H)
    ]
    by = Factors(
        roughness=max(values.get("roughness", 1.0), _LEAST),
        hours=[max(h, _LEAST) for h in hours],
        patterns=_of(values, "pattern:"),
        pumps=_of(values, "pump:"),
    )
    return scaled(data, by)


def _of(values: Mapping[str, float], prefix: str) -> dict[str, float]:
    return {
        n.removeprefix(prefix): max(v, _LEAST) for n, v in values.items() if n.startswith(prefix)
    }
