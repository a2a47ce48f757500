"""The few calls that durable files are made of: production passes `OS`, a simulation a disk that forgets, tears and fails.

What a call promises is what POSIX promises, no more: bytes written are durable after `fsync` or `fdatasync` of
their descriptor, names after `sync_directory`. Every call may raise OSError.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from twinvouch.adapters import lock_file


class FileCalls(Protocol):
    """What is done to files: by descriptor what is written, by path what is read."""

    def open(self, path: Path, flags: int, mode: int) -> int:
        """A descriptor, as os.open."""
        ...

    def close(self, descriptor: int) -> None:
        """Release a descriptor."""
        ...

    def size(self, descriptor: int) -> int:
        """The length of an open file in bytes."""
        ...

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Write at the descriptor's place; how many bytes were taken."""
        ...

    def pwritev(self, descriptor: int, chunks: Sequence[bytes | memoryview], offset: int) -> int:
        """Write chunks one after the other at `offset`; how many bytes were taken."""
        ...

    def ftruncate(self, descriptor: int, size: int) -> None:
        """Cut a file."""
        ...

    def fsync(self, descriptor: int) -> None:
        """Make a file durable."""
        ...

    def fdatasync(self, descriptor: int) -> None:
        """Make a file's bytes durable."""
        ...

    def reader(self, path: Path) -> BinaryIO:
        """A buffered reader; FileNotFoundError where there is no file."""
        ...

    def read(self, path: Path) -> bytes:
        """All bytes; FileNotFoundError or NotADirectoryError where there is no file."""
        ...


class Disk(FileCalls, Protocol):
    """Files, and the names that they have."""

    def exists(self, path: Path) -> bool:
        """True for a file or directory."""
        ...

    def names(self, directory: Path) -> list[str]:
        """The names in a directory."""
        ...

    def modified_ns(self, path: Path) -> int:
        """When a file was written to last, by the file system's clock."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Put a file in the place of another, at once."""
        ...

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        ...

    def remove_tree(self, directory: Path) -> None:
        """Remove a directory and what is in it."""
        ...

    def make_directories(self, directory: Path, mode: int) -> None:
        """Make a directory and those above it that are missing; not durable by itself."""
        ...

    def make_directory(self, directory: Path) -> None:
        """Make a directory and those above it that are missing, 0700, durably."""
        ...

    def sync_directory(self, directory: Path) -> None:
        """Make names that were created, renamed or removed in `directory` durable."""
        ...

    def hold(self, path: Path) -> int:
        """Lock `path`; UnavailableError where another holds it. Closing the descriptor releases it."""
        ...


class OsFiles:
    """Files of this machine."""

    def open(self, path: Path, flags: int, mode: int) -> int:
        """As os.open."""
        return os.open(path, flags | os.O_CLOEXEC, mode)

    def close(self, descriptor: int) -> None:
        """As os.close."""
        os.close(descriptor)

    def size(self, descriptor: int) -> int:
        """By os.fstat."""
        return os.fstat(descriptor).st_size

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """As os.write."""
        return os.write(descriptor, data)

    def pwritev(self, descriptor: int, chunks: Sequence[bytes | memoryview], offset: int) -> int:
        """As os.pwritev."""
        return os.pwritev(descriptor, chunks, offset)

    def ftruncate(self, descriptor: int, size: int) -> None:
        """As os.ftruncate."""
        os.ftruncate(descriptor, size)

    def fsync(self, descriptor: int) -> None:
        """As os.fsync."""
        os.fsync(descriptor)

    def fdatasync(self, descriptor: int) -> None:
        """As os.fdatasync."""
        os.fdatasync(descriptor)

    def reader(self, path: Path) -> BinaryIO:
        """Buffered by a mebibyte."""
        return path.open("rb", buffering=1 << 20)

    def read(self, path: Path) -> bytes:
        """As Path.read_bytes."""
        return path.read_bytes()


class OsDisk(OsFiles):
    """The disk of this machine."""

    def exists(self, path: Path) -> bool:
        """As Path.exists."""
        return path.exists()

    def names(self, directory: Path) -> list[str]:
        """In the order of the names."""
        return sorted(path.name for path in directory.iterdir())

    def modified_ns(self, path: Path) -> int:
        """As os.stat says."""
        return path.stat().st_mtime_ns

    def rename(self, source: Path, target: Path) -> None:
        """As Path.rename."""
        source.rename(target)

    def unlink(self, path: Path) -> None:
        """As Path.unlink."""
        path.unlink()

    def remove_tree(self, directory: Path) -> None:
        """As shutil.rmtree."""
        shutil.rmtree(directory)

    def make_directories(self, directory: Path, mode: int) -> None:
        """As Path.mkdir."""
        directory.mkdir(mode=mode, parents=True, exist_ok=True)

    def make_directory(self, directory: Path) -> None:
        """Each one synced into the one above."""
        lock_file.make_directory(directory)

    def sync_directory(self, directory: Path) -> None:
        """By fsync of the directory."""
        lock_file.sync_directory(directory)

    def hold(self, path: Path) -> int:
        """By flock."""
        return lock_file.hold(path)


OS: Final[Disk] = OsDisk()
