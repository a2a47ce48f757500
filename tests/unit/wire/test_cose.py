from dataclasses import replace
from hashlib import sha256

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pycose.algorithms import EdDSA
from pycose.headers import KID, Algorithm
from pycose.keys import EC2Key, OKPKey
from pycose.messages import Sign1Message

from tests.unit.wire.samples import SeedSigner
from twinvouch.adapters.keys import Es256Signer
from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.core.inventory import key_id
from twinvouch.core.kind import Purpose
from twinvouch.wire import cbor, cose
from twinvouch.wire.signature import is_public_key, is_signature

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


def pycose_message(raw: bytes, key: OKPKey | EC2Key) -> Sign1Message:
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


@pytest.fixture
def es256() -> Es256Signer:
    return Es256Signer(ec.derive_private_key(1_234_567, ec.SECP256R1()))


def test_es256_has_the_same_places(signer: SeedSigner, es256: Es256Signer) -> None:
    raw = cose.seal(CONTENT, signer=es256, plant="net3", purpose=Purpose.COMMAND)
    thing = cose.unseal(raw)
    cose.check(thing, es256.public_key, plant="net3", purpose=Purpose.COMMAND)
    assert len(raw) == len(sealed(signer))
    assert cbor.decode(thing.protected) == {1: -7, 4: key_id(es256.public_key), 258: -16}


def test_pycose_and_es256_verify_each_other(es256: Es256Signer) -> None:
    raw = cose.seal(CONTENT, signer=es256, plant="net3", purpose=Purpose.COMMAND)
    public = es256.public_key
    key = EC2Key(crv="P_256", x=public[1:33], y=public[33:], d=(1_234_567).to_bytes(32, "big"))
    message = pycose_message(raw, key)
    assert message.verify_signature()
    theirs = cose.unseal(raw[:58] + message.compute_signature() + raw[122:])
    cose.check(theirs, public, plant="net3", purpose=Purpose.COMMAND)


def test_every_flipped_bit_of_an_es256_signature_is_found(es256: Es256Signer) -> None:
    raw = cose.seal(CONTENT, signer=es256, plant="net3", purpose=Purpose.COMMAND)
    for bit in range(8 * len(raw)):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((MalformedError, SignatureError)):
            cose.check(
                cose.unseal(bytes(changed)), es256.public_key, plant="net3", purpose="command"
            )


def test_the_header_names_the_algorithm_of_the_key(signer: SeedSigner, es256: Es256Signer) -> None:
    """An attacker cannot choose the algorithm: not even over a message that says the other one."""
    for ours, other in ((signer, b"\x26"), (es256, b"\x27")):
        thing = cose.unseal(sealed(signer))
        protected = (
            thing.protected[:2]
            + other
            + b"\x04\x48"
            + key_id(ours.public_key)
            + thing.protected[13:]
        )
        message = cose.to_be_signed(protected, thing.digest, "net3", "command")
        forged = replace(thing, protected=protected, signature=ours.sign(message))
        assert is_signature(forged.signature, message, ours.public_key)
        with pytest.raises(SignatureError):
            cose.check(forged, ours.public_key, plant="net3", purpose="command")


@pytest.mark.parametrize("form", [b"\x02", b"\x03", b"\x05", b"\x00"])
def test_only_an_uncompressed_point_on_the_curve_is_a_key(es256: Es256Signer, form: bytes) -> None:
    public = es256.public_key
    assert is_public_key(public)
    assert not is_public_key(form + public[1:])
    assert not is_public_key(public[:33])
    assert not is_public_key(public[:-1] + bytes([public[-1] ^ 1]))
    assert not is_signature(es256.sign(b"m"), b"m", form + public[1:])
