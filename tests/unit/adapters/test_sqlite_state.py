"""The state store: a group is committed whole or not at all, and leaves never have gaps."""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinvouch.adapters import sqlite_file
from twinvouch.adapters.sqlite_state import VERSION, SqliteState
from twinvouch.core.errors import CorruptError, UnavailableError, UsageError
from twinvouch.core.ports import Group


def group(
    rows: Mapping[str, bytes | None] | None = None,
    leaves: Sequence[tuple[int, bytes]] = (),
    blobs: Sequence[tuple[bytes, bytes]] = (),
    log_end: int = 0,
) -> Group:
    return Group(rows=rows or {}, blobs=blobs, leaves=leaves, log_end=log_end)


def test_a_commit_is_there_after_reopening(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    assert (state.load(), state.leaf_count()) == (({}, 0), 0)
    state.commit(group({"a": b"1", "b": b"2"}, [(0, b"l0"), (1, b"l1")], [(b"d", b"content")], 7))
    state.commit(group({"a": None, "b": b"3", "none": None}, [(2, b"l2")], log_end=9))
    state.close()
    state = SqliteState(tmp_path / "state.db")
    assert state.load() == ({"b": b"3"}, 9)
    assert state.leaf_count() == 3
    assert state.leaves(1, 3) == [b"l1", b"l2"]
    assert state.leaves(2, 99) == [b"l2"]
    assert state.blob(b"d") == b"content"
    assert state.blob(b"e") is None
    state.close()
    assert (tmp_path / "state.db").stat().st_mode & 0o777 == 0o600


def test_the_connection_is_consistent_and_versioned(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    with sqlite3.connect(tmp_path / "state.db") as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert other.execute("PRAGMA user_version").fetchone() == (VERSION,)
    other.close()
    assert state._connection.execute("PRAGMA synchronous").fetchone() == (1,)
    state.close()


@pytest.mark.parametrize("leaves", [[(1, b"x")], [(0, b"x"), (2, b"y")], [(0, b"x"), (0, b"y")]])
def test_a_gap_or_repeat_in_the_leaves_is_refused_whole(
    tmp_path: Path, leaves: list[tuple[int, bytes]]
) -> None:
    state = SqliteState(tmp_path / "state.db")
    with pytest.raises(CorruptError, match="comes next, got leaf"):
        state.commit(group({"a": b"1"}, leaves))
    assert (state.load(), state.leaf_count()) == (({}, 0), 0)
    state.commit(group({}, [(0, b"x")]))
    state.close()


def test_the_log_never_goes_back(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    state.commit(group(log_end=5))
    with pytest.raises(CorruptError, match="up to 5, got 4"):
        state.commit(group(log_end=4))
    state.close()


def test_a_failure_in_the_middle_rolls_everything_back(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    state.commit(group({"a": b"old"}, [(0, b"l0")], log_end=1))
    state._connection.execute(
        "CREATE TRIGGER full BEFORE INSERT ON leaf BEGIN SELECT RAISE(ABORT, 'disk'); END"
    )
    with pytest.raises(UnavailableError, match="cannot be used: disk"):
        state.commit(group({"a": b"new", "b": b"x"}, [(1, b"l1")], [(b"d", b"c")], 2))
    assert state.load() == ({"a": b"old"}, 1)
    assert state.blob(b"d") is None
    state._connection.execute("DROP TRIGGER full")
    state.commit(group({"a": b"new"}, [(1, b"l1")], log_end=2))
    assert (state.load(), state.leaf_count()) == (({"a": b"new"}, 2), 2)
    state.close()


def test_a_full_disk_is_unavailable_and_loses_nothing(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    state.commit(group({"a": b"old"}, [(0, b"l0")], log_end=1))
    pages = state._connection.execute("PRAGMA page_count").fetchone()[0]
    state._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(UnavailableError, match="full"):
        state.commit(group({"a": bytes(100_000)}, [(1, b"l1")], log_end=2))
    assert (state.load(), state.leaf_count()) == (({"a": b"old"}, 1), 1)
    state._connection.execute("PRAGMA max_page_count = 100000")
    state.commit(group({"a": bytes(100_000)}, [(1, b"l1")], log_end=2))
    assert state.leaf_count() == 2
    state.close()


def test_readers_see_commits_and_cannot_write(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    reader = state.reader()
    assert reader.leaf_count() == 0
    state.commit(group({"a": b"1"}, [(0, b"l0")], log_end=1))
    assert reader.load() == ({"a": b"1"}, 1)
    assert reader.leaves(0, 1) == [b"l0"]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection.execute("DELETE FROM leaf")
    reader.close()
    state.close()


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    with pytest.raises(UnavailableError, match="in use"):
        SqliteState(tmp_path / "state.db")
    state.close()
    SqliteState(tmp_path / "state.db").close()


def test_newer_and_foreign_files_are_refused(tmp_path: Path) -> None:
    SqliteState(tmp_path / "newer.db").close()
    with sqlite3.connect(tmp_path / "newer.db") as other:
        other.execute("PRAGMA user_version = 2")
    other.close()
    with pytest.raises(UsageError, match="format 2, this version reads up to 1"):
        SqliteState(tmp_path / "newer.db")
    with sqlite3.connect(tmp_path / "foreign.db") as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(UsageError, match="another program"):
        SqliteState(tmp_path / "foreign.db")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(CorruptError, match=f"`{path}` is damaged"):
        SqliteState(path)
    path.unlink()
    SqliteState(path).close()


def test_leaves_missing_on_disk_are_named(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    state.commit(group({}, [(i, b"x") for i in range(5)]))
    state._connection.execute("DELETE FROM leaf WHERE idx = 2")
    with pytest.raises(CorruptError, match="leaf 2 is missing"):
        state.leaves(0, 5)
    state._connection.execute("DELETE FROM leaf WHERE idx < 2")
    with pytest.raises(CorruptError, match="leaves 0 to 2 are missing"):
        state.leaf_count()
    state.close()


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from("abcd"), st.none() | st.binary(max_size=9), max_size=4),
        max_size=6,
    )
)
def test_rows_are_as_a_dictionary_would_have_them(
    tmp_path_factory: pytest.TempPathFactory, commits: list[dict[str, bytes | None]]
) -> None:
    state = SqliteState(tmp_path_factory.mktemp("state") / "state.db")
    expected: dict[str, bytes | None] = {}
    for number, rows in enumerate(commits):
        state.commit(group(rows, [(number, b"l")], log_end=number))
        expected |= rows
    assert state.load()[0] == {k: v for k, v in expected.items() if v is not None}
    state.close()


def test_the_page_cache_of_a_connection_is_small(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    reader = state.reader()
    for connection in (state._connection, reader._connection):
        assert connection.execute("PRAGMA cache_size").fetchone() == (-sqlite_file.CACHE_KIB,)
    reader.close()
    state.close()
