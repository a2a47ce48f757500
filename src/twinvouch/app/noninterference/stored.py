"""A tank for a generated plant: a level with a virtual sensor, a second one beside it, and the two meters of its flows.

Flows are constant and all of the four exact where nobody lies, so that the estimate from any mark is the level and its interval holds
that of any narrower one: what differs between two runs is whom they trust, not how well a meter measures. Its tags may be on
edges of low trust: such meters are lost from the beginning, and a second level may cast doubt on the first.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from twinvouch.commands.capability import most, required
from twinvouch.commands.view import mandatory
from twinvouch.core.declared import Declarations, Redundancy
from twinvouch.core.inventory import Domains, Edge, Plant, Tag
from twinvouch.core.site import SECOND
from twinvouch.core.virtual import Curve, Flow, Virtual

LEVEL, BESIDE, IN, OUT = "tank-0/level", "tank-0/beside", "tank-0/in", "tank-0/out"
TAGS: Final = (LEVEL, BESIDE, IN, OUT)
SHARE: Final = 0.4  # of the plants
_USED: Final = 0.7  # of the actuators of such a plant
_FACTOR: Final = 0.1  # m a second of one unit of a flow
_USUAL: Final = 5.0  # of a flow
_AWAY: Final = 2.5  # the most that one is away from it
_GROWS_M_S: Final = 0.02  # half width, where all meters count
_HOUR_S: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class Water:
    """What the tank's tags say where nobody interferes: `level` (m) at the beginning, flows all the time."""

    level: float
    inflow: float
    outflow: float

    def of(self, tag: str, seconds: float) -> float:
        """The value of one of them after so many seconds."""
        now = self.level + _FACTOR * (self.inflow - self.outflow) * seconds
        return {IN: self.inflow, OUT: self.outflow}.get(tag, now)


def water(seed: int) -> Water:
    """Between 2 and 8 m for as long as a script lasts."""
    chance = random.Random(f"water {seed}")  # noqa: S311 - repeated by its seed
    level, rises = chance.uniform(4.0, 6.0), chance.uniform(-0.18, 0.18)
    inflow = chance.uniform(4.5, 5.5)
    return Water(level, inflow, inflow - rises / _FACTOR)


def tags(seed: int, edges: Mapping[str, Edge]) -> dict[str, Tag]:
    """The tank's tags, the level on the edge that is trusted most; none where the seed has no tank."""
    chance = random.Random(f"tank {seed}")  # noqa: S311 - repeated by its seed
    if chance.random() > SHARE:
        return {}
    of = sorted(edges.values(), key=lambda e: -e.identity_cap)
    places = [of[0], *(chance.choice(of) for _ in TAGS[1:])]
    return {
        name: Tag(
            name, "m", 0.0, 10.0,
            group=edge.groups[0], domains=Domains(edge=edge.principal), command_class=None,
        )
        for name, edge in zip(TAGS, places, strict=True)
    }  # fmt: skip


def used(seed: int, actuators: Mapping[str, Tag]) -> dict[str, Tag]:
    """Actuators of a plant with a tank: most rest on its level, by their interlock or as what they control."""
    chance, found = random.Random(f"used {seed}"), dict[str, Tag]()  # noqa: S311
    for name, tag in actuators.items():
        limits, is_locked = tag.limits, chance.random() < 0.7
        threshold = chance.choice((4.5, 5.0, 5.5, 6.0, 9.0))
        assert limits is not None
        if chance.random() > _USED:
            found[name] = tag
        elif is_locked:
            text = f"tank_0_level < {threshold}"
            text = f"{limits.interlock} && {text}" if limits.interlock else text
            read = (*limits.interlock_tags, LEVEL)
            found[name] = replace(tag, limits=replace(limits, interlock=text, interlock_tags=read))
        else:
            controlled = (*limits.controlled, LEVEL)
            found[name] = replace(tag, limits=replace(limits, controlled=controlled))
    return found


def declared(told: Declarations) -> Declarations:
    """With what the two levels say of each other."""
    both = Redundancy("tank", (LEVEL, BESIDE), 0.5)
    return replace(told, redundancy=(*told.redundancy, both))


def virtual(plant: Plant) -> dict[str, Virtual]:
    """The virtual sensor of the level; none of a plant without a tank."""
    if LEVEL not in plant.tags:
        return {}
    using = [t for t in plant.tags.values() if t.is_actuator and LEVEL in mandatory(t)]
    letters = {t.command_class for t in using if t.command_class is not None}
    demands = most(required(plant.classes[x]) for x in letters or plant.classes)
    lost = {frozenset(s): _GROWS_M_S + len(s) * _FACTOR * _AWAY for s in ((), (IN,), (OUT,), (IN, OUT))}  # fmt: skip
    return {
        LEVEL: Virtual(
            LEVEL, (0.0, 10.0), (0.0, 10.0),
            (Flow(IN, _FACTOR, _USUAL), Flow(OUT, -_FACTOR, _USUAL)),
            error=0.05,
            curves={of: Curve((1.0,), (grows * _HOUR_S,)) for of, grows in lost.items()},
            low=0.2, high=9.8,
            max_blind_ns=600 * SECOND,
            window_ns=SECOND,
            settle_ns=3 * SECOND,
            gap_ns=4 * SECOND,
            demands=demands,
            assets=tuple(sorted({t.asset for t in using})),
        )
    }  # fmt: skip
