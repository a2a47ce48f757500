"""A disk in memory that keeps apart what programs see and what would survive a power failure.

Bytes survive once their file was synced, names once their directory was. A power failure keeps a part of the
rest: a prefix of the bytes written since, or any subset of their sectors; of each directory a prefix of its
changes. After a failed fsync the bytes stay visible and are never written by a later one, as Linux does.
"""

import errno
import io
import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, TypeAlias

if TYPE_CHECKING:
    from twinvouch.app.simulation.life import Life

SECTOR: Final = 512
_NAMES: Final = {errno.ENOSPC: "No space left on device", errno.EIO: "Input/output error"}


class File:
    """One file: bytes as programs see them, bytes as they are stored, and what was done since the last sync."""

    def __init__(self) -> None:
        self.seen = bytearray()
        self.stored = bytearray()
        self.dirty: list[tuple[int, bytes | None]] = []  # offset and bytes; None cuts there

    def change(self, offset: int, data: bytes | None) -> None:
        """Write, or cut where `data` is None."""
        _apply(self.seen, offset, data)
        self.dirty.append((offset, data))

    def sync(self) -> None:
        """Store what was done."""
        for offset, data in self.dirty:
            _apply(self.stored, offset, data)
        self.dirty.clear()

    def lose_power(self, chance: random.Random) -> None:
        """Store a part of what was done and forget the rest."""
        how = chance.randrange(4)
        if how == 1:
            self.sync()
        elif how == 2:
            self._store_prefix(chance)
        elif how == 3:
            self._store_sectors(chance)
        self.dirty.clear()
        self.seen = bytearray(self.stored)

    def _store_prefix(self, chance: random.Random) -> None:
        left = chance.randint(0, sum(len(data or b"") for _, data in self.dirty))
        for offset, data in self.dirty:
            if data is None:
                _apply(self.stored, offset, None)
                continue
            _apply(self.stored, offset, data[:left])
            left -= len(data)
            if left <= 0:
                return

    def _store_sectors(self, chance: random.Random) -> None:
        after = bytearray(self.stored)
        for offset, data in self.dirty:
            _apply(after, offset, data)
        for start in range(0, len(after), SECTOR):
            new = bytes(after[start : start + SECTOR])
            if new != self.stored[start : start + SECTOR] and chance.random() < 0.5:
                _apply(self.stored, start, new)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        content.extend(bytes(max(0, offset - len(content))))
        return
    if data:
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data


Listing: TypeAlias = dict[Path, File | None]  # None: a directory
Change: TypeAlias = Callable[[Listing], None]


@dataclass(frozen=True, slots=True)
class Failure:
    """The `nth` call of `what` fails with errno `code`."""

    what: str
    nth: int
    code: int


@dataclass(slots=True)
class SimulatedDisk:
    """Files and directories by path. `failures` are planned, and while `is_full` nothing grows."""

    chance: random.Random
    failures: list[Failure] = field(default_factory=list)
    is_full: bool = False
    calls: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    seen: Listing = field(default_factory=dict)
    stored: Listing = field(default_factory=dict)
    pending: dict[Path, list[Change]] = field(default_factory=dict)  # by directory
    on_rename: Callable[[Path, bytes], None] = lambda _path, _content: None

    def call(self, what: str, *, grows: bool = False) -> None:
        """Count a call; raises OSError where the seed has it fail."""
        self.calls[what] += 1
        if self.is_full and grows:
            self.failed[f"{what} full"] += 1
            raise OSError(errno.ENOSPC, _NAMES[errno.ENOSPC])
        for failure in self.failures:
            if failure.what == what and failure.nth == self.calls[what]:
                self.failed[f"{what} {errno.errorcode[failure.code]}"] += 1
                raise OSError(failure.code, _NAMES[failure.code])

    def change(self, directory: Path, change: Change) -> None:
        """Change names in a directory, to be stored with its next sync."""
        change(self.seen)
        self.pending.setdefault(directory, []).append(change)

    def store_names(self, directory: Path) -> None:
        """What sync_directory does."""
        for change in self.pending.pop(directory, []):
            change(self.stored)

    def lose_power(self) -> None:
        """Keep a part of what was not synced."""
        for directory in sorted(self.pending):
            changes = self.pending[directory]
            for change in changes[: self.chance.randint(0, len(changes))]:
                change(self.stored)
        self.pending.clear()
        self.stored = {
            path: entry for path, entry in self.stored.items() if self._is_reachable(path)
        }
        for path in sorted(self.stored):
            entry = self.stored[path]
            if entry is not None:
                entry.lose_power(self.chance)
        self.seen = dict(self.stored)

    def _is_reachable(self, path: Path) -> bool:
        return all(p in self.stored for p in path.parents if p.parts[1:])

    def below(self, directory: Path) -> dict[str, bytes]:
        """All files below a directory as programs see them, by relative path."""
        return {
            path.relative_to(directory).as_posix(): bytes(entry.seen)
            for path, entry in self.seen.items()
            if entry is not None and directory in path.parents
        }


def _link(path: Path, entry: File | None) -> Change:
    def change(names: Listing) -> None:
        names[path] = entry

    return change


def _unlink(path: Path) -> Change:
    def change(names: Listing) -> None:
        names.pop(path, None)

    return change


def _move(source: Path, target: Path, entry: File | None) -> Change:
    def change(names: Listing) -> None:
        names.pop(source, None)
        names[target] = entry

    return change


