"""Chunks of the history as files: written whole and durable or not at all, read part by part.

A chunk is written beside its place, synced, renamed and its directory synced; a crash leaves a `.tmp`, or a file that no
index names, which `leftovers` lists. What is read is checked against the digest that the index has.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from twinvouch.adapters.disk import OS, Disk
from twinvouch.adapters.segment_file import write_all
from twinvouch.adapters.vault import Vault, opened
from twinvouch.core.errors import CorruptError, GoneError, MalformedError, UnavailableError
from twinvouch.wire import chunk
from twinvouch.wire.chunk import Clock, Column, Footer, Reason

SUFFIX: Final = ".tvc"
_DRAFT: Final = ".tmp"


def write_file(path: Path, raw: bytes, disk: Disk = OS) -> None:
    """Put a chunk in its place; UnavailableError where the disk refused, and nothing is left then."""
    disk.make_directory(path.parent)
    draft = path.with_name(path.name + _DRAFT)
    try:
        descriptor = disk.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            write_all(disk, descriptor, [raw], 0)
            disk.fsync(descriptor)
        finally:
            disk.close(descriptor)
        disk.rename(draft, path)
        disk.sync_directory(path.parent)
    except OSError as error:
        if disk.exists(draft):
            disk.unlink(draft)
        raise UnavailableError(f"chunk `{path}` cannot be written: {error.strerror}") from None


def leftovers(directory: Path, named: set[str]) -> Iterator[Path]:
    """Files below `directory` that a crash left: drafts, and chunks that are not among those `named`."""
    for path in sorted(directory.glob("*/*")):
        name = path.relative_to(directory).as_posix()
        if path.name.endswith((_DRAFT, SUFFIX)) and name not in named:
            yield path


class ChunkFile:
    """One chunk, open for reading; `digest` is what the index says of it (empty: nothing does)."""

    def __init__(self, path: Path, digest: bytes = b"", vault: Vault | None = None) -> None:
        self._path = path
        self._vault = vault
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise GoneError(f"chunk `{path}` is missing: restore it from a copy") from None
        try:
            self.footer = self._footer(digest)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def clock(self) -> Clock:
        """The columns that all tags share."""
        return self._read(chunk.ROWS, chunk.read_clock)

    def reasons(self) -> tuple[tuple[Reason, ...], NDArray[np.int64]]:
        """All reasons, and those about no single tag with their rows."""
        return self._read(chunk.REASONS, chunk.read_reasons)

    def column(self, tag: str) -> Column:
        """One tag of it."""
        place = chunk.FIRST_TAG + self.footer.about.ids.index(tag)
        return self._read(place, chunk.read_column)

    def verify(self) -> None:
        """Read every part; CorruptError where one is damaged."""
        self.clock()
        self.reasons()
        for tag in self.footer.about.ids:
            self.column(tag)

    def close(self) -> None:
        """Release the file."""
        os.close(self._file)

    def _footer(self, digest: bytes) -> Footer:
        size = os.fstat(self._file).st_size
        try:
            begin = os.pread(self._file, len(chunk.HEADER), 0)
            tail = os.pread(self._file, chunk.TAIL, max(0, size - chunk.TAIL))
            start, length = chunk.footer_span(begin, tail, size)
            stored = os.pread(self._file, length, start)
            footer = chunk.read_footer(stored, tail, start, self._opened)
        except MalformedError as error:
            raise self._damaged(error) from None
        if digest and footer.digest != digest:
            raise CorruptError(f"chunk `{self._path}` is another one than the index names")
        return footer

    def _read(self, number: int, read: "chunk.Read[chunk.Part]") -> "chunk.Part":
        at, size = self.footer.spans[number]
        try:
            stored = chunk.checked(self.footer, number, os.pread(self._file, size, at))
            return read(self.footer, self._opened(stored))
        except MalformedError as error:
            raise self._damaged(error) from None

    def _opened(self, stored: bytes) -> bytes:
        return opened(self._vault, stored, chunk.PLACE)

    def _damaged(self, error: MalformedError) -> CorruptError:
        return CorruptError(f"chunk `{self._path}`: {error}; restore it from a copy")
