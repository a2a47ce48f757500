"""Data keys on disk, one for each stream and UTC day, each wrapped (RFC 3394) by a key-encryption key, the KEK.

The KEK is a file of its own, outside the data directory; who has only the data directory has nothing. A data key
is durable before it is given out, so nothing is ever stored under a key that a crash can take away. `shred` forgets
one for good, and with it everything that was stored under it: the row stays and says when, so that erased is told
from lost. Pages of deleted rows are overwritten (`secure_delete`); where the medium itself may keep old blocks,
rotate the KEK after shredding and destroy the old one.
"""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from twinvouch.adapters import lock_file, sqlite_file
from twinvouch.adapters.secret_file import make_kek, read_kek
from twinvouch.core.errors import ConfigError, CorruptError, TwinvouchError, UsageError
from twinvouch.wire.encrypted import KEY_BYTES, commitment

FILE: Final = "keys.db"
_EPOCH: Final = date(1970, 1, 1).toordinal()
VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE data_key (
    stream TEXT NOT NULL, day INTEGER NOT NULL, committed BLOB NOT NULL, wrapped BLOB, shredded_ns INTEGER,
    PRIMARY KEY (stream, day)
);
"""


class ErasedError(TwinvouchError):
    """The key was shredded: what was stored under it is gone, as somebody wanted."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class DataKey:
    """A data key as `listed` shows it; `shredded_ns` is None while it is there."""

    stream: str
    day: int
    shredded_ns: int | None


