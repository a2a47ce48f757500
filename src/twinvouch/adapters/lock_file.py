"""One process a store: an flock that the kernel releases by itself when its holder dies."""

import fcntl
import os
from pathlib import Path

from twinvouch.core.errors import UnavailableError


def hold(path: Path) -> int:
    """Lock `path` (made where missing, 0600) and return its descriptor; closing it releases the lock.

    Raises UnavailableError where another opener, of this process or another, holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise UnavailableError(
            f"`{path.parent}` is in use by another process (lock `{path.name}`): "
            "stop that one first, two writers would destroy it"
        ) from None
    return descriptor


def make_directory(directory: Path) -> None:
    """Make `directory` and what is missing above it (0700), durably; one that is there stays as it is."""
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)
    sync_directory(directory.parent)


def sync_directory(directory: Path) -> None:
    """Make names that were created, renamed or removed in `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
