"""What detection remembers from batch to batch, as memos: small ones, so that a batch has little to store.

The hashes of `repeats` are many and change at their end only: they are kept in chunks, each a memo of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.memo import Memo
from twinvouch.readings.detect import repeats
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.repeats import Heard
from twinvouch.readings.detect.rolling import Hashes
from twinvouch.readings.detect.seen import Seen
from twinvouch.readings.detect.state import State, begin

STATE: Final = "detection/state"
_CHUNK: Final = 128  # rows
_SLOTS: Final = repeats.MOST // _CHUNK + 1
HEARD: Final = tuple(f"detection/heard-{slot}" for slot in range(_SLOTS))


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """Those of the hashes whose number, counted from the first row that was ever heard, is in chunk `number`."""

    heard: Heard
    number: int

    def packed(self) -> tuple[NDArray[Any], ...]:
        """Count and first row, the tail, and the hashes, each of one dimension."""
        kept = self.heard.last()
        first = self.heard.count - len(kept)  # number of the oldest
        start = max(self.number * _CHUNK, first)
        rows = kept[start - first : (self.number + 1) * _CHUNK - first]
        about = np.array([self.heard.count, start], np.int64)
        return about, self.heard.tail.ravel(), rows.ravel()


def memos(about: str, before: State, after: State) -> dict[str, Memo]:
    """What has changed."""
    heard = after.heard
    found = {STATE: Memo(about, value=after)}
    first, last = before.heard.count // _CHUNK, (heard.count - 1) // _CHUNK
    for number in range(max(first, last - _SLOTS + 1), last + 1):
        found[HEARD[number % _SLOTS]] = Memo(about, value=_Chunk(heard, number))
    return found


def recall(about: str, kept: Mapping[str, Memo], learned: Learned) -> State:
    """The state again; a new one where nothing is remembered of this model."""
    memo = kept.get(STATE)
    if memo is None or memo.about != about:
        return begin(learned)
    if isinstance(memo.value, State):
        return memo.value
    state = memo.as_value(begin(learned))
    chunks = [m for m in map(kept.get, HEARD) if m is not None and m.about == about]
    return replace(state, heard=_heard(chunks, learned)) if chunks else state


def _heard(chunks: list[Memo], learned: Learned) -> Heard:
    """Of stored chunks; after a restart all are."""
    width, memory = len(learned.columns.ids), learned.windows.memory
    told = [(int(m.arrays[0][0]), int(m.arrays[0][1]), m.arrays) for m in chunks]
    count, _, newest = max(told, key=lambda t: t[0])
    rows: list[Hashes] = []
    reached = count
    for _, start, arrays in sorted(told, key=lambda t: -t[1]):
        hashes = arrays[2].reshape(-1, width)
        # of a chunk that was written before its last rows came nothing is missing: they are in a later one
        if start + len(hashes) >= reached > start:
            rows.insert(0, hashes[: reached - start])
            reached = start
    seen, end, _ = Seen(memory, width).heard(0, np.concatenate(rows)[-memory:])
    return Heard(seen, end, newest[1].reshape(-1, width), count)
