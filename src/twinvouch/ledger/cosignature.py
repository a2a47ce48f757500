"""What a witness adds to a checkpoint: C2SP tlog-cosignature, timestamped Ed25519 (type 0x04) or ML-DSA-44 (type 0x06).

A cosignature says: at this time this was the largest head of this log that I have seen, and every earlier one is
a beginning of it. A witness key is of a type of its own, so that it never passes as the key of a log.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.core.ports import Signer
from twinvouch.ledger.checkpoint import DASH, Checkpoint, Note, check_name, read_text, unbase64

ED25519, ML_DSA_44 = 0x04, 0x06
KEY_BYTES = {ED25519: 32, ML_DSA_44: 1312}
SIGNATURE_BYTES = {ED25519: 64, ML_DSA_44: 2420}
TIME_BYTES = 8


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A witness as others hold it: its name and its raw public key, whose length tells the type."""

    name: str
    public_key: bytes

    @property
    def type(self) -> int:
        """0x04 or 0x06."""
        return ML_DSA_44 if len(self.public_key) == KEY_BYTES[ML_DSA_44] else ED25519

    @property
    def key_id(self) -> bytes:
        """First four bytes of SHA-256(name, newline, type, key)."""
        material = bytes([self.type]) + self.public_key
        return sha256(self.name.encode() + b"\n" + material).digest()[:4]

    def text(self) -> str:
        """`<name>+<key id in hex>+<base64 of type and key>`, one line."""
        key = base64.b64encode(bytes([self.type]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"


def read_witness_key(text: str) -> WitnessKey:
    """A witness key from its one line; MalformedError where it is another kind of key or none."""
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    raw = unbase64(encoded, "a witness key `<name>+<hex>+<base64>`")
    if len(raw) - 1 != KEY_BYTES.get(raw[0] if raw else 0):
        raise MalformedError(
            f"witness key of `{name}`: expected type 0x04 (Ed25519) or 0x06 (ML-DSA-44); a log's key is type 0x01"
        )
    key = WitnessKey(check_name(name), raw[1:])
    if key.key_id.hex() != key_id:
        raise MalformedError(
            f"witness key of `{name}`: its id is {key.key_id.hex()}, got {key_id!r}"
        )
    return key


def cosign(text: bytes, name: str, signer: Signer, time_s: int) -> bytes:
    """The signature line of a witness under a checkpoint's text, made at `time_s` (POSIX seconds, above 0)."""
    key = WitnessKey(check_name(name), signer.public_key)
    signature = signer.sign(_message(text, key, time_s))
    line = base64.b64encode(key.key_id + time_s.to_bytes(TIME_BYTES, "big") + signature).decode()
    return f"{DASH}{name} {line}\n".encode()


def cosigned_at(note: Note, key: WitnessKey) -> int | None:
    """When `key` cosigned this note, POSIX seconds; None where it did not; SignatureError where it does not fit."""
    found = None
    for name, raw in note.signatures:
        if name == key.name and raw[:4] == key.key_id:
            found = _checked(note.text, key, raw[4:])
    return found


def expect_cosigned(note: Note, key: WitnessKey) -> int:
    """When `key` cosigned this note; SignatureError where it did not, or it does not fit."""
    at = cosigned_at(note, key)
    if at is None:
        raise SignatureError(f"no cosignature by `{key.name}` ({key.key_id.hex()})")
    return at


def cosigners(note: Note, keys: Iterable[WitnessKey]) -> dict[WitnessKey, int]:
    """Which of the keys cosigned, and when; one public key counts once. SignatureError where one does not fit."""
    found: dict[WitnessKey, int] = {}
    seen: set[bytes] = set()
    for key in keys:
        at = cosigned_at(note, key)
        if at is not None and key.public_key not in seen:
            seen.add(key.public_key)
            found[key] = at
    return found


def _checked(text: bytes, key: WitnessKey, raw: bytes) -> int:
    time_s = int.from_bytes(raw[:TIME_BYTES], "big")
    signature = raw[TIME_BYTES:]
    if len(signature) != SIGNATURE_BYTES[key.type] or not 0 < time_s < 1 << 63:
        raise SignatureError(f"cosignature by `{key.name}`: expected a time and a signature")
    message = _message(text, key, time_s)
    try:
        if key.type == ED25519:
            Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, message)
        else:
            MLDSA44PublicKey.from_public_bytes(key.public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise SignatureError(
            f"cosignature by `{key.name}` ({key.key_id.hex()}) does not fit"
        ) from None
    except UnsupportedAlgorithm:
        raise SignatureError(f"cosignature by `{key.name}`: no ML-DSA-44 here") from None
    return time_s


def _message(text: bytes, key: WitnessKey, time_s: int) -> bytes:
    if key.type == ED25519:
        return f"cosignature/v1\ntime {time_s}\n".encode() + text
    head: Checkpoint = read_text(text)
    name, origin = key.name.encode(), head.origin.encode()
    return b"".join(
        (
            b"subtree/v1\n\0",
            bytes([len(name)]) + name,
            time_s.to_bytes(TIME_BYTES, "big"),
            bytes([len(origin)]) + origin,
            bytes(8),
            head.size.to_bytes(8, "big"),
            head.root,
        )
    )
