"""A small store for `bench endure`'s damages: log, state, ledger, history and a witness's memory as real code writes them."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np

from twinvouch.adapters.committer import Committer, take
from twinvouch.adapters.disk import OsDisk
from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.witness_store import WitnessStore
from twinvouch.app import build
from twinvouch.app.bench import history_plant
from twinvouch.app.compaction import compact
from twinvouch.app.config_model import Config
from twinvouch.core.table import Table
from twinvouch.engine import Engine
from twinvouch.ledger.checkpoint import VerifierKey
from twinvouch.ledger.witness import Request
from twinvouch.wire.encrypted import DAY_NS

TAGS: Final = 3
ROWS: Final = 42  # with the tick behind them eleven groups of events
BATCH: Final = 2  # rows
GROUP_OF: Final = 2  # events made durable at once
ORIGIN: Final = f"{history_plant.PLANT}/0"
NAME: Final = "tails/w1"
WITNESS: Final = SeededSigner(sha256(b"tails witness").digest())
SEED: Final = 3
_WORTH: Final = 10


class NoSync(OsDisk):
    """Files of this machine without waiting for them: a damage is tried thousands of times, and nothing of it is kept."""

    def fsync(self, descriptor: int) -> None:
        """Not waited for."""

    def fdatasync(self, descriptor: int) -> None:
        """Not waited for."""

    def sync_directory(self, directory: Path) -> None:
        """Not waited for."""


@dataclass(frozen=True, slots=True)
class Built:
    """`acknowledged` records were answered, and the last group was not; `open_state` is a copy made while the core ran."""

    config: Config
    acknowledged: int
    open_state: Path
    witness: Path
    every: int  # offset is tried, of files that are tried whole

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.config.data_dir


def built(directory: Path, every: int) -> Built:
    """Twenty-one batches through the engine, group by group; a pass over them; a head cosigned."""
    chance = np.random.default_rng(SEED)
    t_ns = 20_000 * DAY_NS + np.arange(ROWS) * 10**9
    values = np.round(50 + chance.standard_normal((ROWS, TAGS)).cumsum(axis=0), 2)
    table = Table(tuple(map(str, range(TAGS))), t_ns, values)
    config = history_plant.configured(directory, table, 10**9)
    stores = build.stores(config)
    engine = Engine(build.site(config))
    committer = Committer(stores.log, stores.state)
    events = list(history_plant.events(engine, table, BATCH))
    for n in range(0, len(events) - GROUP_OF, GROUP_OF):
        group = [take(engine, event, now) for event, now in events[n : n + GROUP_OF]]
        committer.commit(group, engine.drain())
        stores.ledger.catch_up(stores.state)
    acknowledged = committer.end
    open_state = directory / "open"
    open_state.mkdir()
    for path in config.data_dir.glob("state.db*"):
        shutil.copy(path, open_state)
    last = [take(engine, event, now) for event, now in events[-GROUP_OF:]]
    committer.commit(last, None)
    stores.close()
    compact(config, lambda _: None, _WORTH)
    witness = _witnessed(config, directory / "witness")
    return Built(config, acknowledged, open_state, witness, every)


def _witnessed(config: Config, state: Path) -> Path:
    """The file of a witness that has cosigned the head."""
    ledger = config.data_dir / "ledger"
    signer = build.log_signer(config)
    logs = {ORIGIN: [VerifierKey(ORIGIN, signer.public_key)]}
    with closing(WitnessStore(state, NAME, WITNESS)) as store:
        store.add(Request(0, (), (ledger / "checkpoint").read_bytes()), logs)
    return next(path for path in state.iterdir() if len(path.name) == 64)


def damages(raw: bytes, start: int, step: int) -> Iterator[tuple[str, int, bytes]]:
    """Every `step`-th offset from `start`: cut there, its byte inverted, one of its bits inverted; kind, offset, bytes."""
    for at in range(start, len(raw), step):
        yield "cut", at, raw[:at]
        for kind, mask in (("byte", 0xFF), ("bit", 1 << at % 8)):
            yield kind, at, raw[:at] + bytes([raw[at] ^ mask]) + raw[at + 1 :]


def step_of(paths: Sequence[Path], most: int) -> int:
    """The step by which at most so many offsets of all these files are tried."""
    return max(1, -(-sum(path.stat().st_size for path in paths) // most))
