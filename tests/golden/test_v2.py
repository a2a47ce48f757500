"""What the second release added to what lies on disks loads for ever: every file of tests/golden/v2, to exact values."""

import json
import shutil
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.golden.make_v2 import EPOCH, opened, put_kek
from tests.golden.v2_plant import PLANT, START
from twinvouch import verifier
from twinvouch.adapters import vault as vaults
from twinvouch.adapters.committer import InlineCore
from twinvouch.adapters.key_store import KeyStore
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.vault import Vault
from twinvouch.app import build, key_list
from twinvouch.core.batch import Identity, Quality
from twinvouch.core.errors import ConfigError, UsageError
from twinvouch.core.event import (
    BatchReceived,
    DiskChanged,
    EpochOpened,
    Event,
    KeyStated,
    QueryAsked,
    StrangersRefused,
    Tick,
)
from twinvouch.core.inventory import Rhythm
from twinvouch.core.keyring import KeyPurpose, KeyStatement, KeyVerb, RootStatement
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.report import Report, Told
from twinvouch.readings.link import read_link, write_link
from twinvouch.verifier.entry import KINDS, read_epoch, read_heading
from twinvouch.wire import cose
from twinvouch.wire.batch import read_batch, read_header, read_report
from twinvouch.wire.cbor import decode
from twinvouch.wire.config import read_config
from twinvouch.wire.encrypted import DAY_NS, is_encrypted, read_label
from twinvouch.wire.eventlog import read_event, write_event
from twinvouch.wire.genesis import read_genesis
from twinvouch.wire.keys import open_said

