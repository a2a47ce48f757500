"""Made tests/golden/v2, once, with the formats that the second release added to those of v1.

Never run it again over `v2`: those files stand for what is on the disks of plants. As with `make_v1.py`, keys come
from seeds, salts count, times stand still and what is drawn by chance is counted, so the same code makes the same bytes:

    PYTHONPATH=. .venv/bin/python tests/golden/make_v2.py NEW-DIRECTORY

`data` is the directory of a core that encrypts; its key-encryption key is a constant of `v2_plant.py`. What cannot
happen in one such life (a restored backup) is in `things.json` beside the rest, as bytes in hexadecimal digits.
"""

import base64
import json
import os
import sys
from collections import Counter
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from tests.golden.v2_plant import CONFIG, KEK, NAMES, PLANT, START, signer
from twinvouch.adapters import vault as vaults
from twinvouch.adapters.committer import InlineCore
from twinvouch.adapters.key_store import KeyStore
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.sealed_state import SealedState
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.sqlite_state import SqliteState
from twinvouch.adapters.vault import Vault
from twinvouch.app import build, key_list, safety
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.event import (
    Append,
    BatchReceived,
    DiskChanged,
    EpochOpened,
    Event,
    Keep,
    KeyStated,
    QueryAsked,
    Reply,
    Started,
    StatementReceived,
    StrangersRefused,
    Tick,
)
from twinvouch.core.genesis import Genesis
from twinvouch.core.keyring import KeyPurpose, KeyStatement, KeyVerb
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.report import Report, Told
from twinvouch.core.statement import ConfigStatement
from twinvouch.engine import Engine
from twinvouch.ledger import entry
from twinvouch.readings.link import write_link
from twinvouch.wire.batch import Header, write_batch, write_changed, write_report
from twinvouch.wire.cbor import decode
from twinvouch.wire.changes import Changes
from twinvouch.wire.config import write_config
from twinvouch.wire.cose import seal
from twinvouch.wire.eventlog import write_event
from twinvouch.wire.genesis import write_genesis
from twinvouch.wire.keys import seal_rotation, write_key

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
EPOCH = EpochOpened(b"\x0e" * 16, 1, f"{PLANT}/0", 17, b"\x0f" * 32, b"\x10" * 32)


