"""The simulated disk as one life of a process uses it: every call passes boundaries, and may fail."""

import errno
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from twinvouch.app.simulation.disk import Change, File, Listing, SimulatedDisk
from twinvouch.app.simulation.life import Life


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


class FilesOf:
    """Files as one life of a process uses them."""

    def __init__(self, disk: SimulatedDisk, life: Life) -> None:
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


class DiskOf(FilesOf):
    """The disk as one life of a process uses it. Fits adapters.disk.Disk."""

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
