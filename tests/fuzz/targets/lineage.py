"""Entries as the lineage reads them: out of a copy of a ledger anything may come."""

import json

from twinvouch.ledger.lineage import Lineage, Node
from twinvouch.ledger.node import node_of
from twinvouch.ledger.told import told
from twinvouch.wire.cbor import encode

INDEX = 5
_HEAD = ("net3", 9, b"\x01" * 32)
SEEDS = [
    encode([2, 65, *_HEAD, "e", 0, 1, 1, "g", 2, 3, 6, 0, None, b"d", [0], b"12345678", [1]]),
    encode([2, 67, *_HEAD, "c1", "twin", "v/o", "C", True, [[1, [2, b"\x04"]], -1, 3]]),
    encode([2, 68, *_HEAD, "c1", "allow", [1, 2, 3, 4], [0, 0], [[3, [2, b"\x06"]], -1, -1]]),
    encode([2, 65, "p", 2**63, b"", "e", 0, 1, 1, "g", 2, 3, 6, 0, None, b"", [], b"", []]),
    encode([1, 69, *_HEAD, "c1", 0, 9, [3]]),
    encode([1, 70, *_HEAD, "c1", "executed", [4]]),
    encode([2, 72, *_HEAD, "twin", "readTags", True, 2, [[2], 0, -1]]),
    encode([2, 73, *_HEAD, "model", True, [[0, 1], -1, -1]]),
]


def one(raw: bytes) -> None:
    """Whatever an entry is, it rests on what came before only, can be appended, and can be told as JSON."""
    node = node_of(raw, INDEX).node
    assert all(0 <= parent < INDEX for parent, _ in node.rests.parents)
    of = Lineage()
    for n in range(INDEX):
        of.append(Node(65, n, "e", layout=("g", b""), pool=""))
    of.append(node)
    assert of.parents(of.edges()[1]).sum() >= 0
    json.dumps(told(raw))
