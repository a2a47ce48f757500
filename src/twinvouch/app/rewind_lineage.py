"""The new lineage on disk: state and ledger of its own, under an origin of its own, beside the plant's and apart from it.

It is written into a draft that gets its name when it is whole: whatever lies under a name was finished. It has no event
log: the events stay where they are, once, and what is shredded there is not kept here. `log_end` of its state is a
position in the plant's log. Findings, labels and reasons of before the fork stay in the plant's state.
"""

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from twinvouch.adapters import lock_file
from twinvouch.adapters.committer import Step
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.sealed_state import SealedState
from twinvouch.adapters.sqlite_state import SqliteState
from twinvouch.adapters.vault import Vault
from twinvouch.core.errors import UsageError
from twinvouch.core.event import Append, Keep
from twinvouch.core.ports import Group, Signer, State

DIRECTORY: Final = "rewinds"
DRAFT: Final = ".draft"
GROUP: Final = 1_024  # events that are committed at once
_PAGE: Final = 4_096  # leaves


class Place:
    """Where a lineage comes to lie: a draft until `finish`. Nobody else may write below it meanwhile."""

    def __init__(self, data: Path, out: Path | None) -> None:
        self._lock = -1
        if out is None:
            parent = data / DIRECTORY
            lock_file.make_directory(parent)
            self._lock = lock_file.hold(parent / "lock")
            self.directory = parent / str(_free(parent))
            self.removed = _remove_drafts(parent)
        else:
            self.directory, self.removed = out, []
            if out.exists():
                raise UsageError(f"`{out}` is there: a rewind needs a directory of its own")
        self.draft = self.directory.with_name(f"{self.directory.name}{DRAFT}")
        if self.draft.exists():
            raise UsageError(
                f"`{self.draft}` is there: a rewind into it runs or was ended before it was done; delete it, or name another"
            )
        lock_file.make_directory(self.draft)

    def finish(self) -> None:
        """Give it its name, durably."""
        self.draft.rename(self.directory)
        lock_file.sync_directory(self.directory.parent)

    def close(self) -> None:
        """Leave nothing half done behind, and let another rewind begin."""
        shutil.rmtree(self.draft, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1


class Lineage:
    """State and ledger in `directory`; the entries up to the fork are those of the old ledger."""

    def __init__(self, directory: Path, plant: str, signer: Signer, vault: Vault | None) -> None:
        self.origin = f"{plant}/rewind-{os.urandom(8).hex()}"
        self.vault = vault
        plain = SqliteState(directory / "state.db")
        self._state: State = plain
        if self.vault is not None:
            self._state = SealedState(plain, self.vault, time.time_ns)
        self._ledger = LedgerFiles(directory / "ledger", self.origin, signer)
        self._steps: list[Step] = []
        self._end = 0

    @property
    def ledger_key(self) -> str:
        """What its ledger is verified with."""
        return self._ledger.verifier_key

    def begin(self, leaves: Callable[[int, int], Sequence[bytes]], size: int, record: int) -> bytes:
        """Take over the first `size` entries, and give their root; the next event is `record` of the plant's log."""
        self._end = record
        for first in range(0, size, _PAGE):
            page = leaves(first, min(first + _PAGE, size))
            self._state.commit(Group({}, [], list(enumerate(page, first)), record))
        self._ledger.catch_up(self._state)
        return self._ledger.root

    def add(self, step: Step, end: int) -> None:
        """What an event gave; `end` is the number of the next record."""
        self._steps.append(step)
        self._end = end
        if len(self._steps) >= GROUP:
            self._commit({})

    def finish(self, rows: Mapping[str, bytes | None]) -> None:
        """Commit the rest with what the engine knows, and sign the ledger."""
        self._commit(rows)
        self._ledger.catch_up(self._state)

    def close(self) -> None:
        """Release the stores."""
        self._state.close()
        self._ledger.close()
        if self.vault is not None:
            self.vault.close()

    def _commit(self, rows: Mapping[str, bytes | None]) -> None:
        effects = [e for s in self._steps for e in s.effects]
        blobs = [(e.digest, e.content) for e in effects if isinstance(e, Keep)]
        leaves = [(e.index, e.entry) for e in effects if isinstance(e, Append)]
        self._state.commit(Group(rows, blobs, leaves, self._end))
        self._steps = []


def _free(parent: Path) -> int:
    """The number after the highest."""
    names = (p.name for p in parent.iterdir())
    return max((int(name) for name in names if name.isascii() and name.isdecimal()), default=0) + 1


def _remove_drafts(parent: Path) -> list[str]:
    """Remove what a rewind left that was ended before it was done: the lock says that none runs."""
    drafts = sorted(parent.glob(f"*{DRAFT}"))
    for draft in drafts:
        shutil.rmtree(draft)
    return [str(draft) for draft in drafts]
