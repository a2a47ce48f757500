"""A stretch of values that has come before to the last digit: a recording that is played again.

Noise makes every stretch of a signal unique once it is some rows long. How long, is learned for each tag: the
shortest window of which no two in the training were the same within the memory. The hash of the window that ends
with each row is compared with those of the last two weeks, at most MOST rows. Windows in which the signal mostly
stands say nothing. A tag whose training repeats itself is not looked at.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect.rolling import LONGEST, Hasher, Hashes, Rolled
from twinvouch.readings.detect.seen import Seen

MOST: Final = 2048
WINDOWS: Final = (3, 4, 5, 6, 8, 10, 12, LONGEST)
_MEMORY_NS: Final = 14 * 86_400_000_000_000
_MORE: Final = 2  # rows beyond: chance repeats some tag of many once in a while


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """`rows` int64[K]: how many rows of each tag are a window (0: the tag is not looked at); `memory` rows are kept."""

    rows: NDArray[np.int64]
    memory: int


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What is kept of the last rows: hashes, and the last LONGEST values as read, float64[LONGEST, K].

    `end` is their end in `seen`, `count` how many rows were heard in all; `rolled` what rows that come alone go on from.
    """

    seen: Seen
    end: int
    tail: NDArray[np.float64]
    count: int = 0
    rolled: Rolled | None = None

    def last(self) -> Hashes:
        """The hashes that are kept, oldest first."""
        return self.seen.last(self.end)


def begin(windows: Windows) -> Heard:
    """Nothing heard yet."""
    width = len(windows.rows)
    return Heard(Seen(windows.memory, width), 0, np.full((LONGEST, width), np.nan))


class Ear:
    """Hears what has come before; keeps what it has put together, and nothing of the plant."""

    def __init__(self, windows: Windows) -> None:
        self._hasher, self._memory = Hasher(windows.rows), windows.memory

    def hear(
        self, heard: Heard, values: NDArray[np.float64]
    ) -> tuple[Heard, NDArray[np.bool_] | None]:
        """Which of rows `values` float64[R, K] (rounded, NaN where nothing was read) end a stretch that was heard before.

        None: no row does.
        """
        tail = np.concatenate((heard.tail, values))
        rolled, made = None, None
        if len(values) == 1:
            rolled, made = self._alone(heard, tail)
        if made is None:
            made = self._hasher.of(tail[1:])
        seen, end, maybe = heard.seen.heard(heard.end, made)
        found = self._found(heard.last(), made, maybe)
        return Heard(seen, end, tail[-LONGEST:], heard.count + len(values), rolled), found

    def _alone(
        self, heard: Heard, tail: NDArray[np.float64]
    ) -> tuple[Rolled | None, Hashes | None]:
        """Of one row the hashes by those of the row before; None while values are missing in its windows."""
        row = tail[-1]
        rolled = heard.rolled
        if rolled is None:
            if not np.isfinite(tail).all():
                return None, None
            rolled = self._hasher.rolled(heard.tail)
        elif not np.isfinite(row).all():
            return None, None
        rolled, made = self._hasher.following(rolled, heard.tail, row)
        return rolled, made[None, :]

    def _found(
        self, before: Hashes, made: Hashes, maybe: NDArray[np.bool_]
    ) -> NDArray[np.bool_] | None:
        """Which of the windows `made` [R, K] are among those `before` or have come in a row above, where they may have."""
        many = len(made) > 1
        if not many and not np.count_nonzero(maybe):
            return None
        tags = _repeats_itself(made) if many else np.zeros(made.shape[1], np.bool_)
        for k in np.flatnonzero(maybe.any(axis=0)).tolist():
            asked = made[maybe[:, k], k]
            tags[k] |= (before[:, k] == asked[:, None]).any()
        if not np.count_nonzero(tags):
            return None
        found = np.zeros(made.shape, np.bool_)
        found[:, tags] = repeated(before[:, tags], made[:, tags], self._memory)
        return found


def _repeats_itself(made: Hashes) -> NDArray[np.bool_]:
    """Which tags have two equal windows, bool[K]."""
    ordered = np.sort(made.T, axis=1)
    same = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != 0)
    found: NDArray[np.bool_] = same.any(axis=1)
    return found


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
        made = Hasher(np.full(len(at), window)).of(values[:, at])
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
