"""Two signed heads of one log that cannot both be true: what a witness shows when history was rewritten.

`first` is a head of m entries, `second` one of n >= m entries, both signed by the log; `proof` is a consistency proof
that the first m entries under `second` have `root`. Where `root` is another one than `first` signs, the log has signed
two histories: whoever has the log's key can check that, and needs nobody's word for it.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.ledger import checkpoint
from twinvouch.ledger.checkpoint import Checkpoint, VerifierKey, unbase64
from twinvouch.ledger.tlog import verify_consistency

KIND = "twinvouch evidence of two histories"
BYTES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two notes as the log signed them, the root of the shorter history under the second, and the proof of that."""

    first: bytes
    second: bytes
    root: bytes
    proof: tuple[bytes, ...]


def proves(evidence: Evidence, keys: Sequence[VerifierKey]) -> str:
    """What it proves, in a sentence; MalformedError or SignatureError where it proves nothing."""
    first, second = _head(evidence.first, keys), _head(evidence.second, keys)
    if first.origin != second.origin:
        raise MalformedError(f"evidence: heads of `{first.origin}` and of `{second.origin}`")
    if not verify_consistency(first.size, second.size, evidence.proof, evidence.root, second.root):
        raise MalformedError(
            f"evidence: nothing shows the root of {first.size} entries under the head of {second.size}"
        )
    if evidence.root == first.root:
        raise MalformedError("evidence: the second head extends the first: there is one history")
    if first.size == second.size:
        return (
            f"log `{first.origin}` signed two heads of {first.size} entries: "
            f"root {first.root.hex()} and root {second.root.hex()}"
        )
    return (
        f"log `{first.origin}` signed root {first.root.hex()} of {first.size} entries, and a head of {second.size} "
        f"whose first {first.size} entries have root {evidence.root.hex()}: history was rewritten"
    )


def write(evidence: Evidence, says: str) -> str:
    """The evidence as a JSON text; `says` is for people and proves nothing."""
    content = {
        "kind": KIND,
        "version": 1,
        "says": says,
        "heads": [evidence.first.decode(), evidence.second.decode()],
        "root": base64.b64encode(evidence.root).decode(),
        "proof": [base64.b64encode(each).decode() for each in evidence.proof],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def read(raw: bytes) -> Evidence:
    """The evidence in a JSON text; MalformedError where it is none. Nothing is verified."""
    try:
        content: Any = json.loads(raw[: BYTES_MAX + 1].decode())
        if content["kind"] != KIND or content["version"] != 1 or len(raw) > BYTES_MAX:
            raise MalformedError(f"evidence: expected `kind` {KIND!r} and `version` 1")
        first, second = (str(note).encode() for note in content["heads"])
        proof = [unbase64(str(each), "evidence: proof") for each in content["proof"]]
        return Evidence(
            first, second, unbase64(str(content["root"]), "evidence: root"), tuple(proof)
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MalformedError(f"evidence: expected a JSON object of two heads: {error}") from None


def _head(note: bytes, keys: Sequence[VerifierKey]) -> Checkpoint:
    found: Exception = SignatureError("evidence: no key of the log was given")
    for key in keys:
        try:
            return checkpoint.verify(note, key)
        except (MalformedError, SignatureError) as error:
            found = error
    raise found
