"""The building as the guard knows it: five rooms with two thermometers each, heaters, and the valve of the loop that feeds them.

The rooms' own thermometers and those in the ducts of used air hang on two controllers, each its own failure domain.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from random import Random
from typing import Final

from twinvouch.core.declared import Redundancy
from twinvouch.core.lookahead import Source
from twinvouch.core.past import Past
from twinvouch.core.site import SECOND
from twinvouch.lab.range.building_true import (
    CAPACITY,
    COLDEST,
    GAIN,
    HEATER_KW,
    HOTTEST,
    OUTSIDE,
    TARGET_C,
    WALL,
    ZONES,
    BuildingTrue,
)
from twinvouch.lab.range.plants import Lever, Lookout, Sector, Sensor, Wish

TEMPS: Final = tuple(f"{z}/temp" for z in ZONES)
HEATERS: Final = tuple(f"{z}/heater" for z in ZONES)
_MARGIN = 0.5
_STEP: Final = 0.05  # that the operator sets


def sector() -> Sector:
    """Five rooms in winter."""
    return Sector(
        name="building",
        domains={"bms-rooms": ("rooms",), "bms-ducts": ("ducts",), "bms-heat": ("heat",)},
        sensors=tuple(_sensors()),
        levers=tuple(_levers()),
        redundancies=tuple(Redundancy(z, (f"{z}/temp", f"{z}/return"), 1.6) for z in ZONES),
        balances=(),
        lookout=_lookout(),
        laws=("thermostat", "off"),
        make=BuildingTrue,
        operator=Caretaker,
        sources=("twinvouch.lab.range.building_true",),
        hours=20.0,
        attack_h=4.0,
        wishes=2,
    )


class Caretaker:
    """Fits Operator: the heaters of the rooms that are furthest from his target, by what they lose."""

    looks = (*TEMPS, "outside/temp")

    def __init__(self, chance: Random) -> None:
        self._chance, self.target = chance, 20.5

    def shift(self, by: float) -> None:
        """Of the target, K."""
        self.target += by

    def wishes(self, shown: Mapping[str, float | None]) -> Sequence[Wish]:
        """A room that he does not see is left as it is."""
        outside, found = shown["outside/temp"], []
        cold = -3.0 if outside is None else outside
        for z in ZONES:
            temp, now = shown[f"{z}/temp"], shown[f"{z}/heater"]
            if temp is None or now is None:
                continue
            loses = OUTSIDE * (self.target - cold) - GAIN
            wanted = (loses + 4.0 * (self.target - temp)) / HEATER_KW + self._chance.uniform(-0.04, 0.04)  # fmt: skip
            wanted = round(min(max(wanted, 0.0), 1.0) / _STEP) * _STEP
            if abs(wanted - now) >= _STEP:
                looked = tuple(t for t in (f"{z}/temp", "outside/temp") if shown[t] is not None)
                found.append(
                    (abs(self.target - temp), Wish(f"{z}/heater", round(wanted, 2), looked))
                )
        return [wish for _, wish in sorted(found, key=lambda each: -each[0])]


def _sensors() -> list[Sensor]:
    found = [
        Sensor("outside/temp", "C", -40.0, 50.0, "ducts", noise=0.1),
        Sensor("loop/pressure", "bar", 0.0, 40.0, "heat", noise=0.02),
    ]
    for z in ZONES:
        found.append(Sensor(f"{z}/temp", "C", 0.0, 45.0, "rooms", 0.01, noise=0.1))
        found.append(Sensor(f"{z}/return", "C", 0.0, 45.0, "ducts", noise=0.2, bias=0.15))
    return found


def _levers() -> list[Lever]:
    found = [
        Lever(f"{z}/heater", "1", 0.0, 1.0, "heat", model=f"heater:{z}", past=Past(writes=30))
        for z in ZONES
    ]
    slow = Past(ramp=0.2, ramp_ns=3_600 * SECOND)
    found.append(Lever("loop/valve", "1", 0.5, 1.0, "heat", rate=0.1 / 60, past=slow))
    return found


def _lookout() -> Lookout:
    rooms = {f"zone:{z}": Source(f"{z}/temp", 0.0, 45.0, error=0.3, drift_per_h=2.0) for z in ZONES}
    heaters = {f"heater:{z}": Source(f"{z}/heater", 0.0, 1.0) for z in ZONES}
    weather = {"outside": Source("outside/temp", -15.0, 15.0, error=2.0, drift_per_h=1.0)}
    return Lookout(
        "twinvouch.twin.building:Building",
        drawing,
        {"target_c": TARGET_C},
        {**rooms, **heaters, **weather},
        {f"zone:{z}": (COLDEST + _MARGIN, HOTTEST - _MARGIN) for z in ZONES},
        horizon_s=6 * 3_600.0,
        tau_s=3_600.0,
        demand=0.1,
        tolerance=1e-6,
    )


def drawing() -> bytes:
    """The rooms as they were planned."""
    told = {
        "zones": {z: {"capacity_kwh_k": CAPACITY, "gain_kw": GAIN} for z in ZONES},
        "walls": [[a, b, WALL] for a, b in pairwise(ZONES)],
        "outside": dict.fromkeys(ZONES, OUTSIDE),
        "heaters": {z: {"zone": z, "kw": HEATER_KW} for z in ZONES},
    }
    return json.dumps(told).encode()
