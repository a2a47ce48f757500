import json
from hashlib import sha256
from pathlib import Path

import cbor2
import pytest
from pycose.algorithms import EdDSA
from pycose.headers import KID, Algorithm
from pycose.keys import OKPKey
from pycose.messages import Sign1Message

from tests.unit.wire.samples import SeedSigner
from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.core.inventory import key_id
from twinvouch.core.kind import Purpose
from twinvouch.wire import cbor, cose

CONTENT = cbor.encode([1, 3, "net3", "hello"])


def sealed(signer: SeedSigner, content: bytes = CONTENT) -> bytes:
    return cose.seal(content, signer=signer, plant="net3", purpose=Purpose.COMMAND)


@pytest.mark.parametrize("size", [0, 1, 23, 24, 255, 256, 65_535, 65_536])
def test_what_was_sealed_is_unsealed_and_checks(signer: SeedSigner, size: int) -> None:
    content = bytes(size)
    thing = cose.unseal(sealed(signer, content))
    cose.check(thing, signer.public_key, plant="net3", purpose=Purpose.COMMAND)
    assert thing.content == content
    assert thing.key_id == key_id(signer.public_key)


def test_a_sealed_thing_is_plain_cbor(signer: SeedSigner) -> None:
    sign1, content = cbor.decode(sealed(signer))
    protected, unprotected, payload, signature = sign1.value
    thing = cose.unseal(sealed(signer))
    assert content == CONTENT
    assert unprotected == {}
    assert cbor.decode(protected) == {1: -8, 4: thing.key_id, 258: -16}
    assert (protected, payload, signature) == (thing.protected, thing.digest, thing.signature)


@pytest.mark.parametrize(("plant", "purpose"), [("net4", "command"), ("net3", "permit"), ("", "")])
def test_a_signature_counts_for_one_plant_and_purpose(
    signer: SeedSigner, plant: str, purpose: str
) -> None:
    thing = cose.unseal(sealed(signer))
    with pytest.raises(SignatureError, match="not by key"):
        cose.check(thing, signer.public_key, plant=plant, purpose=purpose)


def test_another_key_is_refused(signer: SeedSigner) -> None:
    thing = cose.unseal(sealed(signer))
    with pytest.raises(SignatureError):
        cose.check(thing, SeedSigner(b"\x02" * 32).public_key, plant="net3", purpose="command")
    for short in (b"", signer.public_key[:31], signer.public_key + b"\0"):
        with pytest.raises(SignatureError):
            cose.check(thing, short, plant="net3", purpose="command")


def test_every_flipped_bit_is_found(signer: SeedSigner) -> None:
    raw = sealed(signer)
    for bit in range(8 * len(raw)):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((MalformedError, SignatureError)):
            cose.check(
                cose.unseal(bytes(changed)), signer.public_key, plant="net3", purpose="command"
            )


def test_every_truncation_and_extension_is_malformed(signer: SeedSigner) -> None:
    raw = sealed(signer)
    for end in range(len(raw)):
        with pytest.raises(MalformedError):
            cose.unseal(raw[:end])
    with pytest.raises(MalformedError, match="expected the end"):
        cose.unseal(raw + b"\0")


def test_a_long_length_is_malformed(signer: SeedSigner) -> None:
    raw = sealed(signer)
    short = cbor.head(2, len(CONTENT))
    at = raw.index(short, 122)
    longer = raw[:at] + b"\x59" + len(CONTENT).to_bytes(2, "big") + raw[at + len(short) :]
    with pytest.raises(MalformedError, match="shortest"):
        cose.unseal(longer)


def pycose_message(raw: bytes, key: OKPKey) -> Sign1Message:
    """The first element of the outer array as pycose sees it, decoded by cbor2."""
    protected, unprotected, *rest = cbor2.loads(raw)[0].value
    message = Sign1Message.from_cose_obj(
        [protected, dict(unprotected), *rest], allow_unknown_attributes=True
    )
    message.key = key
    message.external_aad = cbor2.dumps(["net3", "command"])
    return message


def test_pycose_verifies_what_we_sealed(signer: SeedSigner) -> None:
    raw = sealed(signer)
    thing = cose.unseal(raw)
    message = pycose_message(raw, OKPKey(crv="ED25519", x=signer.public_key))
    assert message.verify_signature()
    assert message.payload == sha256(CONTENT).digest()
    assert message.phdr == {Algorithm: EdDSA, KID: thing.key_id, 258: -16}
    message.external_aad = cbor2.dumps(["net3", "permit"])
    assert not message.verify_signature()


def test_we_verify_what_pycose_signed(signer: SeedSigner) -> None:
    raw = sealed(signer)
    key = OKPKey(crv="ED25519", x=signer.public_key, d=b"\x01" * 32)
    signature = pycose_message(raw, key).compute_signature()
    theirs = cose.unseal(raw[:58] + signature + raw[122:])
    cose.check(theirs, signer.public_key, plant="net3", purpose=Purpose.COMMAND)


def test_wycheproof_agrees(shared_data: Path) -> None:
    vectors = json.loads((shared_data / "trust/wycheproof/ed25519_test.json").read_text())
    agreed = 0
    for group in vectors["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            signature, message = bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"])
            holds = cose.is_signature(signature, message, key)
            assert holds == (case["result"] == "valid"), case
            agreed += 1
    assert agreed == vectors["numberOfTests"] == 151
