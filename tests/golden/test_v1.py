"""What the first release left on disks loads for ever: every file of tests/golden/v1, to exact values."""

import json
import shutil
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.golden.v1_plant import PLANT, START, signer
from twinvouch import verifier
from twinvouch.adapters.actuator_journal import ActuatorJournal
from twinvouch.adapters.committer import InlineCore
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.spool import Spool
from twinvouch.adapters.sqlite_state import SqliteState
from twinvouch.app import build
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.command import OutcomeStatus
from twinvouch.core.event import BatchReceived, Tick
from twinvouch.core.inventory import CommandClass
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.statement import Verb
from twinvouch.engine import Engine
from twinvouch.wire import cose
from twinvouch.wire.batch import read_batch, read_header
from twinvouch.wire.command import read_command
from twinvouch.wire.eventlog import read_event
from twinvouch.wire.manifest import read_manifest
from twinvouch.wire.outcome import read_outcome
from twinvouch.wire.permit import read_permit
from twinvouch.wire.statement import read_statement

V1 = Path(__file__).with_name("v1")
EXPECTED: dict[str, Any] = json.loads((V1 / "expected.json").read_text("utf-8"))
PURPOSES = {
    "approve": ("ann", Purpose.STATEMENT),
    "batch": ("edge-1", Purpose.READINGS),
    "batch_senml": ("edge-1", Purpose.READINGS),
    "command": ("scada", Purpose.COMMAND),
    "distrust": ("ann", Purpose.STATEMENT),
    "manifest": ("cid", Purpose.MODEL),
    "outcome": ("actuator-1", Purpose.OUTCOME),
    "permit": ("permit", Purpose.PERMIT),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy to write in: opening a store locks it."""
    return Path(shutil.copytree(V1, tmp_path / "v1"))


def content(name: str) -> bytes:
    """The content of a sealed file, its signature checked."""
    by, purpose = PURPOSES[name]
    sealed = cose.unseal((V1 / "sealed" / f"{name}.cose").read_bytes())
    cose.check(sealed, bytes.fromhex(EXPECTED["keys"][by]), plant=PLANT, purpose=purpose)
    return sealed.content


def test_the_fixtures_are_small_and_whole() -> None:
    files = [p for p in V1.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) < 300_000
    assert {p.stem for p in (V1 / "sealed").iterdir()} == set(PURPOSES) == set(EXPECTED["sealed"])
    for name, digest in EXPECTED["sealed"].items():
        assert sha256((V1 / "sealed" / f"{name}.cose").read_bytes()).hexdigest() == digest


def test_the_configuration_loads(copy: Path) -> None:
    config = build.load(copy / "twin.yaml")
    plant = build.site(config).plant
    assert (plant.id, plant.actuator, sorted(plant.tags)) == (
        PLANT, "actuator-1", ["pump-1/speed", "tank-1/level"],
    )  # fmt: skip
    level, speed = plant.tags["tank-1/level"], plant.tags["pump-1/speed"]
    assert (level.low, level.high, level.rate, level.unit) == (0.0, 10.0, 0.5, "m")
    assert speed.command_class is CommandClass.B
    assert speed.limits is not None
    assert (speed.limits.low, speed.limits.high, speed.limits.interlock) == (
        80.0, 110.0, "tank_1_level > 0.5",
    )  # fmt: skip
    assert {n: p.key.hex() for n, p in plant.principals.items()} == {
        n: k for n, k in EXPECTED["keys"].items() if n not in {"log", "permit"}
    }


@pytest.mark.parametrize(("name", "kind"), [("batch", Kind.BATCH), ("batch_senml", Kind.BATCH_SENML)])  # fmt: skip
def test_a_batch_loads(name: str, kind: Kind) -> None:
    group = build.site(build.load(V1 / "twin.yaml")).plant.groups["fast"]
    raw = content(name)
    header = read_header(raw)
    batch = read_batch(raw, sha256(raw).digest(), header, group, max_cells=100)
    assert (header.kind, batch.origin, batch.group) == (kind, Origin.LIVE, "fast")
    assert batch.identity == Identity("edge-1", 7, 2 if name == "batch" else 1)
    level = {"batch": [12.0, 12.01], "batch_senml": [5.01, 5.02]}[name]
    assert batch.values[:, group.ids.index("tank-1/level")] == pytest.approx(level, abs=1e-12)
    assert batch.values[:, group.ids.index("pump-1/speed")].tolist() == [100.0, 100.0]
    assert (batch.t_ns[1] - batch.t_ns[0], batch.quality.any()) == (500_000_000, False)


def test_a_command_its_approval_permit_and_outcome_load() -> None:
    command = read_command(content("command"), PLANT)
    assert (command.principal, command.tag, command.value, command.unit) == (
        "scada", "pump-1/speed", 105.0, "%",
    )  # fmt: skip
    assert [(i.tag, i.entry) for i in command.inputs] == [("tank-1/level", 2)]
    approve = read_statement(content("approve"), PLANT)
    assert (approve.verb, approve.subject, approve.principal) == (Verb.APPROVE, command.id, "ann")
    permit = read_permit(content("permit"))
    assert (permit.plant, permit.command, permit.device) == (PLANT, command.id, "plc-1")
    assert (permit.words, permit.address) == ((1050,), 0)
    assert permit.nonce.hex() == EXPECTED["memory"]["records"][0]["permit"]
    outcome = read_outcome(content("outcome"), PLANT)
    assert (outcome.permit, outcome.status) == (permit.nonce, OutcomeStatus.EXECUTED)
    assert outcome.sentence == "written and read back"


def test_a_distrust_and_a_manifest_load() -> None:
    said = read_statement(content("distrust"), PLANT)
    assert (said.verb, said.subject, said.reason) == (Verb.DISTRUST, "tank-1/level", "seen on site")
    manifest = read_manifest(content("manifest"), PLANT)
    assert (manifest.model, manifest.version, manifest.metrics) == ("leak", "1.2.0", {"auc": 0.93})
    assert manifest.files == {"weights.npz": b"\x08" * 32}


def test_every_event_of_the_log_loads(copy: Path) -> None:
    log = SegmentLog(copy / "data" / "log", known=EXPECTED["log_end"])
    records = [raw for _, raw in log.records(0)]
    log.close()
    assert len(records) == len(EXPECTED["events"]) == EXPECTED["log_end"]
    for raw, told in zip(records, EXPECTED["events"], strict=True):
        event, now_ns = read_event(raw)
        assert (type(event).__name__, now_ns) == (told["type"], told["now_ns"])
        found = asdict(event)
        for name, value in told["fields"].items():
            got = found[name]
            got = sha256(got).hexdigest() if name == "raw" else got
            assert (list(got) if name == "tags" else got.hex() if isinstance(got, bytes) else got) == value  # fmt: skip


def test_the_state_loads_and_becomes_the_same_memory(copy: Path) -> None:
    state = SqliteState(copy / "data" / "state.db")
    rows, end = state.load()
    leaves = state.leaves(0, state.leaf_count())
    state.close()
    assert end == EXPECTED["log_end"]
    assert {k: sha256(v).hexdigest() for k, v in rows.items()} == EXPECTED["rows"]
    assert [sha256(leaf).hexdigest() for leaf in leaves] == EXPECTED["leaves"]
    engine = Engine(build.site(build.load(copy / "twin.yaml")))
    engine.restore(rows)
    m, told = engine.memory, EXPECTED["memory"]
    assert (m.size, m.now_ns, dict(m.counts)) == (told["size"], told["now_ns"], told["counts"])
    assert [m.runs_with[0].hex(), m.runs_with[1].hex(), m.runs_with[2]] == told["runs_with"]
    assert m.distrusted == told["distrusted"]
    assert m.models == told["models"]
    assert m.frame.value("tank-1/level") == told["level"]
    assert m.frame.entry("tank-1/level") == told["level_entry"]
    assert (m.links["edge-1"].edge, m.links["edge-1"].entry) == ("edge-1", told["level_entry"])
    assert [[e, at, f.rule, f.sentence] for e, at, f in m.findings] == told["findings"]
    for record, was in zip(m.records.values(), told["records"], strict=True):
        assert (record.command.id, record.status.value) == (was["id"], was["status"])
        assert [a.principal for a in record.approvals] == was["approvals"]
        assert record.permit_nonce.hex() == was["permit"]


def test_the_ledger_verifies() -> None:
    report = verifier.verify(V1 / "data" / "ledger", EXPECTED["verifier_key"])
    assert report.ok, report.faults
    assert (report.size, report.root.hex()) == (EXPECTED["size"], EXPECTED["root"])
    assert report.contents.kinds == {
        "start": 1, "batch": 3, "command": 2, "decision": 3, "statement": 2, "permit": 1,
        "outcome": 1, "model": 1, "query": 1, "finding": 2, "refused": 1,
    }  # fmt: skip


def test_a_core_goes_on_where_the_first_release_stopped(copy: Path) -> None:
    data = copy / "data"
    state = SqliteState(data / "state.db")
    log = SegmentLog(data / "log", known=state.load()[1])
    ledger = LedgerFiles(data / "ledger", f"{PLANT}/0", signer("log"))
    engine = Engine(build.site(build.load(copy / "twin.yaml")))
    core = InlineCore(engine, log, state, ledger)
    now = EXPECTED["memory"]["now_ns"] + 10**9
    again = (V1 / "sealed" / "batch.cose").read_bytes()
    effects = core.feed(BatchReceived(b"s" * 16, "10.0.0.9", again), now)
    assert effects, "an old batch that comes again is known"
    assert engine.memory.counts["batch:repeated"] == 1
    core.feed(Tick(b"t" * 16), now + 61 * 10**9)
    core.close()
    report = verifier.verify(data / "ledger", EXPECTED["verifier_key"])
    assert report.ok, report.faults
    assert report.size > EXPECTED["size"]


def test_the_spool_loads(copy: Path) -> None:
    spool = Spool(copy / "spool.db", "edge-1")
    assert (spool.epoch, spool.waiting[0]) == (EXPECTED["spool"]["epoch"] + 1, 2)
    for seq, level in ((0, 4.0), (1, 4.01)):
        oldest = spool.oldest()
        assert oldest is not None
        assert oldest.identity == Identity("edge-1", 8, seq)
        group = build.site(build.load(V1 / "twin.yaml")).plant.groups["fast"]
        raw = cose.unseal(oldest.raw).content
        batch = read_batch(raw, sha256(raw).digest(), read_header(raw), group, max_cells=100)
        assert batch.values[0, group.ids.index("tank-1/level")] == level
        spool.acknowledge(oldest.identity)
    assert spool.oldest() is None
    spool.close()


def test_the_actuator_journal_loads(copy: Path) -> None:
    journal = ActuatorJournal(copy / "actuator", PLANT, START, 60 * 10**9)
    assert journal.repaired == ""
    assert [journal.is_spent(bytes([n]) * 12) for n in (1, 2, 3, 4)] == [True, True, True, False]
    (left,) = journal.unresolved
    assert (left.nonce, left.tag, left.words) == (b"\x02" * 12, "pump-1/speed", (1060,))
    sealed = (V1 / "sealed" / "outcome.cose").read_bytes()
    assert journal.outbox == ((b"\x03" * 12, sealed),)
    assert journal.mode_epoch("pump-1") == 1
    journal.close()
