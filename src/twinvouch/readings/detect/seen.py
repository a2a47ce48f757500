"""The hashes of the last windows of each tag, and a quick no for one that is not among them.

The no is a Bloom filter of one word a hash (Putze, Sanders, Singler 2009): it is never wrong, and where it says maybe,
all that is kept is looked through.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect.rolling import Hashes

_WORDS: Final = 2048  # of the filter, a tag
_WORD_AT: Final = np.uint64(20)  # bits of the hash that say which word
_PATTERN_AT: Final = np.uint64(52)  # and which pattern in it
_ANY_WORD: Final = np.uint64(_WORDS - 1)
_BITS: Final = 4  # of a pattern
_NOTHING: Final = np.uint64(0)


def _patterns() -> Hashes:
    """Words of few bits by the highest bits of a hash; 0 for 0, so that what says nothing leaves no trace."""
    number = np.arange(1 << (64 - int(_PATTERN_AT)), dtype=np.uint64)
    spread = number * np.uint64(0x9E3779B97F4A7C15)
    made = np.zeros(len(number), np.uint64)
    for n in range(_BITS):
        made |= np.uint64(1) << (spread >> np.uint64(58 - 7 * n) & np.uint64(63))
    made[0] = 0
    return made


_PATTERNS: Final = _patterns()


class Seen:
    """Hashes of the last `memory` windows before `end`; appends in place where nobody else has, so that a row costs no copy."""

    def __init__(self, memory: int, width: int) -> None:
        self.memory = memory
        self._kept = np.zeros((2 * memory, width), np.uint64)
        self.end = 0
        self._words = np.zeros(width * _WORDS, np.uint64)
        self._first = np.arange(width) * _WORDS

    def last(self, end: int) -> Hashes:
        """The hashes before `end`, at most `memory` rows."""
        return self._kept[max(end - self.memory, 0) : end]

    def heard(self, end: int, made: Hashes) -> tuple["Seen", int, NDArray[np.bool_]]:
        """With rows of hashes uint64[R, K] after `end`: this, or a copy where the room is used or somebody else has appended.

        And which of the rows may be kept before `end`; of all others it is certain that they are not.
        """
        if end != self.end or end + min(len(made), self.memory) > len(self._kept):
            other = self._copy(end)
            return other.heard(other.end, made)
        place, pattern = self._looked_up(made)
        found: NDArray[np.bool_] = (self._words.take(place) & pattern) == pattern
        found &= made != _NOTHING
        self._append(made[-self.memory :], place[-self.memory :], pattern[-self.memory :])
        return self, self.end, found

    def _append(self, made: Hashes, place: NDArray[np.intp], pattern: Hashes) -> None:
        self._kept[self.end : self.end + len(made)] = made
        self.end += len(made)
        if len(made) == 1:
            self._words[place] |= pattern  # tags have words of their own
        else:
            np.bitwise_or.at(self._words, place.ravel(), pattern.ravel())

    def _copy(self, end: int) -> "Seen":
        kept = self.last(end)
        other = Seen(self.memory, self._kept.shape[1])
        other._append(kept, *self._looked_up(kept))
        return other

    def _looked_up(self, made: Hashes) -> tuple[NDArray[np.intp], Hashes]:
        """The place of the word of each hash, and the bits it has there."""
        place = (made >> _WORD_AT & _ANY_WORD).view(np.int64)
        place += self._first
        return place, _PATTERNS.take((made >> _PATTERN_AT).view(np.int64))
