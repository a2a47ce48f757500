"""Copies of the stores of a core that may be running: each as it was at one moment, durably, in a new directory.

SQLite copies itself; a log is copied up to a record and cut there; a ledger is written anew from its entries up to a
checkpoint, since tiles and checkpoint of a running core change under the reader. Retention may drop the oldest
segments of the log meanwhile: they are then not in the copy either.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from hashlib import file_digest
from pathlib import Path

from twinvouch.adapters import sqlite_file
from twinvouch.adapters.lock_file import make_directory, sync_directory
from twinvouch.adapters.segment_file import key_id_of, read_header, segment_name, walk
from twinvouch.core.errors import CorruptError
from twinvouch.ledger import tiles

CHUNK = 4096  # entries of a ledger written at once


def copy_database(source: Path, target: Path, version: int) -> None:
    """The database as of its last commit; everything of its write-ahead log is in the copy."""
    reader = sqlite_file.open_reader(source, version)
    try:
        target.touch(mode=0o600)
        with sqlite_file.told_apart(target):
            copy = sqlite3.connect(target)
            try:
                reader.backup(copy)
            finally:
                copy.close()
    finally:
        reader.close()
    _sync(target)


def copy_log(source: Path, target: Path, end: int) -> int:
    """Records below `end`; returns the number of the first one that was still there."""
    make_directory(target)
    firsts = sorted(int(p.stem) for p in source.glob("[0-9]" * 20 + ".seg"))
    copied: list[int] = []
    for first in [f for f in firsts if f < end or f == firsts[0]]:
        try:
            shutil.copyfile(source / segment_name(first), target / segment_name(first))
        except FileNotFoundError:
            for earlier in copied:  # dropped too by now, and a log has no holes
                (target / segment_name(earlier)).unlink()
            copied = []
            continue
        copied.append(first)
    if not copied:
        raise CorruptError(f"log `{source}` has no segments: nothing to back up")
    _cut_after(target / segment_name(copied[-1]), copied[-1], end)
    for first in copied:
        (target / segment_name(first)).chmod(0o600)
        _sync(target / segment_name(first))
    sync_directory(target)
    return copied[0]


def _cut_after(path: Path, first: int, end: int) -> None:
    """Cut a copied segment behind record `end - 1`."""
    with path.open("r+b") as file:
        mark, _ = read_header(file, path, first, key_id_of(path))
        for _ in walk(file, path, mark, first, max(end, first)):
            continue
        file.truncate(file.tell())


def write_ledger(
    target: Path, checkpoint: bytes, size: int, leaves: Callable[[int, int], Sequence[bytes]]
) -> bytes:
    """Tiles of the first `size` entries beside their checkpoint; returns their root."""
    make_directory(target)
    edge = tiles.Edge()
    while edge.size < size:
        edge, files = tiles.grow(edge, leaves(edge.size, min(edge.size + CHUNK, size)))
        for path, content in files:
            make_directory((target / path).parent)
            (target / path).write_bytes(content)
    (target / "checkpoint").write_bytes(checkpoint)
    return edge.root()


def copy_tree(source: Path, target: Path) -> None:
    """A directory whose files do not change any more; what vanishes meanwhile is left out."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.tmp", "*.lock"))


def files_of(directory: Path) -> Iterator[str]:
    """Every file by its path, sorted; a link to a directory counts as one: what is behind it is not looked at."""
    for path in sorted(p for p in directory.rglob("*") if p.is_symlink() or not p.is_dir()):
        yield path.relative_to(directory).as_posix()


def digest_of(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def replace_text(path: Path, text: str) -> None:
    """A small file in the place of another, whole and durable."""
    draft = path.with_name(f"{path.name}.tmp")
    draft.write_text(text, "utf-8")
    _sync(draft)
    draft.replace(path)
    sync_directory(path.parent)


def sync_tree(directory: Path) -> None:
    """Make every file and name below `directory` durable."""
    for path in directory.rglob("*"):
        if path.is_dir():
            sync_directory(path)
        else:
            _sync(path)
    sync_directory(directory)
    sync_directory(directory.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
