"""A stretch of values that has come before to the last digit: a recording that is played again.

Noise makes every stretch of a signal unique once it is some rows long. How long, is learned for each tag: the
shortest window of which no two in the training were the same within the memory. The hash of the window that ends
with each row is compared with those of the last two weeks, at most MOST rows. Windows in which the signal mostly
stands say nothing. A tag whose training repeats itself is not looked at.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MOST: Final = 2048
WINDOWS: Final = (3, 4, 5, 6, 8, 10, 12, 16)
LONGEST: Final = WINDOWS[-1]
_MEMORY_NS: Final = 14 * 86_400_000_000_000
_MORE: Final = 2  # rows beyond: chance repeats some tag of many once in a while
_STILL: Final = 2  # rows of a window in which the value may be that of the row before
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_SCRAMBLE: Final = np.uint64(0xBF58476D1CE4E5B9)
_NOTHING: Final = np.uint64(0)
Hashes = NDArray[np.uint64]
_ROWS: Final = 4096  # that are hashed together at most


def _powers() -> tuple[Hashes, Hashes]:
    """Powers of _MIX and of its inverse modulo 2**64."""
    inverse = np.uint64(pow(int(_MIX), -1, 2**64))
    with np.errstate(over="ignore"):
        both = [np.multiply.accumulate(np.full(_ROWS, base)) for base in (_MIX, inverse)]
    return both[0], both[1]


_POWERS: Final = _powers()


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """`rows` int64[K]: how many rows of each tag are a window (0: the tag is not looked at); `memory` rows are kept."""

    rows: NDArray[np.int64]
    memory: int


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What is kept of the last rows: hashes, and the last LONGEST-1 values as read, float64[LONGEST-1, K].

    `end` is their end in `seen`, `count` how many rows were heard in all.
    """

    seen: "Seen"
    end: int
    tail: NDArray[np.float64]
    count: int = 0

    def last(self) -> Hashes:
        """The hashes that are kept, oldest first."""
        return self.seen.last(self.end)


class Seen:
    """Hashes of the last windows; appends in place where nobody else has, so that a row costs no copy."""

    def __init__(self, memory: int, width: int) -> None:
        self.memory = memory
        self._kept = np.zeros((2 * memory, width), np.uint64)
        self._end = 0

    def last(self, end: int) -> Hashes:
        """The hashes before `end`, at most `memory` rows."""
        return self._kept[max(end - self.memory, 0) : end]

    def appended(self, end: int, made: Hashes) -> tuple["Seen", int]:
        """With rows after `end`: this, or a copy where the room is used."""
        made = made[-self.memory :]
        if end == self._end and end + len(made) <= len(self._kept):
            self._kept[end : end + len(made)] = made
            self._end = end + len(made)
            return self, self._end
        kept = self.last(end)
        other = Seen(self.memory, self._kept.shape[1])
        other._kept[: len(kept)] = kept
        other._end = len(kept)
        return other.appended(len(kept), made)


def begin(windows: Windows) -> Heard:
    """Nothing heard yet."""
    width = len(windows.rows)
    return Heard(Seen(windows.memory, width), 0, np.full((LONGEST - 1, width), np.nan))


def hear(
    heard: Heard, windows: Windows, values: NDArray[np.float64]
) -> tuple[Heard, NDArray[np.bool_]]:
    """Which of rows `values` float64[R, K] (rounded, NaN where nothing was read) end a stretch that was heard before."""
    lagged = np.vstack((heard.tail, values))
    made = hashes(lagged, windows.rows)
    found = repeated(heard.seen.last(heard.end), made, windows.memory)
    seen, end = heard.seen.appended(heard.end, made)
    return Heard(seen, end, lagged[-(LONGEST - 1) :], heard.count + len(values)), found