class Story:
    """An hour of a plant whose keys a root signs, and whose core encrypts."""

    def __init__(self, directory: Path) -> None:
        (directory / "twin.yaml").write_text(CONFIG, "utf-8")
        put_kek(directory)
        self.sealed = key_statements()
        key_list.append(directory / "keys.list", list(self.sealed.values()))
        config = build.load(directory / "twin.yaml")
        site = build.site(config)
        self.part = safety.of(config, site.plant, site.policy.digest)
        self.site = replace(site, safety=self.part)
        self.core = opened(directory, self.site)
        self.now, self.salts = START, 0
        self.epoch, self.seq, self.prev = 3, 0, bytes(32)
        self.events: dict[int, bytes] = {}
        self.entries: dict[int, bytes] = {}
        self.labels: list[bytes] = []

    def salt(self) -> bytes:
        self.salts += 1
        return self.salts.to_bytes(16, "big")

    def feed(self, event: Event) -> None:
        self.now += SECOND // 10
        record = write_event(event, self.now)
        number: Any = decode(record)
        self.events[number[1]] = record
        for effect in self.core.feed(event, self.now):
            if isinstance(effect, Append):
                head: Any = decode(effect.entry)
                self.entries[head[1]] = effect.entry
            if isinstance(effect, Keep) and effect.is_shared:
                self.labels.append(effect.digest)
            assert not isinstance(effect, Reply) or effect.code == 200, effect

    def seal(self, name: str, content: bytes, by: str, purpose: str) -> bytes:
        self.sealed[name] = seal(content, signer=signer(by), plant=PLANT, purpose=purpose)
        return self.sealed[name]

    def sign(self, person: str) -> None:
        assert self.part is not None
        said = ConfigStatement(person, 1, self.part.digest, self.now, self.now + 7 * DAY)
        raw = self.seal(f"config_{person}", write_config(said, PLANT), person, Purpose.CONFIG)
        self.feed(StatementReceived(self.salt(), "10.0.0.7", raw))

    def header(self, kind: Kind, group: str) -> Header:
        identity = Identity("edge-1", self.epoch, self.seq)
        digest = self.site.plant.groups[group].digest
        return Header(kind, PLANT, identity, self.prev, Origin.LIVE, group, digest)

    def send(self, name: str, content: bytes) -> None:
        raw = self.seal(name, content, "edge-1", Purpose.READINGS)
        self.seq, self.prev = self.seq + 1, sha256(content).digest()
        key = signer("edge-1").public_key
        self.feed(BatchReceived(self.salt(), "10.0.0.9", raw, "edge-1", key))

    def read(self, name: str, level: float) -> None:
        group = self.site.plant.groups["fast"]
        t_ns = np.array([self.now - SECOND, self.now - SECOND // 2], np.int64)
        values = np.array([[100.0, level], [100.0, level + 0.01]])
        self.send(name, write_batch(self.header(Kind.BATCH, "fast"), group, t_ns, values))

    def change(self) -> None:
        group = self.site.plant.groups["told"]
        t_ns = self.now - np.array([3, 2, 1], np.int64) * SECOND
        changes = Changes(
            t_ns, np.array([0, 1, 0], np.uint16), np.array([1.0, 1.0, 0.0]), np.array([0, 0, 1], np.uint8)
        )  # fmt: skip
        header = self.header(Kind.BATCH_CHANGES, "told")
        self.send("changes", write_changed(header, group, changes))

    def report(self) -> None:
        group = self.site.plant.groups["told"]
        told = (Report(Told.REPLAY, "hall", self.now - SECOND, 3, (("seq", 7.0),)),)
        header = self.header(Kind.SOURCE_REPORT, "told")
        self.send("source_report", write_report(header, group, told))

    def found(self) -> None:
        last = self.core.engine.memory.links["edge-1"].digest
        said = Genesis(
            "ann", "edge-1", 4, last, "its disk was replaced", b"\x05" * 16, self.now, self.now + DAY
        )  # fmt: skip
        raw = self.seal("genesis", write_genesis(said, PLANT), "ann", Purpose.STATEMENT)
        self.feed(StatementReceived(self.salt(), "10.0.0.7", raw))
        self.epoch, self.seq, self.prev = 4, 0, bytes(32)

    def tell(self) -> None:
        self.feed(Started(self.salt(), self.site.config_digest, self.site.policy.digest, "0.2.0"))
        for raw in list(self.sealed.values()):
            self.feed(KeyStated(self.salt(), "10.0.0.5", raw))
        self.sign("bob")
        self.sign("cid")
        self.feed(Tick(self.salt(), self.now, 1_000 * SECOND))
        self.read("batch", 5.0)
        self.change()
        self.report()
        self.found()
        self.read("batch_of_a_new_chain", 5.02)
        self.feed(QueryAsked(self.salt(), "ann", "readTags", "*", "hmi", ("tank-1/level",), "ann"))
        peers = (("10.0.0.66", 40), ("10.0.0.67", 2))
        rules = (("malformed", 2), ("unknown_key", 40))
        self.feed(StrangersRefused(self.salt(), self.now - SECOND, rules, peers))
        self.feed(Tick(self.salt(), self.now + 10 * SECOND, 1_001 * SECOND))
        self.feed(DiskChanged(self.salt(), 1, 10_000_000, 1_000_000_000, 4))
        self.feed(DiskChanged(self.salt(), 0, 900_000_000, 1_000_000_000, 0))


def key_statements() -> dict[str, bytes]:
    """What the root says of four keys, and that it hands over."""
    said: dict[str, bytes] = {}
    for name, purpose in (
        ("edge-1", KeyPurpose.EDGE),
        ("ann", KeyPurpose.PERSON),
        ("bob", KeyPurpose.SAFETY_SIGNER),
        ("cid", KeyPurpose.SAFETY_SIGNER),
    ):
        public, until = signer(name).public_key, START + 365 * DAY
        statement = KeyStatement(
            len(said) + 1, KeyVerb.TRUST, purpose, name, public, START - DAY, until
        )
        content = write_key(statement, PLANT)
        said[f"key_{name}"] = seal(content, signer=signer("root"), plant=PLANT, purpose=Purpose.KEY)
    roots = {"old": signer("root"), "new": signer("next-root")}
    said["root"] = seal_rotation(len(said) + 1, PLANT, **roots)
    return said


def put_kek(directory: Path) -> None:
    """The key-encryption key of the fixtures, as a file that only its owner reads."""
    file = directory / "kek"
    file.touch(mode=0o600)
    file.write_bytes(b"twinvouch-kek " + base64.b64encode(KEK) + b"\n")
    file.chmod(0o600)


def opened(directory: Path, site: Any) -> InlineCore:
    """The core over the encrypted data in `directory`."""
    data = directory / "data"
    vault = Vault(KeyStore(data / "keys.db", directory / "kek"))
    state = SealedState(SqliteState(data / "state.db"), vault, lambda: START)
    log = SegmentLog(data / "log", known=state.load()[1], key_id=vault.id)
    ledger = LedgerFiles(data / "ledger", f"{PLANT}/0", signer("log"))
    return InlineCore(Engine(site), log, state, ledger, vault)  # type: ignore[arg-type]


def things(story: Story) -> dict[str, Any]:
    """Each new format once, apart from the stores, as bytes."""
    memory, state = story.core.engine.memory, story.core.state
    story.events[144] = write_event(EPOCH, story.now)
    story.entries[80] = entry.epoch(PLANT, story.now, b"\x11" * 32, EPOCH)
    labels = {digest: state.blob(digest) for digest in story.labels}
    sparse = next(raw for raw in labels.values() if raw is not None and decode(raw)[0] == 2)  # type: ignore[index]
    return {
        "events": {str(n): raw.hex() for n, raw in sorted(story.events.items()) if n > 135},
        "entries": {str(n): raw.hex() for n, raw in sorted(story.entries.items()) if n > 74},
        "link": write_link(memory.links["edge-1"]).hex(),
        "label": sparse.hex(),
    }


def expected(story: Story) -> dict[str, Any]:
    """What a reader must find, in plain values."""
    memory, state = story.core.engine.memory, story.core.state
    rows, log_end = state.load()
    records = [raw for _, raw in story.core.log.records(0)]
    vault = story.core.vault
    assert vault is not None
    return {
        "log_end": log_end,
        "records": [sha256(raw).hexdigest() for raw in records],
        "opened": [sha256(vault.open(raw, vaults.LOG)).hexdigest() for raw in records],
        "keys": [[k.stream, k.day] for k in vault.keys.listed()],
        "rows": {key: sha256(value).hexdigest() for key, value in sorted(rows.items())},
        "leaves": [sha256(raw).hexdigest() for raw in state.leaves(0, memory.size)],
        "root": story.core.ledger.root.hex(),
        "verifier_key": story.core.ledger.verifier_key,
        "kinds": Counter(decode(raw)[1] for raw in state.leaves(0, memory.size)),  # type: ignore[index]
        "sealed": {name: sha256(raw).hexdigest() for name, raw in sorted(story.sealed.items())},
        "public": {name: signer(name).public_key.hex() for name in NAMES},
        "memory": {
            "size": memory.size,
            "now_ns": memory.now_ns,
            "counts": dict(sorted(memory.counts.items())),
            "level": memory.frame.value("tank-1/level"),
            "door": memory.frame.value("tank-1/door"),
            "signed": [memory.signed.number, memory.signed.digest.hex(), sorted(memory.signed.signers)],
            "roots": [root.hex() for root in memory.ring.roots],  # type: ignore[union-attr]
            "link": {k: v for k, v in asdict(memory.links["edge-1"]).items() if k in {"epoch", "seq", "entry", "newest_ns", "received_ns"}},
            "ticked": [memory.ticked.wall_ns, memory.ticked.monotonic_ns],  # type: ignore[union-attr]
        },
    }  # fmt: skip


def make(directory: Path) -> None:
    """Fill an empty directory."""
    chances = iter(range(1, 1_000))
    os.urandom = lambda size: next(chances).to_bytes(size, "big")
    story = Story(directory)
    story.tell()
    told, made = expected(story), things(story)
    story.core.close()
    (directory / "sealed").mkdir()
    for name, raw in story.sealed.items():
        (directory / "sealed" / f"{name}.cose").write_bytes(raw)
    for name, content in (("expected.json", told), ("things.json", made)):
        (directory / name).write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    for lock in [*directory.rglob("*lock"), directory / "kek"]:
        lock.unlink()


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True)
    make(target)
