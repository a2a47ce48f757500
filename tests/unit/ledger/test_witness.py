"""The rule of a witness, answer by answer of the C2SP specification; and what two contradicting heads prove."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.adapters.keys import SeededSigner
from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.ledger import checkpoint, evidence, tlog, witness
from twinvouch.ledger.checkpoint import Checkpoint, VerifierKey
from twinvouch.ledger.evidence import Evidence
from twinvouch.ledger.witness import Request, judge, read_request, write_request

LOG, OTHER = SeededSigner(bytes(32)), SeededSigner(b"\1" * 32)
KEY = VerifierKey("net3/0", LOG.public_key)
LOGS = {"net3/0": [KEY]}


def leaves(count: int, fork: int = 10**9) -> list[bytes]:
    """Leaf hashes; from entry `fork` on another history."""
    return [tlog.leaf_hash(f"{n}{'!' * (n >= fork)}".encode()) for n in range(count)]


def head(of: list[bytes], origin: str = "net3/0") -> Checkpoint:
    tree = tlog.Tree()
    for leaf in of:
        tree.append(leaf)
    return Checkpoint(origin, tree.size, tree.root())


def hash_at(of: list[bytes]) -> tlog.HashAt:
    def at(level: int, index: int) -> bytes:
        return head(of[index << level : (index + 1) << level]).root

    return at


def request(old: int, of: list[bytes], signer: SeededSigner = LOG) -> Request:
    proof = tlog.consistency_proof(hash_at(of), old, len(of)) if 0 < old <= len(of) else []
    return Request(old, tuple(proof), checkpoint.sign(head(of), signer))


def test_the_first_head_needs_no_proof_and_the_next_one_does() -> None:
    first = judge(request(0, leaves(5)), LOGS, None)
    assert (first.code, first.head) == (witness.OK, head(leaves(5)))
    assert judge(request(5, leaves(9)), LOGS, first.head).code == witness.OK
    assert judge(request(9, leaves(9)), LOGS, head(leaves(9))).code == witness.OK


def test_the_empty_log_has_one_root() -> None:
    assert judge(request(0, []), LOGS, None).code == witness.OK
    wrong = Request(0, (), checkpoint.sign(Checkpoint("net3/0", 0, bytes(32)), LOG))
    assert judge(wrong, LOGS, None).code == witness.UNPROVEN


def test_another_old_size_is_told_the_known_one() -> None:
    answer = judge(request(0, leaves(9)), LOGS, head(leaves(5)))
    assert (answer.code, answer.why) == (witness.CONFLICT, "5")


def test_what_the_specification_refuses() -> None:
    ok = request(0, leaves(3))
    assert judge(ok, {}, None).code == witness.UNKNOWN
    assert judge(request(0, leaves(3), OTHER), LOGS, None).code == witness.FORBIDDEN
    assert judge(Request(4, (), ok.note), LOGS, None).code == witness.BAD
    assert judge(Request(0, (bytes(32),), ok.note), LOGS, None).code == witness.UNPROVEN
    assert judge(Request(0, (), b"no note"), LOGS, None).code == witness.BAD


def test_a_note_with_one_wrong_signature_of_the_log_is_forbidden() -> None:
    bad = checkpoint.sign(Checkpoint("net3/0", 1, bytes(32)), LOG).partition(b"\n\n")[2]
    note = request(0, leaves(3)).note + bad
    assert judge(Request(0, (), note), LOGS, None).code == witness.FORBIDDEN


def test_signatures_of_others_are_not_taken_over() -> None:
    other = checkpoint.sign(head(leaves(3)), OTHER).partition(b"\n\n")[2]
    ok = request(0, leaves(3))
    assert judge(Request(0, (), ok.note + other), LOGS, None).note == ok.note


@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 39))
def test_only_what_extends_the_last_head_is_cosigned(old: int, more: int, fork: int) -> None:
    seen, new = head(leaves(old)), leaves(old + more, fork)
    answer = judge(request(old, new), LOGS, seen)
    assert (answer.code == witness.OK) is (fork >= old)
    if answer.shown:
        found = Evidence(
            checkpoint.sign(seen, LOG),
            request(old, new).note,
            answer.shown,
            request(old, new).proof,
        )
        assert "`net3/0` signed" in evidence.proves(
            evidence.read(evidence.write(found, "x").encode()), [KEY]
        )


def test_two_heads_of_one_size_prove_themselves() -> None:
    answer = judge(request(5, leaves(5, 2)), LOGS, head(leaves(5)))
    assert answer.code == witness.UNPROVEN
    found = Evidence(checkpoint.sign(head(leaves(5)), LOG), answer.note, answer.shown, ())
    assert "two heads of 5 entries" in evidence.proves(found, [KEY])
    assert judge(request(0, leaves(5, 2)), LOGS, head(leaves(5))).code == witness.CONFLICT


def test_evidence_that_proves_nothing_is_refused() -> None:
    a, b = request(0, leaves(5)).note, request(5, leaves(9))
    with pytest.raises(MalformedError, match="one history"):
        evidence.proves(Evidence(a, b.note, head(leaves(5)).root, b.proof), [KEY])
    with pytest.raises(MalformedError, match="nothing shows"):
        evidence.proves(Evidence(a, b.note, sha256(b"").digest(), b.proof), [KEY])
    with pytest.raises(SignatureError):
        evidence.proves(
            Evidence(a, b.note, bytes(32), b.proof), [VerifierKey("net3/0", OTHER.public_key)]
        )
    with pytest.raises(SignatureError):
        evidence.proves(Evidence(a, b.note, bytes(32), b.proof), [])
    for raw in (b"", b"{}", b"[]", b'{"kind": 1}', b"\xff", b"[" * 5000):
        with pytest.raises(MalformedError):
            evidence.read(raw)


def test_a_request_reads_as_it_was_written() -> None:
    asked = request(5, leaves(9))
    assert read_request(write_request(asked)) == asked
    assert read_request(write_request(request(0, leaves(3)))) == request(0, leaves(3))


@given(st.binary(max_size=300))
def test_any_body_is_a_request_or_malformed(raw: bytes) -> None:
    try:
        asked = read_request(raw)
    except MalformedError:
        return
    assert judge(asked, LOGS, None).code != witness.OK


@pytest.mark.parametrize(
    "raw", [b"", b"old 01\n\nx", b"old -1\n\nx", b"old 1\nAAAA\n\nx", b"new 1\n\nx"]
)
def test_a_malformed_body_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        read_request(raw)


def test_too_long_a_proof_is_refused() -> None:
    with pytest.raises(MalformedError, match="at most 63"):
        read_request(write_request(Request(1, (bytes(32),) * 64, b"x")))
