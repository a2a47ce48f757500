"""Plants for `bench history`: a table of numbers as the tags of a configuration, and its rows through gate 1 into a log."""

import base64
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np

from twinvouch.adapters.committer import Committer, take
from twinvouch.adapters.keys import SeededSigner
from twinvouch.app import build
from twinvouch.app.config_model import Config
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.event import BatchReceived, Event, Tick
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.table import Table
from twinvouch.engine import Engine
from twinvouch.wire.batch import Header, write_batch
from twinvouch.wire.cose import seal
from twinvouch.wire.encrypted import DAY_NS

PLANT: Final = "bench"
GROUP: Final = "all"
_GROUP_OF: Final = 256  # events made durable at once
SIGNER: Final = SeededSigner(sha256(b"bench history").digest())


def configured(directory: Path, table: Table, period_ns: int, more: str = "") -> Config:
    """A plant whose tags are the columns of a table, with the range that they have in it; `more` is YAML."""
    key = base64.b64encode(SIGNER.public_key).decode()
    low, high = np.nanmin(table.values, axis=0), np.nanmax(table.values, axis=0)
    tags = "".join(
        f"  {tag_of(k)}: {{group: {GROUP}, range: [{lo:.17g}, {hi + 1.0:.17g}]}}\n"
        for k, (lo, hi) in enumerate(zip(low, high, strict=True))
    )
    text = (
        f"version: 1\nplant: {{id: {PLANT}}}\nassets: {{unit: {{}}}}\n"
        f"groups: {{{GROUP}: {{edge: edge-1, period_s: {period_ns / 1e9}, max_age_s: 86400}}}}\n"
        f"tags:\n{tags}edges: {{edge-1: {{groups: [{GROUP}]}}}}\n"
        f'principals: [{{id: edge-1, kind: edge, key: "{key}"}}]\n'
    )
    path = directory / "twin.yaml"
    path.write_text(text + more, encoding="utf-8")
    return build.load(path)


def tag_of(k: int) -> str:
    """The tag of a column: ids sort as columns stand."""
    return f"unit/t-{k:02}"


def feed(config: Config, table: Table, rows: int) -> None:
    """All rows, so many a batch, each batch received half a second after its last row; and the day after."""
    stores = build.stores(config)
    engine = Engine(build.site(config))
    committer = Committer(stores.log, stores.state)
    steps = []
    for event, now_ns in events(engine, table, rows):
        steps.append(take(engine, event, now_ns))
        if len(steps) == _GROUP_OF:
            committer.commit(steps, engine.drain())
            steps = []
    committer.commit(steps, engine.drain())
    stores.close()


def events(engine: Engine, table: Table, rows: int) -> Iterator[tuple[Event, int]]:
    """Sealed batches of so many rows, each with the time it is received at; a tick of the day after is the last."""
    group, prev = engine.memory.site.plant.groups[GROUP], bytes(32)
    now_ns = 0
    for seq, start in enumerate(range(0, len(table.t_ns), rows)):
        t_ns, values = table.t_ns[start : start + rows], table.values[start : start + rows]
        quality = np.where(np.isnan(values), np.uint8(3), np.uint8(0))
        identity = Identity("edge-1", 0, seq)
        header = Header(Kind.BATCH, PLANT, identity, prev, Origin.LIVE, GROUP, group.digest)
        content = write_batch(header, group, t_ns, values, quality)
        prev = sha256(content).digest()
        raw = seal(content, signer=SIGNER, plant=PLANT, purpose=Purpose.READINGS)
        now_ns = int(t_ns[-1]) + 500_000_000 + seq % 97 * 1_000_003  # the time on the way varies
        yield BatchReceived(os.urandom(16), "bench", raw), now_ns
    yield Tick(os.urandom(16)), now_ns + DAY_NS
