"""`bench endure`: what a core and all that runs beside it survive: kills, a full disk, damaged tails, a start on a gigabyte.

Each section stands for itself in a directory below one that stays; together they are one verdict.
"""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from twinvouch.app.bench import endured, full_disk, large_start, tails
from twinvouch.app.bench.kill import Say

Section = Callable[["Plan", Path, Say], tuple[dict[str, Any], bool]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How many kills, under how many batches a second, from which seed; every which offset; bytes of the large store."""

    kills: int = 200
    batches_per_s: float = 40.0
    seed: int = 0
    every: int = 1
    store_bytes: int = large_start.BYTES


def run(sections: Sequence[str], plan: Plan, say: Say) -> tuple[dict[str, Any], bool]:
    """Figures of the sections, `ok_SECTION` among them; whether all of them found nothing that must not be."""
    directory = Path(tempfile.mkdtemp(prefix="twinvouch-endure-"))
    figures: dict[str, Any] = {"directory": str(directory)}
    for name in sections:
        place, began = directory / name, time.monotonic()
        place.mkdir()
        found, is_ok = SECTIONS[name](plan, place, lambda line, n=name: say(f"{n}: {line}"))  # type: ignore[misc]
        took = round(time.monotonic() - began, 1)
        figures |= {**found, f"{name}_took_s": took, f"ok_{name}": int(is_ok)}
        figures["directory"] = str(directory)
    figures["load_average"] = round(os.getloadavg()[0], 1)
    return figures, all(figures[f"ok_{name}"] for name in sections)


def _kills(plan: Plan, place: Path, say: Say) -> tuple[dict[str, Any], bool]:
    return endured.run(place, plan.kills, plan.batches_per_s, plan.seed, say)


def _full(_: Plan, place: Path, say: Say) -> tuple[dict[str, Any], bool]:
    return full_disk.run(place, say)


def _tails(plan: Plan, place: Path, say: Say) -> tuple[dict[str, Any], bool]:
    rows, is_ok = tails.run(place, say, plan.every)
    return {"tails": rows, "tails_tried": sum(r["tried"] for r in rows)}, is_ok


def _start(plan: Plan, place: Path, say: Say) -> tuple[dict[str, Any], bool]:
    return large_start.run(place, plan.store_bytes, say)


SECTIONS: Final[dict[str, Section]] = {
    "kills": _kills,
    "full": _full,
    "tails": _tails,
    "start": _start,
}