def hashes(values: NDArray[np.float64], windows: NDArray[np.int64]) -> Hashes:
    """Of rows LONGEST-1 to R-1 of values float64[R, K] the hash of the window that ends there; 0 where it says nothing.

    A polynomial over the values' bits modulo 2**64, of all windows by one sum over the rows (Karp and Rabin 1987).
    """
    starts = range(0, max(len(values) - LONGEST + 1, 1), _ROWS - LONGEST + 1)
    return np.concatenate([_hashes(values[s : s + _ROWS], windows) for s in starts])


def _hashes(values: NDArray[np.float64], windows: NDArray[np.int64]) -> Hashes:
    bits = (values + 0.0).view(np.uint64)
    mixed = (bits ^ (bits >> np.uint64(29))) * _SCRAMBLE
    rows = len(values)
    whole = _from(np.cumsum(mixed * _POWERS[1][:rows, None], axis=0))
    moves = _from(np.cumsum(values[1:] != values[:-1], axis=0))
    known = _from(np.cumsum(np.isfinite(values), axis=0))
    last = np.arange(LONGEST - 1, rows)[:, None]
    first = last + 1 - np.maximum(windows, 1)
    found = whole[LONGEST:] - np.take_along_axis(whole, first, axis=0)
    found *= _POWERS[0][LONGEST - 1 : rows, None]
    moved = moves[LONGEST - 1 :] - np.take_along_axis(moves, first, axis=0)
    is_read = known[LONGEST:] - np.take_along_axis(known, first, axis=0) == windows
    says = is_read & (moved >= windows - _STILL) & (windows > 0)
    return np.where(says, found | np.uint64(1), _NOTHING)


def _from(summed: NDArray[Any]) -> NDArray[Any]:
    """Sums up to before each row and after the last, from sums up to and with each row."""
    return np.concatenate((np.zeros((1, summed.shape[1]), summed.dtype), summed))


def repeated(seen: Hashes, made: Hashes, memory: int) -> NDArray[np.bool_]:
    """Which of the windows `made` [R, K] are among the `memory` windows before them, those of `seen` [M, K] first."""
    if len(made) == 1:
        alone: NDArray[np.bool_] = (made != 0) & (seen == made).any(axis=0, keepdims=True)
        return alone
    whole = np.vstack((seen, made))
    order = np.argsort(whole, axis=0, kind="stable")
    ordered = np.take_along_axis(whole, order, axis=0)
    same = np.zeros(whole.shape, np.bool_)
    same[1:] = (ordered[1:] == ordered[:-1]) & (ordered[1:] != 0)
    same[1:] &= np.diff(order, axis=0) <= memory
    found = np.zeros(whole.shape, np.bool_)
    np.put_along_axis(found, order, same, axis=0)
    return found[len(seen) :]


def learn(values: NDArray[np.float64], period_ns: int) -> Windows:
    """The window of each tag from training values float64[R, K] (rounded)."""
    memory = int(min(_MEMORY_NS // max(period_ns, 1), MOST))
    width = values.shape[1]
    found = np.zeros(width, np.int64)
    left = np.ones(width, np.bool_)
    for window in WINDOWS:
        at = np.flatnonzero(left)
        if not len(at) or len(values) < 2 * LONGEST:
            break
        made = hashes(values[:, at], np.full(len(at), window))
        is_unique = ~_repeats(made, memory)
        found[at[is_unique]] = window + _MORE
        left[at[is_unique]] = False
    found[(values == values[0]).all(axis=0)] = 0
    return Windows(np.minimum(found, LONGEST), memory)


def _repeats(made: Hashes, memory: int) -> NDArray[np.bool_]:
    """Which tags have two equal windows at most `memory` rows apart, bool[K]."""
    order = np.argsort(made, axis=0, kind="stable")
    ordered = np.take_along_axis(made, order, axis=0)
    same = (ordered[1:] == ordered[:-1]) & (ordered[1:] != 0)
    found: NDArray[np.bool_] = (same & (np.diff(order, axis=0) <= memory)).any(axis=0)
    return found
