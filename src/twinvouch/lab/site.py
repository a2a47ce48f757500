"""The demo's configuration: twin.yaml and actuator.yaml for the virtual plant, from the register table.

Plain dictionaries written as YAML, as a person would write them; the product's own loader checks them.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from twinvouch.lab import outside, tower, tower_site
from twinvouch.lab.controller import PRINCIPAL as CONTROLLER
from twinvouch.lab.net3 import (
    DEVICE,
    LEVEL,
    PERIODS_S,
    PLANT,
    PLANT_PUMP,
    REGISTERS,
    RUN,
    SPEED,
    UNIT,
    Register,
    Source,
)

EDGE, ACTUATOR, OBSERVER, MODELLER = "edge-1", "actuator-1", "observer", "modeller"
MODEL = "model"  # directory, beside the configuration
ENGINEERS = ("engineer-1", "engineer-2")  # who finds a sensor lying, and who confirms it
PRINCIPALS = (EDGE, ACTUATOR, CONTROLLER, OBSERVER, MODELLER, *ENGINEERS)
OF_TOWER = tuple(tower_site.ROLES)  # where the plant has one
WITH_TOKEN = (ACTUATOR, CONTROLLER, OBSERVER, *ENGINEERS)
RATED_KPA = 420.0  # discharge of pump 10
DUPLICATE_WINDOW_S = 2.0  # short, so that the demo can show a replay
MAX_AGE_S = 10.0
_ROLES: dict[str, tuple[str, tuple[str, ...]]] = {
    EDGE: ("edge", ()),
    ACTUATOR: ("service", ()),
    CONTROLLER: ("service", ("operator",)),
    OBSERVER: ("person", ("operator", "auditor")),
    MODELLER: ("person", ("model-signer",)),
    **dict.fromkeys(ENGINEERS, ("person", ("engineer",))),
    **tower_site.ROLES,
}
_INTERLOCK = f"tank_1_level > 0.5 && tank_1_level < 9.0 && node_10_pressure < {RATED_KPA}"
_ACTUATORS: dict[str, Mapping[str, Any]] = {
    RUN: {
        "class": "C",
        "commanded_by": "twin",
        "min": 0,
        "max": 1,
        "rate": 0.5,
        "interlock": _INTERLOCK,
        "controlled": [LEVEL],
    },
    SPEED: {
        "class": "B",
        "commanded_by": "twin",
        "min": 0.8,
        "max": 1.1,
        "rate": 0.05,
        "interlock": _INTERLOCK,
        "controlled": [LEVEL],
    },
    f"pump-{PLANT_PUMP}/run": {"class": "B", "commanded_by": "plant", "min": 0, "max": 1},
    **tower_site.ACTUATORS,
}


# Tank 1 as one tank that pump 10 fills by 0.6 m an hour: half a plant day ahead, a plant hour for the command. All in seconds
# of the clock, of which one is 600 of the plant. It is not EPANET, so that the guard's model is another than the plant.
_LOOKAHEAD: dict[str, Any] = {
    "model": "twinvouch.twin.tank:Tank",
    "numbers": {
        "area_m2": 527,
        "pump_m3h": 320,
        "demand_m3h": 60,
        "low_m": 0.03,
        "high_m": 9.79,
        "time_scale": 600,
    },
    "tags": {"level": {"tag": LEVEL, "error": 0.05, "drift_per_h": 600}},
    "actuators": {RUN: "run", SPEED: "speed"},
    "limits": {"level": [0.5, 9.0]},
    "horizon_h": 0.02,
    "tau_s": 6,
    "step_s": 0.5,
    "demand": 0.9,
    "window_s": 10,
}


@dataclass(frozen=True, slots=True)
class Places:
    """Ports on this machine: what the edge reads from and ships to, the core, the plant's TLS port, a witness (0: none).

    `meters` is the plant's plain port, by which the second station at the tower is read (0: there is no tower).
    """

    plant: int
    core_for_edge: int
    core: int
    plant_tls: int
    witness: int = 0
    meters: int = 0

    @property
    def registers(self) -> tuple[Register, ...]:
        """What is measured and moved."""
        return (*REGISTERS, *tower.REGISTERS) if self.meters else REGISTERS


@dataclass(frozen=True, slots=True)
class Identities:
    """Public keys and API tokens by principal, the public key that permits are signed with, a witness's key line."""

    keys: Mapping[str, bytes]
    tokens: Mapping[str, str]
    permit: bytes
    witness: str = ""


