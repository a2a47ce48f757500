"""Signatures of both algorithms: the length of a public key tells which it is.

32 bytes are Ed25519 (RFC 8032), 65 an uncompressed point of P-256 (SEC 1), whose signatures are ECDSA with
SHA-256 as 64 bytes r || s (ES256, RFC 9053 section 2.1). Nothing here says which key counts; see wire/signed.py.
"""

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_sign_open
from nacl.exceptions import CryptoError

ED25519 = 32  # bytes of a public key
ES256 = 65
SIGNATURE = 64  # of both
_P256 = ec.SECP256R1()
_ECDSA = ec.ECDSA(SHA256())


def is_signature(signature: bytes, message: bytes, public_key: bytes) -> bool:
    """True where the signature holds; False for every other length of key or signature too.

    Ed25519 is cofactorless and refuses keys of small order. ECDSA takes both s and n - s, as ES256 does: nothing
    may be told apart by the bytes of a signature.
    """
    if len(signature) != SIGNATURE:
        return False
    if len(public_key) == ED25519:  # libsodium would read past a shorter key
        try:
            crypto_sign_open(signature + message, public_key)
        except CryptoError:
            return False
        return True
    return len(public_key) == ES256 and _is_es256(signature, message, public_key)


def is_public_key(public_key: bytes) -> bool:
    """True for a point of Ed25519's main subgroup, or one on P-256 in uncompressed form."""
    if len(public_key) == ED25519:
        return bool(crypto_core_ed25519_is_valid_point(public_key))
    return len(public_key) == ES256 and _point(public_key) is not None


def algorithm(public_key: bytes) -> str:
    """`ed25519` or `es256`, by the length of the key; empty for any other."""
    return {ED25519: "ed25519", ES256: "es256"}.get(len(public_key), "")


def _is_es256(signature: bytes, message: bytes, public_key: bytes) -> bool:
    point = _point(public_key)
    if point is None:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        point.verify(encode_dss_signature(r, s), message, _ECDSA)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=256)
def _point(public_key: bytes) -> ec.EllipticCurvePublicKey | None:
    """The key, checked to lie on the curve; only the uncompressed form, so that a key has one id."""
    if public_key[:1] != b"\x04":
        return None
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_P256, public_key)
    except ValueError:
        return None
