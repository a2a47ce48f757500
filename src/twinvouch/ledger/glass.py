"""The entry of break-glass: opened, closed or ended."""

from collections.abc import Sequence

from twinvouch.core.glass import Glass
from twinvouch.core.kind import Kind
from twinvouch.ledger.entry import line


def glass_entry(
    plant: str, now_ns: int, named: bytes, glass: Glass, stage: str, parents: Sequence[int]
) -> bytes:
    """`stage`: opened, closed (by a person) or ended (by time, a restored backup); `named`: the blob of who and why."""
    told = [glass.subject, glass.person, stage, glass.until_ns]
    return line(Kind.ENTRY_GLASS, plant, now_ns, named, *told, list(parents))
