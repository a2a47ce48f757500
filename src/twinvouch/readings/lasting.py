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

    `holds` and `known` bool[R, n]: at a row where it is not known it goes on neither way, and nothing goes on over
    more than `longest_ns` without a row where it is. `t_ns` int64[R] ascends. A run counts from the first row that it
    is seen in.
    """
    since, last = state
    rows, holds = np.arange(1, len(t_ns) + 1)[:, None], holds & known
    newest = np.maximum.accumulate(np.where(known, rows, 0), axis=0)
    before = np.vstack((np.zeros((1, holds.shape[1]), np.intp), newest[:-1]))
    at = np.maximum(before - 1, 0)
    held = np.where(before > 0, np.take_along_axis(holds, at, axis=0), since != NOT)
    gap = t_ns[:, None] - np.where(before > 0, t_ns[at], last)
    begins = np.maximum.accumulate(np.where(holds & ~(held & (gap <= longest_ns)), rows, 0), axis=0)
    start = np.where(begins > 0, t_ns[np.maximum(begins - 1, 0)], since)
    spans = np.where(holds, t_ns[:, None] - start, NEVER)
    end = np.maximum(newest[-1:] - 1, 0)
    is_held = np.take_along_axis(holds, end, axis=0)
    now = np.where(is_held, np.take_along_axis(start, end, axis=0), NOT)
    seen = newest[-1] > 0
    return spans, (np.where(seen, now[0], since), np.where(seen, t_ns[end[0]], last))
