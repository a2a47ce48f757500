"""A core on this thread whose days pass as a test says, fed with batches that it remembers."""

import os
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from tests.golden.v1_plant import CONFIG, PLANT, signer
from twinvouch.adapters.committer import Committer, recover, take
from twinvouch.app import build
from twinvouch.app.config_model import Config
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.event import BatchReceived, Event, Reply, Tick
from twinvouch.core.kind import Kind, Purpose
from twinvouch.engine import Engine
from twinvouch.wire.batch import Header, write_batch
from twinvouch.wire.cose import seal

SECOND = 10**9
DAY = 86_400 * SECOND
START = 20_783 * DAY + 8 * 3600 * SECOND  # 2026-11-26T08:00Z
LEVEL, GROUP = "tank-1/level", "fast"


def configured(directory: Path, more: str = "") -> Config:
    directory.mkdir(exist_ok=True)
    (directory / "twin.yaml").write_text(
        CONFIG.replace("retention: {segments_days: 30}\n", "") + more, encoding="utf-8"
    )
    return build.load(directory / "twin.yaml")


@dataclass
class Kept:
    """`sent` has every reading of LEVEL as (source time, value, quality), in the order it was sent."""

    config: Config
    now_ns: int = START
    seq: int = 0
    prev: bytes = bytes(32)
    sent: list[tuple[int, float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stores = build.stores(self.config)
        self.engine = Engine(build.site(self.config))
        recover(self.engine, self.stores.log, self.stores.state, None, self.stores.vault)
        self._committer = Committer(self.stores.log, self.stores.state)

    def feed(self, event: Event) -> Reply:
        step = take(self.engine, event, self.now_ns, self.stores.vault)
        self._committer.commit([step], self.engine.drain())
        return next(e for e in step.effects if isinstance(e, Reply))

    def send(self, values: list[float], ago_s: float = 0.0, quality: int = 0) -> int:
        """One batch of a reading every 100 ms, the last made `ago_s` ago; its ledger index."""
        group = self.engine.memory.site.plant.groups[GROUP]
        rows, k = len(values), group.ids.index(LEVEL)
        last = self.now_ns - round(ago_s * SECOND)
        t_ns = last - np.arange(rows - 1, -1, -1) * (SECOND // 10)
        cells = np.full((rows, len(group.ids)), 100.0)
        cells[:, k] = values
        doubts = np.zeros(cells.shape, np.uint8)
        doubts[:, k] = quality
        identity = Identity("edge-1", 1, self.seq)
        header = Header(Kind.BATCH, PLANT, identity, self.prev, Origin.LIVE, GROUP, group.digest)
        content = write_batch(header, group, t_ns, cells, doubts)
        raw = seal(content, signer=signer("edge-1"), plant=PLANT, purpose=Purpose.READINGS)
        reply = self.feed(BatchReceived(os.urandom(16), "p", raw))
        assert reply.code == 200, reply.body
        self.seq, self.prev = self.seq + 1, sha256(content).digest()
        if quality != 3:
            self.sent += zip(t_ns.tolist(), values, [quality] * rows, strict=True)
        entry = reply.body["entry"]
        assert isinstance(entry, int)
        return entry

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now_ns += round(seconds * SECOND)
        self.feed(Tick(os.urandom(16)))

    def publish(self) -> None:
        self.stores.ledger.catch_up(self.stores.state)

    def close(self) -> None:
        self.stores.close()
