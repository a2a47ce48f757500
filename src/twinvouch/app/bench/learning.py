"""What learning takes, in a process of its own: `python -m twinvouch.app.bench.learning TAGS ROWS` prints seconds and megabytes.

Peak memory is that of the process (VmHWM), so the table it learns from and the interpreter are in it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from twinvouch.app.bench.sections import sections
from twinvouch.readings.detect.learn import learn

SEED = 1


def measure(tags: int, rows: int) -> dict[str, float]:
    """Learn from `rows` rows of a minute, here and now."""
    table = sections(tags, SEED).run(rows)
    before = peak_mb()
    began = perf_counter()
    learn(table)
    return {"s": perf_counter() - began, "mb": peak_mb(), "mb_before": before}


def peak_mb() -> float:
    """The most memory this process has had."""
    status = Path("/proc/self/status").read_text("utf-8")
    found = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(found.split()[1]) / 1024


def in_child(tags: int, rows: int) -> dict[str, Any]:
    """`measure` on one core in a new process; `died` says how it ended where it did not come to an end."""
    one_core = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "twinvouch.app.bench.learning", str(tags), str(rows)],
        stdout=subprocess.PIPE,
        env=one_core,
        check=False,
    )
    if done.returncode:
        return {"s": None, "mb": None, "mb_before": None, "died": done.returncode}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))))
