"""Values a second made durable through gate, log and state, against a bare log of the same bytes.

Both sides append the same sealed batches in groups of the same size, each group ended by fdatasync. Ours also
verifies signature and chain, decodes, validates, labels, enters the ledger and commits state in SQLite, with the
commit of one group beside the work on the next, as the core does it. Rounds alternate; the median of their ratios counts.
The same once more with everything encrypted at rest.
"""

import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import TypeAlias

from twinvouch.adapters.committer import Committer, Step, take
from twinvouch.adapters.key_store import KeyStore
from twinvouch.adapters.sealed_state import SealedState
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.sqlite_state import SqliteState
from twinvouch.adapters.vault import Vault
from twinvouch.app.bench.plant import TAGS, Plant50, sealed_batches
from twinvouch.app.core import STATE_INTERVAL_S, SWITCH_S
from twinvouch.core.event import BatchReceived
from twinvouch.core.ports import State
from twinvouch.engine import Engine

ROWS = 20  # x 50 tags = 1,000 values a batch
COUNT = 304  # batches
GROUPS = (1, 16)  # batches a group; 1 is what the core does as long as the disk keeps up
ROUNDS = 11
Group: TypeAlias = tuple[list[Step], Mapping[str, bytes | None] | None]


def run() -> dict[str, float | int]:
    """`durable_vs_raw_log`, `durable_values_per_s` and `encrypted_vs_plain` in groups of one batch; the same for 16."""
    plant = Plant50()
    batches = sealed_batches(plant, ROWS, COUNT)
    values = ROWS * TAGS * COUNT
    sys.setswitchinterval(SWITCH_S)
    figures: dict[str, float | int] = {
        "durable_values_per_batch": ROWS * TAGS,
        "durable_bytes_per_value": len(batches[0]) / (ROWS * TAGS),
    }
    for group in GROUPS:
        raw, ours, encrypted = [], [], []
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory(prefix="twinvouch-bench-") as name:
                raw.append(_raw_log(Path(name), batches, group))
                ours.append(_through_the_gate(Path(name), plant, batches, group))
                encrypted.append(_encrypted(Path(name), plant, batches, group))
        suffix = "" if group == 1 else f"_group{group}"
        figures |= {
            f"durable_values_per_s{suffix}": round(values / statistics.median(ours)),
            f"durable_raw_values_per_s{suffix}": round(values / statistics.median(raw)),
            f"durable_vs_raw_log{suffix}": statistics.median(
                r / o for r, o in zip(raw, ours, strict=True)
            ),
            f"encrypted_vs_plain{suffix}": statistics.median(
                o / e for o, e in zip(ours, encrypted, strict=True)
            ),
        }
    return figures


def _commit_all(
    committer: Committer, asked: "SimpleQueue[Group | None]", done: "SimpleQueue[None]"
) -> None:
    while (item := asked.get()) is not None:
        committer.commit(*item)
        done.put(None)


def _raw_log(directory: Path, batches: list[bytes], group: int) -> float:
    """Length, CRC and bytes of each record; write and fdatasync a group. Seconds."""
    file = os.open(directory / "raw", os.O_WRONLY | os.O_CREAT, 0o600)
    began = time.perf_counter()
    for start in range(0, len(batches), group):
        parts = []
        for raw in batches[start : start + group]:
            parts += [len(raw).to_bytes(4, "big") + zlib.crc32(raw).to_bytes(4, "big"), raw]
        os.writev(file, parts)
        os.fdatasync(file)
    took = time.perf_counter() - began
    os.close(file)
    (directory / "raw").unlink()
    return took


def _encrypted(directory: Path, plant: Plant50, batches: list[bytes], group: int) -> float:
    """As `_through_the_gate`, with a key for the edge, the state and the labels. Seconds."""
    vault = Vault(KeyStore(directory / "keys.db", directory / "kek"))
    took = _through_the_gate(directory, plant, batches, group, vault)
    vault.close()
    for name in (*directory.glob("keys.db*"), directory / "kek"):
        name.unlink()
    return took


def _stores(directory: Path, vault: Vault | None) -> tuple[SegmentLog, State]:
    plain = SqliteState(directory / "state.db")
    if vault is None:
        return SegmentLog(directory / "log"), plain
    log = SegmentLog(directory / "log", key_id=vault.id)
    return log, SealedState(plain, vault, time.time_ns)


def _through_the_gate(
    directory: Path, plant: Plant50, batches: list[bytes], group: int, vault: Vault | None = None
) -> float:
    """Engine on this thread, commits on one other, one group in flight, as in the core. Seconds."""
    engine = Engine(plant.site())
    log, state = _stores(directory, vault)
    asked: SimpleQueue[Group | None] = SimpleQueue()
    done: SimpleQueue[None] = SimpleQueue()
    thread = threading.Thread(target=_commit_all, args=(Committer(log, state), asked, done))
    thread.start()
    done.put(None)
    due = 0.0
    began = time.perf_counter()
    for start in range(0, len(batches), group):
        now = plant.start_ns + start * 1000
        received = [
            BatchReceived(os.urandom(16), "bench", raw) for raw in batches[start : start + group]
        ]
        steps = [take(engine, event, now, vault) for event in received]
        rows = None
        if time.perf_counter() >= due or start + group >= len(batches):
            rows, due = engine.drain(), time.perf_counter() + STATE_INTERVAL_S
        done.get()
        asked.put((steps, rows))
    done.get()
    took = time.perf_counter() - began
    asked.put(None)
    thread.join()
    admitted = engine.memory.counts["batch:admitted"]
    assert admitted == len(batches), (admitted, len(batches))
    log.close()
    state.close()
    shutil.rmtree(directory / "log")
    for name in directory.glob("state.db*"):
        name.unlink()
    return took
