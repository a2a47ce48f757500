"""The start of `bench endure`: a gigabyte of log, state, ledger and history from a seed, a core killed on it under load, and started.

The store is written by the code of the core: signed batches of 50 tags and 20 rows through engine, log, state and tiles,
and one pass over them into chunks. A start is timed from the process to the moment that `/readyz` answers, and to that when
the first batch is acknowledged; once with the pages of all files dropped from memory before.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

import httpx
import numpy as np
from numpy.typing import NDArray

from twinvouch.adapters.committer import Committer, take
from twinvouch.adapters.http_transport import HttpTransport
from twinvouch.app import build
from twinvouch.app.bench import history_plant
from twinvouch.app.bench.history import drop_pages
from twinvouch.app.bench.history_plant import GROUP, PLANT
from twinvouch.app.bench.kill import Figures, Say
from twinvouch.app.compaction import compact
from twinvouch.app.config_model import Config
from twinvouch.app.core import Core
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.errors import UnavailableError
from twinvouch.core.event import BatchReceived
from twinvouch.core.inventory import ScanGroup
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.table import Table
from twinvouch.engine import Engine
from twinvouch.lab.children import Children
from twinvouch.lab.drill.footprint import bytes_below
from twinvouch.lab.processes import HOST, free_port
from twinvouch.wire.batch import Header, write_batch
from twinvouch.wire.cose import seal

BYTES: Final = 1_000_000_000
LIMIT_S: Final = 5.0
TAGS: Final = 50
ROWS: Final = 20
SEED: Final = 11
ROUNDS: Final = 3
_IN_LOG: Final = 0.9  # of all bytes; chunks are the rest, about
_GROUP_OF: Final = 32
_LOOKED: Final = 16  # groups between two looks at how large it is
_MIDDLE, _SPAN, _BACK = 50.0, 50.0, 0.98  # of the walks: they come back
_LOAD_S: Final = 3.0
_PER_S: Final = 60.0
_PATIENCE_S: Final = 120.0
_SECOND: Final = 10**9
_STORES: Final = ("log", "state.db", "ledger", "history")


@dataclass(slots=True)
class Source:
    """An edge: batches in one chain, ROWS seconds each, walks from a seed."""

    group: ScanGroup
    next_ns: int
    chance: np.random.Generator = field(default_factory=lambda: np.random.default_rng(SEED))
    level: NDArray[np.float64] = field(default_factory=lambda: np.zeros(TAGS))
    seq: int = 0
    prev: bytes = bytes(32)

    def batch(self) -> tuple[bytes, int]:
        """The next sealed batch, and when its last row was made."""
        t_ns = self.next_ns + np.arange(ROWS) * _SECOND
        walk = self.level + self.chance.standard_normal((ROWS, TAGS)).cumsum(axis=0)
        self.level = walk[-1] * _BACK
        values = np.round(_MIDDLE + 0.05 * walk, 2)
        identity = Identity("edge-1", 0, self.seq)
        header = Header(
            Kind.BATCH, PLANT, identity, self.prev, Origin.LIVE, GROUP, self.group.digest
        )
        content = write_batch(header, self.group, t_ns, values, np.zeros(values.shape, np.uint8))
        self.prev, self.seq = sha256(content).digest(), self.seq + 1
        self.next_ns = int(t_ns[-1]) + _SECOND
        raw = seal(content, signer=history_plant.SIGNER, plant=PLANT, purpose=Purpose.READINGS)
        return raw, int(t_ns[-1])


def run(directory: Path, size: int, say: Say) -> tuple[Figures, bool]:
    """Figures of the start beside `size` bytes; whether every one was ready within LIMIT_S."""
    say(f"writing a store of {size / 1e6:,.0f} MB ...")
    port, began = free_port(), time.perf_counter()
    config = _configured(directory, port)
    source = write_store(config, size)
    figures: Figures = {"start_build_s": round(time.perf_counter() - began, 1)}
    for name in _STORES:
        figures[f"start_{name.partition('.')[0]}_mb"] = round(
            bytes_below(config.data_dir / name) / 1e6, 1
        )
    figures["start_store_mb"] = round(bytes_below(config.data_dir) / 1e6, 1)
    say("killing and starting a core on it ...")
    ready, work = asyncio.run(_starts(config, source, port))
    figures["start_stores_s"] = round(_opened(config), 2)
    (directory / "empty").mkdir()
    empty = asyncio.run(_start_of_nothing(directory / "empty", port))
    figures |= {
        "start_empty_s": round(empty, 2),
        "start_1gb_s": round(max(ready), 2),
        "start_1gb_best_s": round(min(ready), 2),
        "start_cold_s": round(ready[-1], 2),
        "start_work_s": round(max(work), 2),
    }
    return figures, max(ready) <= LIMIT_S


def _configured(directory: Path, port: int) -> Config:
    ends = np.array([[_MIDDLE - _SPAN] * TAGS, [_MIDDLE + _SPAN] * TAGS])
    range_ = Table((), np.arange(2, dtype=np.int64), ends)
    api = f"api: {{host: {HOST}, port: {port}}}\n"
    return history_plant.configured(directory, range_, _SECOND, api)


def write_store(config: Config, size: int) -> Source:
    """About `size` bytes below the data directory; where the edge goes on. The last reading is a minute old."""
    stores, engine = build.stores(config), Engine(build.site(config))
    committer = Committer(stores.log, stores.state)
    group = engine.memory.site.plant.groups[GROUP]
    batches = size // len(Source(group, 0).batch()[0])
    source = Source(group, time.time_ns() - (batches + 10) * ROWS * _SECOND)
    groups = 0
    while groups % _LOOKED or bytes_below(config.data_dir) < _IN_LOG * size:
        steps = []
        for raw, last_ns in (source.batch() for _ in range(_GROUP_OF)):
            steps.append(take(engine, BatchReceived(os.urandom(16), "bench", raw), last_ns + 1))
        committer.commit(steps, engine.drain())
        groups += 1
        if not groups % _LOOKED:
            stores.ledger.catch_up(stores.state)
    stores.ledger.catch_up(stores.state)
    stores.close()
    compact(config, lambda _: None)
    return source


async def _starts(config: Config, source: Source, port: int) -> tuple[list[float], list[float]]:
    """Seconds until ready, and until a batch is taken, of each start after a kill; the last with cold files."""
    children, url = Children(config.path.parent / "logs"), f"http://{HOST}:{port}"
    core = HttpTransport(url)
    sending = _Sending(core, source)
    ready, work = [], []
    try:
        await children.start("core", ("run", str(config.path)))
        await _ready(children, url)
        for n in range(ROUNDS):
            await sending.load(_LOAD_S)
            await children.kill("core")
            if n == ROUNDS - 1:
                drop_pages(config.data_dir)
            began = time.monotonic()
            await children.start("core", ("run", str(config.path)))
            await _ready(children, url)
            ready.append(time.monotonic() - began)
            await sending.load(0.0)
            work.append(time.monotonic() - began)
        await sending.load(_LOAD_S)
        await children.kill("core")
    finally:
        await children.end_all()
        await core.close()
    return ready, work


def _opened(config: Config) -> float:
    """Seconds of the part that depends on the store: opened and recovered in this process, after one more kill."""
    began = time.monotonic()
    site = build.site(config)
    stores = build.stores(config)
    core = Core(Engine(site), stores, lambda _: None, config.data_dir / "models")
    took = time.monotonic() - began
    del core
    stores.close()
    return took


async def _start_of_nothing(directory: Path, port: int) -> float:
    """Seconds until a core without any data is ready: what the programs and this machine take."""
    config, children = _configured(directory, port), Children(directory / "logs")
    try:
        began = time.monotonic()
        await children.start("core", ("run", str(config.path)))
        await _ready(children, f"http://{HOST}:{port}")
        return time.monotonic() - began
    finally:
        await children.end_all()


async def _ready(children: Children, url: str) -> None:
    until = time.monotonic() + _PATIENCE_S
    async with httpx.AsyncClient(trust_env=False) as client:
        while time.monotonic() < until:
            children.check()
            with suppress(httpx.TransportError):
                if (await client.get(f"{url}/readyz")).is_success:
                    return
            await asyncio.sleep(0.01)
    raise UnavailableError(f"the core was not ready in {_PATIENCE_S:.0f} s")


class _Sending:
    """Ships batches one after the other; one that was not acknowledged is sent again first."""

    def __init__(self, core: HttpTransport, source: Source) -> None:
        self._core = core
        self._batches = self._made(source)
        self._waiting = next(self._batches)

    async def load(self, seconds: float) -> None:
        """At least one batch, acknowledged, and then for so long."""
        until = time.monotonic() + seconds
        while True:
            code, said = await self._core.send("/api/v1/ingest", self._waiting)
            assert code == 200, (code, said)
            self._waiting = next(self._batches)
            if time.monotonic() >= until:
                return
            await asyncio.sleep(1 / _PER_S)

    def _made(self, source: Source) -> Iterator[bytes]:
        while True:
            yield source.batch()[0]
