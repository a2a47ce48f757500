"""`bench history`: one tag of one day out of a hundred million readings, warm and cold, and bytes for a reading.

The store is written once from a seed, with the writer of chunks itself: walks with two decimals at one reading a second,
one reading in a thousand flagged and with a reason. A query is the whole way: index, chunks, tail of the log, one page. Cold
is a new process after the pages of all files were dropped (posix_fadvise); `cold_ms` begins when its modules are loaded,
`cold_process_ms` has the start of the interpreter in it. What a hypervisor or disk caches is beyond reach.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np

from twinvouch.adapters.chunk_files import write_file
from twinvouch.adapters.chunk_index import ChunkIndex, Listed, name_of
from twinvouch.adapters.committer import recover
from twinvouch.app import build, inventory
from twinvouch.app.bench import history_plant, history_sizes
from twinvouch.app.bench.history_plant import GROUP, PLANT, tag_of
from twinvouch.app.chunk_rows import MOST_CELLS
from twinvouch.app.compaction import DIRECTORY
from twinvouch.app.config_model import Config
from twinvouch.app.recall import Recall, recall_of
from twinvouch.core.table import Table
from twinvouch.engine import Engine
from twinvouch.wire.chunk import SALT, About, Clock, Column, Reason, Rows, write_chunk
from twinvouch.wire.encrypted import DAY_NS

Say = Callable[[str], None]
VALUES: Final = 100_000_000
TAGS: Final = 58
ROWS: Final = 86_400  # a day
PIECE: Final = MOST_CELLS // TAGS // 10 * 10  # rows of a chunk, as a pass closes them
FIRST_DAY: Final = 20_000
SEED: Final = 7
ROUNDS: Final = 15
COLD_ROUNDS: Final = 5
SECOND: Final = 10**9
GIGABYTE: Final = 10**9


def run(values: int, data: Path | None, say: Say) -> dict[str, Any]:
    """Times in ms, medians of rounds; `cold_best_ms` beside, since other work on the machine only adds."""
    with tempfile.TemporaryDirectory(prefix="twinvouch-bench-") as name:
        days = max(1, -(-values // (TAGS * ROWS)))
        say(f"writing {days * TAGS * ROWS:,} readings of {TAGS} tags and {days} days ...")
        began = perf_counter()
        config, size = write_store(Path(name), days)
        wrote = perf_counter() - began
        say("asking ...")
        figures = {
            "readings": days * TAGS * ROWS,
            "store_mb": round(size / 1e6, 1),
            "store_bytes_per_value": round(size / (days * TAGS * ROWS), 3),
            "write_values_per_s": round(days * TAGS * ROWS / wrote),
            "readings_of_a_day": ROWS,
            **_warm(recall_of(config), days),
            **_cold(config, days),
            **_start(config),
        }
    return figures | history_sizes.run(data, say)


def write_store(directory: Path, days: int) -> tuple[Config, int]:
    """A data directory with so many days of history and nothing else; its configuration and the bytes of the chunks."""
    range_ = Table((), np.zeros(1, np.int64), np.array([[0.0] * TAGS, [1e6] * TAGS]))
    config = history_plant.configured(directory, range_, SECOND)
    build.stores(config).close()
    group = inventory.plant(config).groups[GROUP]
    rng, total = np.random.default_rng(SEED), 0
    with closing(ChunkIndex(config.data_dir / DIRECTORY)) as index:
        index.know([group])
        for day in range(FIRST_DAY, FIRST_DAY + days):
            listed = []
            for piece, start in enumerate(range(0, ROWS, PIECE)):
                first_entry = ((day - FIRST_DAY) * ROWS + start) // 10
                rows = _rows(
                    rng, day * DAY_NS + start * SECOND, min(PIECE, ROWS - start), first_entry
                )
                about = About(PLANT, GROUP, "edge-1", day, group.ids)
                raw, digest = write_chunk(about, rows, bytes(SALT))
                file = f"{GROUP}/{name_of(group.digest, day, first_entry, piece)}"
                write_file(config.data_dir / DIRECTORY / file, raw)
                t_ns, entry = rows.clock.t_ns, rows.clock.entry
                listed.append(
                    Listed(
                        file, GROUP, "edge-1", group.digest, day, int(t_ns[0]), int(t_ns[-1]),
                        int(entry[0]), int(entry[-1]), len(t_ns), TAGS * len(t_ns), len(raw), digest,
                    )
                )  # fmt: skip
                total += len(raw)
            index.enter(listed, {})
    return config, total


def _rows(rng: np.random.Generator, start_ns: int, rows: int, entry: int) -> Rows:
    """Rows of walks, ten a batch, one reading in a thousand flagged."""
    place = np.arange(rows)
    t_ns = start_ns + place * SECOND
    received = t_ns[np.minimum(place // 10 * 10 + 9, rows - 1)] + rng.integers(0, 10**8, rows // 10 + 1)[place // 10]  # fmt: skip
    clock = Clock(t_ns, received, entry + place // 10, place % 10)
    walks = np.round(50.0 + 0.05 * rng.standard_normal((rows, TAGS)).cumsum(axis=0), 2)
    columns = []
    for k in range(TAGS):
        flagged = np.flatnonzero(rng.random(rows) < 0.001)
        axes = np.full((4, rows), 255, np.uint8)
        axes[0] = 120
        axes[2, flagged] = 60
        marks = np.stack((flagged, np.arange(len(flagged))), axis=1)
        reasons = [
            Reason(int(clock.entry[r]), "range", tag_of(k), 3, f"`{tag_of(k)}` is {walks[r, k]}, above", "T0856")
            for r in flagged.tolist()
        ]  # fmt: skip
        quality = np.zeros(rows, np.uint8)
        age = np.full(rows, 5 * SECOND)
        columns.append(
            Column(place, np.ascontiguousarray(walks[:, k]), quality, axes, age, marks, reasons)
        )
    return Rows(clock, columns, np.zeros((0, 2), np.int64), ())


def ask(recall: Recall, tag: int, day: int) -> float:
    """One tag of one day; the milliseconds it took."""
    span = (day * DAY_NS, (day + 1) * DAY_NS - 1)
    began = perf_counter()
    page = recall.page(tag_of(tag), span, limit=ROWS)
    took = (perf_counter() - began) * 1e3
    assert len(page.readings) == ROWS, len(page.readings)
    return took


def _warm(recall: Recall, days: int) -> dict[str, float]:
    day = FIRST_DAY + days // 2
    for tag in range(3):
        ask(recall, tag, day)
    took = [ask(recall, n % 3, day) for n in range(ROUNDS)]
    return {"warm_ms": round(statistics.median(took), 2), "warm_best_ms": round(min(took), 2)}


def _cold(config: Config, days: int) -> dict[str, float]:
    took, whole = [], []
    for n in range(COLD_ROUNDS):
        drop_pages(config.data_dir)
        words = [str(config.path), str(n * 7 % TAGS), str(FIRST_DAY + n * 3 % days)]
        began = perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "twinvouch.app.bench.history", *words],
            stdout=subprocess.PIPE,
            check=True,
        )
        whole.append((perf_counter() - began) * 1e3)
        took.append(float(done.stdout))
    return {
        "cold_ms": round(statistics.median(took), 2),
        "cold_best_ms": round(min(took), 2),
        "cold_process_ms": round(statistics.median(whole), 1),
    }


def drop_pages(directory: Path) -> None:
    """Have the kernel forget what it keeps of all files below a directory."""
    for path in directory.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def _start(config: Config) -> dict[str, float]:
    """Open the stores beside a gigabyte of history and bring an engine to where they end, as a core does.

    The gigabyte is the store many times over: the same files under other names (hard links), each in the index.
    """
    directory = config.data_dir / DIRECTORY
    with closing(ChunkIndex(directory)) as index:
        listed = index.all()
        times = -(-GIGABYTE // sum(c.size for c in listed))
        for copy in range(1, times):
            again = [replace(c, file=f"{c.file.removesuffix('.tvc')}-{copy}.tvc") for c in listed]
            for old, new in zip(listed, again, strict=True):
                (directory / new.file).hardlink_to(directory / old.file)
            index.enter(again, {})
    began = perf_counter()
    stores = build.stores(config)
    recover(Engine(build.site(config)), stores.log, stores.state)
    with closing(ChunkIndex(directory)) as index:
        index.know(inventory.plant(config).groups.values())
    took = (perf_counter() - began) * 1e3
    stores.close()
    return {"start_ms": round(took, 1), "start_chunks": times * len(listed)}


if __name__ == "__main__":
    path, tag, day = sys.argv[1:]
    sys.stdout.write(str(ask(recall_of(build.load(Path(path))), int(tag), int(day))))