class KeyStore:
    """The wrapped data keys at `path` under the KEK in `kek_file`, both made where there is neither.

    Raises ConfigError, with what to do, where the KEK is missing or another one. Any thread. `is_owner`: the one
    process that works with the data, whose KEK cannot be exchanged meanwhile; others may list and shred.
    """

    def __init__(self, path: Path, kek_file: Path, *, is_owner: bool = True) -> None:
        self._path, self._kek_file = path, kek_file
        self._guard = threading.Lock()
        self._lock = -1
        self.made_kek = False
        lock_file.make_directory(path.parent)
        if is_owner:
            self._lock = lock_file.hold(path.with_name(path.name + ".lock"))
        try:
            is_new = not path.exists()
            self._kek = self._read_kek(is_new=is_new)
            self._connection = sqlite_file.open_writer(path, _SCHEMA, VERSION)
            self.id = self._check_kek()
            if is_new:
                lock_file.sync_directory(path.parent)
        except BaseException:
            self._release()
            raise

    def key(self, stream: str, day: int) -> bytes:
        """The key of a stream and day, made durably at its first use; ErasedError where it was shredded."""
        with self._guard:
            found = self._row(stream, day)
            if found is None:
                key = os.urandom(KEY_BYTES)
                row = (stream, day, commitment(key), aes_key_wrap(self._kek, key))
                with sqlite_file.transaction(self._connection, self._path):
                    self._connection.execute("INSERT INTO data_key VALUES (?, ?, ?, ?, NULL)", row)
                return key
            return self._unwrapped(stream, day, *found)

    def find(self, stream: str, day: int, committed: bytes) -> bytes:
        """The key that stored bytes name; ErasedError where it was shredded, CorruptError where it is not here."""
        with self._guard:
            found = self._row(stream, day)
            if found is None or found[0] != committed:
                raise CorruptError(
                    f"`{self._path}` has no key {committed[:8].hex()} of stream `{stream}`, day {iso(day)}: "
                    "restore it from a copy; without it what was stored under it cannot be read"
                )
            return self._unwrapped(stream, day, *found)

    def listed(self) -> tuple[DataKey, ...]:
        """All keys, those that were shredded too, by stream and day."""
        query = "SELECT stream, day, shredded_ns FROM data_key ORDER BY stream, day"
        with self._guard, sqlite_file.told_apart(self._path):
            return tuple(DataKey(*row) for row in self._connection.execute(query))

    def shred(self, stream: str, day: int, now_ns: int) -> None:
        """Forget a key for good; UsageError where there is none, or none any more."""
        with self._guard:
            found = self._row(stream, day)
            if found is None or found[1] is None:
                raise UsageError(f"`{self._path}` has no key of stream `{stream}`, day {iso(day)}")
            with sqlite_file.transaction(self._connection, self._path):
                self._connection.execute(
                    "UPDATE data_key SET wrapped = NULL, shredded_ns = ? WHERE stream = ? AND day = ?",
                    (now_ns, stream, day),
                )
            self._flush()

    def rotate(self) -> None:
        """Wrap every data key under a new KEK, which takes the place of the old one; for the owner only.

        The new KEK is durable before it is used, and found under its other name after a crash in between.
        """
        fresh_file = _beside(self._kek_file)
        fresh_file.unlink(missing_ok=True)
        fresh = make_kek(fresh_file)
        with self._guard:
            query = "SELECT stream, day, committed, wrapped FROM data_key WHERE wrapped IS NOT NULL"
            rows = self._connection.execute(query).fetchall()
            again = [
                (aes_key_wrap(fresh, self._unwrapped(stream, day, committed, wrapped)), stream, day)
                for stream, day, committed, wrapped in rows
            ]
            with sqlite_file.transaction(self._connection, self._path):
                self._connection.executemany(
                    "UPDATE data_key SET wrapped = ? WHERE stream = ? AND day = ?", again
                )
                self._connection.execute(
                    "UPDATE meta SET value = ? WHERE key = 'kek'", (_name_of(fresh),)
                )
            self._flush()
            self._kek = fresh
        _put_in_place(self._kek_file)

    def close(self) -> None:
        """Release the file."""
        self._connection.close()
        self._release()

    def _release(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    def _row(self, stream: str, day: int) -> tuple[bytes, bytes | None] | None:
        query = "SELECT committed, wrapped FROM data_key WHERE stream = ? AND day = ?"
        with sqlite_file.told_apart(self._path):
            found: tuple[bytes, bytes | None] | None = self._connection.execute(
                query, (stream, day)
            ).fetchone()
        return found

    def _unwrapped(self, stream: str, day: int, committed: bytes, wrapped: bytes | None) -> bytes:
        if wrapped is None:
            raise ErasedError(f"the key of stream `{stream}`, day {iso(day)}, was shredded")
        try:
            key = aes_key_unwrap(self._kek, wrapped)
        except (InvalidUnwrap, ValueError):
            key = b""
        if commitment(key) != committed:
            raise CorruptError(
                f"`{self._path}`: the key of stream `{stream}`, day {iso(day)}, is damaged: restore it from a copy"
            )
        return key

    def _flush(self) -> None:
        """Take what was replaced out of the write-ahead log too."""
        with sqlite_file.told_apart(self._path):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _read_kek(self, *, is_new: bool) -> bytes:
        if self._kek_file.exists():
            return read_kek(self._kek_file)
        if not is_new:
            raise ConfigError(
                f"key-encryption key `{self._kek_file}` is missing, and `{self._path}` was made with it: "
                "bring it back from its copy; without it nothing here can be read"
            )
        lock_file.make_directory(self._kek_file.parent)
        self.made_kek = True
        return make_kek(self._kek_file)

    def _check_kek(self) -> bytes:
        """The store's id, 8 bytes, once the KEK is known to be the right one."""
        with sqlite_file.told_apart(self._path):
            self._connection.execute("PRAGMA secure_delete = ON")
            meta = self._meta()
            if not meta:
                fresh = {"id": os.urandom(8), "kek": _name_of(self._kek)}
                with sqlite_file.transaction(self._connection, self._path):
                    self._connection.executemany("INSERT INTO meta VALUES (?, ?)", fresh.items())
                meta = self._meta()
        if meta["kek"] != _name_of(self._kek):
            self._kek = self._finished_rotation(meta["kek"])
        return meta["id"]

    def _meta(self) -> Mapping[str, bytes]:
        return dict(self._connection.execute("SELECT key, value FROM meta"))

    def _finished_rotation(self, wanted: bytes) -> bytes:
        """The KEK of a rotation that a crash interrupted after it took effect."""
        fresh_file = _beside(self._kek_file)
        if fresh_file.exists() and _name_of(fresh := read_kek(fresh_file)) == wanted:
            _put_in_place(self._kek_file)
            return fresh
        raise ConfigError(
            f"key-encryption key `{self._kek_file}` is not the one that `{self._path}` was made with: expected "
            f"{wanted[:8].hex()}, got {_name_of(self._kek)[:8].hex()}; name the right file, or bring it back"
        )


def iso(day: int) -> str:
    """A day since 1970 as people write it; the number itself beyond the calendar."""
    try:
        return date.fromordinal(_EPOCH + day).isoformat()
    except (ValueError, OverflowError):
        return f"number {day}"


def day_of(text: str) -> int:
    """Days since 1970 of `YYYY-MM-DD`; UsageError for anything else."""
    try:
        return date.fromisoformat(text).toordinal() - _EPOCH
    except ValueError:
        raise UsageError(f"day `{text}`: expected YYYY-MM-DD") from None


def _name_of(kek: bytes) -> bytes:
    """What names a KEK without telling it."""
    return sha256(b"twinvouch kek\0" + kek).digest()


def _beside(kek_file: Path) -> Path:
    return kek_file.with_name(kek_file.name + ".new")


def _put_in_place(kek_file: Path) -> None:
    """The new KEK over the old one, whose bytes are overwritten first."""
    with kek_file.open("r+b") as old:
        size = os.fstat(old.fileno()).st_size
        _beside(kek_file).replace(kek_file)
        lock_file.sync_directory(kek_file.parent)
        old.write(bytes(size))
        old.flush()
        os.fsync(old.fileno())
