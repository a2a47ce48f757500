"""The edge's sealed batches on disk until the core acknowledged them, and where their chain stands.

The order of batches is the order of their chain. Nothing that was sealed is ever dropped to make
room: a full spool refuses what is new, so that the chain has no holes, and counts what it refused.
Each start begins a new boot epoch, which no earlier batch of this edge can have had.
"""

import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from twinvouch.adapters import lock_file, sqlite_file
from twinvouch.adapters.vault import SPOOL, Vault, opened
from twinvouch.core.batch import Identity
from twinvouch.core.errors import UnavailableError, UsageError
from twinvouch.wire.encrypted import DAY_NS, day_of, is_encrypted

VERSION: Final = 1
MAX_BYTES: Final = 1024 * 1024 * 1024

_SCHEMA: Final = """
CREATE TABLE chain (edge TEXT NOT NULL, epoch INTEGER NOT NULL, digest BLOB NOT NULL);
CREATE TABLE batch (
    epoch INTEGER NOT NULL, seq INTEGER NOT NULL, raw BLOB NOT NULL, PRIMARY KEY (epoch, seq)
);
"""
_ROW_BYTES: Final = 100  # what a batch takes on disk beside its bytes, about


@dataclass(frozen=True, slots=True)
class Spooled:
    """A sealed batch that waits for its acknowledgement."""

    identity: Identity
    raw: bytes


class Spool:
    """The spool of one edge at `path`; one opener, one thread at a time.

    With a `vault` batches are encrypted on disk, and the keys of days of which none waits are shredded at the start.
    `first_epoch` is the epoch of a spool that is new: with a clock's seconds an edge that lost its
    spool still gets epochs it never had. `max_bytes` bounds what waits.
    """

    def __init__(
        self,
        path: Path,
        edge: str,
        max_bytes: int = MAX_BYTES,
        first_epoch: int = 1,
        vault: Vault | None = None,
    ) -> None:
        lock_file.make_directory(path.parent)
        self._path = path
        self._edge = edge
        self._max_bytes = max_bytes
        self._vault = vault
        self._seq = 0
        self._from_ns = 0  # after every day whose key is shredded, whatever the clock says
        self.refused = 0
        self._lock = lock_file.hold(path.with_name(path.name + ".lock"))
        try:
            self._connection = sqlite_file.open_writer(path, _SCHEMA, VERSION)
            self.epoch, self._prev = _begin_epoch(self._connection, path, edge, first_epoch)
            self._count, self._bytes = self._measure()
            if vault is not None:
                self._shred_old(vault)
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def next(self) -> tuple[Identity, bytes]:
        """Identity of the next batch, and the digest of the one before it (zeros: there was none)."""
        return Identity(self._edge, self.epoch, self._seq), self._prev

    @property
    def waiting(self) -> tuple[int, int]:
        """How many batches wait, and their bytes on disk."""
        return self._count, self._bytes

    def append(self, raw: bytes, digest: bytes) -> None:
        """Keep the batch sealed with `next`, durably; `digest` is what the batch after it chains to.

        Raises UnavailableError where the spool or the disk is full; `next` stays as it was then.
        """
        if self._vault is not None:
            place = _place(self.epoch, self._seq)
            raw = self._vault.seal(SPOOL, max(time.time_ns(), self._from_ns), raw, place)
        size = len(raw) + _ROW_BYTES
        if self._bytes + size > self._max_bytes:
            self.refused += 1
            raise UnavailableError(
                f"spool `{self._path}` is full: {self._count} batches, {self._bytes} of at most "
                f"{self._max_bytes} bytes, wait for the core; new readings are refused"
            )
        try:
            with sqlite_file.transaction(self._connection, self._path):
                self._connection.execute(
                    "INSERT INTO batch VALUES (?, ?, ?)", (self.epoch, self._seq, raw)
                )
                self._connection.execute("UPDATE chain SET digest = ?", (digest,))
        except UnavailableError:
            self.refused += 1
            raise
        self._seq += 1
        self._prev = digest
        self._count += 1
        self._bytes += size

    def oldest(self) -> Spooled | None:
        """The first batch that waits."""
        query = "SELECT epoch, seq, raw FROM batch ORDER BY epoch, seq LIMIT 1"
        with sqlite_file.told_apart(self._path):
            found = self._connection.execute(query).fetchone()
        if found is None:
            return None
        epoch, seq, stored = found
        raw = opened(self._vault, stored, _place(epoch, seq))
        return Spooled(Identity(self._edge, epoch, seq), raw)

    def acknowledge(self, identity: Identity) -> None:
        """Give the batch's space free; one that is not here (acknowledged twice) is no error.

        Not durable by itself: after a power failure the batch is sent again, which the core expects.
        """
        key = (identity.epoch, identity.seq)
        with sqlite_file.told_apart(self._path):
            found = self._connection.execute(
                "SELECT length(raw) FROM batch WHERE epoch = ? AND seq = ?", key
            ).fetchone()
            if found is None or identity.edge != self._edge:
                return
            self._connection.execute("PRAGMA synchronous = NORMAL")
            try:
                self._connection.execute("DELETE FROM batch WHERE epoch = ? AND seq = ?", key)
            finally:
                self._connection.execute("PRAGMA synchronous = FULL")
        self._count -= 1
        self._bytes -= found[0] + _ROW_BYTES

    def close(self) -> None:
        """Release the file and its lock; what waits, waits for the next start."""
        self._connection.close()
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1
        if self._vault is not None:
            self._vault.close()

    def _shred_old(self, vault: Vault) -> None:
        """What was delivered cannot be read any more, not even in what the disk kept of it."""
        with sqlite_file.told_apart(self._path):
            heads = self._connection.execute("SELECT DISTINCT substr(raw, 1, 8) FROM batch")
            needed = {day_of(head) for (head,) in heads if is_encrypted(head)}
        now_ns = time.time_ns()
        needed.add(now_ns // DAY_NS)
        for key in vault.keys.listed():
            if key.shredded_ns is None and key.day not in needed:
                vault.keys.shred(key.stream, key.day, now_ns)
            if key.shredded_ns is not None or key.day not in needed:
                self._from_ns = max(self._from_ns, (key.day + 1) * DAY_NS)

    def _measure(self) -> tuple[int, int]:
        query = "SELECT count(*), coalesce(sum(length(raw)), 0) FROM batch"
        with sqlite_file.told_apart(self._path):
            count, size = self._connection.execute(query).fetchone()
        return count, size + count * _ROW_BYTES


def _place(epoch: int, seq: int) -> bytes:
    return f"spool/{epoch}/{seq}".encode()


def _begin_epoch(
    connection: sqlite3.Connection, path: Path, edge: str, first_epoch: int
) -> tuple[int, bytes]:
    """Durably one epoch further; returns it and the digest that the chain ended with."""
    with sqlite_file.transaction(connection, path):
        found = connection.execute("SELECT edge, epoch, digest FROM chain").fetchone()
        owner, last, digest = found or (edge, first_epoch - 1, bytes(32))
        if owner != edge:
            raise UsageError(f"spool `{path}` belongs to edge `{owner}`, not to `{edge}`")
        connection.execute("DELETE FROM chain")
        connection.execute("INSERT INTO chain VALUES (?, ?, ?)", (edge, last + 1, digest))
    return last + 1, digest
