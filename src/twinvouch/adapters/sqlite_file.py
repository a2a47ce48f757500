"""One way to open an SQLite file: WAL, every commit on disk before it returns, versions checked.

Errors of SQLite are told apart once, here: a damaged file is CorruptError, everything else that the
outside causes (full disk, lock, I/O) is UnavailableError.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from twinvouch.core.errors import CorruptError, TwinvouchError, UnavailableError, UsageError

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_BUSY_S: Final = 5.0
CACHE_KIB: Final = 512  # of pages a connection: full soon, and small in what runs for months


def open_writer(
    path: Path, schema: str, version: int, synchronous: Literal["FULL", "NORMAL"] = "FULL"
) -> sqlite3.Connection:
    """The writing connection, its tables made where the file is new, `user_version` = `version`.

    FULL: a commit survives a power failure; NORMAL: all but the last ones do, and none is torn.
    Raises UsageError where the file was written by a newer version or is another program's.
    """
    path.touch(mode=0o600)
    connection = _connect(path, "rwc")
    try:
        with told_apart(path):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            connection.execute("PRAGMA trusted_schema = OFF")
            if _version(connection, path, version) == 0:
                connection.executescript(
                    f"BEGIN IMMEDIATE; {schema} PRAGMA user_version = {version}; COMMIT"
                )
    except TwinvouchError:
        connection.close()
        raise
    return connection


def open_reader(path: Path, version: int, *, is_still: bool = False) -> sqlite3.Connection:
    """A connection that can only read; it sees the last commit at each of its statements.

    `is_still`: nobody writes to it, as to a backup, and reading it leaves no file beside it.
    """
    with told_apart(path):
        connection = _connect(path, "ro&immutable=1" if is_still else "ro")
    try:
        with told_apart(path):
            connection.execute("PRAGMA query_only = ON")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            _version(connection, path, version)
    except TwinvouchError:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Everything inside is committed durably, or rolled back where anything raises."""
    with told_apart(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextmanager
def told_apart(path: Path) -> Iterator[None]:
    """Translate SQLite's errors on `path` into ours."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGED:
            raise CorruptError(f"`{path}` is damaged: {error}; restore it from a copy") from None
        raise UnavailableError(f"`{path}` cannot be used: {error}") from None


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_S,
        isolation_level=None,  # transactions are begun and ended by us alone
        check_same_thread=False,
    )


def _version(connection: sqlite3.Connection, path: Path, ours: int) -> int:
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if found > ours:
        raise UsageError(
            f"`{path}` has format {found}, this version reads up to {ours}: use the newer version"
        )
    if found == 0 and tables:
        raise UsageError(f"`{path}` is the database of another program: name another file")
    return found
