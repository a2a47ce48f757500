"""How many of the last 64 of something were of a kind, counted behind each row; one byte for eight of them is kept."""

import numpy as np
from numpy.typing import NDArray

RECENT = 64
BYTES = RECENT // 8


def none(columns: int) -> NDArray[np.uint8]:
    """The history uint8[8 * n] of n columns of which nothing was seen."""
    return np.zeros(columns * BYTES, np.uint8)


def counted(
    bits: NDArray[np.bool_], history: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Of bits bool[R, n]: how many of the last 64 are set at each row, int64[R, n], and the history after them.

    It is the same in however many batches the rows come.
    """
    whole = with_history(bits, history)
    return windowed(whole), kept(whole)


def windowed(whole: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Of bool[RECENT + R, n]: how many of the last RECENT are set at each of the R rows, int64[R, n]."""
    total = np.cumsum(whole, axis=0, dtype=np.int64)
    counts: NDArray[np.int64] = total[RECENT:] - total[:-RECENT]
    return counts


def with_history(bits: NDArray[np.bool_], history: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The last RECENT bits before, oldest first, and then bits bool[R, n]: bool[RECENT + R, n]."""
    before = np.unpackbits(history.reshape(-1, BYTES), axis=1).T
    return np.vstack((before.view(np.bool_), bits))


def kept(whole: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The history of which these are the last bits, bool[RECENT or more, n]."""
    return np.packbits(whole[-RECENT:], axis=0).T.ravel()


def may_all_be_unset(whole: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Columns bool[n] of bool[RECENT + R, n] where at some row none of the last RECENT is set; not only those.

    Any RECENT rows in order hold a whole block of half as many: where each block has a bit, all such rows have one.
    """
    block = RECENT // 2
    number = len(whole) // block
    blocks = whole[: number * block].reshape(number, block, -1)
    some = np.any(blocks, axis=1)
    columns: NDArray[np.bool_] = np.logical_not(np.all(some, axis=0))
    return columns
