"""A small ledger for the verifier's tests, published in steps so that partial files stay."""

from pathlib import Path

from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.wire.cbor import encode

SIGNER = SeededSigner(b"\3" * 32)
START_NS = 1_700_000_000_000_000_000


def entry(number: int) -> bytes:
    """A batch entry; number 3 has a kind that nobody knows yet, number 4 is no CBOR at all."""
    if number == 4:
        return b"\xff not an entry"
    kind = 9999 if number == 3 else 65
    return encode([1, kind, "net3", START_NS + number, bytes(8)])


def write_ledger(directory: Path, *steps: int) -> str:
    """Publish so many entries a step; the log's verifier key."""
    ledger = LedgerFiles(directory, "net3/0", SIGNER)
    for step in steps:
        ledger.publish([entry(n) for n in range(ledger.size, ledger.size + step)])
    ledger.close()
    return ledger.verifier_key
