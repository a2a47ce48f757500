"""Look-ahead for a generated plant: one of its sensors is the level of a tank, one of its actuators the tank's pump, with a watchdog.

The tank empties within the hour where nobody pumps, so that not acting is near the limits where the level is low. A worker is played
by its own code in this process: the same question has the same answer in both runs.
"""

import random
from dataclasses import replace
from functools import lru_cache, partial
from typing import Final

from twinvouch.app.foresight import Foreseer, in_turn
from twinvouch.app.lookahead_process import answer
from twinvouch.app.model_class import Made, make
from twinvouch.commands.capability import required
from twinvouch.core.inventory import Plant
from twinvouch.core.lookahead import Ahead, Source
from twinvouch.core.safe import Safe
from twinvouch.core.site import SECOND, Site
from twinvouch.core.watchdog import Response, SafeAction, Watchdog
from twinvouch.wire.lookahead import read_question, write_foresight

MODEL: Final = "watched"
SHARE: Final = 0.5  # of the plants
ON: Final = (
    0.57  # no value that the scripts propose: as a safe action of somebody it would be excepted
)
_NUMBERS: Final = {
    "area_m2": 10.0,
    "pump_m3h": 80.0,
    "demand_m3h": 40.0,
    "low_m": 0.0,
    "high_m": 10.0,
}


@lru_cache(maxsize=1)
def tank() -> Made:
    """The model, once."""
    return make("twinvouch.twin.tank:Tank", b"", _NUMBERS)


def watched(seed: int, site: Site, low: frozenset[str], guarded: frozenset[str]) -> Site:
    """The site of this seed with look-ahead of an actuator that is guarded, where one can be and the seed says so."""
    chance = random.Random(f"watched {seed}")  # noqa: S311 - repeated by its seed
    plant = site.plant
    sensors = sorted(t.id for t in plant.tags.values() if t.command_class is None)
    levels = [t for t in sensors if t not in low]
    pumps = sorted(guarded - low)
    if not levels or not pumps or chance.random() > SHARE:
        return site
    beside = [t for t in levels if _beside_low(plant, t, low)]
    # where a source of low trust may cast doubt on it; or one itself
    level = chance.choice(beside or levels) if chance.random() < 0.8 else chance.choice(sensors)
    pump = chance.choice(pumps)
    ahead = _ahead(plant, level, pump, chance.choice((0.0, 900.0)))
    dog = Watchdog(
        replace(ahead, actuator=""), SECOND, chance.choice((600.0, 1_800.0)), Response.SAFE_ACTION,
        (SafeAction(pump, ON),), 3, (plant.tags[pump].asset,),
    )  # fmt: skip
    safe = {pump: (Safe(plant.tags[pump].asset, pump, ON, 60),)}
    return replace(site, ahead={**site.ahead, pump: ahead}, watchdogs={MODEL: dog}, safe=safe)


def _ahead(plant: Plant, level: str, pump: str, drift_per_h: float) -> Ahead:
    letter = plant.tags[pump].command_class
    assert letter is not None
    return Ahead(
        model=MODEL,
        digest=tank().digest,
        actuator="run",
        sources={
            "level": Source(level, 0.0, 10.0, 0.05, drift_per_h),
            "run": Source(pump, 0.0, 1.0),
        },
        limits={"level": (1.0, 9.0)},
        demands=required(plant.classes[letter]),
        horizon_s=7_200.0,
        tau_s=1_200.0,
        step_s=600.0,
        demand=0.06,
        is_each=False,
        deadline_ns=2 * SECOND,
        tolerance=1e-6,
        window_ns=2 * SECOND,
    )


def _beside_low(plant: Plant, tag: str, low: frozenset[str]) -> bool:
    for of in plant.declared.values():
        redundant, states = (p.tags for p in of.redundancy), (p.tags for p in of.expectations)
        balanced = (part.placed.tags for part in of.balances)
        if any(tag in tags and low & {*tags} for tags in (*redundant, *states, *balanced)):
            return True
    return False


@lru_cache(maxsize=2_000)
def answered(made: Made, question: bytes) -> bytes:
    """What a worker and the core make of it."""
    foreseer = Foreseer(made.model, in_turn(partial(answer, made.model)))
    return write_foresight(foreseer.foresee(read_question(question), float("inf")))
