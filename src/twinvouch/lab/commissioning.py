"""A commissioning run of the virtual plant: what its edge would have read while nobody lied, from a seed.

Several starts of the plant, each with its own phase of the scans and its own delay of the level controller, because
that is what differs from one run of the demo to the next. Simulated in memory, as fast as EPANET computes.
"""

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from twinvouch.core.inventory import Table
from twinvouch.lab import controller
from twinvouch.lab.net3 import BY_TAG, LEVEL, PERIODS_S, REGISTERS, RUN, TICK_S, Register
from twinvouch.lab.waterworks import Waterworks
from twinvouch.wire.words import from_words, to_words

STARTS: Final = 12
SECONDS: Final = 160.0  # of the accelerated clock: 27 hours of the plant
SCAN_S: Final = min(PERIODS_S.values())
_BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_READY_S: Final = (
    24.0  # until the controller speaks at the latest: each start later than the one before
)
_LATE_S: Final = (0.3, 3.3)
_ACT_S: Final = (0.3, 1.0)  # from a decision to the write
_PAUSE_S: Final = 2.5


@dataclass(slots=True)
class _Hand:
    """When the controller looks next, and the write that is on its way (seconds, value)."""

    next_s: float
    due_s: float = float("inf")
    value: float = 0.0


def write(path: Path, seed: int) -> None:
    """A CSV with a row every scan of the fastest group; what is scanned slower has empty cells between."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("time", *(register.tag for register in REGISTERS)))
        for number in range(STARTS):
            begun = _BEGIN + timedelta(hours=number)
            chance = random.Random(seed * STARTS + number)  # noqa: S311 - a simulation
            ready_s = _READY_S * number / STARTS + chance.uniform(*_LATE_S)
            for at_s, cells in _scans(chance, ready_s):
                moment = (begun + timedelta(seconds=at_s)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
                writer.writerow((moment, *cells))


def _scans(chance: random.Random, ready_s: float) -> Iterator[tuple[float, list[str]]]:
    """Time and cells of each scan of one start; the controller speaks after `ready_s`."""
    works = Waterworks()
    hand = _Hand(ready_s)
    phase_s = chance.uniform(0.0, SCAN_S)
    every = {name: round(period_s / SCAN_S) for name, period_s in PERIODS_S.items()}
    first = {name: chance.randrange(n) for name, n in every.items()}
    ticks = 0
    try:
        for scan in range(int(SECONDS / SCAN_S)):
            at_s = phase_s + scan * SCAN_S
            while (ticks + 1) * TICK_S <= at_s:
                ticks += 1
                works.tick()
                _control(works, hand, ticks * TICK_S, chance)
            due = {name for name, n in every.items() if scan % n == first[name]}
            yield at_s, [_cell(works, r) if r.group in due else "" for r in REGISTERS]
    finally:
        works.close()


def _cell(works: Waterworks, register: Register) -> str:
    """The value as its register holds it."""
    words = to_words(works.value(register.tag), register.point)
    return repr(from_words(words, register.point))


def _control(works: Waterworks, hand: _Hand, now_s: float, chance: random.Random) -> None:
    """What the demo's controller does, without the way through the gates."""
    if now_s >= hand.due_s:
        point = BY_TAG[RUN].point
        works.write(Table.COIL, point.address, to_words(hand.value, point))
        hand.due_s = float("inf")
    if now_s < hand.next_s:
        return
    runs = works.value(RUN) > 0
    wanted = controller.decide(works.value(LEVEL), runs=runs)
    if wanted != runs:
        hand.value, hand.due_s = float(wanted), now_s + chance.uniform(*_ACT_S)
        hand.next_s = now_s + _PAUSE_S
    else:
        hand.next_s = now_s + 0.5
