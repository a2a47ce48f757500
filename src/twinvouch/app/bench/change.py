"""`bench change`: a change of the plant against a lie that shows one tag alike, each alone, from one state of the detector.

Without tickets a change is called an attack where an alarm (attack or drift) that was clear for six hours begins inside it; an
attack is found where such an alarm names the asset of the tag that lies. Then the attack comes again under a ticket for all tags
of that asset, the kinds of work in turn: it is missed where no attack alarm names the asset. Candidates for an operating change are no alarms.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.app.bench.detect import digest_of_code
from twinvouch.app.bench.scenarios import networks
from twinvouch.core.spans import starts
from twinvouch.core.ticket import Work
from twinvouch.lab.scenarios.pairs import CHANGES, Pair, Paired, paired
from twinvouch.lab.scenarios.settings import settings
from twinvouch.lab.score.events import QUIET_NS
from twinvouch.lab.score.intervals import wilson
from twinvouch.readings.detect.context import Ticket
from twinvouch.readings.detect.learn import learn
from twinvouch.readings.detect.score import Scorer
from twinvouch.readings.detect.state import ATTACK, CHANGE, DRIFT, State, begin

Say = Callable[[str], None]
Alarm = NDArray[np.uint8]
_ALARMS: Final = (ATTACK, DRIFT)
_COUNTED: Final = ("legit_false", "found", "undisturbed_alarmed")


@dataclass(slots=True)
class Tally:
    """What was counted of pairs that are large enough: (what, kind of change) and (what, kind of work)."""

    left_out: int = 0
    by_change: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_work: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, eq=False)
class Arms:
    """Alarms uint8[R, K] of one pair's rows from a while before its start: nothing, change, attack, attack with a ticket."""

    t_ns: NDArray[np.int64]
    first: int
    undisturbed: Alarm
    changed: Alarm
    attacked: Alarm
    ticketed: Alarm
    work: Work


def run(seeds: int, first_seed: int, directory: Path | None, say: Say) -> dict[str, Any]:
    """Figures over the pairs of `seeds` seeds of each network whose file is there."""
    drawn, tally, names = settings(), Tally(), []
    say(f"configuration and code {digest_of_code()}, scenarios {drawn.digest}")
    for name in networks(drawn, directory, say):
        names.append(name)
        scorer: Scorer | None = None
        for seed in range(first_seed, first_seed + seeds):
            made = paired(name, seed, drawn, directory)
            scorer = scorer or Scorer(learn(made.training))
            for line in _seed(tally, scorer, made):
                say(f"{name} {seed} {line}")
    return figures(tally, names, seeds)


