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
    before = np.unpackbits(history.reshape(-1, BYTES), axis=1).T.astype(np.bool_)
    whole = np.vstack((before, bits))
    total = np.cumsum(whole, axis=0, dtype=np.int64)
    after = np.packbits(whole[-RECENT:], axis=0).T.ravel()
    return total[RECENT:] - total[: len(bits)], after
