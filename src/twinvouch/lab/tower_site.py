"""The tower's part of the demo's configuration: a second station with its own edge, what guards the tower, and who runs it.

All seconds and hours are of the clock, of which a second is 600 of the plant.
"""

from collections.abc import Mapping
from typing import Any, Final

from twinvouch.lab.net3 import DEVICE
from twinvouch.lab.tower import (
    AREA_M2,
    BOOSTER,
    GAUGE,
    INFLOW,
    LEVEL,
    LIMITS_M,
    OUTFLOW,
    PERIODS_S,
    RIM_M,
    STATION,
)

EDGE, CONTROLLER = "edge-2", "tower-controller"
ROLES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    EDGE: ("edge", ()),
    CONTROLLER: ("service", ("operator",)),
}
# what a flow of 1 m3 in a plant hour brings in a second of the clock, m3
PER_CLOCK_S: Final = 600 / 3_600
_GROUP: Final = "tower"
_INTERLOCK: Final = f"tower_level < {LIMITS_M[1]}"
ACTUATORS: Final[Mapping[str, Mapping[str, Any]]] = {
    BOOSTER: {
        "class": "C",
        "commanded_by": "twin",
        "min": 0,
        "max": 1,
        "rate": 0.5,
        "interlock": _INTERLOCK,
        "controlled": [LEVEL],
    }
}
# A pump without a curve and a demand without a day, a tank 5 % too large: not the plant's own code or numbers. A command
# lasts two plant hours, what a person needs to be told and to act. No watchdog: it asks every 12 s of the clock at most,
# and the tower runs over in 16.
_LOOKAHEAD: Final[Mapping[str, Any]] = {
    "model": "twinvouch.twin.tank:Tank",
    "numbers": {
        "area_m2": 1.05 * AREA_M2,
        "pump_m3h": 150,
        "demand_m3h": 75,
        "low_m": 0,
        "high_m": RIM_M,
        "time_scale": 600,
    },
    "tags": {"level": {"tag": LEVEL, "error": 0.1, "drift_per_h": 540}},
    "actuators": {BOOSTER: "run"},
    "limits": {"level": list(LIMITS_M)},
    "horizon_h": 0.02,
    "tau_s": 12.5,
    "step_s": 0.5,
    "demand": 0.25,
    "window_s": 10,
}
# Meters are off by 1.5 % of 150 m3/h at most; most of the width is for pumps that switch between two scans, and for a
# busy machine, on which the plant's time stands still for moments and the meters' does not.
_VIRTUAL: Final[Mapping[str, Any]] = {
    "area": AREA_M2,
    "flows": [
        {"tag": INFLOW, "factor": PER_CLOCK_S},
        {"tag": OUTFLOW, "factor": -PER_CLOCK_S},
    ],
    "error": 0.1,
    "growth": [[0.003, 0.15], [0.03, 0.8]],
    "max_blind_h": 0.03,
    "window_s": 10,
    "settle_s": 5,
    "gap_s": 20,
    "may_share": ["time_source"],  # both edges have this machine's clock
}
# A stop is not held because the gauge is not trusted: 60 an hour is the most there is.
_STOP: Final[Mapping[str, Any]] = {"tag": BOOSTER, "value": 0, "per_hour": 60}


def with_tower(config: Mapping[str, Any], port: int, core: int) -> dict[str, Any]:
    """twin.yaml with the tower: its second station is read at `port` of the plant, past who is between it and the first."""
    edge_1 = next(iter(config["edges"]))
    first = config["edges"][edge_1]
    second = {
        "groups": ["station-2"],
        "identity_cap": 120,
        "gather_s": 0.1,
        "core": f"http://127.0.0.1:{core}",
    }
    age_s = next(iter(config["groups"].values()))["max_age_s"]
    edge_of = {"tower": edge_1, "station-2": EDGE}
    groups = {
        name: {"edge": edge_of[name], "period_s": period_s, "max_age_s": age_s}
        for name, period_s in PERIODS_S.items()
    }
    return {
        **config,
        "zones": {**config["zones"], "metering": {"level": 1}},
        "conduits": [
            *config["conduits"],
            {"from": "metering", "to": "control", "protocols": ["modbus"]},
        ],
        "assets": {
            **config["assets"],
            "tower": {"zone": "field"},
            "booster": {"zone": "field", "safe_actions": [dict(_STOP)]},
            "station-2": {"zone": "metering"},
        },
        "devices": {
            **config["devices"],
            STATION: {**config["devices"][DEVICE], "port": port},
        },
        "groups": {**config["groups"], **groups},
        "edges": {edge_1: {**first, "groups": [*first["groups"], "tower"]}, EDGE: second},
        "redundancy": {_GROUP: {"tolerance": 0.6}},
        "lookahead": {**config["lookahead"], "tower": dict(_LOOKAHEAD)},
        "virtual": {LEVEL: dict(_VIRTUAL)},
    }


def more_of(tag: str) -> dict[str, Any]:
    """What a tag of the tower says beyond its register: its vendor, and the level that two gauges measure."""
    vendor = "a" if tag in {LEVEL, BOOSTER} else "b"
    same = {"redundancy_group": _GROUP} if tag in {LEVEL, GAUGE} else {}
    return {"vendor": vendor, "time_source": "host", **same}
