"""Made tests/golden/v1, once, with the formats as they were in the first release (0.1.0).

Never run it again over `v1`: those files stand for what is on the disks of plants. It is kept so that a reader
sees what went into them, and so that a `v2` can be made the same way where a format gets a successor:

    PYTHONPATH=. .venv/bin/python tests/golden/make_v1.py NEW-DIRECTORY

Keys come from seeds, salts count, times stand still and the marks of log segments are fixed, so the same code
makes the same bytes. `expected.json` says in plain values what a reader must find.
"""

import json
import os
import shutil
import sys
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from tests.golden.v1_plant import CONFIG, NAMES, PLANT, START, signer
from twinvouch.adapters.actuator_journal import ActuatorJournal, Spending
from twinvouch.adapters.committer import InlineCore
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.spool import Spool
from twinvouch.adapters.sqlite_state import SqliteState
from twinvouch.app import build
from twinvouch.commands.register import shown
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.command import Command, Input, Outcome, OutcomeStatus
from twinvouch.core.event import (
    BatchReceived,
    CommandProposed,
    Deliver,
    Event,
    ModelSubmitted,
    OutcomeReported,
    QueryAsked,
    Started,
    StatementReceived,
    Tick,
)
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.statement import Statement, Verb
from twinvouch.engine import Engine
from twinvouch.wire.batch import Header, write_batch
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal
from twinvouch.wire.eventlog import read_event
from twinvouch.wire.manifest import Manifest, write_manifest
from twinvouch.wire.outcome import write_outcome
from twinvouch.wire.permit import read_permit
from twinvouch.wire.statement import write_statement

SECOND = 1_000_000_000


