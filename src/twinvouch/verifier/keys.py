"""Log keys as the plant root names them in the ledger: entries of kind 75 hold its statements whole.

With the root's public key an auditor follows the log across a rotation of its key. Only the root's own signatures
count here: an entry that it did not sign is passed over, since an owner of the log could have put it there.
"""

import base64
import binascii
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from twinvouch.verifier.entry import Reader

ENTRY_KEY, KEY, ROOT = 75, 8, 9
_START = bytes.fromhex("82 d2 84 51 a3 01")
_MIDDLE = bytes.fromhex("19 0102 2f a0 58 20")


class RootTextError(ValueError):
    """A root key that is not base64 of an Ed25519 or P-256 public key."""


def read_root(text: str) -> bytes:
    """The root's public key from its base64, as twin.yaml pins it."""
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        raw = b""
    if len(raw) not in {32, 65}:
        raise RootTextError("expected base64 of a public key, as `key_list.root` has it")
    return raw


@dataclass(slots=True)
class LogKeys:
    """What the root said of keys of the log, gathered in the order of the entries."""

    root: bytes
    plant: str  # statements for another plant say nothing here, even where the root is the same
    named: dict[bytes, int] = field(default_factory=dict)  # public key -> entry that named it
    revoked: dict[bytes, int] = field(default_factory=dict)

    def take(self, entry: bytes, index: int) -> None:
        """Look at one entry; nothing in it can raise."""
        try:
            content = _content(_sealed_in(entry), self.plant, self.root)
            self._said(content, index)
        except ValueError:
            return

    def _said(self, content: bytes, index: int) -> None:
        reader = Reader(content)
        count = reader.array()
        _, kind, said_plant, _ = reader.integer(), reader.integer(), reader.text(), reader.integer()
        if said_plant != self.plant:
            raise ValueError
        if (kind, count) == (ROOT, 7):
            old, new, proof = reader.octets(), reader.octets(), reader.octets()
            if old == self.root and _content(proof, self.plant, new):
                self.root = new
        elif (kind, count) == (KEY, 12):
            verb, purpose, _, key = reader.text(), reader.text(), reader.text(), reader.octets()
            # checkpoints know only Ed25519; a revocation counts whatever it says that the key was for, as in the core
            if key in self.named or (purpose == "log" and len(key) == 32):
                (self.revoked if verb == "revoke" else self.named).setdefault(key, index)


def _sealed_in(entry: bytes) -> bytes:
    reader = Reader(entry)
    count = reader.array()
    version, kind = reader.integer(), reader.integer()
    reader.text()
    reader.integer()
    reader.octets()
    if (version, kind, count) != (1, ENTRY_KEY, 6):
        raise ValueError
    return reader.octets()


def _content(sealed: bytes, plant: str, key: bytes) -> bytes:
    """The content of a sealed thing that `key` signed for purpose `key` of this plant; ValueError for anything else."""
    algorithm = {32: 0x27, 65: 0x26}.get(len(key))
    fits = sealed[:6] == _START and sealed[6:9] == bytes([algorithm or 0, 0x04, 0x48])
    if not fits or sealed[17:24] != _MIDDLE or sealed[56:58] != b"\x58\x40":
        raise ValueError
    reader = Reader(sealed, 122)
    content = reader.octets()
    aad = b"\x82" + _text(plant) + _text("key")
    if reader.at != len(sealed) or sealed[24:56] != sha256(content).digest():
        raise ValueError
    message = b"\x84\x6aSignature1\x51" + sealed[4:21] + _octets(aad) + b"\x58\x20" + sealed[24:56]
    if sealed[9:17] != sha256(key).digest()[:8] or not _fits(key, sealed[58:122], message):
        raise ValueError
    return content


def _fits(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        if len(key) == 32:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        else:
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            point.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except InvalidSignature:
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
