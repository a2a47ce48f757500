"""Hashes of the window of values that ends with each row, of many rows at once or from one row to the next.

A polynomial over the values' bits modulo 2**64, so that one row more is one product more (Karp and Rabin 1987).
Windows in which the signal mostly stands, or of which a value is missing, say nothing: their hash is 0.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LONGEST: Final = 16  # rows of a window
_STILL: Final = 2  # rows of a window in which the value may be that of the row before
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_SCRAMBLE: Final = np.uint64(0xBF58476D1CE4E5B9)
_ONE: Final = np.uint32(1)
_SHIFT: Final = np.uint64(29)
_ODD: Final = np.uint64(1)
_ROWS: Final = 4096  # that are hashed together at most
Hashes = NDArray[np.uint64]


def _powers() -> tuple[Hashes, Hashes]:
    """Powers of _MIX and of its inverse modulo 2**64."""
    inverse = np.uint64(pow(int(_MIX), -1, 2**64))
    with np.errstate(over="ignore"):
        both = [np.multiply.accumulate(np.full(_ROWS, base)) for base in (_MIX, inverse)]
    return both[0], both[1]


_POWERS: Final = _powers()


@dataclass(frozen=True, slots=True, eq=False)
class Rolled:
    """Of K tags the polynomial over the last window, and which of its rows stood still, the last row in bit 0."""

    whole: Hashes
    still: NDArray[np.uint32]


class Hasher:
    """Hashes of windows of `rows` int64[K] rows (0: the tag is not looked at), at most LONGEST."""

    def __init__(self, rows: NDArray[np.int64]) -> None:
        self._rows = rows
        self._is_heard = rows > 0
        width = np.maximum(rows, 1)
        column = np.arange(len(rows))
        # of a row that leaves a window: where it stands in the last LONGEST rows, and its factor
        self._leaves = (LONGEST - width) * len(rows) + column
        self._factor = _POWERS[0][width - 1]
        self._within = np.where(self._is_heard, (1 << (width - 1)) - 1, 0).astype(np.uint32)
        self._firsts: dict[int, NDArray[np.intp]] = {}

    def of(self, values: NDArray[np.float64]) -> Hashes:
        """Of rows LONGEST-1 to R-1 of values float64[R, K] the hash of the window that ends there."""
        starts = range(0, max(len(values) - LONGEST + 1, 1), _ROWS - LONGEST + 1)
        made = [self._of(values[s : s + _ROWS]) for s in starts]
        return made[0] if len(made) == 1 else np.concatenate(made)

    def _of(self, values: NDArray[np.float64]) -> Hashes:
        whole = self._whole(values)
        first, rows = self._first(len(values)), self._rows
        moves = _from(np.cumsum(values[1:] != values[:-1], axis=0, dtype=np.int32))
        moved = moves[LONGEST - 1 :] - moves.take(first)
        says = (moved >= rows - _STILL) & self._is_heard
        is_read = np.isfinite(values)
        if np.count_nonzero(is_read) < is_read.size:
            known = _from(np.cumsum(is_read, axis=0, dtype=np.int32))
            says &= known[LONGEST:] - known.take(first) == rows
        return _said(whole, says)

    def _whole(self, values: NDArray[np.float64]) -> Hashes:
        """The polynomials over the windows that end with rows LONGEST-1 to R-1."""
        rows = len(values)
        summed = _from(np.cumsum(_mixed(values) * _POWERS[1][:rows, None], axis=0))
        whole: Hashes = summed[LONGEST:] - summed.take(self._first(rows))
        whole *= _POWERS[0][LONGEST - 1 : rows, None]
        return whole

    def _first(self, rows: int) -> NDArray[np.intp]:
        """Where the window that ends with each row begins, counted through all rows' tags."""
        found = self._firsts.get(rows)
        if found is None:
            width = len(self._rows)
            last = np.arange(LONGEST - 1, rows)[:, None]
            found = (last + 1 - np.maximum(self._rows, 1)) * width + np.arange(width)
            self._firsts = {rows: found}
        return found

    def rolled(self, tail: NDArray[np.float64]) -> Rolled:
        """What `following` goes on from, of the last LONGEST rows float64[LONGEST, K], nothing missing."""
        still = np.zeros(tail.shape[1], np.uint32)
        for same in tail[1:] == tail[:-1]:
            still = still << _ONE | same
        return Rolled(self._whole(tail)[0], still)

    def following(
        self, rolled: Rolled, tail: NDArray[np.float64], row: NDArray[np.float64]
    ) -> tuple[Rolled, Hashes]:
        """The hashes at one row more, float64[K] and nothing missing, behind the rows of `rolled` and their hashes uint64[K]."""
        both = np.empty((2, len(row)))
        both[0] = row
        both[1] = tail.take(self._leaves)
        mixed = _mixed(both)
        whole = rolled.whole * _MIX
        whole += mixed[0]
        whole -= mixed[1] * self._factor
        still = rolled.still << _ONE
        still |= row == tail[-1]
        within = still & self._within
        says = (within & (within - _ONE)) == 0
        says &= self._is_heard
        return Rolled(whole, still), _said(whole, says)


def _mixed(values: NDArray[np.float64]) -> Hashes:
    """Bits of values, scrambled; both zeros are one."""
    bits = (values + 0.0).view(np.uint64)
    mixed: Hashes = (bits ^ (bits >> _SHIFT)) * _SCRAMBLE
    return mixed


def _said(whole: Hashes, says: NDArray[np.bool_]) -> Hashes:
    made: Hashes = (whole | _ODD) * says
    return made


def _from(summed: NDArray[Any]) -> NDArray[Any]:
    """Sums up to before each row and after the last, from sums up to and with each row."""
    return np.concatenate((np.zeros((1, summed.shape[1]), summed.dtype), summed))
