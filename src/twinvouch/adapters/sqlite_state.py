"""What the engine knows, in SQLite: rows, blobs and ledger leaves, one transaction a Group.

Leaves are numbered from 0 without gaps and never changed; a blob's content is never changed either.
A commit is on disk when `commit` returns. One thread writes; everybody else reads through `reader`.
About every thousandth page of the write-ahead log a commit also copies it into the database: measured,
that adds 1 ms to one commit in a hundred, less than a thread of its own added to all of them.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from twinvouch.adapters import lock_file, sqlite_file
from twinvouch.core.errors import CorruptError
from twinvouch.core.ports import Group

VERSION: Final = 1
_PAGE: Final = 4_096  # leaves

_SCHEMA: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE row (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE blob (digest BLOB NOT NULL UNIQUE, content BLOB NOT NULL);
CREATE TABLE leaf (idx INTEGER PRIMARY KEY, entry BLOB NOT NULL);
INSERT INTO meta VALUES ('log_end', 0);
"""


class StateReader:
    """Reads the committed state; for one thread at a time."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def load(self) -> tuple[Mapping[str, bytes], int]:
        """All rows, and `log_end` of the last commit."""
        with sqlite_file.told_apart(self._path):
            self._connection.execute("BEGIN")
            try:
                rows = dict(self._connection.execute("SELECT key, value FROM row"))
                found = self._connection.execute("SELECT value FROM meta WHERE key = 'log_end'")
                end = found.fetchone()
            finally:
                self._connection.execute("COMMIT")
        if end is None:
            raise CorruptError(f"`{self._path}` has no `log_end`: restore it from a copy")
        return rows, int(end[0])

    def leaf_count(self) -> int:
        """How many leaves are committed."""
        with sqlite_file.told_apart(self._path):
            found = self._connection.execute("SELECT min(idx), max(idx) FROM leaf").fetchone()
        first, last = found
        if first not in {None, 0}:
            raise CorruptError(f"`{self._path}`: leaves 0 to {first - 1} are missing")
        return 0 if last is None else int(last) + 1

    def leaves(self, start: int, end: int) -> Sequence[bytes]:
        """Committed leaves start..end, at most up to the last one there is."""
        query = "SELECT idx, entry FROM leaf WHERE idx >= ? AND idx < ? ORDER BY idx"
        with sqlite_file.told_apart(self._path):
            found = self._connection.execute(query, (start, end)).fetchall()
        for expected, (index, _) in enumerate(found, start):
            if index != expected:
                raise CorruptError(f"`{self._path}`: leaf {expected} is missing")
        return [entry for _, entry in found]

    def every_leaf(self) -> Iterator[tuple[int, bytes]]:
        """All committed leaves with their indices, read page by page."""
        for start in range(0, self.leaf_count(), _PAGE):
            yield from enumerate(self.leaves(start, start + _PAGE), start)

    def blob(self, digest: bytes) -> bytes | None:
        """Content by its SHA-256."""
        query = "SELECT content FROM blob WHERE digest = ?"
        with sqlite_file.told_apart(self._path):
            found = self._connection.execute(query, (digest,)).fetchone()
        return None if found is None else bytes(found[0])

    def close(self) -> None:
        """Release the connection."""
        self._connection.close()


def open_reader(path: Path, *, is_still: bool = False) -> StateReader:
    """Reads the state of a core that may be running, or of a backup (`is_still`); for one thread at a time."""
    return StateReader(path, sqlite_file.open_reader(path, VERSION, is_still=is_still))


class SqliteState(StateReader):
    """The state store at `path` and its only writer; a second one is refused with UnavailableError."""

    def __init__(self, path: Path) -> None:
        lock_file.make_directory(path.parent)
        self._lock = lock_file.hold(path.with_name(path.name + ".lock"))
        try:
            super().__init__(path, sqlite_file.open_writer(path, _SCHEMA, VERSION, "NORMAL"))
            self._leaf_count = self.leaf_count()
            self._log_end = self.load()[1]
        except BaseException:
            os.close(self._lock)
            raise

    def commit(self, group: Group) -> None:
        """All of `group` or nothing; what a power failure takes back, the log gives again (ADR 8).

        Raises UnavailableError where the disk refused, CorruptError where the group does not continue
        what is committed.
        """
        self._check(group)
        run = self._connection
        gone = [(key,) for key, value in group.rows.items() if value is None]
        kept = [(key, value) for key, value in group.rows.items() if value is not None]
        with sqlite_file.transaction(run, self._path):
            run.executemany("DELETE FROM row WHERE key = ?", gone)
            run.executemany("INSERT OR REPLACE INTO row VALUES (?, ?)", kept)
            run.executemany("INSERT OR IGNORE INTO blob VALUES (?, ?)", group.blobs)
            run.executemany("INSERT INTO leaf VALUES (?, ?)", group.leaves)
            run.execute("UPDATE meta SET value = ? WHERE key = 'log_end'", (group.log_end,))
        self._leaf_count += len(group.leaves)
        self._log_end = group.log_end

    def reader(self) -> StateReader:
        """A read-only connection for another thread; close it after use."""
        return open_reader(self._path)

    def close(self) -> None:
        """Release the store and its lock; the write-ahead log goes into the database first."""
        super().close()
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    def _check(self, group: Group) -> None:
        for expected, (index, _) in enumerate(group.leaves, self._leaf_count):
            if index != expected:
                raise CorruptError(f"`{self._path}`: leaf {expected} comes next, got leaf {index}")
        if group.log_end < self._log_end:
            raise CorruptError(
                f"`{self._path}` has seen the log up to {self._log_end}, got {group.log_end}"
            )