def kind(path: Path) -> str:
    """What a file is for: boundaries are named after it."""
    name = path.name.removesuffix(".tmp")
    if ".seg" in path.name or path.name.startswith("0" * 10):
        return "log"
    if name.startswith("actuator."):
        return "journal"
    return "checkpoint" if name == "checkpoint" else "tile"


class DiskOf:
    """The disk as one life of a process uses it. Fits adapters.disk.Disk."""

    def __init__(self, disk: SimulatedDisk, life: "Life") -> None:
        self._disk = disk
        self._life = life
        self._open: dict[int, tuple[Path, File]] = {}
        self._next = 3

    def open(self, path: Path, flags: int, mode: int) -> int:
        """As os.open."""
        del mode
        self._life.at(f"{kind(path)}.open")
        entry = self._disk.seen.get(path)
        if entry is None:
            if not flags & os.O_CREAT:
                raise FileNotFoundError(errno.ENOENT, "No such file", str(path))
            self._disk.call("open", grows=True)
            entry = File()
            self._disk.change(path.parent, _link(path, entry))
        elif flags & os.O_TRUNC:
            entry.change(0, None)
        return self._descriptor(path, entry)

    def close(self, descriptor: int) -> None:
        """Release a descriptor."""
        self._open.pop(descriptor, None)

    def size(self, descriptor: int) -> int:
        """As fstat."""
        return len(self._open[descriptor][1].seen)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Write at the end: all descriptors here append."""
        return self._write(descriptor, bytes(data), len(self._open[descriptor][1].seen))

    def pwritev(self, descriptor: int, chunks: Sequence[bytes | memoryview], offset: int) -> int:
        """As os.pwritev."""
        return self._write(descriptor, b"".join(chunks), offset)

    def ftruncate(self, descriptor: int, size: int) -> None:
        """As os.ftruncate."""
        path, file = self._open[descriptor]
        self._life.at(f"{kind(path)}.cut")
        self._disk.call("ftruncate")
        file.change(size, None)

    def fsync(self, descriptor: int) -> None:
        """As os.fsync."""
        path, file = self._open[descriptor]
        self._life.at(f"{kind(path)}.sync before")
        try:
            self._disk.call("fsync")
        except OSError:
            file.dirty.clear()  # the kernel takes the pages for clean: they are seen and never stored
            raise
        file.sync()
        self._life.at(f"{kind(path)}.sync after")

    def fdatasync(self, descriptor: int) -> None:
        """As fsync."""
        self.fsync(descriptor)

    def reader(self, path: Path) -> BinaryIO:
        """The file as it is now."""
        return io.BytesIO(self.read(path))

    def read(self, path: Path) -> bytes:
        """As Path.read_bytes."""
        entry = self._disk.seen.get(path)
        if entry is None:
            raise FileNotFoundError(errno.ENOENT, "No such file", str(path))
        return bytes(entry.seen)

    def exists(self, path: Path) -> bool:
        """As Path.exists."""
        return path in self._disk.seen

    def names(self, directory: Path) -> list[str]:
        """As os.listdir, sorted."""
        return sorted(path.name for path in self._disk.seen if path.parent == directory)

    def modified_ns(self, path: Path) -> int:
        """Nothing is ever old here."""
        del path
        return 1 << 62

    def rename(self, source: Path, target: Path) -> None:
        """As os.rename."""
        self._life.at(f"{kind(target)}.rename before")
        self._disk.call("rename")
        entry = self._disk.seen[source]
        self._disk.change(target.parent, _move(source, target, entry))
        self._disk.on_rename(target, bytes(entry.seen) if entry is not None else b"")
        self._life.at(f"{kind(target)}.rename after")

    def unlink(self, path: Path) -> None:
        """As os.unlink."""
        self._life.at(f"{kind(path)}.unlink")
        self._disk.change(path.parent, _unlink(path))

    def remove_tree(self, directory: Path) -> None:
        """As shutil.rmtree."""
        for path in sorted(self._disk.seen, reverse=True):
            if directory in path.parents or path == directory:
                self.unlink(path)

    def make_directories(self, directory: Path, mode: int) -> None:
        """As Path.mkdir with parents."""
        del mode
        self._life.at("directory.make")
        for path in (*reversed(directory.parents), directory):
            if path.parts[1:] and path not in self._disk.seen:
                self._disk.call("mkdir", grows=True)
                self._disk.change(path.parent, _link(path, None))

    def make_directory(self, directory: Path) -> None:
        """The same, durably."""
        self.make_directories(directory, 0o700)
        for path in (*directory.parents, directory):
            self._disk.store_names(path)

    def sync_directory(self, directory: Path) -> None:
        """As fsync of the directory."""
        self._life.at("directory.sync before")
        self._disk.call("fsync")
        self._disk.store_names(directory)
        self._life.at("directory.sync after")

    def hold(self, path: Path) -> int:
        """The lock of a dead process is free: the simulation starts none beside another."""
        return self._descriptor(path, File())

    def _descriptor(self, path: Path, file: File) -> int:
        self._next += 1
        self._open[self._next] = (path, file)
        return self._next

    def _write(self, descriptor: int, data: bytes, offset: int) -> int:
        path, file = self._open[descriptor]
        self._life.at(f"{kind(path)}.write before")
        try:
            self._disk.call("write", grows=True)
        except OSError as error:
            if error.errno == errno.ENOSPC and len(data) > 1 and not self._disk.is_full:
                half = self._disk.chance.randrange(1, len(data))  # what still fits is taken
                file.change(offset, data[:half])
                return half
            raise
        file.change(offset, data)
        self._life.at(f"{kind(path)}.write after")
        return len(data)
