"""The entry of a mode that changed."""

from collections.abc import Sequence
from typing import NamedTuple

from twinvouch.core.kind import Kind
from twinvouch.core.mode import Rung
from twinvouch.ledger.entry import line


class Moved(NamedTuple):
    """A change of an asset's mode: rungs before and after, the epoch that begins, its cause, until when autonomy lasts (0: no end)."""

    asset: str
    before: Rung
    after: Rung
    epoch: int
    cause: str
    until_ns: int


def moved_entry(
    plant: str, now_ns: int, named: bytes, moved: Moved, parents: Sequence[int]
) -> bytes:
    """An asset's mode changed; `named` is the digest of the blob that says by whom and why."""
    rungs = [int(moved.before), int(moved.after)]
    told = [moved.asset, *rungs, moved.epoch, moved.cause, moved.until_ns]
    return line(Kind.ENTRY_MODE, plant, now_ns, named, *told, list(parents))
