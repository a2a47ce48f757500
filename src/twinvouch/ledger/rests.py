"""What an entry rests on: parents by ledger index, where it is known with the columns of a batch that count.

A parent is written as its index where all of it counts, else as `[index, columns]`, a bit a column, the first the
lowest bit of the first byte. Who reads all the time rests on more than can be listed: then `batches_since` says from
which index on every batch counts, `answers_since` the same of answers to the same principal (-1: none).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

ALL = b""  # every column
LISTED = 4096  # parents of one entry that are listed; beyond it every batch from the first of them on counts
NONE = -1
Parent = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Rests:
    """`parents` are entries before this one, with the columns that count."""

    parents: tuple[Parent, ...] = ()
    batches_since: int = NONE
    answers_since: int = NONE

    def plain(self) -> list[object]:
        """As an entry holds it; beyond LISTED parents by the range that they lie in."""
        listed, since = self.parents, self.batches_since
        if len(listed) > LISTED:
            since = min(i for i in (since, *(p for p, _ in listed)) if i != NONE)
            listed = ()
        told = [[index, columns] if columns else index for index, columns in listed]
        return [told, since, self.answers_since]


NOTHING = Rests()


def bits(columns: Iterable[int], count: int) -> bytes:
    """Columns of a batch of `count` as a bit string; ALL where none is left out."""
    chosen = set(columns)
    if len(chosen) == count:
        return ALL
    return sum(1 << k for k in chosen).to_bytes((count + 7) // 8, "little")


def read_rests(content: Any, index: int) -> Rests:
    """What entry `index` rests on; whatever has another form, or is not before it, is left out."""
    if not isinstance(content, Sequence) or len(content) != 3:
        return Rests()
    listed, *since = content
    if not isinstance(listed, Sequence) or not all(isinstance(s, int) for s in since):
        return Rests()
    parents = tuple(p for each in listed if (p := _parent(each)) is not None and 0 <= p[0] < index)
    batches, answers = (s if 0 <= s < index else NONE for s in since)
    return Rests(parents, batches, answers)


def _parent(content: Any) -> Parent | None:
    if isinstance(content, int):
        return content, ALL
    if isinstance(content, Sequence) and len(content) == 2:
        index, columns = content
        if isinstance(index, int) and isinstance(columns, bytes):
            return index, columns
    return None