class Story:
    """One plant's first minute: everything that has a format happens in it once."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "twin.yaml").write_text(CONFIG)
        config = build.load(directory / "twin.yaml")
        self.site = build.site(config)
        data = directory / "data"
        state = SqliteState(data / "state.db")
        log = SegmentLog(data / "log", known=0)
        ledger = LedgerFiles(data / "ledger", f"{PLANT}/0", signer("log"))
        self.core = InlineCore(Engine(self.site), log, state, ledger)
        self.now, self.salts = START, 0
        self.epoch, self.seq, self.prev = 7, 0, bytes(32)
        self.permits: list[bytes] = []
        self.sealed: dict[str, bytes] = {}

    def salt(self) -> bytes:
        self.salts += 1
        return self.salts.to_bytes(16, "big")

    def feed(self, event: Event) -> None:
        self.now += SECOND // 10
        effects = self.core.feed(event, self.now)
        self.permits += [e.content for e in effects if isinstance(e, Deliver)]

    def seal(self, name: str, content: bytes, by: str, purpose: str) -> bytes:
        raw = seal(content, signer=signer(by), plant=PLANT, purpose=purpose)
        self.sealed[name] = raw
        return raw

    def batch(self, kind: Kind, level: float, speed: float) -> bytes:
        group = self.site.plant.groups["fast"]
        values = np.array([[speed, level], [speed, level + 0.01]])
        t_ns = np.array([self.now - SECOND, self.now - SECOND // 2], dtype=np.int64)
        identity = Identity("edge-1", self.epoch, self.seq)
        header = Header(kind, PLANT, identity, self.prev, Origin.LIVE, "fast", group.digest)
        content = write_batch(header, group, t_ns, values)
        self.seq, self.prev = self.seq + 1, sha256(content).digest()
        return content

    def read(self, kind: Kind, level: float, speed: float = 100.0) -> None:
        raw = self.seal(
            kind.name.lower(), self.batch(kind, level, speed), "edge-1", Purpose.READINGS
        )
        self.feed(BatchReceived(self.salt(), "10.0.0.9", raw))

    def propose(self, value: float, *, by_token: bool = False) -> str:
        entry = self.core.engine.memory.frame.entry("tank-1/level")
        command = Command(
            self.salt().hex(), "scada", "pump-1/speed", value, "%", self.now,
            (Input("tank-1/level", entry),), "level falls",
        )  # fmt: skip
        content = write_command(command, PLANT)
        raw = content if by_token else self.seal("command", content, "scada", Purpose.COMMAND)
        self.feed(CommandProposed(self.salt(), "10.0.0.8", raw, "scada" if by_token else ""))
        return command.id

    def say(self, person: str, verb: Verb, subject: str, digest: bytes = b"") -> None:
        expires = self.now + 3600 * SECOND
        said = Statement(
            person, verb, subject, "seen on site", digest, self.salt(), self.now, expires
        )
        raw = self.seal(verb.value, write_statement(said, PLANT), person, Purpose.STATEMENT)
        self.feed(StatementReceived(self.salt(), "10.0.0.7", raw))

    def command(self) -> None:
        held = self.propose(105.0)
        record = self.core.engine.memory.records[held]
        self.say("ann", Verb.APPROVE, held, shown(record.command, record.decision))
        content = self.permits[-1]
        self.seal("permit", content, "permit", Purpose.PERMIT)
        permit = read_permit(content)
        outcome = Outcome(
            permit.nonce, OutcomeStatus.EXECUTED, permit.words, "written and read back", self.now
        )
        raw = self.seal("outcome", write_outcome(outcome, PLANT), "actuator-1", Purpose.OUTCOME)
        self.feed(OutcomeReported(self.salt(), "10.0.0.6", raw))

    def model(self) -> None:
        files = {"weights.npz": b"\x08" * 32}
        manifest = Manifest(
            "leak", "1.2.0", files, ("tank-1/level",), (1,), {"auc": 0.93}, self.now,
            self.now + 86_400 * SECOND,
        )  # fmt: skip
        raw = self.seal("manifest", write_manifest(manifest, PLANT), "cid", Purpose.MODEL)
        self.feed(
            ModelSubmitted(self.salt(), "10.0.0.5", raw, (("weights.npz", b"\x08" * 32, ""),))
        )

    def tell(self) -> None:
        self.feed(Started(self.salt(), b"c" * 32, self.site.policy.digest, "twinvouch 0.1.0"))
        self.read(Kind.BATCH, 5.0)
        self.read(Kind.BATCH_SENML, 5.01)
        self.command()
        self.propose(109.0, by_token=True)
        self.say("ann", Verb.DISTRUST, "tank-1/level")
        self.model()
        self.feed(QueryAsked(self.salt(), "scada", "readTags", "*", "hmi", ("tank-1/level",)))
        for _ in range(3):
            self.feed(BatchReceived(self.salt(), "10.0.0.66", b"noise"))
        self.read(Kind.BATCH, 12.0)  # beyond its range
        self.now += 61 * SECOND
        self.feed(Tick(self.salt()))


def expected(story: Story) -> dict[str, Any]:
    state = story.core.state
    rows, log_end = state.load()
    size = state.leaf_count()
    return {
        "log_end": log_end,
        "events": [_event(raw) for _, raw in story.core.log.records(0)],
        "rows": {key: sha256(value).hexdigest() for key, value in sorted(rows.items())},
        "leaves": [sha256(raw).hexdigest() for raw in state.leaves(0, size)],
        "size": size,
        "root": story.core.ledger.root.hex(),
        "verifier_key": story.core.ledger.verifier_key,
        "sealed": {name: sha256(raw).hexdigest() for name, raw in sorted(story.sealed.items())},
        "keys": {name: signer(name).public_key.hex() for name in NAMES},
    }


def _event(record: bytes) -> dict[str, Any]:
    event, now_ns = read_event(record)
    plain = {k: v.hex() if isinstance(v, bytes) else v for k, v in asdict(event).items()}
    if "raw" in plain:
        plain["raw"] = sha256(bytes.fromhex(plain["raw"])).hexdigest()
    plain.pop("files", None)
    return {"type": type(event).__name__, "now_ns": now_ns, "fields": plain}


def spool(path: Path, story: Story) -> None:
    opened = Spool(path, "edge-1", first_epoch=8)
    story.epoch, story.seq = 8, 0
    for level in (4.0, 4.01):
        content = story.batch(Kind.BATCH, level, 100.0)
        raw = seal(content, signer=signer("edge-1"), plant=PLANT, purpose=Purpose.READINGS)
        opened.append(raw, sha256(content).digest())
    opened.close()


def journal(directory: Path, story: Story) -> None:
    opened = ActuatorJournal(directory, PLANT, START, 60 * SECOND)
    done = Spending(b"\x01" * 12, "c" * 32, "pump-1/speed", (1050,), 0, START + SECOND, START)
    open_ = Spending(b"\x02" * 12, "d" * 32, "pump-1/speed", (1060,), 1, START + SECOND, START)
    refused = Spending(b"\x03" * 12, "e" * 32, "pump-1/speed", (1070,), 1, START + SECOND, START)
    opened.spend(done)
    opened.finish(done.nonce, story.sealed["outcome"])
    opened.delivered(done.nonce)
    opened.spend(open_)
    opened.refuse(refused, story.sealed["outcome"])
    opened.close()


def make(directory: Path) -> None:
    """Fill an empty directory."""
    marks = iter(range(1, 100))
    os.urandom = lambda size: next(marks).to_bytes(size, "big")  # of log segments
    story = Story(directory)
    story.tell()
    told = expected(story)
    told["spool"] = {"epoch": 8, "waiting": 2}
    told["memory"] = _plain(story)
    story.core.close()
    sealed = directory / "sealed"
    sealed.mkdir()
    for name, raw in story.sealed.items():
        (sealed / f"{name}.cose").write_bytes(raw)
    spool(directory / "spool.db", story)
    journal(directory / "actuator", story)
    (directory / "expected.json").write_text(json.dumps(told, indent=1) + "\n")
    for lock in directory.rglob("*lock"):
        lock.unlink()
    shutil.rmtree(directory / "keys", ignore_errors=True)


def _plain(story: Story) -> dict[str, Any]:
    """What the memory held at the end, in values that any later version can show."""
    m = story.core.engine.memory
    records = [
        {
            "id": r.command.id, "status": r.status.value, "value": r.command.value,
            "approvals": [a.principal for a in r.approvals], "permit": r.permit_nonce.hex(),
        } for r in m.records.values()
    ]  # fmt: skip
    return {
        "size": m.size,
        "now_ns": m.now_ns,
        "counts": dict(sorted(m.counts.items())),
        "runs_with": [m.runs_with[0].hex(), m.runs_with[1].hex(), m.runs_with[2]],
        "records": records,
        "distrusted": dict(m.distrusted),
        "models": m.models,
        "level": m.frame.value("tank-1/level"),
        "level_entry": m.frame.entry("tank-1/level"),
        "link": {k: v for k, v in asdict(m.links["edge-1"]).items() if k in {"edge", "entry"}},
        "findings": [[entry, at, f.rule, f.sentence] for entry, at, f in m.findings],
    }


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True)
    make(target)
