"""CBOR: what is taken is the one encoding of its value, and cbor2 says the same of every canonical input."""

import cbor2

from tests.property.test_cbor import oracle, seen_by_cbor2
from twinvouch.core.errors import MalformedError
from twinvouch.wire.cbor import DEPTH, Item, decode, encode

SEEDS = [
    encode(value)
    for value in (
        0, -1, 23, 24, 255, 65_536, 2**64 - 1, -(2**64), 1.5, 1e300, 0.1, "tank", b"\x00\xff", None, True,
        [1, [2, [3]]], {1: "a", 2: [b"c"], "k": {}}, [1, 1, "net3", "edge-1", 3, 70_000, b"\x07" * 32],
    )
]  # fmt: skip
# a tag is the one thing where the two must differ (cbor2 makes dates, fractions, references, patterns of them)
TAGS = frozenset(range(0xC0, 0xDC))
MOST = 4096  # bytes: cbor2 is not asked to take a claim of gigabytes apart


def one(raw: bytes) -> None:
    """Both modes against themselves and against cbor2."""
    try:
        value = decode(raw)
    except MalformedError:
        assert not is_canonical(raw), "cbor2 reads this and writes it back the same way"
    else:
        assert encode(value) == raw
        if TAGS.isdisjoint(raw):
            assert seen_by_cbor2(value) == seen_by_cbor2(cbor2.loads(raw))
    foreign(raw)


def foreign(raw: bytes) -> None:
    """What other encoders write: taken as cbor2 takes it, or refused."""
    try:
        value = decode(raw, canonical=False)
    except MalformedError:
        return
    if TAGS.isdisjoint(raw):
        assert seen_by_cbor2(value) == seen_by_cbor2(cbor2.loads(raw))
    encode(value)


def is_canonical(raw: bytes) -> bool:
    """Whether cbor2 takes `raw` for the canonical encoding of a value that we have too."""
    if len(raw) > MOST or not TAGS.isdisjoint(raw):
        return False
    try:
        value = cbor2.loads(raw)
        return is_ours(value, DEPTH) and oracle(value) == raw
    except Exception:  # noqa: BLE001 - whatever cbor2 has against it
        return False


def is_ours(value: Item | object, depth: int) -> bool:
    """Values of our subset: no undefined or other simple values, keys int or str, nested `depth` deep at most, itself counted."""
    if not depth:
        return False
    if isinstance(value, list):
        return all(is_ours(v, depth - 1) for v in value)
    if isinstance(value, dict):
        return len(value) < 256 and all(
            type(k) in {int, str} and is_ours(v, depth - 1) for k, v in value.items()
        )
    return value is None or type(value) in {bool, int, float, str, bytes}