V2 = Path(__file__).with_name("v2")
EXPECTED: dict[str, Any] = json.loads((V2 / "expected.json").read_text("utf-8"))
THINGS: dict[str, Any] = json.loads((V2 / "things.json").read_text("utf-8"))
SECOND = 10**9
DAY = 86_400 * SECOND


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy to write in, with its key-encryption key, which no repository can keep from others."""
    there = Path(shutil.copytree(V2, tmp_path / "v2"))
    put_kek(there)
    return there


def sealed(name: str) -> bytes:
    return (V2 / "sealed" / f"{name}.cose").read_bytes()


def content(name: str, by: str, purpose: str) -> bytes:
    """The content of a sealed file, its signature checked."""
    found = cose.unseal(sealed(name))
    cose.check(found, bytes.fromhex(EXPECTED["public"][by]), plant=PLANT, purpose=purpose)
    return found.content


def test_the_fixtures_are_small_and_whole() -> None:
    files = [p for p in V2.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) < 200_000
    assert {p.stem for p in (V2 / "sealed").iterdir()} == set(EXPECTED["sealed"])
    for name, digest in EXPECTED["sealed"].items():
        assert sha256(sealed(name)).hexdigest() == digest
    assert set(THINGS["events"]) == {str(n) for n in (136, 137, 138, 139, 140, 144, 145)}
    assert set(THINGS["entries"]) == {str(n) for n in range(75, 82)}


def test_the_configuration_loads() -> None:
    config = build.load(V2 / "twin.yaml")
    plant = build.site(config).plant
    assert (plant.groups["told"].rhythm, plant.groups["fast"].rhythm) == (Rhythm.EXCEPTION, Rhythm.SCAN)  # fmt: skip
    assert config.core_kek == V2 / "kek"
    assert (config.devices["plc-1"].max_registers, config.devices["plc-1"].max_gap) == (60, 4)
    assert (config.edges["edge-1"].lateness_s, config.tags["tank-1/level"].word_order) == (30, "CDAB")  # fmt: skip


def test_changes_load() -> None:
    group = build.site(build.load(V2 / "twin.yaml")).plant.groups["told"]
    raw = content("changes", "edge-1", Purpose.READINGS)
    header = read_header(raw)
    batch = read_batch(raw, sha256(raw).digest(), header, group, max_cells=100)
    assert (header.kind, batch.identity, group.ids) == (
        Kind.BATCH_CHANGES, Identity("edge-1", 3, 1), ("tank-1/door", "tank-1/hatch"),
    )  # fmt: skip
    missing, good, uncertain = Quality.MISSING, Quality.GOOD, Quality.UNCERTAIN
    assert batch.quality.tolist() == [[good, missing], [missing, good], [uncertain, missing]]
    assert [batch.values[0, 0], batch.values[1, 1], batch.values[2, 0]] == [1.0, 1.0, 0.0]
    assert np.diff(batch.t_ns).tolist() == [SECOND, SECOND]


def test_a_source_report_loads() -> None:
    raw = content("source_report", "edge-1", Purpose.READINGS)
    header = read_header(raw)
    assert (header.kind, header.identity) == (Kind.SOURCE_REPORT, Identity("edge-1", 3, 2))
    assert read_report(raw, header) == (
        Report(Told.REPLAY, "hall", START + 100_000_000, 3, (("seq", 7.0),)),
    )


def test_key_statements_and_the_handing_over_of_the_root_load() -> None:
    root = bytes.fromhex(EXPECTED["public"]["root"])
    purposes = {"edge-1": KeyPurpose.EDGE, "ann": KeyPurpose.PERSON, "bob": KeyPurpose.SAFETY_SIGNER, "cid": KeyPurpose.SAFETY_SIGNER}  # fmt: skip
    for serial, (name, purpose) in enumerate(purposes.items(), 1):
        key = bytes.fromhex(EXPECTED["public"][name])
        said, _ = open_said(sealed(f"key_{name}"), PLANT, root)
        assert said == KeyStatement(
            serial, KeyVerb.TRUST, purpose, name, key, START - DAY, START + 365 * DAY
        )
    said, _ = open_said(sealed("root"), PLANT, root)
    assert said == RootStatement(5, root, bytes.fromhex(EXPECTED["public"]["next-root"]))


def test_the_key_list_loads() -> None:
    config = build.load(V2 / "twin.yaml")
    ring = key_list.ring_of(config, build.site(config).plant)
    assert ring is not None
    assert [root.hex() for root in ring.roots] == EXPECTED["memory"]["roots"]
    assert {k.said.principal for k in ring.keys.values()} == {"edge-1", "ann", "bob", "cid"}


def test_a_signed_configuration_and_a_genesis_load() -> None:
    digest = EXPECTED["memory"]["signed"][1]
    for person in ("bob", "cid"):
        said = read_config(content(f"config_{person}", person, Purpose.CONFIG), PLANT)
        assert (said.principal, said.number, said.digest.hex()) == (person, 1, digest)
        assert said.expires_ns - said.made_ns == 7 * DAY
    genesis = read_genesis(content("genesis", "ann", Purpose.STATEMENT), PLANT)
    last = sha256(content("source_report", "edge-1", Purpose.READINGS)).digest()
    assert (genesis.principal, genesis.edge, genesis.epoch, genesis.last, genesis.reason) == (
        "ann", "edge-1", 4, last, "its disk was replaced",
    )  # fmt: skip


EDGE_KEY = bytes.fromhex(EXPECTED["public"]["edge-1"])
EVENTS: dict[int, Event] = {
    136: KeyStated((6).to_bytes(16, "big"), "10.0.0.5", sealed("root")),
    137: StrangersRefused((16).to_bytes(16, "big"), START + 500_000_000, (("malformed", 2), ("unknown_key", 40)), (("10.0.0.66", 40), ("10.0.0.67", 2))),
    138: Tick((17).to_bytes(16, "big"), START + 11_600_000_000, 1_001 * SECOND),
    139: BatchReceived((14).to_bytes(16, "big"), "10.0.0.9", sealed("batch_of_a_new_chain"), "edge-1", EDGE_KEY),
    140: DiskChanged((19).to_bytes(16, "big"), 0, 900_000_000, 1_000_000_000, 0),
    144: EPOCH,
    145: QueryAsked((15).to_bytes(16, "big"), "ann", "readTags", "*", "hmi", ("tank-1/level",), "ann"),
}  # fmt: skip


@pytest.mark.parametrize("number", EVENTS)
def test_an_event_record_loads_and_is_written_alike(number: int) -> None:
    raw = bytes.fromhex(THINGS["events"][str(number)])
    event, now_ns = read_event(raw)
    assert event == EVENTS[number]
    assert START < now_ns < START + 10 * SECOND
    assert write_event(event, now_ns) == raw


FIELDS: dict[int, list[Any]] = {
    75: [b"", sealed("root")],
    76: ["cid", 1, bytes.fromhex(EXPECTED["memory"]["signed"][1]), 2],
    77: [[["malformed", 2], ["unknown_key", 40]], START + 500_000_000],
    78: ["ann", "edge-1", 4, sha256(cose.unseal(sealed("source_report")).content).digest(), [10]],
    79: [b"", 9_800_000_000, START + 11_600_000_000],
    80: [f"{PLANT}/0", 17, b"\x0f" * 32, 1],
    81: [b"", False, [900_000_000, 1_000_000_000], 0],
}


@pytest.mark.parametrize("number", FIELDS)
def test_a_ledger_entry_reads_as_it_was_meant(number: int) -> None:
    raw = bytes.fromhex(THINGS["entries"][str(number)])
    heading = read_heading(raw)
    assert heading is not None
    assert (heading.version, heading.name, heading.plant) == (1, KINDS[number], PLANT)
    entry: Any = decode(raw)
    assert entry[-len(FIELDS[number]) :] == FIELDS[number]


def test_the_epoch_entry_is_read_by_the_verifier() -> None:
    raw = bytes.fromhex(THINGS["entries"]["80"])
    assert read_epoch(raw) == (f"{PLANT}/0", 17, b"\x0f" * 32)
    assert isinstance(EPOCH, EpochOpened)


def test_a_link_row_of_version_3_loads() -> None:
    raw = bytes.fromhex(THINGS["link"])
    link, stored = read_link(raw), decode(raw)
    assert isinstance(stored, list)
    assert stored[0] == 3
    assert {k: v for k, v in asdict(link).items() if k in EXPECTED["memory"]["link"]} == EXPECTED["memory"]["link"]  # fmt: skip
    assert (link.clock.lag_ns, set(link.heard)) == (None, {"fast", "told"})
    assert write_link(link) == raw


def test_a_label_blob_of_version_2_loads() -> None:
    """[2, rows, columns, places, axes of these places, ages of these places]."""
    stored: Any = decode(bytes.fromhex(THINGS["label"]))
    assert [stored[0], *stored[1:3], stored[3].tolist()] == [2, 3, 2, [0, 3, 4]]
    identity, integrity, plausibility, calibration = stored[4].reshape(4, 3).tolist()
    assert (identity, integrity) == ([120, 120, 120], [255, 255, 255])
    assert (plausibility, calibration) == ([255, 255, 120], [255, 255, 255])
    assert stored[5].tolist() == [600 * SECOND] * 3


def test_every_encrypted_record_of_the_log_loads(copy: Path) -> None:
    vault = Vault(KeyStore(copy / "data" / "keys.db", copy / "kek"))
    log = SegmentLog(copy / "data" / "log", known=EXPECTED["log_end"], key_id=vault.id)
    records = [raw for _, raw in log.records(0)]
    assert all(is_encrypted(raw) for raw in records)
    assert [sha256(raw).hexdigest() for raw in records] == EXPECTED["records"]
    plain = [vault.open(raw, vaults.LOG) for raw in records]
    assert [sha256(raw).hexdigest() for raw in plain] == EXPECTED["opened"]
    assert {decode(raw)[1] for raw in plain} == {128, 131, *EVENTS} - {144}  # type: ignore[index]
    assert {read_label(raw).day for raw in records} == {START // DAY_NS}
    assert [[k.stream, k.day] for k in vault.keys.listed()] == EXPECTED["keys"]
    log.close()
    vault.close()


def test_without_its_key_nothing_opens_and_it_is_said(copy: Path) -> None:
    (copy / "kek").unlink()
    with pytest.raises(ConfigError, match="is missing"):
        KeyStore(copy / "data" / "keys.db", copy / "kek")
    with pytest.raises(UsageError, match="no `encryption:` is configured"):
        SegmentLog(copy / "data" / "log", known=EXPECTED["log_end"])


def core_of(copy: Path) -> InlineCore:
    return opened(copy, build.site(build.load(copy / "twin.yaml")))


def test_the_encrypted_state_loads_and_becomes_the_same_memory(copy: Path) -> None:
    core = core_of(copy)
    rows, end = core.state.load()
    assert end == EXPECTED["log_end"]
    assert {k: sha256(v).hexdigest() for k, v in rows.items()} == EXPECTED["rows"]
    leaves = core.state.leaves(0, core.state.leaf_count())
    assert [sha256(leaf).hexdigest() for leaf in leaves] == EXPECTED["leaves"]
    m, told = core.engine.memory, EXPECTED["memory"]
    assert (m.size, m.now_ns, dict(m.counts)) == (told["size"], told["now_ns"], told["counts"])
    assert [m.frame.value("tank-1/level"), m.frame.value("tank-1/door")] == [told["level"], told["door"]]  # fmt: skip
    assert [m.signed.number, m.signed.digest.hex(), sorted(m.signed.signers)] == told["signed"]
    assert m.ring is not None
    assert [root.hex() for root in m.ring.roots] == told["roots"]
    assert m.ticked is not None
    assert [m.ticked.wall_ns, m.ticked.monotonic_ns] == told["ticked"]
    link = asdict(m.links["edge-1"])
    assert {k: link[k] for k in told["link"]} == told["link"]
    assert core.state.blob(sha256(bytes.fromhex(THINGS["label"])).digest()) == bytes.fromhex(THINGS["label"])  # fmt: skip
    core.close()


def test_the_ledger_verifies() -> None:
    report = verifier.verify(V2 / "data" / "ledger", EXPECTED["verifier_key"])
    assert report.ok, report.faults
    assert (report.size, report.root.hex()) == (EXPECTED["memory"]["size"], EXPECTED["root"])
    assert report.contents.kinds == {KINDS[int(n)]: c for n, c in EXPECTED["kinds"].items()}


def test_a_core_goes_on_where_the_second_release_stopped(copy: Path) -> None:
    core = core_of(copy)
    now = EXPECTED["memory"]["now_ns"] + SECOND
    core.feed(BatchReceived(b"s" * 16, "10.0.0.9", sealed("batch"), "edge-1", EDGE_KEY), now)
    assert core.engine.memory.counts["batch:repeated"] == 1, "an old batch that comes again"
    core.feed(Tick(b"t" * 16, now + 61 * SECOND, 1_062 * SECOND), now + 61 * SECOND)
    size = core.engine.memory.size
    core.close()
    report = verifier.verify(copy / "data" / "ledger", EXPECTED["verifier_key"])
    assert report.ok, report.faults
    assert report.size == size > EXPECTED["memory"]["size"]
