"""Look-ahead on the drills' plant: two of its set-points are tried on a tank, by workers that a drill kills.

The tank is so large that no value moves it: what is drilled is the way of a question, not the model. It takes its time, so that
a kill can meet a worker in the middle of a question.
"""

import json
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from twinvouch.lab.drill.site import HIGH, SETPOINTS, setpoints
from twinvouch.lab.drill.slow_tank import PAUSE

WORKER: Final = "worker"
WORKERS: Final = 2
TRIED: Final = SETPOINTS[:2]
_MODULE: Final = b"twinvouch.app.lookahead_process"
_NUMBERS: Final = {
    "area_m2": 1e6,
    "pump_m3h": 1e-3,
    "demand_m3h": 0.0,
    "low_m": 0.0,
    "high_m": HIGH,
    PAUSE: 0.04,
}


def settings() -> Mapping[str, Any]:
    """What twin.yaml says besides."""
    model = {
        "model": "twinvouch.lab.drill.slow_tank:SlowTank",
        "numbers": _NUMBERS,
        "tags": {"level": {"tag": "unit-1/t1"}},
        "actuators": dict(zip(TRIED, ("run", "speed"), strict=True)),
        "limits": {"level": [0.0, HIGH]},
        "horizon_h": 1.0,
        "tau_s": 600.0,
        "workers": WORKERS,
        "memory_mib": 512,
        "deadline_ms": 4_000,
    }
    return {"lookahead": {"tank": model}}


def workers(core: int, proc: Path = Path("/proc")) -> list[int]:
    """The process ids of the look-ahead workers of a core, by what the kernel says now (`children` of proc(5): cheap to ask often)."""
    found = []
    with suppress(OSError):
        for task in (proc / str(core) / "task").iterdir():
            for child in (task / "children").read_text("ascii").split():
                with suppress(OSError):
                    if _MODULE in (proc / child / "cmdline").read_bytes():
                        found.append(int(child))
    return sorted(found)


def is_asked(pid: int, proc: Path = Path("/proc")) -> bool:
    """True of a worker in the middle of a question: the model sleeps, and nothing else in a worker does (`wchan` of proc(5))."""
    with suppress(OSError):
        return "nanosleep" in (proc / str(pid) / "wchan").read_text("ascii")
    return False


def kill(pid: int) -> bool:
    """End a worker with SIGKILL; False where it is gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def is_tried(journal: Path, since: int) -> bool:
    """True where a write to a set-point that look-ahead judges has reached the plant after `since` bytes of its journal."""
    addresses = {setpoints()[tag] for tag in TRIED}
    with journal.open("rb") as file:
        file.seek(since)
        lines = file.read().split(b"\n")
    return any(json.loads(line)["address"] in addresses for line in lines if line.endswith(b"}"))
