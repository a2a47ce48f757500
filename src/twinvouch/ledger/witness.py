"""The rule of a witness (C2SP tlog-witness): a new head is cosigned only where it is shown to extend the last one.

Pure: what was seen last comes in, what is to be remembered goes out, and nothing may leave before that is durable.
A log is its origin: `<plant>/<log-epoch>`, so a new epoch of a plant is another log with a history of its own.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.ledger import checkpoint
from twinvouch.ledger.checkpoint import Checkpoint, Note, VerifierKey, unbase64
from twinvouch.ledger.tlog import EMPTY_ROOT, HASH_BYTES, shown_root, verify_consistency

PROOF_LINES = 63
OK, BAD, FORBIDDEN, UNKNOWN, CONFLICT, UNPROVEN = 200, 400, 403, 404, 409, 422


@dataclass(frozen=True, slots=True)
class Request:
    """The body of add-checkpoint: the size that the sender believes was cosigned last, the proof, the note."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer in HTTP's numbers. `head` and `note` (the log's signature only) are to be cosigned where it is 200.

    `shown` is the root that the first entries have under this head, where that is another one than the log signed
    for them: with the last note and the proof it is evidence of two histories.
    """

    code: int
    why: str
    head: Checkpoint | None = None
    note: bytes = b""
    shown: bytes = b""


def read_request(raw: bytes) -> Request:
    """Take a body apart; MalformedError names the line."""
    head, empty, note = raw.partition(b"\n\n")
    lines = head.decode("utf-8", "replace").split("\n")
    word, _, size = lines[0].partition(" ")
    if not empty or word != "old" or not _is_size(size):
        raise MalformedError(
            "line 1: expected `old SIZE`, proof lines, an empty line, a checkpoint"
        )
    if len(lines) - 1 > PROOF_LINES:
        raise MalformedError(f"expected at most {PROOF_LINES} proof lines, got {len(lines) - 1}")
    proof = [unbase64(line, f"line {n}: a hash in base64") for n, line in enumerate(lines[1:], 2)]
    if any(len(each) != HASH_BYTES for each in proof):
        raise MalformedError("proof: expected hashes of 32 bytes")
    return Request(int(size), tuple(proof), note)


def write_request(request: Request) -> bytes:
    """The body of add-checkpoint."""
    proof = (base64.b64encode(each).decode() for each in request.proof)
    lines = [f"old {request.old}", *proof, "", ""]
    return "\n".join(lines).encode() + request.note


def judge(
    request: Request, logs: Mapping[str, Sequence[VerifierKey]], seen: Checkpoint | None
) -> Judged:
    """Whether the head may be cosigned; `logs` are the trusted keys by origin, `seen` the last head of this origin."""
    try:
        head = checkpoint.read_text(checkpoint.read_note(request.note).text)
    except MalformedError as error:
        return Judged(BAD, str(error))
    if head.origin not in logs:
        return Judged(UNKNOWN, f"no log `{head.origin[:200]}` is known here")
    try:
        signed = _of_the_log(request.note, logs[head.origin])
    except (MalformedError, SignatureError) as error:
        return Judged(FORBIDDEN, str(error))
    if request.old > head.size:
        return Judged(BAD, f"old size {request.old} is above the size {head.size}", head)
    return _follows(request, head, seen, signed)


def _follows(request: Request, head: Checkpoint, seen: Checkpoint | None, signed: bytes) -> Judged:
    """Whether a head that the log signed follows the last one."""
    last = seen.size if seen is not None else 0
    if seen is not None and seen.size == head.size and seen.root != head.root:
        why = f"the log has signed two heads of size {head.size}"
        code = UNPROVEN if request.old == last else CONFLICT
        return Judged(code, why, head, signed, head.root)
    if request.old != last:
        return Judged(CONFLICT, str(last), head)
    return _extends(request, head, seen, signed)


def _extends(request: Request, head: Checkpoint, seen: Checkpoint | None, signed: bytes) -> Judged:
    if head.size == 0:
        fits = head.root == EMPTY_ROOT and not request.proof
    elif request.old == 0 or seen is None:
        fits = not request.proof
    else:
        fits = verify_consistency(request.old, head.size, request.proof, seen.root, head.root)
    if fits:
        return Judged(OK, "", head, signed)
    shown = shown_root(request.old, head.size, request.proof, head.root)
    if seen is not None and shown is not None and shown != seen.root:
        why = f"the first {request.old} entries of size {head.size} are others than the log signed"
        return Judged(UNPROVEN, why, head, signed, shown)
    why = f"nothing shows that size {head.size} extends size {request.old}"
    return Judged(UNPROVEN, why, head, signed)


def _of_the_log(raw: bytes, keys: Sequence[VerifierKey]) -> bytes:
    """The note with the log's own signatures alone; SignatureError unless a trusted key signed it, MalformedError."""
    note = checkpoint.read_note(raw)
    known = {(key.name, key.key_id): key for key in keys}
    mine = [(name, s) for name, s in note.signatures if (name, s[:4]) in known]
    if not mine:
        raise SignatureError(f"no signature by a known key of `{keys[0].name}`")
    for name, signature in mine:
        checkpoint.verify(raw, known[name, signature[:4]])
    return checkpoint.write_note(Note(note.text, tuple(mine)))


def _is_size(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20 and str(int(text)) == text
