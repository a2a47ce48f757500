"""A disk in memory that keeps apart what programs see and what would survive a power failure.

Bytes survive once their file was synced, names once their directory was. A power failure keeps a part of the
rest: a prefix of the bytes written since, or any subset of their sectors; of each directory a prefix of its
changes. After a failed fsync the bytes stay visible and are never written by a later one, as Linux does.
"""

import errno
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

SECTOR: Final = 512
NAMES: Final = {errno.ENOSPC: "No space left on device", errno.EIO: "Input/output error"}


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
    is_low: bool = False  # below what is kept free; nothing fails yet
    has_reserve: bool = True
    spare: int = 0  # calls that a reserve which was given up is still good for
    calls: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    seen: Listing = field(default_factory=dict)
    stored: Listing = field(default_factory=dict)
    pending: dict[Path, list[Change]] = field(default_factory=dict)  # by directory
    on_rename: Callable[[Path, bytes], None] = lambda _path, _content: None

    def call(self, what: str, *, grows: bool = False) -> None:
        """Count a call; raises OSError where the seed has it fail."""
        self.calls[what] += 1
        if self.is_full and grows and self.spare:
            self.spare -= 1
        elif self.is_full and grows:
            self.failed[f"{what} full"] += 1
            raise OSError(errno.ENOSPC, NAMES[errno.ENOSPC])
        for failure in self.failures:
            if failure.what == what and failure.nth == self.calls[what]:
                self.failed[f"{what} {errno.errorcode[failure.code]}"] += 1
                raise OSError(failure.code, NAMES[failure.code])

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
