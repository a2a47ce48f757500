"""Data keys: durable before use, locked by the KEK, forgotten for good when shredded, and rotated whole."""

import sqlite3
from pathlib import Path

import pytest

from twinvouch.adapters import key_store
from twinvouch.adapters.key_store import ErasedError, KeyStore, day_of, iso
from twinvouch.adapters.secret_file import make_kek, read_kek
from twinvouch.core.errors import ConfigError, CorruptError, UnavailableError, UsageError
from twinvouch.wire.encrypted import commitment


@pytest.fixture
def kek(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere" / "core.kek"


def open_(tmp_path: Path, kek: Path, **but: bool) -> KeyStore:
    return KeyStore(tmp_path / "data" / "keys.db", kek, **but)


def test_the_first_opening_makes_a_kek_that_others_cannot_read(tmp_path: Path, kek: Path) -> None:
    store = open_(tmp_path, kek)
    assert store.made_kek
    assert kek.stat().st_mode & 0o777 == 0o600
    store.close()
    again = open_(tmp_path, kek)
    assert not again.made_kek
    again.close()


def test_streams_and_days_have_keys_of_their_own_that_stay(tmp_path: Path, kek: Path) -> None:
    store = open_(tmp_path, kek)
    made = {(s, d): store.key(s, d) for s in ("edge-1", "edge-2", "core") for d in (1, 2)}
    assert len(set(made.values())) == 6
    assert all(len(k) == 32 for k in made.values())
    ident = store.id
    store.close()
    again = open_(tmp_path, kek)
    assert again.id == ident
    assert {at: again.key(*at) for at in made} == made
    assert {at: again.find(*at, commitment(k)) for at, k in made.items()} == made
    again.close()


def test_no_key_lies_bare_on_the_disk(tmp_path: Path, kek: Path) -> None:
    store = open_(tmp_path, kek)
    keys = [store.key("edge-1", day) for day in range(5)]
    files = [p.read_bytes() for p in (tmp_path / "data").rglob("*")]
    store.close()
    files += [p.read_bytes() for p in (tmp_path / "data").rglob("*")]
    assert not [k for k in keys for raw in files if k in raw]
    assert not [raw for raw in files if read_kek(kek) in raw]


def test_another_kek_is_refused_with_a_sentence(tmp_path: Path, kek: Path) -> None:
    open_(tmp_path, kek).close()
    kek.unlink()
    with pytest.raises(ConfigError, match=r"is missing, and .* was made with it"):
        open_(tmp_path, kek)
    make_kek(kek)
    with pytest.raises(ConfigError, match=r"is not the one that .* was made with"):
        open_(tmp_path, kek)


@pytest.mark.parametrize("text", [b"", b"twinvouch-kek", b"twinvouch-kek AAAA", b"x" * 32])
def test_a_file_that_is_no_kek_is_refused(tmp_path: Path, kek: Path, text: bytes) -> None:
    kek.parent.mkdir()
    kek.write_bytes(text)
    kek.chmod(0o600)
    with pytest.raises(ConfigError, match="no key-encryption key"):
        open_(tmp_path, kek)
    kek.chmod(0o644)
    with pytest.raises(ConfigError, match="expected 0600"):
        open_(tmp_path, kek)


def test_a_shredded_key_is_gone_and_never_made_again(tmp_path: Path, kek: Path) -> None:
    store = open_(tmp_path, kek)
    key, other = store.key("edge-1", 1), store.key("edge-1", 2)
    row = "SELECT wrapped FROM data_key WHERE day = 1"
    with sqlite3.connect(tmp_path / "data" / "keys.db") as outside:
        wrapped = outside.execute(row).fetchone()[0]
    store.shred("edge-1", 1, now_ns=77)
    for call in (lambda: store.key("edge-1", 1), lambda: store.find("edge-1", 1, commitment(key))):
        with pytest.raises(ErasedError, match=r"`edge-1`, day 1970-01-02, was shredded"):
            call()
    assert [(k.day, k.shredded_ns) for k in store.listed()] == [(1, 77), (2, None)]
    assert store.key("edge-1", 2) == other
    with pytest.raises(UsageError, match="has no key"):
        store.shred("edge-1", 1, now_ns=78)
    left = b"".join(p.read_bytes() for p in (tmp_path / "data").rglob("*"))
    assert wrapped not in left
    store.close()


def test_rotation_changes_the_kek_and_no_data_key(tmp_path: Path, kek: Path) -> None:
    store = open_(tmp_path, kek)
    key = store.key("edge-1", 1)
    store.key("edge-1", 2)
    store.shred("edge-1", 2, now_ns=5)
    old = read_kek(kek)
    store.rotate()
    assert store.key("core", 3)
    store.close()
    assert read_kek(kek) != old
    assert not kek.with_name("core.kek.new").exists()
    again = open_(tmp_path, kek)
    assert again.key("edge-1", 1) == key
    again.close()


@pytest.mark.parametrize("at", ["before", "after"])
def test_a_rotation_that_was_killed_is_whole_or_was_not(
    tmp_path: Path, kek: Path, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_(tmp_path, kek)
    key = store.key("edge-1", 1)
    old = read_kek(kek)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(*((key_store, "aes_key_wrap") if at == "before" else (key_store, "_put_in_place")), killed)  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        store.rotate()
    monkeypatch.undo()
    store.close()
    again = open_(tmp_path, kek)
    assert again.key("edge-1", 1) == key
    again.close()
    assert (read_kek(kek) == old) == (at == "before")


def test_a_second_owner_is_refused_and_a_visitor_is_not(tmp_path: Path, kek: Path) -> None:
    store = open_(tmp_path, kek)
    store.key("edge-1", 1)
    with pytest.raises(UnavailableError):
        open_(tmp_path, kek)
    visitor = open_(tmp_path, kek, is_owner=False)
    visitor.shred("edge-1", 1, now_ns=1)
    visitor.close()
    with pytest.raises(ErasedError):
        store.key("edge-1", 1)
    store.close()


def test_a_damaged_key_is_told_from_a_shredded_one(tmp_path: Path, kek: Path) -> None:
    store = open_(tmp_path, kek)
    key = store.key("edge-1", 1)
    store.close()
    with sqlite3.connect(tmp_path / "data" / "keys.db") as outside:
        outside.execute("UPDATE data_key SET wrapped = zeroblob(40)")
    again = open_(tmp_path, kek)
    with pytest.raises(CorruptError, match="is damaged"):
        again.key("edge-1", 1)
    with pytest.raises(CorruptError, match="has no key"):
        again.find("edge-2", 1, commitment(key))
    again.close()


def test_days_are_written_as_people_write_them() -> None:
    assert (iso(0), iso(20_782), day_of("2026-11-25")) == ("1970-01-01", "2026-11-25", 20_782)
    assert iso(2**32) == "number 4294967296"
    with pytest.raises(UsageError, match="expected YYYY-MM-DD"):
        day_of("yesterday")
