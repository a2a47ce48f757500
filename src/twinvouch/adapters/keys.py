"""Private keys, Ed25519 or P-256: files that only their owner can read.

A file holds PKCS#8 in PEM (RFC 5958), or the 32-byte seed of an Ed25519 key in base64, as all key files of the
first release do. A private key never leaves its signer: it is not an attribute that prints, and no message
quotes the file. Only the simulated demo makes keys from given seeds.
"""

import base64
import binascii
import os
import stat
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from nacl.signing import SigningKey

from twinvouch.adapters.known_secrets import remember
from twinvouch.adapters.lock_file import sync_directory
from twinvouch.adapters.private_file import forbidden_bits
from twinvouch.core.errors import ConfigError, UsageError
from twinvouch.core.inventory import key_id
from twinvouch.core.ports import Signer

_SEED = 32
_FILE_LIMIT = 4096


class KeyAlgorithm(StrEnum):
    """What a new key can be."""

    ED25519 = "ed25519"
    ES256 = "es256"


class SeededSigner:
    """Signs with the Ed25519 key that a 32-byte seed gives (RFC 8032); the same seed, the same key."""

    __slots__ = ("_key", "_public")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != _SEED:
            raise UsageError(f"an Ed25519 seed has {_SEED} bytes, got {len(seed)}")
        self._key = SigningKey(seed)
        self._public = bytes(self._key.verify_key)

    @property
    def public_key(self) -> bytes:
        """The raw public key, 32 bytes."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of `message`."""
        return bytes(self._key.sign(message).signature)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(key id {key_id(self._public).hex()})"


class Es256Signer:
    """Signs with a P-256 key: ECDSA with SHA-256, r || s."""

    __slots__ = ("_key", "_public")

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        if not isinstance(key.curve, ec.SECP256R1):
            raise UsageError(f"an ES256 key lies on P-256, got {key.curve.name}")
        self._key = key
        self._public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def public_key(self) -> bytes:
        """The raw public key: the uncompressed point, 65 bytes."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of `message`."""
        r, s = decode_dss_signature(self._key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(key id {key_id(self._public).hex()})"


class FileSigner:
    """Signs with the key in a file; raises ConfigError where it is missing, malformed or readable by others."""

    __slots__ = ("_signer",)

    def __init__(self, path: Path) -> None:
        self._signer = _read(path)

    @property
    def public_key(self) -> bytes:
        """The raw public key, 32 or 65 bytes."""
        return self._signer.public_key

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of `message`."""
        return self._signer.sign(message)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(key id {key_id(self.public_key).hex()})"


def generate(path: Path, algorithm: KeyAlgorithm = KeyAlgorithm.ED25519) -> bytes:
    """Make a new key at `path` (0600), durably, and return its public key; never overwrites."""
    signer: Signer
    if algorithm is KeyAlgorithm.ES256:
        key = ec.generate_private_key(ec.SECP256R1())
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        signer = Es256Signer(key)
    else:
        seed = os.urandom(_SEED)
        text, signer = base64.b64encode(seed) + b"\n", SeededSigner(seed)
    _remembered(text)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError:
        raise UsageError(
            f"key file `{path}` exists: it is never overwritten; name another one, or move it away"
        ) from None
    except OSError as error:
        raise UsageError(f"key file `{path}` cannot be made: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)  # whatever the umask was
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)
    return signer.public_key


def _read(path: Path) -> Signer:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise ConfigError(f"key file `{path}` is not a regular file")
            if mode & forbidden_bits(path):
                raise ConfigError(
                    f"key file `{path}` has mode {stat.S_IMODE(mode):04o}, expected 0600: others can "
                    f"read it; make a new key, or `chmod 600 {path}` if nobody else had access"
                )
            text = _remembered(file.read(_FILE_LIMIT))
    except OSError as error:
        raise ConfigError(f"key file `{path}` cannot be read: {error.strerror}") from None
    signer = _pkcs8(text) if text.startswith(b"-----BEGIN ") else _seeded(text)
    if signer is None:
        raise ConfigError(
            f"key file `{path}` holds neither an unencrypted PKCS#8 key (Ed25519 or P-256, PEM) "
            f"nor {_SEED} bytes in base64"
        )
    return signer


def _remembered(text: bytes) -> bytes:
    """The text of a key file, whose lines nothing that is written out may hold."""
    for line in text.decode("ascii", "replace").split():
        if not line.startswith("---"):
            remember(line)
    return text


def _seeded(text: bytes) -> Signer | None:
    try:
        seed = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        return None
    return SeededSigner(seed) if len(seed) == _SEED else None


def _pkcs8(text: bytes) -> Signer | None:
    try:
        key = load_pem_private_key(text, password=None)
    except (ValueError, TypeError):  # TypeError: it is encrypted; the text is never quoted
        return None
    if isinstance(key, Ed25519PrivateKey):
        return SeededSigner(key.private_bytes_raw())
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return Es256Signer(key)
    return None
