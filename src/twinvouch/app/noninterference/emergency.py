"""What two persons signed for a generated plant: safe actions, and what is done after a write and after a deadline."""

import random
from dataclasses import replace
from typing import Final

from twinvouch.core.aftermath import Aftermath, Expected, OnFailure
from twinvouch.core.safe import Safe
from twinvouch.core.site import SECOND, Site

LISTED: Final = 0.3  # what scripts propose often
DEFAULT: Final = 0.2  # no value that they propose
_SAFE: Final = 0.3  # of the actuators
_AFTER: Final = 0.5


def signed(seed: int, site: Site) -> Site:
    """The site with both; a chance of their own, so that the rest of the plant stays as it was."""
    chance = random.Random(f"signed {seed}")  # noqa: S311 - repeated by its seed
    tags = sorted(t.id for t in site.plant.tags.values() if t.command_class is not None)
    sensors = sorted(site.plant.tags.keys() - {*tags})
    safe, after = dict(site.safe), dict[str, Aftermath]()
    for tag in tags:
        if chance.random() < _SAFE:
            mine = Safe(site.plant.tags[tag].asset, tag, LISTED, chance.choice((1, 60)))
            safe[tag] = (*safe.get(tag, ()), mine)
        if chance.random() < _AFTER:
            shows = tag if chance.random() < 0.5 else chance.choice(sensors)
            after[tag] = _aftermath(chance, shows, is_itself=shows == tag)
    return replace(site, safe=safe, aftermaths=after)


def _aftermath(chance: random.Random, shows: str, *, is_itself: bool) -> Aftermath:
    """A response that comes now and then: nobody moves this plant, its sensors go their own ways."""
    factor, offset = (1.0, 0.0) if is_itself else (5.0, chance.choice((1.0, 3.0)))
    expected = Expected(
        shows,
        chance.choice((0.05, 0.15)) if is_itself else chance.choice((0.5, 1.5)),
        chance.choice((1, 2)) * SECOND,
        factor,
        offset,
        chance.choice((OnFailure.ROLL_BACK, OnFailure.ROLL_BACK, OnFailure.FALL_BACK)),
    )
    is_expected = chance.random() < 0.8
    deadline_ns = chance.choice((0, 2, 4)) * SECOND
    is_taken = deadline_ns > 0 and chance.random() < 0.7
    return Aftermath(expected if is_expected else None, DEFAULT, deadline_ns, is_taken)


def is_listed(site: Site, tag: str, value: float) -> bool:
    """True of a value that two persons listed as safe for an actuator."""
    return any(s.value == value for s in site.safe.get(tag, ()))
