"""Sealed things `[COSE_Sign1, content]` (RFC 9052): taken apart at fixed offsets, verified with a public key."""

from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from twinvouch.verifier.entry import Reader

_START = bytes.fromhex("82 d2 84 51 a3 01")
_MIDDLE = bytes.fromhex("19 0102 2f a0 58 20")
_ALGORITHMS = {32: 0x27, 65: 0x26}  # by length of the key: Ed25519, ES256


def content_of(sealed: bytes) -> bytes:
    """The content, its digest recomputed; ValueError for anything that is no sealed thing. No signature is checked."""
    fits = sealed[:6] == _START and sealed[6:7] in {b"\x27", b"\x26"} and sealed[7:9] == b"\x04\x48"
    if not fits or sealed[17:24] != _MIDDLE or sealed[56:58] != b"\x58\x40":
        raise ValueError("no sealed thing")
    reader = Reader(sealed, 122)
    content = reader.octets()
    if reader.at != len(sealed) or sealed[24:56] != sha256(content).digest():
        raise ValueError("the digest is not that of the content")
    return content


def key_id_of(sealed: bytes) -> bytes:
    """The key id that it names, 8 bytes."""
    return sealed[9:17]


def key_id(key: bytes) -> bytes:
    """What names a public key: the first 8 bytes of its SHA-256."""
    return sha256(key).digest()[:8]


def is_signed(sealed: bytes, key: bytes, plant: str, purpose: str) -> bool:
    """Whether `key` signed this sealed thing for that purpose of the plant."""
    if sealed[6] != _ALGORITHMS.get(len(key)) or key_id_of(sealed) != key_id(key):
        return False
    aad = b"\x82" + _text(plant) + _text(purpose)
    message = b"\x84\x6aSignature1\x51" + sealed[4:21] + _octets(aad) + b"\x58\x20" + sealed[24:56]
    return _fits(key, sealed[58:122], message)


def opened(sealed: bytes, plant: str, purpose: str, key: bytes) -> bytes:
    """The content of a sealed thing that `key` signed for `purpose`; ValueError for anything else."""
    content = content_of(sealed)
    if not is_signed(sealed, key, plant, purpose):
        raise ValueError("the signature does not fit")
    return content


def _fits(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        if len(key) == 32:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        else:
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            point.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def _text(text: str) -> bytes:
    raw = text.encode()
    return _head(3, len(raw)) + raw


def _octets(raw: bytes) -> bytes:
    return _head(2, len(raw)) + raw


def _head(major: int, size: int) -> bytes:
    if size < 24:
        return bytes([major << 5 | size])
    return (
        bytes([major << 5 | 24, size])
        if size < 256
        else bytes([major << 5 | 25]) + size.to_bytes(2, "big")
    )
