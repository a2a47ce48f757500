"""For a generated plant: an estimate that stands in for a sensor, what follows from a write, and a list of safe actions.

A virtual sensor is made as a configuration makes one: what counts in it is what the actuators demand that rest on it, whoever
else meters it. Its curves hold 95 % of the errors of these plants, whose quantities wander by about a metre a second, metered or not.
"""

import random
from dataclasses import replace
from itertools import combinations
from typing import Final

from twinvouch.commands.capability import most, required
from twinvouch.commands.view import mandatory
from twinvouch.core.aftermath import Aftermath, Expected, OnFailure
from twinvouch.core.inventory import CommandClass, Plant, Tag
from twinvouch.core.safe import Safe
from twinvouch.core.site import SECOND, Site
from twinvouch.core.virtual import Axes, Curve, Flow, Lost, Virtual

ESTIMATED: Final = 0.7  # of the plants where an actuator rests on a sensor
FOLLOWED: Final = 0.5  # of the guarded actuators
LISTED: Final = 0.3
DEFAULT: Final = 0.25  # what a fall-back comes to: no value that scripts propose, nor a watchdog
_SECONDS: Final = (1.0, 2.0, 5.0, 10.0)
_WIDTHS: Final = (1.0, 1.5, 2.5, 3.6)  # m that held 95 % of the errors so many seconds later
_WINDOW_NS: Final = SECOND


def stood_in(seed: int, site: Site, low: frozenset[str], guarded: frozenset[str]) -> Site:
    """The site of this seed with an estimate, expected responses and listed actions, each where the seed says so."""
    chance = random.Random(f"stood in {seed}")  # noqa: S311 - repeated by its seed
    aftermaths = {
        tag: _aftermath(chance, site.plant, tag)
        for tag in sorted(guarded)
        if chance.random() < FOLLOWED
    }
    safe = {**site.safe}
    for tag in sorted(guarded):
        if chance.random() < LISTED:
            asset = site.plant.tags[tag].asset
            safe[tag] = (*safe.get(tag, ()), Safe(asset, tag, 0.3, chance.choice((1, 3))))
    virtual = _virtual(chance, site, low, guarded)
    return replace(site, aftermaths=aftermaths, safe=safe, virtual=virtual)


def _aftermath(chance: random.Random, plant: Plant, tag: str) -> Aftermath:
    """Its own position has to show a write, or a sensor has to come near to it; a held command may have a deadline."""
    sensors = sorted(t.id for t in plant.tags.values() if t.command_class is None)
    on_failure = chance.choice(list(OnFailure))
    within_ns = chance.choice((1, 2)) * SECOND
    if chance.random() < 0.6:
        expected = Expected(tag, 0.05, within_ns, on_failure=on_failure)
    else:
        expected = Expected(chance.choice(sensors), 1.0, within_ns, 5.0, 2.0, on_failure)
    deadline_ns = chance.choice((0, 2 * SECOND, 4 * SECOND))
    return Aftermath(expected, DEFAULT, deadline_ns, is_default_taken=chance.random() < 0.7)


def _virtual(
    chance: random.Random, site: Site, low: frozenset[str], guarded: frozenset[str]
) -> dict[str, Virtual]:
    """Of one sensor that a guarded actuator rests on, metered by one or two of other edges."""
    rested = sorted({t for name in guarded for t in rests(site, name)} - low)
    if not rested or chance.random() > ESTIMATED:
        return {}
    level = chance.choice(rested)
    tags = site.plant.tags
    others = sorted(
        t.id
        for t in tags.values()
        if t.command_class is None and t.domains.edge != tags[level].domains.edge
    )
    trusted = [t for t in others if t not in low]
    chosen = trusted if trusted and chance.random() < 0.8 else others
    flows = chance.sample(chosen, min(len(chosen), chance.choice((1, 2))))
    using = [t for t in tags.values() if level in rests(site, t.id)]
    limits = chance.choice(((-4.0, 14.0), (0.0, 10.0)))
    return {level: _sensor(level, flows, _demands(site.plant, using), using, limits)}


def rests(site: Site, actuator: str) -> set[str]:
    """Sensors that always count in its commands, or that its model starts from."""
    about, ahead = site.plant.tags[actuator], site.ahead.get(actuator)
    if about.command_class is None:
        return set()
    starts = () if ahead is None else (s.tag for s in ahead.sources.values())
    named = {*mandatory(about), *starts}
    return {t for t in named if site.plant.tags[t].command_class is None}


def _demands(plant: Plant, using: list[Tag]) -> Axes:
    letters = {t.command_class or CommandClass.A for t in using}
    return most(required(plant.classes[letter]) for letter in letters)


def _sensor(
    level: str, flows: list[str], demands: Axes, using: list[Tag], limits: tuple[float, float]
) -> Virtual:
    return Virtual(
        tag=level,
        levels=(-5.0, 15.0),
        volumes=(-500.0, 1_500.0),
        flows=tuple(
            Flow(tag, factor, 4.0) for tag, factor in zip(flows, (2.0, -2.0), strict=False)
        ),
        error=0.15,
        curves=_curves(flows),
        low=limits[0],
        high=limits[1],
        max_blind_ns=20 * SECOND,
        window_ns=_WINDOW_NS,
        settle_ns=2 * SECOND,
        gap_ns=3 * SECOND,
        demands=demands,
        assets=tuple(sorted({t.asset for t in using})),
    )


def _curves(flows: list[str]) -> dict[Lost, Curve]:
    """By the meters that are lost: with each the interval grows faster."""
    found, hours = {}, tuple(s / 3_600.0 for s in _SECONDS)
    for n in range(len(flows) + 1):
        for lost in combinations(flows, n):
            found[frozenset(lost)] = Curve(hours, tuple(w * (1.0 + 0.2 * n) for w in _WIDTHS))
    return found
