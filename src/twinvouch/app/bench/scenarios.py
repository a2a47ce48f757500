"""`bench scenarios`: learn from each network's clean run, score unseen worlds, judge event by event.

An attack of at least three robust sd counts as found where an alarm (attack, drift, or a candidate for a change) that was clear
for six hours begins inside it and names its asset; a change counts as called an attack where an attack or drift alarm does. What people said of changes (tickets, commands) is given to the detector as it would be to gate 1. A false
alarm begins outside all events and more than six hours after them; alarms of several tags within twelve hours are one.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from math import comb
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.app.bench.detect import digest_of_code
from twinvouch.core.errors import UsageError
from twinvouch.core.spans import starts
from twinvouch.core.ticket import Work
from twinvouch.lab.scenarios.events import Event
from twinvouch.lab.scenarios.hydraulics import file_of
from twinvouch.lab.scenarios.settings import Settings, settings
from twinvouch.lab.scenarios.twin import beside
from twinvouch.lab.scenarios.world import World, world
from twinvouch.lab.score.events import QUIET_NS
from twinvouch.readings.detect.adapt import Adapter, drifting
from twinvouch.readings.detect.context import Ticket
from twinvouch.readings.detect.learn import learn
from twinvouch.readings.detect.score import Scorer
from twinvouch.readings.detect.state import ATTACK, CHANGE, DRIFT, Scored

Say = Callable[[str], None]
LARGE: Final = 3.0
NAMED: Final = 3
SIZES: Final = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, np.inf)
_TOGETHER_NS: Final = 2 * QUIET_NS
_DAY_NS: Final = 4 * QUIET_NS


@dataclass(slots=True)
class Tally:
    """What was counted over worlds; curves by type and size class."""

    large: int = 0
    found: int = 0
    as_attack: int = 0
    top: int = 0
    chance: float = 0.0
    false: int = 0
    days: float = 0.0
    changes: int = 0
    changes_alarmed: int = 0
    curve: Counter[tuple[str, float, bool]] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which worlds: `seeds` from `first_seed` of networks in `directory`; `per_day` as `detection.adapt_per_day`, `twin`: its predictions are tags too."""

    seeds: int
    first_seed: int = 0
    directory: Path | None = None
    per_day: float = 0.0
    twin: bool = False


def run(plan: Plan, say: Say) -> dict[str, Any]:
    """Figures over the worlds of each network whose file is there."""
    drawn, tally, names = settings(), Tally(), []
    say(f"configuration and code {digest_of_code()}, scenarios {drawn.digest}")
    for name in networks(drawn, plan.directory, say):
        names.append(name)
        adapter: Adapter | None = None
        for seed in range(plan.first_seed, plan.first_seed + plan.seeds):
            made = world(name, seed, drawn, plan.directory)
            made = beside(made, drawn, plan.directory) if plan.twin else made
            adapter = adapter or Adapter(
                Scorer(learn(made.training), is_learned_from=bool(plan.per_day)), plan.per_day
            )
            _, scored, told = adapter.score(
                adapter.begin(), made.test.t_ns, made.test.values, tickets(made)
            )
            scored = replace(scored, alarm=drifting(scored.alarm, told))
            count(tally, made, scored)
            say(f"{name} seed {seed}: {tally.found} of {tally.large} found, {tally.false} false")
    return _figures(tally, names, plan.seeds)


def networks(drawn: Settings, directory: Path | None, say: Say) -> Iterator[str]:
    """Names of the networks whose file is there; the others are said."""
    for name, of in drawn.networks.items():
        try:
            file_of(of, directory)
        except UsageError as error:
            say(f"{name} is left out: {error}")
            continue
        yield name


def tickets(made: World) -> tuple[Ticket, ...]:
    """What people said, as the detector is told."""
    told = []
    for event in made.events:
        if event.context is not None:
            places = tuple(made.test.ids.index(tag) for tag in event.context.tags)
            first, last = made.test.t_ns[event.start], made.test.t_ns[event.end - 1]
            told.append(Ticket(Work(event.type), places, int(first), int(last) + 1))
    return tuple(told)


