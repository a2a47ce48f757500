"""C27 and C28 of docs/explanation/threat-model.md: a stolen disk tells no values, and what was erased is gone while the rest stands."""

import shutil
import struct
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.claims.keyed import Keyed
from tests.claims.site import START, Toy, permits, stranger
from tests.claims.test_record_claims import Snapshots, lived, verified
from twinvouch.adapters import vault as vaults
from twinvouch.adapters.key_store import ErasedError, KeyStore
from twinvouch.adapters.spool import Spool
from twinvouch.adapters.vault import Vault
from twinvouch.core.errors import CorruptError
from twinvouch.core.statement import Verb
from twinvouch.ledger.entry import stored_commitment
from twinvouch.wire.cbor import decode
from twinvouch.wire.encrypted import DAY_NS, read_label

DAY_S = DAY_NS // 10**9
LEVEL = 5.4321  # written nowhere else
TEXTS = (b"5.4321", b"15.75", b"because of the smell", b"level below")


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    (tmp_path / "data").mkdir()
    return Toy(tmp_path / "data", kek=tmp_path / "kek")


def everything(toy: Toy) -> None:
    """Values in batches, findings, the frame, commands, statements and questions."""
    for _ in range(3):
        toy.read(values={"tank/level": LEVEL})
    toy.read(values={"tank/level": 15.75})  # a finding quotes it
    toy.wait(10)
    toy.read(values={"tank/level": LEVEL})
    toy.read(values={"tank/level": LEVEL})
    toy.propose("valve/opening", 0.6)
    toy.say("ann", Verb.DISTRUST, "tank/level")
    toy.ask("twin", "readTags", ("tank/level",))
    toy.send(b"noise")


def on_disk(directory: Path) -> dict[str, bytes]:
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}  # fmt: skip


def needles() -> list[bytes]:
    return [struct.pack("<d", LEVEL), struct.pack(">d", LEVEL), struct.pack("<d", 15.75), *TEXTS]


def found(files: dict[str, bytes]) -> list[tuple[str, bytes]]:
    return [(name, needle) for name, raw in files.items() for needle in needles() if needle in raw]


def test_c27_no_file_of_a_stolen_data_directory_tells_a_value(toy: Toy) -> None:
    everything(toy)
    assert "range" in toy.rules(), "a sentence with the value was made"
    running = on_disk(toy.directory)  # with the write-ahead logs of a core that runs
    toy.core.close()
    stopped = on_disk(toy.directory)
    assert {"keys.db", "state.db", "log/00000000000000000000.seg"} <= set(stopped)
    assert found(running) == found(stopped) == []


def test_c27_the_same_plant_without_encryption_tells_them_so_the_search_can_find(
    tmp_path: Path,
) -> None:
    toy = Toy(tmp_path)
    everything(toy)
    toy.core.close()
    names = {name for name, _ in found(on_disk(tmp_path))}
    assert {"state.db", "log/00000000000000000000.seg"} <= names


def test_c27_the_spool_of_an_edge_tells_nothing_either(tmp_path: Path, toy: Toy) -> None:
    raw = toy.sealed(toy.content(values={"tank/level": LEVEL}))
    edge = tmp_path / "edge"
    spool = Spool(edge / "s.spool", "edge-1", vault=Vault(KeyStore(edge / "k.db", tmp_path / "e")))
    spool.append(raw, sha256(raw).digest())
    assert found(on_disk(edge)) == []
    spool.close()
    again = Spool(edge / "s.spool", "edge-1", vault=Vault(KeyStore(edge / "k.db", tmp_path / "e")))
    oldest = again.oldest()
    assert oldest is not None
    assert oldest.raw == raw
    again.close()
    bare = Spool(edge / "s.spool", "edge-1")
    with pytest.raises(CorruptError, match="no key is configured"):
        bare.oldest()
    bare.close()


