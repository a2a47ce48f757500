"""Runs of rows: from 0/1 rows to [start, end) and back to counts."""

import numpy as np
from numpy.typing import NDArray


def spans(rows: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Start and end (past the last row) of each run of true rows, int64[n, 2].

    >>> spans(np.array([False, True, True, False, True])).tolist()
    [[1, 3], [4, 5]]
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([0], rows.astype(np.int8), [0]))))
    pairs: NDArray[np.int64] = edges.reshape(-1, 2).astype(np.int64)
    return pairs


def starts(rows: NDArray[np.bool_], t_ns: NDArray[np.int64], quiet_ns: int) -> NDArray[np.int64]:
    """Rows at which an alarm begins that was clear for `quiet_ns` before, int64[n]."""
    up = np.flatnonzero(rows)
    if not up.size:
        return up.astype(np.int64)
    fresh = np.diff(t_ns[up], prepend=t_ns[up[0]] - quiet_ns - 1) > quiet_ns
    found: NDArray[np.int64] = up[fresh].astype(np.int64)
    return found