def twin_config(places: Places, who: Identities) -> dict[str, Any]:
    """What twin.yaml says."""
    witness = {"witness": outside.config(who.witness, places.witness)} if who.witness else {}
    config: dict[str, Any] = {
        **witness,
        "version": 1,
        "plant": {
            "id": PLANT,
            "description": "EPANET Net3, virtual, 600 plant seconds a second",
            "origin": "live",
        },
        "data": "data",
        "keys": "keys",
        "zones": {"field": {"level": 1}, "control": {"level": 2}},
        "conduits": [{"from": "field", "to": "control", "protocols": ["modbus"]}],
        "assets": {r.tag.partition("/")[0]: {"zone": "field"} for r in REGISTERS},
        "devices": {DEVICE: {"host": "127.0.0.1", "port": places.plant, "timeout_s": 2.0}},
        "groups": {
            name: {"edge": EDGE, "period_s": period, "max_age_s": MAX_AGE_S}
            for name, period in PERIODS_S.items()
        },
        "tags": {r.tag: _tag(r) for r in places.registers},
        "edges": {
            EDGE: {
                "groups": list(PERIODS_S),
                "identity_cap": 120,
                "gather_s": 0.1,
                "core": f"http://127.0.0.1:{places.core_for_edge}",
            }
        },
        "detection": {"model": MODEL},
        "lookahead": {"tank-1": _LOOKAHEAD},
        "principals": [_principal(name, who) for name in _ROLES if name in who.keys],
        "actuator": {"principal": ACTUATOR},
        "command_classes": {
            "B": _class(integrity=200, plausibility=150, approvals=1),
            "C": _class(integrity=150, plausibility=100, approvals=0),
        },
        "readings": {"duplicate_window_s": DUPLICATE_WINDOW_S},
        "commands": {"read_memory_s": 10.0},
        "distrust": {"second_person_class": "C"},  # the class of the pump's commands
        "api": {"host": "127.0.0.1", "port": places.core},
    }
    return tower_site.with_tower(config, places.meters, places.core) if places.meters else config


def actuator_config(places: Places, who: Identities) -> dict[str, Any]:
    """What actuator.yaml says: its own limits, and the only write credentials there are."""
    writable = [r for r in places.registers if r.writable]
    return {
        "version": 1,
        "plant": PLANT,
        "principal": ACTUATOR,
        "key": f"keys/{ACTUATOR}.key",
        "permit_key": base64.b64encode(who.permit).decode(),
        "core": f"http://127.0.0.1:{places.core}",
        "token_file": f"keys/{ACTUATOR}.token",
        "data": "actuator",
        "devices": {
            DEVICE: {
                "host": "127.0.0.1",
                "port": places.plant_tls,
                "timeout_s": 2.0,
                "tls": {
                    "ca": "certificates/authority.crt",
                    "cert": "certificates/actuator.crt",
                    "key": "certificates/actuator.key",
                },
            }
        },
        "points": [
            {
                "tag": r.tag,
                **_place(r),
                "min": _ACTUATORS[r.tag]["min"],
                "max": _ACTUATORS[r.tag]["max"],
            }
            for r in writable
        ],
    }


def write(directory: Path, places: Places, who: Identities) -> tuple[Path, Path]:
    """Write both files and the tokens; gives their paths."""
    files = directory / "twin.yaml", directory / "actuator.yaml"
    for path, content in zip(
        files, (twin_config(places, who), actuator_config(places, who)), strict=True
    ):
        path.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    for name, token in who.tokens.items():
        token_file = directory / "keys" / f"{name}.token"
        token_file.touch(mode=0o600)
        token_file.write_text(token + "\n", "ascii")
    return files


def _tag(register: Register) -> dict[str, Any]:
    said: dict[str, Any] = {
        "unit": register.unit,
        "range": [register.low, register.high],
        "rate": register.rate,
        "group": register.group,
        "dtype": register.dtype,
        "device": register.point.device,
        "modbus_unit": register.point.unit,
        **_point(register),
    }
    if register.tag in _ACTUATORS:
        said["actuator"] = dict(_ACTUATORS[register.tag])
    return said | (tower_site.more_of(register.tag) if register.source is Source.TOWER else {})


def _place(register: Register) -> dict[str, Any]:
    return {"device": DEVICE, "unit": UNIT, **_point(register)}


def _point(register: Register) -> dict[str, Any]:
    point = register.point
    return {
        "table": point.table.value,
        "address": point.address,
        "encoding": point.encoding.value,
        "scale": point.scale,
    }


def _principal(name: str, who: Identities) -> dict[str, Any]:
    kind, roles = _ROLES[name]
    said: dict[str, Any] = {"id": name, "kind": kind, "roles": list(roles)}
    said["key"] = base64.b64encode(who.keys[name]).decode()
    if name in who.tokens:
        said["token_sha256"] = sha256(who.tokens[name].encode()).hexdigest()
    return said


def _class(integrity: int, plausibility: int, approvals: int) -> dict[str, Any]:
    return {
        "identity": 100,
        "integrity": integrity,
        "plausibility": plausibility,
        "calibration": 0,
        "approvals": approvals,
        "max_age_s": 30.0,
        "hold_s": 300.0,
    }
