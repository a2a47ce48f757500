"""How far the readings of each block were believed: of a tag's readings in it the least plausibility.

Blocks average readings (`blocks.py`) and forget which. So of blocks that are open the least and the last plausibility are kept here,
where any is below FULL. A value that is held because silence means unchanged is believed as its last reading was.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.label import FULL
from twinvouch.readings.detect.blocks import Plan, Source, number_of

_NONE: Final = -1  # no reading


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """Open blocks `numbers` int64[B], rising, with the `least` and the `last` plausibility int16[B, K]; `held` int16[K] of the last closed one."""

    numbers: NDArray[np.int64]
    least: NDArray[np.int16]
    last: NDArray[np.int16]
    held: NDArray[np.int16]


def nothing(width: int) -> Pending:
    """Nothing doubted yet."""
    none = np.zeros((0, width), np.int16)
    return Pending(np.zeros(0, np.int64), none, none, np.full(width, FULL, np.int16))


def add(
    before: Pending,
    plan: Plan,
    source: Source,
    t_ns: NDArray[np.int64],
    trust: NDArray[np.int16],
) -> Pending:
    """Take plausibility `trust` int16[L, n] of rows of one scan group, negative where nothing is read."""
    is_full = np.count_nonzero((trust >= 0) & (trust < FULL)) == 0
    if is_full and not len(before.numbers) and (before.held == FULL).all():
        return before
    number = number_of(t_ns, plan.period_ns)
    numbers = np.union1d(before.numbers, number)
    shape = (len(numbers), trust.shape[1])
    old = np.searchsorted(numbers, before.numbers)
    least = np.full((len(numbers), len(before.held)), FULL, np.int16)
    last = np.full(least.shape, _NONE, np.int16)
    least[old], last[old] = before.least, before.last
    own_least, own_last = np.full(shape, FULL, np.int16), np.full(shape, _NONE, np.int16)
    for row, at in zip(trust, np.searchsorted(numbers, number).tolist(), strict=True):
        is_read = row >= 0
        own_least[at] = np.where(is_read, np.minimum(own_least[at], row), own_least[at])
        own_last[at] = np.where(is_read, row, own_last[at])
    least[:, source.places] = np.minimum(least[:, source.places], own_least)
    last[:, source.places] = np.where(own_last >= 0, own_last, last[:, source.places])
    return replace(before, numbers=numbers, least=least, last=last)


def take(
    before: Pending, plan: Plan, t_ns: NDArray[np.int64]
) -> tuple[Pending, NDArray[np.uint8] | None]:
    """What stays pending when blocks at `t_ns` int64[R] have closed, and their plausibility uint8[R, K]; None where it is full."""
    if not len(t_ns) or (not len(before.numbers) and (before.held == FULL).all()):
        return before, None
    closed = number_of(t_ns, plan.period_ns)
    count = int(np.searchsorted(before.numbers, closed[-1], side="right"))
    found = np.full((len(closed), len(before.held)), FULL, np.uint8)
    is_held, held = plan.held_ns > 0, before.held
    at = np.searchsorted(before.numbers[:count], closed)
    for row, place in enumerate(at.tolist()):
        if place == count or before.numbers[place] != closed[row]:
            found[row] = held
            continue
        last, least = before.last[place], before.least[place]
        found[row] = np.where(last >= 0, least, held)
        held = np.where(is_held, np.where(last >= 0, last, held), FULL).astype(np.int16)
    after = replace(
        before,
        numbers=before.numbers[count:],
        least=before.least[count:],
        last=before.last[count:],
        held=held,
    )
    return after, found
