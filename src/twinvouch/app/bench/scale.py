"""A large plant, in a process of its own: `python -m twinvouch.app.bench.scale FEW MANY ROWS` prints its figures as JSON.

Peak memory is that of the process when it has learned (VmHWM), so the table it learns from and the interpreter are in it. Then
rows without lies are scored in turn with those of a small plant that was learned from as many rows.
"""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

from twinvouch.app.bench.sections import SEED, sections
from twinvouch.app.bench.stream import BATCH, Stream, rates
from twinvouch.readings.detect.learn import learn

KEYS: Final = (
    "cost_ratio_2000",
    "cost_ratio_2000_row",
    "rows_alarmed_2000",
    "learn_s_2000",
    "learn_cpu_s_2000",
    "learn_peak_mb_2000",
    "learn_table_mb_2000",
)
_ROUNDS: Final = 4
_ROWS: Final = 100  # of a round one at a time


def measure(few_tags: int, many_tags: int, rows: int) -> dict[str, float]:
    """Learn both plants and score them, here and now."""
    table = sections(many_tags, SEED).run(rows)
    before = peak_mb()
    began, began_cpu = perf_counter(), process_time()
    learned = learn(table)
    took, took_cpu, peak = perf_counter() - began, process_time() - began_cpu, peak_mb()
    del table
    cost, alarmed = [], 0.0
    for size, at_once in ((BATCH, BATCH), (_ROWS, 1)):
        many = Stream(learned, sections(many_tags, SEED).run(_ROUNDS * size, rows))
        few_plant = sections(few_tags, SEED)
        few = Stream(learn(few_plant.run(rows)), few_plant.run(_ROUNDS * size, rows))
        sides = tuple(partial(stream.feed, rows=at_once) for stream in (few, many))
        of_few, of_many = rates(sides, size, _ROUNDS)
        cost.append(of_few / of_many * few_tags / many_tags)
        alarmed = alarmed or many.alarmed / (_ROUNDS * size)
    found = (*cost, alarmed, took, took_cpu, peak, before)
    return {key: round(value, 3) for key, value in zip(KEYS, found, strict=True)}


def peak_mb() -> float:
    """The most memory this process has had."""
    status = Path("/proc/self/status").read_text("utf-8")
    found = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(found.split()[1]) / 1024


def in_child(few_tags: int, many_tags: int, rows: int) -> dict[str, Any]:
    """`measure` on one thread in a new process; `died` says how it ended where it did not come to an end."""
    one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    program = [sys.executable, "-m", "twinvouch.app.bench.scale"]
    done = subprocess.run(
        [*program, str(few_tags), str(many_tags), str(rows)],
        stdout=subprocess.PIPE,
        env=one_thread,
        check=False,
    )
    if done.returncode:
        return {**dict.fromkeys(KEYS), "died": done.returncode}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(*(int(argument) for argument in sys.argv[1:4]))))
