"""The key list: the statements of the plant root in one file, a sealed statement in base64 a line.

The file needs no protection but its copies: whoever changes a line makes it unreadable, whoever removes one leaves
a gap in the serials. `#` begins a comment. The root's private key is nowhere near the programs that read this.
"""

import base64
import binascii
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from twinvouch.adapters.lock_file import sync_directory
from twinvouch.app.config_model import Config
from twinvouch.core.errors import ConfigError, MalformedError, SignatureError
from twinvouch.core.inventory import Plant
from twinvouch.core.keyring import KeyPurpose, Keyring
from twinvouch.wire.keys import open_said

LIMIT = 64 << 20  # bytes of a key list


def root_of(config: Config) -> bytes:
    """The pinned root; empty where the configuration names no key list."""
    return b"" if config.key_list is None else base64.b64decode(config.key_list.root)


def path_of(config: Config) -> Path:
    """Where the list lies; only for a configuration that names one."""
    if config.key_list is None:
        raise ConfigError(
            f"{config.path}: names no `key_list:`: add one with `root` (`twinvouch keys root` prints it) and `file`"
        )
    return config.path.parent / config.key_list.file


def statements(config: Config) -> list[bytes]:
    """The sealed statements of the list that a configuration names, none where it names none."""
    return [] if config.key_list is None else read(path_of(config))


def ring_of(config: Config, plant: Plant) -> Keyring | None:
    """The ring that the file gives by itself; None where the configuration names no list."""
    root = root_of(config)
    return ring(path_of(config), plant, root) if root else None


def ring(path: Path, plant: Plant, root: bytes) -> Keyring:
    """All statements of a list put together; ConfigError names the first line that does not fit."""
    made = Keyring(plant, root)
    for number, raw in _lines(path):
        try:
            said, digest = open_said(raw, plant.id, made.root)
        except (MalformedError, SignatureError) as error:
            raise ConfigError(f"{path}:{number}:1: not a statement of this root: {error}") from None
        if made.known_entry(said, digest) is not None:
            continue
        objection = made.objection(said)
        if objection:
            raise ConfigError(f"{path}:{number}:1: {objection}")
        made.take(said, digest)
    return made


def read(path: Path) -> list[bytes]:
    """The sealed statements as they stand, nothing verified."""
    return [raw for _, raw in _lines(path)]


def append(path: Path, sealed: Sequence[bytes]) -> None:
    """Add statements at the end, durably."""
    text = "".join(base64.b64encode(raw).decode() + "\n" for raw in sealed)
    with path.open("a", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)


def log_keys(found: Keyring | None) -> tuple[bytes, ...]:
    """Every key that ever was for the log, revoked ones too: an earlier checkpoint was signed by one of them."""
    if found is None:
        return ()
    return tuple(k.said.key for k in found.keys.values() if k.said.purpose is KeyPurpose.LOG)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            text = file.read(LIMIT)
    except OSError as error:
        raise ConfigError(
            f"key list `{path}`: {error.strerror}; `twinvouch keys sign` begins one"
        ) from None
    for number, line in enumerate(text.split(b"\n"), 1):
        bare = line.strip()
        if not bare or bare.startswith(b"#"):
            continue
        try:
            yield number, base64.b64decode(bare, validate=True)
        except binascii.Error:
            raise ConfigError(f"{path}:{number}:1: expected base64 of a sealed statement") from None