def test_c27_each_stream_and_day_has_its_own_key(toy: Toy) -> None:
    for _ in range(2):
        toy.read()
        toy.read("edge-2", "slow")
        toy.send(b"noise")
        toy.propose("valve/opening", 0.6)
        toy.wait(DAY_S)
    labels = [read_label(raw) for _, raw in toy.core.log.records(0)]
    keys = {(under.stream, under.day): under.commitment for under in labels}
    assert {stream for stream, _ in keys} == {"edge-1", "edge-2", "unknown", "core"}
    days = {day for _, day in keys}
    assert {START // DAY_NS, START // DAY_NS + 1} <= days
    assert len(set(keys.values())) == len(keys)
    nonces = [raw[len(under.head) :][:12] for under, (_, raw) in zip(labels, toy.core.log.records(0), strict=True)]  # fmt: skip
    assert len(set(nonces)) == len(nonces)
    toy.core.close()


def test_c27_under_a_root_an_edge_has_a_stream_of_its_own_whatever_its_key(tmp_path: Path) -> None:
    """Else all edges would be under the key of what nobody has signed, and shredding one of them would shred nothing."""
    (tmp_path / "data").mkdir()
    toy = Keyed(tmp_path / "data", kek=tmp_path / "kek")
    new = stranger()
    toy.tell(toy.root.trust("edge-1", new))
    assert toy.send(toy.sealed(toy.content(), new)).body["status"] == "admitted"
    last = [read_label(raw).stream for _, raw in toy.core.log.records(0)][-1]
    assert last == "edge-1"
    toy.core.close()


def records_of(toy: Toy, stream: str, day: int) -> list[bytes]:
    labelled = [(read_label(raw), raw) for _, raw in toy.core.log.records(0)]
    return [raw for under, raw in labelled if (under.stream, under.day) == (stream, day)]


def entries(toy: Toy, kind: int) -> list[Any]:
    leaves = toy.core.state.leaves(0, toy.core.state.leaf_count())
    return [e for e in map(decode, leaves) if e[1] == kind]


def test_c28_the_ledger_commits_to_what_is_stored(toy: Toy) -> None:
    """Without any key: every batch entry names a record of the log, byte for byte."""
    everything(toy)
    stored = {stored_commitment(sha256(raw).digest()) for _, raw in toy.core.log.records(0)}
    batches, commands = entries(toy, 65), entries(toy, 67)
    assert len(batches) == 6
    assert len(commands) == 1
    assert {e[4] for e in batches + commands} <= stored
    assert len({e[4] for e in batches}) == 6
    toy.core.close()


def test_c28_what_was_shredded_is_gone_and_the_rest_stands(toy: Toy) -> None:
    toy.read(values={"tank/level": 15.75})
    named = entries(toy, 65)[0][14]
    assert b"15.75" in toy.core.state.blob(named)
    toy.read("edge-2", "slow")
    day = START // DAY_NS
    gone, kept = records_of(toy, "edge-1", day), records_of(toy, "edge-2", day)
    assert gone
    assert kept
    toy.wait(DAY_S)
    toy.core.vault.keys.shred("edge-1", day, toy.now)
    toy.core.close()
    toy.open()
    vault = toy.core.vault
    for raw in gone:
        with pytest.raises(ErasedError):
            vault.open(raw, vaults.LOG)
    assert toy.core.state.blob(named) is None, "the sentence about it is gone too"
    assert [vault.open(raw, vaults.LOG)[:1] for raw in kept] == [b"\x86"]
    assert toy.read().body["status"] == "admitted", "and the core goes on"
    toy.core.close()
    report = verified(toy.directory / "ledger")
    assert report.ok, report.faults
    assert report.size == toy.memory.size


def test_c28_a_kill_at_any_moment_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    """As C15, with everything encrypted: keys are durable before what is under them."""
    directory = tmp_path / "live"
    directory.mkdir()
    kek = tmp_path / "kek"
    toy = Toy(directory, kek=kek)
    snapshots = Snapshots(toy, tmp_path)
    lived(toy)
    for copy, said in snapshots.taken:
        again = Toy(copy, kek=kek)
        leaves = again.core.state.leaves(0, again.core.state.leaf_count())
        assert [leaves[e.index] for e in said] == [e.entry for e in said]
        assert again.read("edge-2", "slow").body["status"] == "admitted"
        again.core.close()
        report = verified(copy / "ledger")
        assert report.ok, report.faults
    toy.core.close()


def test_c28_recovery_gives_the_entries_that_were_said(toy: Toy, tmp_path: Path) -> None:
    """The state of the beginning, the log of the end: what is fed again commits to the same bytes."""
    toy.read()
    copy = tmp_path / "copy"
    toy.core.close()
    shutil.copytree(toy.directory, copy)
    toy.open()
    toy.read()
    _, effects = toy.propose("valve/opening", 0.6)
    assert permits(effects)
    told = toy.core.state.leaves(0, toy.core.state.leaf_count())
    toy.core.close()
    shutil.rmtree(copy / "log")
    shutil.copytree(toy.directory / "log", copy / "log")
    shutil.copy(toy.directory / "keys.db", copy / "keys.db")
    again = Toy(copy, kek=toy.kek)
    assert again.core.state.leaves(0, again.core.state.leaf_count()) == told
    again.core.close()


def test_c28_a_flipped_bit_in_a_stored_row_or_blob_is_found(toy: Toy) -> None:
    everything(toy)
    rows, _ = toy.core.state._state.load()
    vault = toy.core.vault
    for key, raw in rows.items():
        for at in range(0, len(raw), 37):
            changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
            if changed[:4] == raw[:4]:
                with pytest.raises((CorruptError, ErasedError)):
                    vault.open(changed, b"row/" + key.encode())
    toy.core.close()
