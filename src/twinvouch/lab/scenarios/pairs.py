"""Pairs for one question: is it a change, or a lie that looks like one? On one tag the two are alike to the last digit.

Each change (`CHANGES`) is drawn as in a world, but alone, on a test in which nothing else happens. *The change*: the plant does
it, and all tags follow. *The attack*: one tag that the change moved reports what it would report then; the plant, and with it
every other tag, does what it does undisturbed. Noise is the same in all three runs.

A recalibration has no pair: nobody can tell it from an offset by what is reported, since both are one tag off and all else
as it was. Only a ticket can, and what an attacker does with a ticket is asked of every attack.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.table import Table
from twinvouch.lab.scenarios import world
from twinvouch.lab.scenarios.events import Drawn, draw, one_of
from twinvouch.lab.scenarios.settings import Settings
from twinvouch.lab.scenarios.targets import strike
from twinvouch.lab.scenarios.world import Commissioned

CHANGES: Final = ("setpoint", "demand_shift", "maintenance", "season")
LARGE: Final = 3.0  # robust sd; what moves no tag so far is no pair
_IMPOSSIBLE: Final = (
    100.0  # spans of the training: EPANET gives such pressures to nodes that nothing supplies
)
_KINDS: Final = 6  # a stream of chance of its own


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A change over rows `start` to before `end` and its attack, float64[end - start, K] as reported.

    `touched` is the place of the tag that is alike in both, `size` how far it departs from the undisturbed run, in robust sd
    (0 where the change left a node without supply, which EPANET cannot say truly).
    """

    change: str
    start: int
    end: int
    touched: int
    size: float
    changed: NDArray[np.float64]
    attacked: NDArray[np.float64]

    @property
    def counts(self) -> bool:
        """Whether the departure is large enough."""
        return self.size >= LARGE


@dataclass(frozen=True, slots=True, eq=False)
class Paired:
    """A seed's clean training, its undisturbed test, and the pairs in order of their start."""

    assets: tuple[str, ...]
    training: Table
    undisturbed: Table
    pairs: tuple[Pair, ...]


def paired(network: str, seed: int, settings: Settings, directory: Path | None = None) -> Paired:
    """The pairs of a seed; networks that are not shipped are looked for in `directory`."""
    known = world.commissioned(network, settings, directory)
    plan = known.plant.plan
    demand = world.demand_of(plan, settings, seed, settings.test_days)
    quiet = world.measure(known, world.simulated(plan, demand, (), settings), seed)
    t_ns = known.training.t_ns[-1] + settings.period_s * 10**9 * np.arange(1, len(quiet) + 1)
    warm = len(demand) - len(quiet)
    made = tuple(
        _pair(known, drawn, settings, (quiet, demand[: warm + drawn.end]), seed)
        for drawn in _drawn(settings, seed)
    )
    assets = tuple(i.asset for i in plan.instruments)
    return Paired(assets, known.training, Table(plan.ids, t_ns, quiet), made)


def _drawn(settings: Settings, seed: int) -> Iterator[Drawn]:
    """Times as those of the seed's world, kinds of change evenly."""
    kinds = np.random.default_rng([seed, _KINDS]).permutation(CHANGES)
    for n, drawn in enumerate(draw(settings, seed)):
        yield replace(drawn, type=str(kinds[n % len(kinds)]))


def _pair(
    known: Commissioned,
    drawn: Drawn,
    settings: Settings,
    ran: tuple[NDArray[np.float64], NDArray[np.float64]],
    seed: int,
) -> Pair:
    """Let the plant change, and one of the tags that moved be told alone."""
    quiet, demand = ran
    change = strike(known.plant, drawn, settings)
    true = world.simulated(known.plant.plan, demand, (change,), settings)
    rows = slice(drawn.start, drawn.end)
    changed = world.measure(known, true, seed)[rows]
    sd = known.plant.sd
    moved = np.where(sd > 0, np.abs(changed - quiet[rows]).max(axis=0), 0.0)
    is_possible = (moved <= _IMPOSSIBLE * np.ptp(known.training.values, axis=0)).all()
    size = is_possible * moved / np.where(sd > 0, sd, 1.0)
    large = np.flatnonzero(size >= LARGE).tolist()
    touched = one_of(drawn.chance, large) if large else int(size.argmax())
    attacked = quiet[rows].copy()
    attacked[:, touched] = changed[:, touched]
    return Pair(
        drawn.type, drawn.start, drawn.end, touched, float(size[touched]), changed, attacked
    )
