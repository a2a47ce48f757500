"""The lineage of one ledger, read from its entries when somebody asks, and kept up to date from then on.

It covers the newest entries up to a limit, and says where it begins. Reading a large ledger for the first time takes
longer than one question may: whoever asks meanwhile is told how far it is.
"""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from twinvouch.adapters.disk import OS
from twinvouch.core.errors import MalformedError, UnavailableError, UsageError
from twinvouch.core.kind import Kind
from twinvouch.core.ports import Leaves
from twinvouch.ledger import checkpoint, tiles
from twinvouch.ledger.lineage import Lineage
from twinvouch.ledger.node import node_of

ENTRIES_MAX = (
    2_000_000  # some 100 bytes each in memory; twice as many before the older half is forgotten
)
CHUNK = 4096
PATIENCE_S = 4.0  # of one question, below the time-out of the command line


class LineageReader:
    """Use it from one thread at a time, under its `lock`."""

    def __init__(self, opened: Callable[[], Leaves], most: int = ENTRIES_MAX) -> None:
        self.lock = threading.Lock()
        self._open, self._most = opened, most
        self._leaves: Leaves | None = None
        self._of: Lineage | None = None
        self._named: dict[tuple[int, str], list[int]] = {}

    def up_to_date(self, patience_s: float = PATIENCE_S) -> Lineage:
        """The lineage of everything that is committed; UnavailableError where that takes longer."""
        leaves = self._leaves = self._leaves or self._open()
        size, ends = leaves.leaf_count(), time.monotonic() + patience_s
        of = self._of
        if of is None or size - of.first > 2 * self._most:
            self._named.clear()
            of = self._of = Lineage(max(0, size - self._most))
        while of.end < size:
            for entry in leaves.leaves(of.end, min(of.end + CHUNK, size)):
                self._take(of, entry)
            if time.monotonic() > ends and of.end < size:
                raise UnavailableError(
                    f"the lineage is being read: {len(of)} of {size - of.first} entries; ask again"
                )
        return of

    def entries(self, indices: Sequence[int]) -> list[bytes]:
        """Entries by ledger index."""
        leaves = self._leaves = self._leaves or self._open()
        return [leaves.leaves(index, index + 1)[0] for index in indices]

    def command(self, ident: str) -> int | None:
        """Where a command was entered."""
        return next(iter(self._named.get((Kind.ENTRY_COMMAND, ident), ())), None)

    def models(self, name: str) -> tuple[int, ...]:
        """Where artefacts of a model were entered."""
        return tuple(self._named.get((Kind.ENTRY_MODEL, name), ()))

    def close(self) -> None:
        """Release the store."""
        if self._leaves is not None:
            self._leaves.close()
            self._leaves = None

    def _take(self, of: Lineage, entry: bytes) -> None:
        read = node_of(entry, of.end)
        if read.name:
            self._named.setdefault((read.node.kind, read.name), []).append(of.end)
        of.append(read.node)


class LedgerDirectory:
    """The entries of a published ledger, a mirror or a copy on a stick: files only, nothing is verified."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        try:
            raw = OS.read(directory / "checkpoint")
            self._size = checkpoint.read_text(checkpoint.read_note(raw).text).size
        except (OSError, MalformedError) as error:
            raise UsageError(
                f"`{directory}` is no ledger: {error}; expected a directory with `checkpoint` and `tile/`"
            ) from None
        self._open: tuple[int, list[bytes]] = (-1, [])

    def leaf_count(self) -> int:
        """How many entries the checkpoint covers."""
        return self._size

    def leaves(self, start: int, end: int) -> Sequence[bytes]:
        """Entries start..end."""
        found: list[bytes] = []
        for number in range(start // tiles.WIDTH, (end + tiles.WIDTH - 1) // tiles.WIDTH):
            first = number * tiles.WIDTH
            found += self._bundle(number)[max(start - first, 0) : end - first]
        return found

    def close(self) -> None:
        """Nothing is open."""

    def _bundle(self, number: int) -> list[bytes]:
        if self._open[0] != number:
            width = min(tiles.WIDTH, self._size - number * tiles.WIDTH)
            path = self._directory / tiles.tile_path("entries", number, width)
            if not path.exists():  # a later checkpoint is there with the full one
                path = self._directory / tiles.tile_path("entries", number)
            self._open = number, tiles.read_bundle(OS.read(path), width)
        return self._open[1]
