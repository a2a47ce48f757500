"""What low sources say in one run: nothing at all, the truth, or lies of many kinds, some made for what they may bring about."""

import random
from typing import Final

import numpy as np

from twinvouch.app.noninterference.plant import World
from twinvouch.app.noninterference.script import Propose, Readings, Script
from twinvouch.core.batch import Quality

SILENT: Final = "silent"
HONEST: Final = "honest"
LIES: Final = "lies"
WAYS: Final = ("truth", "offset", "random", "calm", "second", "wanted", "nan", "bad", "missing")
STRETCH_NS: Final = 3_000_000_000


def spoken(script: Script, world: World, name: str) -> dict[str, list[Readings]]:
    """Each edge's batches in the run `name`; those without low tags are the script's own."""
    voice = _Voice(script, world, name)
    return {
        edge: batches if world.low.isdisjoint(_ids(world, edge)) else [voice.of(b) for b in batches]
        for edge, batches in script.readings.items()
    }


def present(world: World, batches: dict[str, list[Readings]]) -> int:
    """Readings of low tags that are there."""
    found = 0
    for edge, said in batches.items():
        low = [k for k, tag in enumerate(_ids(world, edge)) if tag in world.low]
        found += sum(int((b.quality[:, low] != Quality.MISSING).sum()) for b in said)
    return found


def _ids(world: World, edge: str) -> tuple[str, ...]:
    plant = world.site.plant
    return plant.groups[plant.edges[edge].groups[0]].ids


class _Voice:
    """One run's low sources; each keeps to one way of speaking for a stretch."""

    def __init__(self, script: Script, world: World, name: str) -> None:
        self._script, self._world, self._name = script, world, name
        self._wanted: dict[str, list[tuple[int, float]]] = {}
        for at_ns, step in script.steps:
            if isinstance(step, Propose):
                self._wanted.setdefault(step.tag, []).append((at_ns, step.value))

    def of(self, honest: Readings) -> Readings:
        """The same batch with what low tags say instead."""
        values, quality = honest.values.copy(), honest.quality.copy()
        for k, tag in enumerate(_ids(self._world, honest.edge)):
            if tag not in self._world.low:
                continue
            if self._name == SILENT:
                quality[:, k] = Quality.MISSING
            elif self._name != HONEST:
                for row, t_ns in enumerate(honest.t_ns.tolist()):
                    cell = self._cell(tag, t_ns, float(values[row, k]))
                    values[row, k], quality[row, k] = cell
        return Readings(honest.edge, honest.number, honest.t_ns, values, quality)

    def _cell(self, tag: str, t_ns: int, true: float) -> tuple[float, int]:
        chance = random.Random(f"{self._script.seed} {self._name} {tag} {t_ns // STRETCH_NS}")  # noqa: S311 - repeated by its seed
        way, offset = chance.choice(WAYS), chance.choice((-2.0, -0.6, 0.7, 2.5))
        said = {
            "offset": true + offset,
            "random": chance.uniform(-1.0, 11.0),
            "calm": 3.0,
            "second": self._second(chance, tag, t_ns, true),
            "wanted": self._next(tag, t_ns, true),
            "nan": float(np.nan),
        }
        marks = {"bad": Quality.BAD, "missing": Quality.MISSING}
        return said.get(way, true), int(marks.get(way, Quality.GOOD))

    def _second(self, chance: random.Random, tag: str, t_ns: int, true: float) -> float:
        """What another one that measures the same says, its lie too: a liar's witness."""
        measures = self._world.measures
        others = [o for o, of in sorted(measures.items()) if of == measures.get(tag) and o != tag]
        if not others:
            return true
        other = chance.choice(others)
        edge = self._world.site.plant.tags[other].domains.edge
        column = _ids(self._world, edge).index(other)
        before = [b for b in self._script.readings[edge] if b.t_ns[0] <= t_ns]
        return float(before[-1].values[0, column]) if before else true

    def _next(self, tag: str, t_ns: int, true: float) -> float:
        """Where an actuator would have to be for the next command to be a small step."""
        coming = [value for at_ns, value in self._wanted.get(tag, ()) if at_ns >= t_ns]
        return coming[0] if coming else true
