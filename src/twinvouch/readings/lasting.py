"""How long something holds without a break: what rules with `settle_s` count, over rows and batches."""

import numpy as np
from numpy.typing import NDArray

NEVER = -1  # of what does not hold
NOT = 0  # since when, of what does not hold

Times = NDArray[np.int64]


def nothing(number: int) -> tuple[Times, Times]:
    """The state of so many things of which nothing is known: since when each holds, when each was known last."""
    return np.full(number, NOT, np.int64), np.full(number, NOT, np.int64)


def lasting(
    holds: NDArray[np.bool_],
    known: NDArray[np.bool_],
    t_ns: Times,
    state: tuple[Times, ...],
    longest_ns: int,
) -> tuple[Times, tuple[Times, Times]]:
    """How long each of n things has held at each of R rows, int64[R, n] ns (NEVER: it does not), and the state after.

    `holds` and `known` bool[R, n]: at a row where it is not known it goes on neither way, and of what was not known
    for longer than `longest_ns` before the first row nothing goes on. `t_ns` int64[R] ascends. A run counts from the
    first row that it is seen in.
    """
    since, last = state
    since = np.where(t_ns[0] - last > longest_ns, NOT, since)
    rows, holds = np.arange(1, len(t_ns) + 1)[:, None], holds & known
    broken = np.maximum.accumulate(np.where(known & ~holds, rows, 0), axis=0)
    seen = np.cumsum(holds, axis=0)
    before = np.where(broken > 0, np.take_along_axis(seen, np.maximum(broken - 1, 0), axis=0), 0)
    carried = (broken == 0) & (since != NOT)
    is_first = holds & (seen == before + 1) & ~carried
    first = np.maximum.accumulate(np.where(is_first, rows, 0), axis=0)
    start = np.where(carried, since, t_ns[np.maximum(first - 1, 0)])
    spans = np.where(holds, t_ns[:, None] - start, NEVER)
    goes_on = carried[-1] | (seen[-1] > before[-1])
    newest = np.where(known, rows, 0).max(axis=0)
    last = np.where(newest > 0, t_ns[np.maximum(newest - 1, 0)], last)
    return spans, (np.where(goes_on, start[-1], NOT), last)
