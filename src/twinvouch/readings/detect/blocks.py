"""Rows at the model's own period out of scan groups of any rates: one row a block of time.

Block n covers the time within half a period of n periods since 1970, so that a source that is read at that period may
jitter. A tag's value in a block is the mean of its readings there; of a switch, and of few readings, it is the last. A block closes when
every scan group has come past its end; a group that fell silent for longer than its readings count is not waited
for. What comes for a closed block is too late.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.table import Table

NEVER_NS = -(2**62)
FEWEST = 4  # readings of which a mean is made: of fewer it says little, and mixes what a switch did in between


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How the tags of a model come: `period_ns` of a block, `takes_last` bool[K] of each tag.

    Of the G scan groups: `by_exception` bool[G] and `max_age_ns` int64[G]; `held_ns` int64[K] is how long an unchanged
    reading of a tag counts, 0 for tags that are told at every scan.
    """

    period_ns: int
    takes_last: NDArray[np.bool_]
    by_exception: NDArray[np.bool_]
    max_age_ns: NDArray[np.int64]
    held_ns: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Open:
    """Blocks that may still take readings: `numbers` int64[B] rising, of each sums, counts and last, all [B, K].

    `closed` is the number of the last closed one, `until_ns` int64[G] how far each scan group has come; `value` and
    `value_ns` [K] are the last value of each tag in a closed block, and when that was.
    """

    closed: int
    numbers: NDArray[np.int64]
    sums: NDArray[np.float64]
    counts: NDArray[np.int64]
    last: NDArray[np.float64]
    until_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    value_ns: NDArray[np.int64]


def nothing(plan: Plan) -> Open:
    """No block yet."""
    width, groups = len(plan.takes_last), len(plan.by_exception)
    none = np.zeros((0, width))
    return Open(
        NEVER_NS,
        np.zeros(0, np.int64),
        none,
        none.astype(np.int64),
        none,
        np.full(groups, NEVER_NS, np.int64),
        np.full(width, np.nan),
        np.full(width, NEVER_NS, np.int64),
    )


