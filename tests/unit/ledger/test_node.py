"""An entry as a node: what a copy of a ledger holds may be anything."""

from twinvouch.ledger.node import node_of
from twinvouch.wire.cbor import encode

# found by fuzzing: where the digest of the columns stands, a number
HUGE = encode([2, 65, "p", 1, b"", "e", 0, 1, 1, "g", 2, 3, 6, 0, None, b"", [], 2**40, []])


def test_a_number_in_place_of_columns_takes_no_memory() -> None:
    assert node_of(HUGE, 5).node.layout == ("g", b"")
