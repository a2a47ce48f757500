"""What one seed decides before anything runs: the plant's size, the weather, and which faults strike when."""

import errno
import random
from dataclasses import dataclass
from typing import Final

from twinvouch.app.simulation.disk import Failure
from twinvouch.app.simulation.life import Crash
from twinvouch.app.simulation.network import Weather

FAULTS_S: Final = 9.0  # faults strike this long
HEAL_S: Final = 10.0  # and after that everything is answered within this long: an approval on its way (2), a permit's life (2), outcome_s (4), ticks

_FILE: Final = ("open", "write before", "write after", "sync before", "sync after")
_NAMED: Final = ("rename before", "rename after")
_DIRECTORY: Final = ("directory.make", "directory.sync before", "directory.sync after")
CORE: Final = (
    *(f"log.{step}" for step in (*_FILE, *_NAMED, "cut")),
    *(f"tile.{step}" for step in (*_FILE, *_NAMED, "unlink")),
    *(f"checkpoint.{step}" for step in (*_FILE, *_NAMED)),
    *_DIRECTORY,
    "state.commit before",
    "state.commit after",
    "effects before",
    "answer before",
    "answer after",
    "permit before",
    "permit after",
)
EDGE: Final = (
    *(
        f"spool.{step} {when}"
        for step in ("begin", "append", "acknowledge")
        for when in ("before", "after")
    ),
    "spool.read",
    "request before",
    "answer heard",
    "device.read before",
    "device.read after",
)
ACTUATOR: Final = (
    *(f"journal.{step}" for step in (*_FILE, "cut")),
    *_DIRECTORY,
    "permit taken",
    "device.read before",
    "device.read after",
    "device.write before",
    "device.write after",
    "request before",
    "answer heard",
)
_RARE: Final = (
    "cut",
    "unlink",
    "open",
    "begin",
    "directory",
    "permit",
    "device.write",
    "journal",
    "rename",
)
_CALLS: Final = {
    "core": ("write", "fsync", "rename", "open", "mkdir", "state"),
    "edge": ("spool",),
    "actuator": ("write", "fsync", "open"),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """One seed's world."""

    seed: int
    edges: int
    weather: Weather
    lies: float
    silence: float
    before: int  # entries that the ledger has before anything strikes, so that tiles become full
    slow: float  # chance that a sync is slow
    slow_s: float
    crashes: dict[str, list[Crash]]  # by machine
    failures: dict[str, list[Failure]]
    full: list[tuple[str, float, float]]  # machine, from, to
    partitions: list[tuple[str, float, float]]  # name, from, to


def draw(seed: int) -> Plan:
    """The plan of a seed."""
    chance = random.Random(f"plan {seed}")  # noqa: S311 - a simulation is repeated by its seed
    edges = chance.choice((1, 1, 2, 2, 3))
    machines = ["core", *(f"edge-{n}" for n in range(1, edges + 1)), "actuator"]
    rough = chance.random()
    weather = Weather(
        drop=0.08 * rough * chance.random(),
        duplicate=0.1 * rough * chance.random(),
        corrupt=0.03 * rough * chance.random(),
        late=0.1 * chance.random(),
        late_s=3.0 * chance.random(),
    )
    return Plan(
        seed,
        edges,
        weather,
        lies=0.02 * chance.random(),
        silence=0.04 * chance.random(),
        before=chance.choice((0, 0, 0, chance.randint(150, 250))),
        slow=0.1 * chance.random(),
        slow_s=0.6 * chance.random(),
        crashes={name: _crashes(chance, name) for name in machines},
        failures={name: _failures(chance, name) for name in machines},
        full=[_span(chance, name) for name in machines if chance.random() < 0.12],
        partitions=[_span(chance, name) for name in machines[1:] if chance.random() < 0.25],
    )


def _crashes(chance: random.Random, name: str) -> list[Crash]:
    kind = name.partition("-")[0]
    boundaries = {"core": CORE, "edge": EDGE, "actuator": ACTUATOR}[kind]
    most = 4 if kind == "core" else 2
    found = []
    for _ in range(chance.randint(0, most)):
        boundary = chance.choice(boundaries)
        is_rare = any(part in boundary for part in _RARE)
        nth = chance.randint(1, 4 if is_rare else 25)
        found.append(Crash(boundary, nth, is_power=chance.random() < 0.5))
    return found


def _failures(chance: random.Random, name: str) -> list[Failure]:
    calls = _CALLS[name.partition("-")[0]]
    count = chance.choice((0, 0, 0, 1, 2))
    return [
        Failure(
            chance.choice(calls), chance.randint(1, 60), chance.choice((errno.EIO, errno.ENOSPC))
        )
        for _ in range(count)
    ]


def _span(chance: random.Random, name: str) -> tuple[str, float, float]:
    begin = chance.random() * FAULTS_S * 0.8
    return name, begin, min(FAULTS_S, begin + 0.3 + 4.0 * chance.random())