def number_of(t_ns: NDArray[np.int64], period_ns: int) -> NDArray[np.int64]:
    """The block of each time."""
    number: NDArray[np.int64] = (t_ns + period_ns // 2) // period_ns
    return number


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One scan group: its place in the plan, where its n tags stand in the model, and how often it is read.

    `is_in_order`: they are all tags of the model, in its order.
    """

    group: int
    places: NDArray[np.intp]
    every_ns: int
    is_in_order: bool = False


def take(
    before: Open, plan: Plan, source: Source, t_ns: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[Open, NDArray[np.int64], NDArray[np.float64]]:
    """`add`, then `close`; where every row is a block by itself, as it comes."""
    if (
        len(plan.by_exception) == 1
        and not len(before.numbers)
        and source.every_ns >= plan.period_ns
    ):
        number = number_of(t_ns, plan.period_ns)
        is_next = number[0] > before.closed and (len(number) == 1 or np.diff(number).min() > 0)
        if is_next and not plan.by_exception[0] and values.shape[1] == len(plan.takes_last):
            until_ns = np.array([int(t_ns[-1]) + source.every_ns])
            after = replace(before, closed=int(number[-1]), until_ns=until_ns)
            if not source.is_in_order:
                given, values = values, np.empty_like(values)
                values[:, source.places] = given
            return after, number * plan.period_ns, values
    return close(add(before, plan, source, t_ns, values), plan)


def add(
    before: Open, plan: Plan, source: Source, t_ns: NDArray[np.int64], values: NDArray[np.float64]
) -> Open:
    """Take rows `values` float64[L, n] of one scan group at times `t_ns` int64[L], rising."""
    group, places = source.group, source.places
    until_ns = before.until_ns.copy()
    until_ns[group] = max(int(until_ns[group]), int(t_ns[-1]) + source.every_ns)
    number = number_of(t_ns, plan.period_ns)
    fresh = number > before.closed
    if not fresh.all():
        number, t_ns, values = number[fresh], t_ns[fresh], values[fresh]
    if not number.size:
        return replace(before, until_ns=until_ns)
    starts = np.flatnonzero(np.diff(number, prepend=number[0] - 1))
    known = np.isfinite(values)
    sums = np.add.reduceat(np.where(known, values, 0.0), starts, axis=0)
    counts = np.add.reduceat(known.astype(np.int64), starts, axis=0)
    row = np.where(known, np.arange(len(values))[:, None], -1)
    newest = np.maximum.reduceat(row, starts, axis=0)
    column = np.arange(values.shape[1])
    last = np.where(newest >= 0, values[newest, column], np.nan)
    numbers = np.union1d(before.numbers, number[starts])
    made = _widened(before, numbers)
    at = np.ix_(np.searchsorted(numbers, number[starts]), places)
    made[0][at] += sums
    made[1][at] += counts
    made[2][at] = np.where(newest >= 0, last, made[2][at])
    return Open(before.closed, numbers, *made, until_ns, before.value, before.value_ns)


def _widened(
    before: Open, numbers: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """What is open as of before, with room for further blocks."""
    shape = (len(numbers), before.sums.shape[1])
    sums, counts, last = np.zeros(shape), np.zeros(shape, np.int64), np.full(shape, np.nan)
    old = np.searchsorted(numbers, before.numbers)
    sums[old], counts[old], last[old] = before.sums, before.counts, before.last
    return sums, counts, last


def close(before: Open, plan: Plan) -> tuple[Open, NDArray[np.int64], NDArray[np.float64]]:
    """Close what can be closed: what stays open, and times int64[n] and values float64[n, K] of the closed blocks."""
    ends = before.numbers * plan.period_ns + plan.period_ns // 2
    count = int(np.searchsorted(ends, _complete(before, plan), side="right"))
    numbers = before.numbers[:count]
    if not count:
        return before, numbers, before.sums[:0]
    counts = before.counts[:count]
    mean = before.sums[:count] / np.maximum(counts, 1)
    takes_last = plan.takes_last | (counts < FEWEST)
    values = np.where(counts > 0, np.where(takes_last, before.last[:count], mean), np.nan)
    value, value_ns = before.value, before.value_ns
    if plan.held_ns.any():
        values, value, value_ns = _held(before, plan, ends[:count], values)
    after = replace(
        before,
        closed=int(numbers[-1]),
        numbers=before.numbers[count:],
        sums=before.sums[count:],
        counts=before.counts[count:],
        last=before.last[count:],
        value=value,
        value_ns=value_ns,
    )
    return after, numbers * plan.period_ns, values


def _held(
    before: Open, plan: Plan, ends: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Values float64[n, K] with the last one where silence means unchanged; and of each tag the last, with its time."""
    known = np.isfinite(values)
    row = np.maximum.accumulate(np.where(known, np.arange(1, len(values) + 1)[:, None], 0), axis=0)
    when = np.vstack((before.value_ns, np.broadcast_to(ends[:, None], values.shape)))
    last = np.take_along_axis(np.vstack((before.value, values)), row, axis=0)
    last_ns = np.take_along_axis(when, row, axis=0)
    held = ~known & (ends[:, None] - last_ns <= plan.held_ns)
    return np.where(held, last, values), last[-1], last_ns[-1]


def _complete(before: Open, plan: Plan) -> int:
    """The time up to which every scan group that still speaks has told everything."""
    furthest = int(before.until_ns.max())
    speaks = before.until_ns >= furthest - plan.max_age_ns
    scans = speaks & ~plan.by_exception
    return int(before.until_ns[scans if scans.any() else speaks].min())


def averaged(table: Table, period_ns: int) -> Table:
    """A table at a longer period: what two-valued and still columns were last, of all others the mean."""
    kinds = [np.unique(v[np.isfinite(v)])[:3] for v in table.values.T]
    plan = Plan(
        period_ns,
        np.array([len(found) <= 2 for found in kinds]),
        np.zeros(1, np.bool_),
        np.zeros(1, np.int64),
        np.zeros(len(table.ids), np.int64),
    )
    source = Source(0, np.arange(len(table.ids)), 2 * period_ns)
    held = add(nothing(plan), plan, source, table.t_ns, table.values)
    _, t_ns, values = close(held, plan)
    return Table(table.ids, t_ns, values)
