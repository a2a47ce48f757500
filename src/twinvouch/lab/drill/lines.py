"""Whole lines of a journal that grows, and is rewritten now and then."""

from collections.abc import Iterator
from os import fstat
from os.path import samestat
from pathlib import Path
from typing import IO


class Lines:
    """`new` are the lines since the last time; none where there is no file yet.

    Of a journal that was rewritten the old file stays open here, so that what was added to it until then is read too; look
    more often than it can be rewritten twice.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._rest = b""  # a line that is still being written

    def new(self) -> Iterator[bytes]:
        """Those that came meanwhile."""
        yield from self._added()
        if self._is_new():
            self.close()
            self._file, self._rest = self._path.open("rb"), b""
            yield from self._added()

    def close(self) -> None:
        """Let the file go."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def _added(self) -> list[bytes]:
        if self._file is None:
            return []
        *whole, self._rest = (self._rest + self._file.read()).split(b"\n")
        return whole

    def _is_new(self) -> bool:
        if not self._path.exists():
            return False
        return self._file is None or not samestat(fstat(self._file.fileno()), self._path.stat())
