"""Sealing: how everything signed travels. `[COSE_Sign1, content]` in CBOR, RFC 9052 and RFC 8949.

The COSE_Sign1 signs the SHA-256 of the content (COSE Hash Envelope: label 258 is -16), so that one
hash serves signature, chain and ledger. Its protected header is `{1: alg, 4: kid, 258: -16}`: alg -8 for
Ed25519 or -7 for ES256 (one byte either), kid the first 8 bytes of the SHA-256 of the public key; the external_aad is CBOR `[plant, purpose]`, so that a
batch never passes as a permit, nor as one of another plant. With a kid of fixed length everything
before the content lies at fixed offsets and is compared, not parsed.
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.core.inventory import key_id
from twinvouch.core.ports import Signer
from twinvouch.wire.cbor import encode, head, octets_at
from twinvouch.wire.signature import ED25519, ES256, is_signature

_START = bytes.fromhex("82 d2 84 51 a3 01")  # [18([<< {1:
_ALGORITHMS = {ED25519: b"\x27", ES256: b"\x26"}  # by length of the key: -8, -7
_HEADS = tuple(_START + a + b"\x04\x48" for a in _ALGORITHMS.values())  # ..., 4: h'
_MIDDLE = bytes.fromhex("19 0102 2f a0 58 20")  # ', 258: -16} >>, {}, h'
_SIGNATURE = bytes.fromhex("58 40")  # ', h'
_PROTECTED = slice(4, 21)
_KEY_ID = slice(9, 17)
_DIGEST = slice(24, 56)
_SIGN1_END = 122


@dataclass(frozen=True, slots=True)
class Sealed:
    """An unsealed thing whose structure and digest hold; nothing is known of its signature yet.

    `digest` is the SHA-256 of `content`, `protected` the encoded protected header.
    """

    key_id: bytes
    content: bytes
    digest: bytes
    signature: bytes
    protected: bytes


def seal(content: bytes, *, signer: Signer, plant: str, purpose: str) -> bytes:
    """The content under the signature of `signer`, for `purpose` (core.kind.Purpose) in `plant`."""
    kid = key_id(signer.public_key)
    digest = sha256(content).digest()
    start = _START + _ALGORITHMS[len(signer.public_key)] + b"\x04\x48"
    protected = start[4:] + kid + _MIDDLE[:4]
    signature = signer.sign(to_be_signed(protected, digest, plant, purpose))
    return b"".join(
        (start, kid, _MIDDLE, digest, _SIGNATURE, signature, head(2, len(content)), content)
    )


def key_id_of(raw: bytes) -> bytes:
    """The key id that bytes claim to be sealed under; nothing is checked."""
    return raw[_KEY_ID]


def unseal(raw: bytes) -> Sealed:
    """Take a sealed thing apart and recompute its digest; raises MalformedError. No key is needed."""
    if not raw.startswith(_HEADS) or raw[17:24] != _MIDDLE or raw[56:58] != _SIGNATURE:
        raise MalformedError("byte 0: expected a sealed thing: [COSE_Sign1, content]")
    start, end = octets_at(raw, _SIGN1_END)
    if end != len(raw):
        raise MalformedError(f"byte {end}: expected the end, got {len(raw) - end} more")
    content = raw[start:]
    digest = sha256(content).digest()
    if digest != raw[_DIGEST]:
        raise MalformedError("byte 24: the digest is not that of the content")
    return Sealed(raw[_KEY_ID], content, digest, raw[58:_SIGN1_END], raw[_PROTECTED])


def check(sealed: Sealed, public_key: bytes, *, plant: str, purpose: str) -> None:
    """Raise SignatureError unless `public_key` signed this, by its own algorithm, for `purpose` in `plant`."""
    message = to_be_signed(sealed.protected, sealed.digest, plant, purpose)
    named = sealed.protected[2:3] == _ALGORITHMS.get(len(public_key))
    if not named or not is_signature(sealed.signature, message, public_key):
        key = sealed.key_id.hex()
        raise SignatureError(f"the signature is not by key `{key}` for {purpose} in `{plant}`")


def to_be_signed(protected: bytes, digest: bytes, plant: str, purpose: str) -> bytes:
    """RFC 9052 section 4.4: Sig_structure `["Signature1", protected, external_aad, payload]`."""
    return b"".join(
        (b"\x84\x6aSignature1\x51", protected, _aad(plant, purpose), b"\x58\x20", digest)
    )


@lru_cache(maxsize=64)
def _aad(plant: str, purpose: str) -> bytes:
    return encode(encode([plant, purpose]))
