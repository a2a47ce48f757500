"""The entry of a virtual sensor: an estimate stands in for a tag from here on, ends, or has gone blind."""

from collections.abc import Sequence

from twinvouch.core.kind import Kind
from twinvouch.core.virtual import Turn
from twinvouch.ledger.entry import line


def virtual_entry(
    plant: str, now_ns: int, named: bytes, told: tuple[str, Turn], parents: Sequence[int]
) -> bytes:
    """`told`: the tag and what happened; `named` is the digest of the blob with the estimate and why."""
    tag, turn = told
    return line(Kind.ENTRY_VIRTUAL, plant, now_ns, named, tag, turn.value, list(parents))
