"""Safe actions that the actuator carried out while the core was away: known before the first byte leaves, and until the core is told.

One file of lines, `CRC-32 in hex, space, JSON`, in room that was allocated when the process began, so that a full disk
stops no safe action. Each line is synced before the call returns. A torn last line is cut.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from twinvouch.core.errors import CorruptError, UnavailableError

FILE: Final = "safe.journal"
SIZE: Final = 256 * 1024  # about a thousand lines
KEPT_NS: Final = 3_600_000_000_000  # how many there were in an hour is asked


@dataclass(frozen=True, slots=True)
class SafeAction:
    """One write without a permit: `nonce` (hex) becomes the command that tells the core of it."""

    nonce: str
    tag: str
    value: float
    words: tuple[int, ...]
    at_ns: int
    outcome: str = ""  # empty: the process ended in between
    is_told: bool = False


class SafeJournal:
    """The safe actions in `directory` (made where missing). UnavailableError where nothing can be remembered."""

    def __init__(self, directory: Path, now_ns: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / FILE
        self._actions: dict[str, SafeAction] = {}
        self._file = -1
        self._end = 0
        if self._path.exists():
            self._replay(self._path.read_bytes().rstrip(b"\0"))
        self._rewrite(now_ns)

    @property
    def untold(self) -> tuple[SafeAction, ...]:
        """What the core has not been told of, oldest first."""
        return tuple(a for a in self._actions.values() if not a.is_told)

    def count(self, tag: str, since_ns: int) -> int:
        """How many there were for a tag since then."""
        return sum(a.tag == tag and a.at_ns > since_ns for a in self._actions.values())

    def begin(self, action: SafeAction) -> None:
        """Durably: this is about to be written."""
        self._add(action)

    def end(self, nonce: str, outcome: str) -> None:
        """Durably: what became of it."""
        self._add(replace(self._actions[nonce], outcome=outcome[:500]))

    def told(self, nonce: str, now_ns: int) -> None:
        """Durably: the core knows of it."""
        self._add(replace(self._actions[nonce], is_told=True))
        if self._end > SIZE // 2:
            with suppress(UnavailableError):  # on a full disk the old file goes on
                self._rewrite(now_ns)

    def close(self) -> None:
        """Release the file."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _add(self, action: SafeAction) -> None:
        line = _line(action)
        if self._file < 0 or self._end + len(line) > SIZE:
            raise UnavailableError(
                f"`{self._path}` is full or closed: no safe action is carried out"
            )
        try:
            os.pwrite(self._file, line, self._end)
            os.fdatasync(self._file)
        except OSError as error:
            self.close()
            raise UnavailableError(f"`{self._path}` cannot be written: {error.strerror}") from None
        self._end += len(line)
        self._actions[action.nonce] = action

    def _replay(self, raw: bytes) -> None:
        lines = raw.split(b"\n")
        for number, line in enumerate(lines):
            action = _action(line)
            if action is not None:
                self._actions[action.nonce] = action
            elif number + 1 < len(lines):
                raise CorruptError(f"`{self._path}`: line {number + 1} is damaged")

    def _rewrite(self, now_ns: int) -> None:
        """A new file of what still matters, with its room allocated."""
        kept = {
            n: a for n, a in self._actions.items() if not a.is_told or a.at_ns > now_ns - KEPT_NS
        }
        content = b"".join(map(_line, kept.values()))
        new = self._path.with_suffix(".new")
        try:
            descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            os.posix_fallocate(descriptor, 0, SIZE)
            os.pwrite(descriptor, content, 0)
            os.fsync(descriptor)
            new.replace(self._path)
            _sync_directory(self._path.parent)
        except OSError as error:
            new.unlink(missing_ok=True)
            raise UnavailableError(f"`{new}` cannot be written: {error.strerror}") from None
        self.close()
        self._file, self._end, self._actions = descriptor, len(content), kept


def actions(file: Path) -> Iterable[SafeAction]:
    """What a journal says, for a reader beside it: the last word of each action."""
    found: dict[str, SafeAction] = {}
    for line in file.read_bytes().rstrip(b"\0").split(b"\n"):
        if (action := _action(line)) is not None:
            found[action.nonce] = action
    return found.values()


def _line(action: SafeAction) -> bytes:
    text = json.dumps(asdict(action), separators=(",", ":")).encode()
    return b"%08x %s\n" % (crc32(text), text)


def _action(line: bytes) -> SafeAction | None:
    text = line[9:]
    if line[:9] != b"%08x " % crc32(text):
        return None
    try:
        plain: dict[str, Any] = json.loads(text)
        return SafeAction(**{**plain, "words": tuple(plain["words"])})
    except (ValueError, TypeError, KeyError):
        return None


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
