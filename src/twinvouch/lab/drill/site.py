"""The drills' plant: 52 tags in five scan groups, four of them set-points, and how fast everything goes.

A `Load` says what the configuration's own rhythm is (`NORMAL`) and how many times faster a drill runs it.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import yaml

PLANT: Final = "drill"
ORIGIN: Final = f"{PLANT}/0"
DEVICE, UNIT = "plc-1", 1
EDGE, ACTUATOR, CONTROLLER, OBSERVER = "edge-1", "actuator-1", "controller", "observer"
PRINCIPALS: Final = (EDGE, ACTUATOR, CONTROLLER, OBSERVER)
WITH_TOKEN: Final = (ACTUATOR, CONTROLLER, OBSERVER)
SCANS, SENSORS = 4, 12  # scan groups of sensors, and sensors in each
SETPOINTS: Final = tuple(f"drive-{n}/setpoint" for n in range(1, 5))
MOST_SETPOINT: Final = 16_000_000  # every whole number up to here is a float32 of its own
HIGH: Final = 100.0  # of every sensor's range
MAX_AGE_S: Final = 30.0  # of a reading: a start of the core on a busy machine, and what the edge has to catch up with then


@dataclass(frozen=True, slots=True)
class Load:
    """How often things happen, a second: each scan group, commands, queries; the others as seconds between two."""

    scans_per_s: float
    commands_per_s: float
    queries_per_s: float
    stream_every_s: float  # a subscriber comes, listens and goes
    statement_every_s: float  # a person distrusts a sensor and takes it back
    faulty_s: float  # at first a sensor is out of its range for so long: what is kept of findings fills up
    fault_every_s: float  # then it leaves its range for a moment
    drop_every_s: float  # the plant drops the edge's and the actuator's connections

    def faster(self, times: float) -> "Load":
        """The same, `times` as often."""
        return Load(
            self.scans_per_s * times,
            self.commands_per_s * times,
            self.queries_per_s * times,
            self.stream_every_s / times,
            self.statement_every_s / times,
            self.faulty_s / times,
            self.fault_every_s / times,
            self.drop_every_s / times,
        )

    @property
    def batches_per_s(self) -> float:
        """What the edge is to ship."""
        return self.scans_per_s * (SCANS + 1)


NORMAL: Final = Load(
    scans_per_s=0.5,
    commands_per_s=0.1,
    queries_per_s=1.0,
    stream_every_s=600.0,
    statement_every_s=1800.0,
    faulty_s=7200.0,
    fault_every_s=1200.0,
    drop_every_s=3600.0,
)


@dataclass(frozen=True, slots=True)
class Places:
    """Ports on this machine: the plant, where the edge ships to, the core; and what else the core is told, as YAML has it."""

    plant: int
    core_for_edge: int
    core: int
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Identities:
    """Public keys and API tokens by principal, and the public key that permits are signed with."""

    keys: Mapping[str, bytes]
    tokens: Mapping[str, str]
    permit: bytes


def sensors() -> dict[str, int]:
    """Input register of every sensor by its tag: two registers each, one block a scan group."""
    return {
        f"unit-{g}/t{t}": 100 * g + 2 * t
        for g in range(1, SCANS + 1)
        for t in range(1, SENSORS + 1)
    }


def setpoints() -> dict[str, int]:
    """Holding register of every set-point by its tag."""
    return {tag: 2 * n for n, tag in enumerate(SETPOINTS)}


def write(directory: Path, places: Places, who: Identities, load: Load) -> tuple[Path, Path]:
    """Write twin.yaml, actuator.yaml and the tokens; gives the paths of the first two."""
    files = directory / "twin.yaml", directory / "actuator.yaml"
    for path, content in zip(
        files, (_twin(places, who, load), _actuator(places, who)), strict=True
    ):
        path.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    for name, token in who.tokens.items():
        token_file = directory / "keys" / f"{name}.token"
        token_file.touch(mode=0o600)
        token_file.write_text(token + "\n", "ascii")
    return files


def _twin(places: Places, who: Identities, load: Load) -> dict[str, Any]:
    groups = [*(f"scan-{g}" for g in range(1, SCANS + 1)), "setpoints"]
    tags = {t: _sensor(t, at) for t, at in sensors().items()}
    tags |= {t: _setpoint(at) for t, at in setpoints().items()}
    return {
        "version": 1,
        "plant": {"id": PLANT, "description": "the drills' plant, virtual", "origin": "live"},
        "assets": {asset: {} for asset in dict.fromkeys(t.partition("/")[0] for t in tags)},
        "devices": {DEVICE: {"host": "127.0.0.1", "port": places.plant, "timeout_s": 2.0}},
        "groups": {
            name: {"edge": EDGE, "period_s": round(1 / load.scans_per_s, 6), "max_age_s": MAX_AGE_S}
            for name in groups
        },
        "tags": tags,
        "edges": {
            EDGE: {
                "groups": groups,
                "gather_s": 0.001,
                "core": f"http://127.0.0.1:{places.core_for_edge}",
            }
        },
        "principals": [_principal(name, who) for name in PRINCIPALS],
        "actuator": {"principal": ACTUATOR},
        "command_classes": {"C": _class()},
        # an actuator that is killed again and again while it starts reports this late; before, a change is unexplained
        "commands": {"outcome_s": 25.0, "read_memory_s": 10.0},
        "api": {"host": "127.0.0.1", "port": places.core},
        **places.more,
    }


def _actuator(places: Places, who: Identities) -> dict[str, Any]:
    return {
        "version": 1,
        "plant": PLANT,
        "principal": ACTUATOR,
        "key": f"keys/{ACTUATOR}.key",
        "permit_key": base64.b64encode(who.permit).decode(),
        "core": f"http://127.0.0.1:{places.core}",
        "token_file": f"keys/{ACTUATOR}.token",
        "data": "actuator",
        "devices": {DEVICE: {"host": "127.0.0.1", "port": places.plant, "timeout_s": 2.0}},
        "points": [
            {
                "tag": tag,
                "device": DEVICE,
                "unit": UNIT,
                **_place(at),
                "min": 0,
                "max": MOST_SETPOINT,
            }
            for tag, at in setpoints().items()
        ],
    }


def _sensor(tag: str, address: int) -> dict[str, Any]:
    return {
        "unit": "m",
        "range": [0, HIGH],
        "group": f"scan-{tag.partition('/')[0].removeprefix('unit-')}",
        "device": DEVICE,
        "modbus_unit": UNIT,
        "table": "input",
        "address": address,
        "encoding": "f32",
    }


def _setpoint(address: int) -> dict[str, Any]:
    return {
        "unit": "",
        "range": [0, MOST_SETPOINT],
        "group": "setpoints",
        "device": DEVICE,
        "modbus_unit": UNIT,
        **_place(address),
        "actuator": {
            "class": "C",
            "commanded_by": "twin",
            "min": 0,
            "max": MOST_SETPOINT,
            "controlled": ["unit-1/t1"],
        },
    }


def _place(address: int) -> dict[str, Any]:
    return {"table": "holding", "address": address, "encoding": "f32"}


def _principal(name: str, who: Identities) -> dict[str, Any]:
    kind, roles = {
        EDGE: ("edge", []),
        ACTUATOR: ("service", []),
        CONTROLLER: ("service", ["operator"]),
        OBSERVER: ("person", ["operator", "auditor"]),
    }[name]
    said: dict[str, Any] = {"id": name, "kind": kind, "roles": roles}
    said["key"] = base64.b64encode(who.keys[name]).decode()
    if name in who.tokens:
        said["token_sha256"] = sha256(who.tokens[name].encode()).hexdigest()
    return said


def _class() -> dict[str, Any]:
    return {
        "identity": 100,
        "integrity": 150,
        "plausibility": 100,
        "calibration": 0,
        "approvals": 0,
        "max_age_s": MAX_AGE_S,
        "hold_s": 5.0,
    }
