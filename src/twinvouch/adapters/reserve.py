"""Room on the file system of the data directory, and a file that keeps some of it for when there is none.

Free space can be taken by any program, between looking and writing too. What is allocated to a file of ours cannot:
given up at the moment of need, it is what the last decisions, statements and refusals are written with.
"""

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILE: Final = "reserve"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes of a file system: those that we may still use, and all."""

    free: int
    total: int


class Reserve:
    """The reserve of `size` bytes in `directory`; 0: none. Use from any thread."""

    def __init__(self, directory: Path, size: int) -> None:
        self._directory = directory
        self._path = directory / FILE
        self.size = size

    def room(self) -> Room:
        """What is free now, without the reserve."""
        found = os.statvfs(self._directory)
        return Room(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)

    @property
    def is_there(self) -> bool:
        """Whether the reserve is allocated, as large as it is wanted, or none is wanted."""
        return not self.size or _size_of(self._path) == self.size

    def make(self) -> bool:
        """Allocate the reserve, in the place of one of another size; False where there is no room for it."""
        if self.is_there:
            return True
        draft = self._path.with_suffix(".tmp")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self.size)
        except OSError as error:
            draft.unlink()
            if error.errno in _FULL:
                return False
            raise
        finally:
            os.close(descriptor)
        draft.replace(self._path)
        return True

    def release(self) -> bool:
        """Give the reserve up; False where there was none to give."""
        if not self.size or not self._path.exists():
            return False
        self._path.unlink(missing_ok=True)  # two threads may be in need at once
        return True


def _size_of(path: Path) -> int:
    """Its bytes; 0 where it is not there."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
