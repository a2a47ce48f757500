"""Files that only their owner can read: private keys and key-encryption keys. No message quotes one."""

import base64
import binascii
import os
import stat
from pathlib import Path
from typing import Final

from twinvouch.adapters.known_secrets import remember
from twinvouch.adapters.lock_file import sync_directory
from twinvouch.adapters.private_file import forbidden_bits
from twinvouch.core.errors import ConfigError, UsageError

KEK_BYTES: Final = 32
_FILE_LIMIT = 4096
_WORDS = ("---", "twinvouch-kek")  # of a key file, that are no secret


def read(path: Path) -> bytes:
    """What a secret file holds; ConfigError where it is missing or others can read it."""
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
            return _remembered(file.read(_FILE_LIMIT))
    except OSError as error:
        raise ConfigError(f"key file `{path}` cannot be read: {error.strerror}") from None


def write(path: Path, text: bytes) -> None:
    """Make a secret file (0600), durably; UsageError where there is one already: it is never overwritten."""
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


def make_kek(path: Path) -> bytes:
    """A new key-encryption key in a file of its own, and the key."""
    kek = os.urandom(KEK_BYTES)
    text = base64.b64encode(kek)
    remember(text.decode())
    write(path, b"twinvouch-kek " + text + b"\n")
    return kek


def read_kek(path: Path) -> bytes:
    """The key-encryption key in a file; ConfigError where it holds something else."""
    word, _, text = read(path).strip().partition(b" ")
    remember(text.decode("ascii", "replace"))
    try:
        kek = base64.b64decode(text, validate=True)
    except binascii.Error:
        kek = b""
    if word != b"twinvouch-kek" or len(kek) != KEK_BYTES:
        raise ConfigError(f"key file `{path}` holds no key-encryption key: `twinvouch-kek BASE64`")
    return kek


def _remembered(text: bytes) -> bytes:
    """The text of a key file, whose lines nothing that is written out may hold."""
    for word in text.decode("ascii", "replace").split():
        if not word.startswith(_WORDS):
            remember(word)
    return text
