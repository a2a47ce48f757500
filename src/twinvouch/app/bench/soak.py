"""`bench soak`: the real processes for a simulated day, and whether any of them grows.

Time is not accelerated, work is: with 24 simulated hours in 60 minutes everything of `lab.drill.site.NORMAL`
happens 24 times as often, so an hour does the work of a day. What is kept for a length of time therefore holds
24 times as much as in a plant, and what is kept by number is full 24 times as soon.
"""

import asyncio
import csv
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median
from typing import IO, Final

from twinvouch.app.bench.slope import theil_sen
from twinvouch.lab import recorded
from twinvouch.lab.drill import footprint, judge, site
from twinvouch.lab.drill.footprint import Footprint
from twinvouch.lab.drill.stage import PRODUCT, Stage

Say = Callable[[str], None]
Figures = dict[str, float | int | str]
PROCESSES: Final = (*PRODUCT, "plant", "controller")
EVERY_H: Final = 1 / 6  # simulated hours between two samples
SETTLE_H: Final = 2.0  # simulated hours that do not count
LIMIT_PCT: Final = 1.0  # of a process' PSS, a simulated day
_ENOUGH: Final = 0.95  # of the work of the simulated time must have been done
_FEWEST: Final = 6  # samples a slope is drawn through
_JITTER: Final = 2  # handles or threads: connections and streams come and go
PARTS: Final = {
    "log": "data/log",
    "state": "data/state.db",
    "state_wal": "data/state.db-wal",
    "ledger": "data/ledger",
    "spool": "data/edges",
    "actuator": "actuator",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at everything, `hour` simulated hours after the start."""

    hour: float
    batches: int
    processes: dict[str, Footprint]
    sizes: dict[str, int]

    def row(self) -> dict[str, float]:
        """As a line of the CSV."""
        said: dict[str, float] = {"hour": round(self.hour, 4), "batches": self.batches}
        for name, one in self.processes.items():
            said |= {f"{name}_{f.name}": getattr(one, f.name) for f in fields(one)}
        return said | {f"{part}_bytes": size for part, size in self.sizes.items()}


def run(hours: float, wall_minutes: float, table: Path | None, say: Say) -> tuple[Figures, bool]:
    """Do the work of `hours` in `wall_minutes`; figures, and whether every limit is met. `table`: where the CSV goes."""
    directory = Path(tempfile.mkdtemp(prefix="twinvouch-soak-"))
    path = table or directory / "soak.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        samples, stage = asyncio.run(_run(directory, hours, wall_minutes, file, say))
    known: Figures = {"hours_simulated": hours, "wall_minutes": wall_minutes, "csv": str(path)}
    return _figures(stage, samples, known, say)


async def _run(
    directory: Path, hours: float, wall_minutes: float, file: IO[str], say: Say
) -> tuple[list[Sample], Stage]:
    times = hours * 60 / wall_minutes
    stage = Stage(directory, site.NORMAL.faster(times), remember=False)
    say(f"everything happens {times:g} times as often as NORMAL: {stage.load}")
    try:
        await stage.start()
        breaking = asyncio.create_task(_break_links(stage))
        samples = await _watch(stage, hours, times, file, say)
        breaking.cancel()
        await stage.settle()
        await stage.end()
    finally:
        await stage.close()
    return samples, stage


async def _break_links(stage: Stage) -> None:
    while True:
        await asyncio.sleep(stage.load.drop_every_s)
        stage.drop_links()


async def _watch(stage: Stage, hours: float, times: float, file: IO[str], say: Say) -> list[Sample]:
    """A sample at once and every EVERY_H simulated hours; each is written as it comes."""
    began, samples = time.monotonic(), []
    table: csv.DictWriter[str] | None = None
    for number in range(round(hours / EVERY_H) + 1):
        due = began + number * EVERY_H * 3600 / times
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        stage.children.check()
        sample = _look(stage, (time.monotonic() - began) / 3600 * times)
        samples.append(sample)
        row = sample.row()
        if table is None:
            table = csv.DictWriter(file, list(row))
            table.writeheader()
        table.writerow(row)
        file.flush()
        if number % 6 == 0:
            memory = {n: f"{p.pss_kib / 1000:.1f}" for n, p in sample.processes.items()}
            say(f"hour {sample.hour:.1f}: {sample.batches} batches, PSS in MB {memory}")
    return samples


def _look(stage: Stage, hour: float) -> Sample:
    return Sample(
        hour,
        stage.recorder.kept,
        {name: footprint.of_process(stage.children.pid(name)) for name in PROCESSES},
        {part: footprint.bytes_below(stage.directory / path) for part, path in PARTS.items()},
    )


def _figures(stage: Stage, samples: list[Sample], known: Figures, say: Say) -> tuple[Figures, bool]:
    hours = samples[-1].hour
    expected = stage.load.batches_per_s * float(known["wall_minutes"]) * 60
    batches = samples[-1].batches - samples[0].batches
    commands = judge.proposed(stage.directory / "controller.jsonl")
    checked = recorded.verify(stage.directory / "data" / "ledger", site.ORIGIN, stage.log_key)
    figures: Figures = {
        **known,
        "times_normal": round(hours * 60 / float(known["wall_minutes"]), 1),
        "batches": batches,
        "work_done": round(batches / expected, 3),
        "commands": len(commands),
        "writes": sum(judge.writes(stage.directory / "plant.jsonl").values()),
        "ledger_entries": checked.size,
        "ledger_verified": int(checked.ok),
    }
    counted = [s for s in samples if s.hour >= SETTLE_H]
    faults = []
    if len(counted) < _FEWEST:
        faults.append(f"{len(counted)} samples after {SETTLE_H:g} hours: too few for a slope")
    else:
        for name in PROCESSES:
            figures |= figures_of(name, counted)
        figures |= _growth(counted)
        faults += list(faults_of(figures))
    if batches < _ENOUGH * expected:
        faults.append(
            f"only {batches} of {expected:.0f} batches were done: this machine is too busy"
        )
    if not checked.ok:
        faults.append("the ledger does not verify")
    for fault in faults:
        say(fault)
    figures["directory"] = str(stage.directory)
    return figures, not faults


def figures_of(name: str, counted: list[Sample]) -> Figures:
    """PSS, the slope of its anonymous memory in % of the PSS a simulated day, handles and threads of one process."""
    hours = [s.hour for s in counted]
    seen = [s.processes[name] for s in counted]
    pss = [one.pss_kib for one in seen]
    slope = theil_sen(hours, [one.anonymous_kib for one in seen])
    of = median(pss) / (24 * 100)
    found: Figures = {
        f"{name}_pss_mb": round(median(pss) * 1024 / 1e6, 1),
        f"{name}_memory_pct_per_day": round(slope.value / of, 3),
        f"{name}_memory_pct_per_day_low": round(slope.low / of, 3),
        f"{name}_memory_pct_per_day_high": round(slope.high / of, 3),
    }
    quarter = max(1, len(seen) // 4)
    for what in ("handles", "threads"):
        held = [int(getattr(one, what)) for one in seen]
        found[f"{name}_{what}_first"] = median(held[:quarter])
        found[f"{name}_{what}_last"] = median(held[-quarter:])
        found[f"{name}_{what}_rising"] = int(theil_sen(hours, held).low > 0)
    return found


def _growth(counted: list[Sample]) -> Figures:
    """Bytes on disk a simulated day, from first to last: history, no leak."""
    first, last = counted[0], counted[-1]
    days = (last.hour - first.hour) / 24
    return {
        f"{part}_bytes_per_day": round((last.sizes[part] - first.sizes[part]) / days)
        for part in PARTS
    }


def faults_of(figures: Figures) -> Iterator[str]:
    """The limits that are missed, as sentences."""
    for name in PROCESSES:
        slope = float(figures[f"{name}_memory_pct_per_day"])
        if slope > LIMIT_PCT:
            yield f"{name} grows by {slope:.2f} % of its memory a day, limit is {LIMIT_PCT:g} %"
        for what in ("handles", "threads"):
            first, last = figures[f"{name}_{what}_first"], figures[f"{name}_{what}_last"]
            if figures[f"{name}_{what}_rising"] or float(last) > float(first) + _JITTER:
                yield f"{name} has {last} {what} in the last quarter, {first} in the first"
