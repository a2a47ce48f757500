"""Which chunks of the history there are, in SQLite: whose, of when, where; and how far into the log they reach.

The chunks are truth, this is where they are found: a chunk counts once it is in here, and a transaction enters the chunks
of a pass together with the place in the log that they reach. One pass at a time writes (`lock`); anybody reads.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from twinvouch.adapters import lock_file, sqlite_file
from twinvouch.core.errors import CorruptError
from twinvouch.core.inventory import ScanGroup, Tag
from twinvouch.wire.cbor import decode, encode

FILE: Final = "index.db"
VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE chunk (
    file TEXT PRIMARY KEY, name TEXT NOT NULL, edge TEXT NOT NULL, columns BLOB NOT NULL, day INTEGER NOT NULL,
    first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL, first_entry INTEGER NOT NULL, last_entry INTEGER NOT NULL,
    rows INTEGER NOT NULL, present INTEGER NOT NULL, size INTEGER NOT NULL, digest BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX chunk_times ON chunk (name, first_ns);
CREATE TABLE columns (digest BLOB PRIMARY KEY, name TEXT NOT NULL, form BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE tag (id TEXT NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (id, digest)) WITHOUT ROWID;
CREATE TABLE place (name TEXT PRIMARY KEY, record INTEGER NOT NULL, leaf INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """A chunk as the index lists it; `present` are readings, times are source times, `day` is that of receipt."""

    file: str
    group: str
    edge: str
    columns: bytes
    day: int
    first_ns: int
    last_ns: int
    first_entry: int
    last_entry: int
    rows: int
    present: int
    size: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the chunks of a scan group reach: number of the first log record and leaf that are in none."""

    record: int
    leaf: int


class IndexReader:
    """Reads the index of a history; for one thread at a time."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Everything read inside is as of one moment."""
        with sqlite_file.told_apart(self._path):
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            with sqlite_file.told_apart(self._path):
                self._connection.execute("COMMIT")

    def of_tag(self, tag: str, start_ns: int, end_ns: int) -> list[Listed]:
        """Chunks with rows of a tag made in start_ns..end_ns, by their first time."""
        return self._listed(
            "columns IN (SELECT digest FROM tag WHERE id = ?) AND first_ns <= ? AND last_ns >= ? "
            "ORDER BY first_ns, file",
            (tag, end_ns, start_ns),
        )

    def all(self) -> list[Listed]:
        """Every chunk, by scan group, day and name."""
        return self._listed("1 ORDER BY name, day, file", ())

    def reaches(self) -> dict[str, Reach]:
        """By scan group."""
        query = "SELECT name, record, leaf FROM place"
        return {name: Reach(record, leaf) for name, record, leaf in self._rows(query, ())}

    def groups(self, tag: str = "") -> dict[bytes, ScanGroup]:
        """Scan groups that were ever configured (with this tag), by the digest of their columns; only names and form are known."""
        of = " WHERE digest IN (SELECT digest FROM tag WHERE id = ?)" if tag else ""
        found = self._rows(f"SELECT digest, form FROM columns{of}", (tag,) if tag else ())  # noqa: S608 - ours
        return {digest: _group(digest, form) for digest, form in found}

    def close(self) -> None:
        """Release the connection."""
        self._connection.close()

    def _listed(self, where: str, values: Sequence[Any]) -> list[Listed]:
        query = f"SELECT * FROM chunk WHERE {where}"  # noqa: S608 - `where` is one of ours
        return [Listed(*row) for row in self._rows(query, values)]

    def _rows(self, query: str, values: Sequence[Any]) -> list[Any]:
        with sqlite_file.told_apart(self._path):
            return self._connection.execute(query, values).fetchall()


class ChunkIndex(IndexReader):
    """The index at `directory` and its only writer; a second one is refused with UnavailableError.

    An index that was lost is not begun anew over chunks that are there (CorruptError): a pass would take them for leftovers.
    """

    def __init__(self, directory: Path) -> None:
        lock_file.make_directory(directory)
        self._lock = lock_file.hold(directory / "lock")
        try:
            path = directory / FILE
            super().__init__(path, sqlite_file.open_writer(path, _SCHEMA, VERSION))
            self._expect_known(directory)
        except BaseException:
            os.close(self._lock)
            raise

    def _expect_known(self, directory: Path) -> None:
        if not self.groups() and next(directory.glob("*/*.tvc"), None) is not None:
            self._connection.close()
            raise CorruptError(
                f"`{directory}` has chunks and its index does not know them: restore `{FILE}` from a backup, or move "
                "the directory away (what is still in the event log is then written anew)"
            )

    def know(self, groups: Iterable[ScanGroup]) -> None:
        """Remember the form of scan groups, so that their rows are read when the configuration has others."""
        known = self.groups()
        fresh = [g for g in groups if g.digest not in known]
        if fresh:
            with sqlite_file.transaction(self._connection, self._path):
                self._many("columns", 3, [(g.digest, g.name, _form(g)) for g in fresh])
                self._many("tag", 2, [(tag, g.digest) for g in fresh for tag in g.ids])

    def enter(self, chunks: Sequence[Listed], reaches: dict[str, Reach]) -> None:
        """Chunks whose files are durable, and how far they reach now: all of it or nothing."""
        with sqlite_file.transaction(self._connection, self._path):
            self._many("chunk", 13, [astuple(c) for c in chunks])
            self._many("place", 3, [(name, r.record, r.leaf) for name, r in reaches.items()])

    def forget(self, chunks: Sequence[Listed]) -> None:
        """Take chunks out, before their files are removed."""
        with sqlite_file.transaction(self._connection, self._path):
            self._connection.executemany(
                "DELETE FROM chunk WHERE file = ?", [(c.file,) for c in chunks]
            )

    def close(self) -> None:
        """Release the file and its lock."""
        super().close()
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    def _many(self, table: str, width: int, rows: Sequence[Sequence[Any]]) -> None:
        places = ", ".join("?" * width)
        query = f"INSERT OR REPLACE INTO {table} VALUES ({places})"  # noqa: S608 - names are ours
        self._connection.executemany(query, rows)


def open_index(directory: Path) -> IndexReader | None:
    """Reads the index while a pass may write it; None where there is no history yet."""
    path = directory / FILE
    if not path.exists():
        return None
    return IndexReader(path, sqlite_file.open_reader(path, VERSION))


def _form(group: ScanGroup) -> bytes:
    tags = [[t.id, dtype, t.unit] for t, dtype in zip(group.tags, group.dtypes, strict=True)]
    return encode([1, group.name, group.edge, tags])


def _group(digest: bytes, form: bytes) -> ScanGroup:
    """What is needed to read the cells of a batch; rules and limits are those of then and not known any more."""
    content: Any = decode(form)
    version, name, edge, tags = content
    assert version == 1, version
    known = tuple(Tag(tag, unit) for tag, _, unit in tags)
    dtypes = tuple(dtype for _, dtype, _ in tags)
    return ScanGroup(name, edge, known, dtypes, digest, 1, 1)


def name_of(columns: bytes, day: int, record: int, piece: int) -> str:
    """The file name of a chunk: by what is in it, so that a pass that is done again writes the same names."""
    told = sha256(columns).hexdigest()[:8]
    return f"{day:06d}-{record:012d}-{piece:04d}-{told}.tvc"
