"""What of a building is fitted to the plant: of every room its capacity, its gain and what it loses outside, the walls together, and heaters.

Factors of what the data file says. What is fitted is a data file again, so that the model that runs is the one that two persons sign.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

SPREADS: Final = {"capacity": 0.3, "gain": 0.1, "outside": 0.1, "walls": 0.1, "heater": 0.1}
_LEAST: Final = 0.05  # of what the file came with


def parameters(data: bytes) -> Mapping[str, tuple[float, float]]:
    """By name 1, and how far that may be off (one sigma). ValueError or KeyError where the file cannot be read.

    A room holds more than its air, and how much of it counts within an hour nobody draws: its capacity is known worst.
    """
    told: Any = json.loads(data)
    names = [f"{what}:{zone}" for zone in told["zones"] for what in ("capacity", "gain")]
    names += [f"outside:{zone}" for zone in told["outside"]]
    names += ["walls", *(f"heater:{heater}" for heater in told["heaters"])]
    return {name: (1.0, SPREADS[name.partition(":")[0]]) for name in names}


def varied(data: bytes, values: Mapping[str, float]) -> bytes:
    """The file with these factors; what is not named stays as it is."""
    told: Any = json.loads(data)

    def by(name: str, value: float) -> float:
        return float(value) * max(values.get(name, 1.0), _LEAST)

    for name, zone in told["zones"].items():
        zone["capacity_kwh_k"] = by(f"capacity:{name}", zone["capacity_kwh_k"])
        zone["gain_kw"] = by(f"gain:{name}", zone.get("gain_kw", 0.0))
    for name, heater in told["heaters"].items():
        heater["kw"] = by(f"heater:{name}", heater["kw"])
    told["outside"] = {z: by(f"outside:{z}", kw_k) for z, kw_k in told["outside"].items()}
    told["walls"] = [[a, b, by("walls", kw_k)] for a, b, kw_k in told["walls"]]
    return json.dumps(told).encode()
