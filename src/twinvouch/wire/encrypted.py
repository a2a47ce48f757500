"""Encryption at rest: how bytes under a data key lie on a disk. AES-256-GCM, one key a stream and UTC day.

All numbers are big-endian:

    magic `TVE1`, day u32 (days since 1970), length u8 and text of the stream, commitment to the key 32 bytes,
    nonce 12 bytes, ciphertext, tag 16 bytes

What stands before the nonce is authenticated with the `place` that the bytes belong to (a row's name, a blob's
digest), so that nothing can be moved. AES-GCM by itself does not commit to its key: two keys can be made under
which one ciphertext opens to two different texts. The commitment, SHA-256 over a prefix and the key, names one key,
so whoever commits to these bytes has committed to one text. No record of ours begins like the magic: records and
rows are CBOR arrays and maps.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from twinvouch.core.errors import CorruptError, MalformedError

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
DAY_NS: Final = 86_400_000_000_000
_MAGIC: Final = b"TVE1"
_COMMITMENT: Final = 32
_TAG: Final = 16


@dataclass(frozen=True, slots=True)
class Label:
    """Which key encrypted bytes are under; `head` is the label as it is stored before the nonce."""

    stream: str
    day: int
    commitment: bytes
    head: bytes


def commitment(key: bytes) -> bytes:
    """What names a data key without telling it, 32 bytes."""
    return sha256(b"twinvouch data key\0" + key).digest()


def label(stream: str, day: int, committed: bytes) -> Label:
    """The label of a stream's key of one day (days since 1970, UTC)."""
    name = stream.encode()
    head = b"".join((_MAGIC, day.to_bytes(4, "big"), len(name).to_bytes(1, "big"), name, committed))
    return Label(stream, day, committed, head)


def is_encrypted(stored: bytes) -> bool:
    """Whether a stored record or row is under a data key."""
    return stored.startswith(_MAGIC)


def day_of(head: bytes) -> int:
    """The day of encrypted bytes, of which the first eight are enough."""
    return int.from_bytes(head[4:8], "big")


def read_label(stored: bytes) -> Label:
    """The label of encrypted bytes; MalformedError where they are cut or something else."""
    end = 9 + (stored[8] if len(stored) > 8 else 0) + _COMMITMENT
    if not is_encrypted(stored) or len(stored) < end + NONCE_BYTES + _TAG:
        raise MalformedError(f"expected encrypted bytes of at least {end + 28}, got {len(stored)}")
    try:
        stream = stored[9 : end - _COMMITMENT].decode()
    except UnicodeDecodeError:
        raise MalformedError("byte 9: the name of the stream is not UTF-8") from None
    return Label(stream, day_of(stored), stored[end - _COMMITMENT : end], stored[:end])


def encrypt(cipher: AESGCM, under: Label, nonce: bytes, plain: bytes, place: bytes) -> bytes:
    """The stored form of `plain`; a nonce is used once under a key."""
    return b"".join((under.head, nonce, cipher.encrypt(nonce, plain, under.head + place)))


def decrypt(cipher: AESGCM, under: Label, stored: bytes, place: bytes) -> bytes:
    """The plain bytes; CorruptError where anything was changed, or belongs to another place."""
    at = len(under.head)
    nonce, text = stored[at : at + NONCE_BYTES], stored[at + NONCE_BYTES :]
    try:
        return cipher.decrypt(nonce, text, under.head + place)
    except InvalidTag:
        raise CorruptError(
            f"encrypted bytes of stream `{under.stream}`, day {under.day}, were changed or moved: "
            "restore them from a copy"
        ) from None
