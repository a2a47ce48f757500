"""Cosignatures of witnesses: the worked example of the specification, both types, and every bit of them."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from twinvouch.adapters.keys import SeededSigner
from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.ledger import checkpoint
from twinvouch.ledger.checkpoint import Checkpoint
from twinvouch.ledger.cosignature import (
    WitnessKey,
    cosign,
    cosigned_at,
    cosigners,
    read_witness_key,
)

LOG, WITNESS = SeededSigner(bytes(32)), SeededSigner(b"\1" * 32)
NOTE = checkpoint.sign(Checkpoint("net3/0", 5, bytes(range(32))), LOG)
KEY = WitnessKey("hist/w1", WITNESS.public_key)


class MlDsaSigner:
    """The post-quantum type: its key and signature are longer, all else is the same."""

    def __init__(self, seed: bytes) -> None:
        self._key = MLDSA44PrivateKey.from_seed_bytes(seed)
        self.public_key = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


SIGNERS = {"ed25519": WITNESS, "ml-dsa-44": MlDsaSigner(b"\2" * 32)}


def cosigned(signer: SeededSigner | MlDsaSigner, time_s: int = 1_700_000_000) -> bytes:
    text = checkpoint.read_note(NOTE).text
    return NOTE + cosign(text, "hist/w1", signer, time_s)


@pytest.mark.parametrize("kind", SIGNERS)
def test_a_cosignature_says_when(kind: str) -> None:
    key = WitnessKey("hist/w1", SIGNERS[kind].public_key)
    note = checkpoint.read_note(cosigned(SIGNERS[kind]))
    assert cosigned_at(note, key) == 1_700_000_000
    assert read_witness_key(key.text()) == key
    assert cosigned_at(checkpoint.read_note(NOTE), key) is None


def test_the_message_is_that_of_the_specification() -> None:
    signed = cosigned(WITNESS).decode().splitlines()[-1]
    raw = base64.b64decode(signed.rpartition(" ")[2])
    message = b"cosignature/v1\ntime 1700000000\n" + checkpoint.read_note(NOTE).text
    assert raw[4:12] == (1_700_000_000).to_bytes(8, "big")
    assert raw[12:] == WITNESS.sign(message)
    assert raw[:4] == KEY.key_id


@pytest.mark.parametrize("bit", range(8))
def test_any_flipped_bit_of_a_cosignature_is_found(bit: int) -> None:
    whole = cosigned(WITNESS)
    for at in range(len(NOTE), len(whole)):
        raw = bytearray(whole)
        raw[at] ^= 1 << bit
        try:
            assert cosigned_at(checkpoint.read_note(bytes(raw)), KEY) is None  # another name or key
        except (MalformedError, SignatureError):
            continue


def test_one_key_under_two_names_counts_once() -> None:
    text = checkpoint.read_note(NOTE).text
    raw = NOTE + cosign(text, "a", WITNESS, 1) + cosign(text, "b", WITNESS, 2)
    keys = [WitnessKey(name, WITNESS.public_key) for name in ("a", "b")]
    assert list(cosigners(checkpoint.read_note(raw), keys).values()) == [1]


def test_the_key_of_a_log_is_no_key_of_a_witness() -> None:
    log = checkpoint.VerifierKey("net3/0", LOG.public_key).text()
    with pytest.raises(MalformedError, match="type 0x01"):
        read_witness_key(log)
    with pytest.raises(MalformedError):
        checkpoint.read_key(KEY.text())


@pytest.mark.parametrize("text", ["", "a", "a+b", "a+b+c", "w+00000000+BAAA"])
def test_what_is_no_witness_key_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        read_witness_key(text)