def _seed(tally: Tally, scorer: Scorer, made: Paired) -> Iterator[str]:
    """Score the undisturbed test once, and every pair from the state at its start; a line for each."""
    table = made.undisturbed
    whole = np.zeros(table.values.shape, np.uint8)
    state, at = begin(scorer.learned), 0
    for n, pair in enumerate(made.pairs):
        state, scored = scorer.score(
            state, table.t_ns[at : pair.start], table.values[at : pair.start]
        )
        whole[at : pair.start] = scored.alarm
        at = pair.start
        work = list(Work)[n // len(CHANGES) % len(Work)]
        if pair.counts:
            yield count(tally, made, pair, _arms(scorer, made, pair, (state, whole), work))
        else:
            tally.left_out += 1


def _arms(
    scorer: Scorer, made: Paired, pair: Pair, before: tuple[State, Alarm], work: Work
) -> Arms:
    """What the detector says to each of the four, all from the state before the pair's start."""
    (state, whole), t_ns = before, made.undisturbed.t_ns
    start, end = pair.start, pair.end
    since = int(np.searchsorted(t_ns, t_ns[start] - 2 * QUIET_NS))

    def scored(values: NDArray[np.float64], *tickets: Ticket) -> Alarm:
        _, found = scorer.score(state, t_ns[start:end], values, tickets)
        return np.vstack((whole[since:start], found.alarm))

    ticket = Ticket(work, _own(made, pair), int(t_ns[start]), int(t_ns[end - 1]) + 1)
    return Arms(
        t_ns[since:end],
        start - since,
        scored(made.undisturbed.values[start:end]),
        scored(pair.changed),
        scored(pair.attacked),
        scored(pair.attacked, ticket),
        work,
    )


def _own(made: Paired, pair: Pair) -> tuple[int, ...]:
    """Places of all tags of the touched tag's asset."""
    asset = made.assets[pair.touched]
    return tuple(n for n, of in enumerate(made.assets) if of == asset)


def count(tally: Tally, made: Paired, pair: Pair, arms: Arms) -> str:
    """Count one pair; its story in a line."""
    own = set(_own(made, pair))
    false, lied = begun(arms, arms.changed, _ALARMS), begun(arms, arms.attacked, _ALARMS)
    covered = begun(arms, arms.ticketed, (ATTACK,))
    is_candidate = bool(begun(arms, arms.ticketed, (CHANGE,)))
    held = {
        "pairs": True,
        "legit_false": bool(false),
        "found": bool(own & set(lied)),
        "undisturbed_alarmed": bool(begun(arms, arms.undisturbed, _ALARMS)),
    }
    is_missed = not own & set(covered)
    ticketed = {
        "pairs": True,
        "missed": is_missed,
        "candidates": is_missed and is_candidate,
        "elsewhere": is_missed and bool(covered),
    }
    tally.by_change.update((what, pair.change) for what, is_so in held.items() if is_so)
    tally.by_work.update((what, arms.work.value) for what, is_so in ticketed.items() if is_so)
    ids = made.undisturbed.ids
    hours = (arms.t_ns[-1] - arms.t_ns[arms.first]) / (QUIET_NS / 6)
    return (
        f"{pair.change} {hours:.0f} h, {ids[pair.touched]} {pair.size:.1f} sd:"
        f" change {_told(ids, false)}; attack {_told(ids, lied)};"
        f" with a ticket ({arms.work}) {_told(ids, covered)}{', candidate' * is_candidate}"
    )


def _told(ids: tuple[str, ...], tags: list[int]) -> str:
    return f"alarms {' '.join(ids[n] for n in tags[:3])}" if tags else "silent"


def begun(arms: Arms, alarm: Alarm, kinds: tuple[int, ...]) -> list[int]:
    """Tags, the first ones first, at which an alarm of these kinds begins inside that was clear for six hours."""
    up = np.isin(alarm, kinds)
    found = [
        (row, tag)
        for tag in np.flatnonzero(up.any(axis=0)).tolist()
        for row in starts(up[:, tag], arms.t_ns, QUIET_NS).tolist()
        if row >= arms.first
    ]
    return list(dict.fromkeys(tag for _, tag in sorted(found)))


def figures(tally: Tally, names: list[str], seeds: int) -> dict[str, Any]:
    """Shares with Wilson's intervals, and counts by kind."""
    whole = _sum(tally.by_change, "pairs")
    missed = _sum(tally.by_work, "missed")
    return {
        "networks": ",".join(names),
        "seeds": seeds,
        "pairs": whole,
        "pairs_left_out": tally.left_out,
        **_share("legit_false", _sum(tally.by_change, "legit_false"), whole),
        **_share("same_size_found", _sum(tally.by_change, "found"), whole),
        **_share("in_ticket_missed", missed, whole),
        "in_ticket_candidates": _sum(tally.by_work, "candidates"),
        "in_ticket_elsewhere": _sum(tally.by_work, "elsewhere"),
        **_share("undisturbed_alarmed", _sum(tally.by_change, "undisturbed_alarmed"), whole),
        "by_change": _rows(tally.by_change, "change", ("pairs", *_COUNTED)),
        "by_work": _rows(tally.by_work, "work", ("pairs", "missed", "candidates", "elsewhere")),
    }


def _sum(counted: Counter[tuple[str, str]], what: str) -> int:
    return sum(count for (key, _), count in counted.items() if key == what)


def _share(name: str, of: int, whole: int) -> dict[str, Any]:
    ends = [round(end, 4) for end in wilson(of, whole)]
    return {name: round(of / whole, 4) if whole else 0.0, f"{name}_ci": ends}


def _rows(
    counted: Counter[tuple[str, str]], heading: str, what: tuple[str, ...]
) -> list[dict[str, Any]]:
    kinds = sorted({kind for _, kind in counted})
    return [{heading: kind, **{key: counted[key, kind] for key in what}} for kind in kinds]