def count(tally: Tally, made: World, scored: Scored) -> None:
    """Count one world."""
    begun = sorted(_begun(scored, made.test.t_ns, (ATTACK, DRIFT, CHANGE)))
    attacks = sorted(_begun(scored, made.test.t_ns, (ATTACK, DRIFT)))
    quiet = np.ones(len(made.test.t_ns), np.bool_)
    for event in made.events:
        after = np.searchsorted(made.test.t_ns, made.test.t_ns[event.end - 1] + QUIET_NS, "right")
        quiet[event.start : int(after)] = False
        inside, called = (
            [(row, tag) for row, tag in rows if event.start <= row < event.end]
            for rows in (begun, attacks)
        )
        if event.is_attack:
            _attack(tally, made, scored, event, (inside, called))
        else:
            tally.changes += 1
            tally.changes_alarmed += bool(called)
    last = -_TOGETHER_NS
    for row, _ in begun:
        t_ns = int(made.test.t_ns[row])
        if quiet[row]:
            tally.false += t_ns - last >= _TOGETHER_NS
            last = t_ns
    period_ns = int(made.test.t_ns[1] - made.test.t_ns[0])
    tally.days += np.count_nonzero(quiet) * period_ns / _DAY_NS


def _begun(
    scored: Scored, t_ns: NDArray[np.int64], kinds: tuple[int, ...]
) -> Iterator[tuple[int, int]]:
    """Rows and tags at which an alarm of one of the kinds begins that was clear for six hours."""
    up = np.isin(scored.alarm, kinds)
    for tag in np.flatnonzero(up.any(axis=0)).tolist():
        yield from ((row, tag) for row in starts(up[:, tag], t_ns, QUIET_NS).tolist())


def _attack(
    tally: Tally,
    made: World,
    scored: Scored,
    event: Event,
    alarms: tuple[list[tuple[int, int]], list[tuple[int, int]]],
) -> None:
    """Count one attack by the alarms of any kind and by those that call it an attack, (row, tag) as they begin inside."""
    inside, called = alarms
    own = {n for n, asset in enumerate(made.assets) if asset == event.asset}
    lied = {made.test.ids.index(tag) for tag in event.tags}
    hit = [row for row, tag in inside if tag in own | lied]
    size = max(s for s in SIZES[:-1] if s <= max(event.size, SIZES[0]))
    tally.curve[(event.type, size, bool(hit))] += 1
    if event.size < LARGE:
        return
    tally.large += 1
    tally.found += bool(hit)
    tally.as_attack += any(tag in own | lied for _, tag in called)
    width = len(made.test.ids)
    tally.chance += 1 - comb(width - len(lied), NAMED) / comb(width, NAMED)
    if inside:
        row = hit[0] if hit else inside[0][0]
        alarmed = (scored.alarm[row] > 0) * 1e3 + scored.blame[row]
        tally.top += bool(lied & set(np.argsort(-alarmed)[:NAMED].tolist()))


def _figures(tally: Tally, names: list[str], seeds: int) -> dict[str, Any]:
    curve = []
    for kind in sorted({kind for kind, _, _ in tally.curve}):
        for size in SIZES[:-1]:
            found, missed = tally.curve[(kind, size, True)], tally.curve[(kind, size, False)]
            if found + missed:
                curve.append({"type": kind, "size": size, "events": found + missed, "found": found})
    return {
        "networks": ",".join(names),
        "seeds": seeds,
        "events_3sd": tally.large,
        "found_3sd": _part(tally.found, tally.large),
        "found_3sd_as_attack": _part(tally.as_attack, tally.large),
        "false_alarms_per_30d": _part(tally.false * 30, tally.days),
        "change_false": _part(tally.changes_alarmed, tally.changes),
        "top3": _part(tally.top, tally.large),
        "top3_chance": _part(tally.chance, tally.large),
        "curve": curve,
    }


def _part(of: float, whole: float) -> float:
    return round(of / whole, 4) if whole else 0.0
