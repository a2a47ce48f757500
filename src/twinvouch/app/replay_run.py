"""`twinvouch replay`: a CSV through an edge's signature, the gates, the log and a ledger of its own.

A replay never touches the data of the running plant: it has a directory and a ledger origin of its own,
and every batch says origin `replay`. The engine and the commit order are those of the core.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from twinvouch import __version__
from twinvouch.adapters.committer import Committer, Step, take
from twinvouch.adapters.keys import FileSigner
from twinvouch.app import build, detection, replay
from twinvouch.app.config_model import Config
from twinvouch.app.core import Stores, salt
from twinvouch.app.csv_table import open_table
from twinvouch.app.problems import named
from twinvouch.app.replay import Fed, Report, Sealer
from twinvouch.app.starter_csv import clean_id
from twinvouch.core.batch import Origin
from twinvouch.core.errors import ConfigError, UsageError
from twinvouch.core.event import (
    BatchReceived,
    Effect,
    Event,
    ModelSubmitted,
    Publish,
    Reply,
    Started,
    Tick,
)
from twinvouch.core.inventory import Plant
from twinvouch.engine import Engine

COMMIT_EVENTS = 64  # one group commit
PROGRESS_S = 2.0
SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Done:
    """A finished replay: its counts, where it lies, and what verifies its ledger."""

    report: Report
    directory: Path
    entries: int
    ledger_key: str
    seconds: float


def run(csv_file: Path, config: Config, directory: Path | None = None) -> Done:
    """Replay a whole file into a new directory (below `data` where none is given)."""
    table = open_table(csv_file, replay.settings_of(config).delimiter)
    site = build.site(config, Origin.REPLAY)
    replay.layout(table, config, site.plant)  # before anything is written
    sealers = _sealers(config, site.plant)
    directory = directory if directory is not None else _free(config, csv_file)
    if directory.exists() and any(directory.iterdir()):
        raise UsageError(f"`{directory}` is not empty: a replay needs a directory of its own")
    origin = f"{config.plant.id}/replay-{os.urandom(8).hex()}"
    model = None if site.detector is None else detection.submission(config, salt())
    inline = _Core(Engine(site), build.stores(config, directory, origin), model)
    begun = time.perf_counter()
    try:
        report = replay.replay(table, config, site.plant, sealers, inline.feed)
        inline.flush()
        seconds = time.perf_counter() - begun
    finally:
        inline.close()
    entries = inline.engine.memory.size
    return Done(report, directory, entries, inline.stores.ledger.verifier_key, seconds)


def _sealers(config: Config, plant: Plant) -> dict[str, Sealer]:
    """One signer an edge, its private key being that of the principal."""
    sealers = {}
    for edge in {g.edge for g in plant.groups.values()}:
        path = config.keys_dir / f"{edge}.key"
        if not plant.principals[edge].key:
            command = f"twinvouch principals add {edge} --kind edge --config {config.path}"
            raise ConfigError(f"edge {named(edge)} has no key yet: {command}")
        signer = FileSigner(path)
        if signer.public_key != plant.principals[edge].key:
            raise ConfigError(f"key file `{path}` is not the key of principal {named(edge)}")
        sealers[edge] = Sealer(plant, edge, epoch=1, signer=signer)
    return sealers


def _free(config: Config, csv_file: Path) -> Path:
    """The first free directory `data/replays/NAME-NUMBER`."""
    parent = config.data_dir / "replays"
    name = clean_id(csv_file.stem)
    number = 1
    while (parent / f"{name}-{number}").exists():
        number += 1
    return parent / f"{name}-{number}"


class _Core:
    """The engine with its stores, on this thread: events are committed in groups."""

    def __init__(self, engine: Engine, stores: Stores, model: ModelSubmitted | None) -> None:
        self.engine, self.stores = engine, stores
        self._model = model
        self._committer = Committer(stores.log, stores.state)
        self._steps: list[Step] = []
        self._quiet_ns = min(g.max_age_ns for g in engine.memory.site.plant.groups.values())
        self._told = time.monotonic_ns()
        self._batches = 0

    def feed(self, raw: bytes, now_ns: int) -> Fed:
        """One batch; before it a tick where the file was silent for longer than readings may be old."""
        last_ns = self.engine.memory.now_ns
        if last_ns == 0:
            site = self.engine.memory.site
            build_name = f"twinvouch {__version__}"
            started = Started(salt(), site.config_digest, site.policy.digest, build_name)
            self._take(started, now_ns)
            if self._model is not None:
                judged = self._take(self._model, now_ns)
                reply = next(e for e in judged if isinstance(e, Reply))
                if reply.code != HTTPStatus.OK:
                    raise ConfigError(f"gate 2 refused the model: {reply.body.get('why')}")
        elif now_ns - last_ns > self._quiet_ns:
            self._take(Tick(salt()), last_ns + self._quiet_ns + SECOND)
        self._batches += 1
        self._progress()
        return fed(self._take(BatchReceived(salt(), "replay", raw), now_ns))

    def _take(self, event: Event, now_ns: int) -> Sequence[Effect]:
        step = take(self.engine, event, now_ns, self.stores.vault)
        self._steps.append(step)
        if len(self._steps) >= COMMIT_EVENTS:
            self.flush()
        return step.effects

    def flush(self) -> None:
        """Make what was taken durable, then publish it in the ledger files."""
        if self._steps:
            self._committer.commit(self._steps, self.engine.drain())
            self.stores.ledger.catch_up(self.stores.state)
            self._steps = []

    def close(self) -> None:
        """Release the stores."""
        self.stores.close()

    def _progress(self) -> None:
        now = time.monotonic_ns()
        if now - self._told > PROGRESS_S * SECOND:
            self._told = now
            print(f"{self._batches} batches ...", file=sys.stderr, flush=True)


def fed(effects: Sequence[Effect]) -> Fed:
    """What the effects of one batch say: the status of the reply, findings and the cells they name."""
    findings: Counter[str] = Counter()
    cells: Counter[str] = Counter()
    status = "refused"
    for effect in effects:
        if isinstance(effect, Reply):
            status = str(effect.body["status"])
        elif isinstance(effect, Publish) and effect.topic == "finding":
            rule = str(effect.body["rule"])
            rows = effect.body["rows"]
            findings[rule] += 1
            cells[rule] += rows if isinstance(rows, int) else 0
    return Fed(status, findings, cells)
