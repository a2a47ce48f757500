"""Receipts, evidence and requests to a witness: any bytes are verified or refused with a place, never an exception."""

import contextlib

from tests.unit.ledger.test_witness import KEY, LOG, head, leaves, request
from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.ledger import checkpoint, evidence, witness
from twinvouch.ledger.evidence import Evidence
from twinvouch.ledger.receipt import About, Link, Opening, Opens, write_receipt
from twinvouch.ledger.tlog import leaf_hash
from twinvouch.verifier import cbor, chain
from twinvouch.wire.cbor import encode

ENTRY = encode([1, 65, "net3", 7, bytes(32), "e", 0, 1, 0, "g", 1, 1, 1, 0, None, None, []])
NOTE = checkpoint.sign(checkpoint.Checkpoint("net3/0", 1, leaf_hash(ENTRY)), LOG)
FORK = Evidence(
    request(0, leaves(5)).note, request(0, leaves(5, 2)).note, head(leaves(5, 2)).root, ()
)
SEEDS = [
    write_receipt(About("net3", 1, "reading", "t@0"), NOTE, [Link(0, ENTRY, ())]),
    write_receipt(
        About("net3", 1, "reading", "t@0"),
        NOTE,
        [Link(0, ENTRY, (), (Opening(Opens.SEALED, (bytes(16), bytes(130))),))],
    ),
    evidence.write(FORK, "two").encode(),
    witness.write_request(request(5, leaves(9))),
    encode([1.5, -3, [b"x", "y", None, True], 2**40]),
]


def one(raw: bytes) -> None:
    """Each reader answers in its own words; what CBOR reads has one encoding."""
    found = chain.verify(raw, KEY.text())
    assert found.ok is (found.fault is None)
    chain.as_text(found)
    chain.as_json(found)
    chain.said_to_disclose(raw)
    try:
        value = cbor.decode(raw)
    except cbor.CborError as error:
        assert 0 <= error.at <= len(raw)
    else:
        if not _has_typed(value):
            assert encode(value) == raw
    with contextlib.suppress(MalformedError, SignatureError):
        evidence.proves(evidence.read(raw), [KEY])
    try:
        asked = witness.read_request(raw)
    except MalformedError:
        return
    assert witness.read_request(witness.write_request(asked)) == asked


def _has_typed(value: cbor.Item) -> bool:
    if isinstance(value, list):
        return any(_has_typed(each) for each in value)
    return isinstance(value, cbor.Typed)
