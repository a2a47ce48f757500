"""Private Ed25519 keys: files that only their owner can read, holding the 32-byte seed in base64.

A private key never leaves its signer: it is not an attribute that prints, and no message quotes the
file. Only the simulated demo makes keys from given seeds.
"""

import base64
import binascii
import os
import stat
from pathlib import Path

from nacl.signing import SigningKey

from twinvouch.adapters.lock_file import sync_directory
from twinvouch.core.errors import ConfigError, UsageError
from twinvouch.core.inventory import key_id

_SEED = 32
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class SeededSigner:
    """Signs with the key that a 32-byte seed gives (RFC 8032); the same seed, the same key."""

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


class FileSigner(SeededSigner):
    """Signs with the key in a file; raises ConfigError where it is missing, malformed or readable by others."""

    __slots__ = ()

    def __init__(self, path: Path) -> None:
        super().__init__(_read_seed(path))


def generate(path: Path) -> bytes:
    """Make a new key at `path` (0600), durably, and return its public key; never overwrites."""
    seed = os.urandom(_SEED)
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
        file.write(base64.b64encode(seed) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)
    return SeededSigner(seed).public_key


def _read_seed(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise ConfigError(f"key file `{path}` is not a regular file")
            if mode & _OTHERS:
                raise ConfigError(
                    f"key file `{path}` has mode {stat.S_IMODE(mode):04o}, expected 0600: others can "
                    f"read it; make a new key, or `chmod 600 {path}` if nobody else had access"
                )
            text = file.read(128)
    except OSError as error:
        raise ConfigError(f"key file `{path}` cannot be read: {error.strerror}") from None
    try:
        seed = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        seed = b""
    if len(seed) != _SEED:
        raise ConfigError(f"key file `{path}` does not hold {_SEED} bytes in base64")
    return seed
