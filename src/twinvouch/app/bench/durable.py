"""Values a second made durable through gate, log and state, against a bare log of the same bytes.

Both sides append the same sealed batches in groups of the same size, each group ended by fdatasync. Ours also
verifies signature and chain, decodes, validates, labels, enters the ledger and commits state in SQLite, with the
commit of one group beside the work on the next, as the core does it. Rounds alternate; the ratio of medians counts.
"""

import os
import shutil
import statistics
import tempfile
import time
import zlib
from pathlib import Path

from twinvouch.adapters.committer import Committer, take
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.sqlite_state import SqliteState
from twinvouch.app.bench.plant import Plant50, sealed_batches
from twinvouch.app.core import STATE_INTERVAL_S
from twinvouch.core.event import BatchReceived
from twinvouch.engine import Engine

ROWS = 200  # x 50 tags = 10,000 values a batch
GROUP = 16
GROUPS = 12
ROUNDS = 5


def run() -> dict[str, float | int]:
    """`durable_values_per_s`, `durable_vs_raw_log` and what they were measured with."""
    plant = Plant50()
    batches = sealed_batches(plant, ROWS, GROUP * GROUPS)
    raw, ours = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="twinvouch-bench-") as name:
            raw.append(_raw_log(Path(name), batches))
            ours.append(_through_the_gate(Path(name), plant, batches))
    values = ROWS * 50 * len(batches)
    return {
        "durable_values_per_s": round(values / statistics.median(ours)),
        "durable_raw_values_per_s": round(values / statistics.median(raw)),
        "durable_vs_raw_log": statistics.median(raw) / statistics.median(ours),
        "durable_group": GROUP,
        "durable_values_per_batch": ROWS * 50,
        "durable_bytes_per_value": len(batches[0]) / (ROWS * 50),
    }


def _raw_log(directory: Path, batches: list[bytes]) -> float:
    """Length, CRC and bytes of each record; write and fdatasync a group. Seconds."""
    file = os.open(directory / "raw", os.O_WRONLY | os.O_CREAT, 0o600)
    began = time.perf_counter()
    for start in range(0, len(batches), GROUP):
        parts = []
        for raw in batches[start : start + GROUP]:
            parts += [len(raw).to_bytes(4, "big") + zlib.crc32(raw).to_bytes(4, "big"), raw]
        os.writev(file, parts)
        os.fdatasync(file)
    took = time.perf_counter() - began
    os.close(file)
    (directory / "raw").unlink()
    return took


def _through_the_gate(directory: Path, plant: Plant50, batches: list[bytes]) -> float:
    """Engine on this thread, commits on one other, one group in flight. Seconds."""
    from concurrent.futures import ThreadPoolExecutor

    engine = Engine(plant.site())
    log, state = SegmentLog(directory / "log"), SqliteState(directory / "state.db")
    committer = Committer(log, state)
    with ThreadPoolExecutor(1) as thread:
        flying, due = None, 0.0
        began = time.perf_counter()
        for start in range(0, len(batches), GROUP):
            now = plant.start_ns + start * 1000
            steps = [
                take(engine, BatchReceived(os.urandom(16), "bench", raw), now)
                for raw in batches[start : start + GROUP]
            ]
            rows = None
            if time.perf_counter() >= due or start + GROUP >= len(batches):
                rows, due = engine.drain(), time.perf_counter() + STATE_INTERVAL_S
            if flying is not None:
                flying.result()
            flying = thread.submit(committer.commit, steps, rows)
        if flying is not None:
            flying.result()
        took = time.perf_counter() - began
    admitted = engine.memory.counts["batch:admitted"]
    assert admitted == len(batches), (admitted, len(batches))
    log.close()
    state.close()
    shutil.rmtree(directory / "log")
    for name in directory.glob("state.db*"):
        name.unlink()
    return took
