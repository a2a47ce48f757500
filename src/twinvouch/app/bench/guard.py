"""The scenario range of gate 4: every scenario without a guard and with it, and some without parts of it, on two processes.

A run depends on its scenario, seed and guard alone; how busy the machine is changes figures of time and nothing else.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from twinvouch.app.bench.range_outside import Beside, model_of
from twinvouch.lab.range.plan import sector, source_digests
from twinvouch.lab.range.plants import STEP_S
from twinvouch.lab.range.play import Cast, play
from twinvouch.lab.range.result import Result
from twinvouch.lab.range.scenario import Scenario
from twinvouch.lab.range.site import ABLATIONS, FULL, site_of
from twinvouch.lab.range.table import ALL, BY_NAME
from twinvouch.lab.range.tally import report

PROCESSES: Final = 2
ABLATED_SEEDS: Final = 3
CTOWN: Final = Path("networks") / "ctown.inp"
Say = Callable[[str], None]
Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """Which seeds and scenarios; `share` of each run's hours that is played, for a quick look; without ablation if not `ablates`."""

    seeds: int
    first_seed: int = 1
    only: tuple[str, ...] = ()
    share: float = 1.0
    ablates: bool = True
    processes: int = PROCESSES

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """In the order of the table."""
        return tuple(s for s in ALL if not self.only or s.name in self.only)


def run(plan: Plan, say: Say) -> Report:
    """Play everything and report."""
    since = time.monotonic()
    tasks = list(_tasks(plan))
    results: list[Result] = []
    for number, found in enumerate(_played(tasks, plan.processes), 1):
        results += found
        if number % 20 == 0 or number == len(tasks):
            say(f"{number} of {len(tasks)} runs, {time.monotonic() - since:.0f} s")
    names = frozenset(s.sector for s in plan.scenarios)
    return {
        **report(results),
        "lookahead": _asked(),
        "skipped": _skipped(),
        "true_plants": source_digests(names),
        "seeds": plan.seeds,
        "first_seed": plan.first_seed,
        "processes": plan.processes,
        "wall_s": round(time.monotonic() - since, 1),
    }


@dataclass(frozen=True, slots=True)
class Task:
    """One scenario and seed, with these guards: off, full or the part that is off."""

    scenario: str
    seed: int
    guards: tuple[str, ...]
    share: float


def _tasks(plan: Plan) -> Iterator[Task]:
    for n in range(plan.seeds):
        for s in plan.scenarios:
            yield Task(s.name, plan.first_seed + n, ("off", "full"), plan.share)
    ablated = [s for s in plan.scenarios if s.ablated] if plan.ablates else []
    for n in range(min(plan.seeds, ABLATED_SEEDS)):
        for s in ablated:
            yield Task(s.name, plan.first_seed + n, tuple(ABLATIONS), plan.share)


def played(task: Task) -> list[Result]:
    """The runs of one task, in this process."""
    scenario = BY_NAME[task.scenario]
    where, found = sector(scenario.sector), []
    for guard in task.guards:
        parts = {"full": FULL, **ABLATIONS}.get(guard)
        site = None if parts is None else site_of(where, parts, model_of(where, task.seed).digest)
        beside = _beside(where, task.seed, site)
        hours = where.attack_h + (where.hours - where.attack_h) * task.share
        cast = Cast(scenario, where, task.seed, guard, site, beside, hours, where.attack_h)
        found.append(play(cast))
    return found


def _beside(where: Any, seed: int, site: Any) -> Callable[[], Beside]:
    def made() -> Beside:
        assert site is not None
        return Beside(where, seed, site.plant)

    return made


def _played(tasks: Sequence[Task], processes: int) -> Iterator[list[Result]]:
    """In the order of the tasks, however many processes there are."""
    if processes == 1:
        yield from map(played, tasks)
        return
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(played, tasks)


def _asked() -> Report:
    """How the water network's look-ahead is asked."""
    look = sector("net3").lookout
    return {
        "members": 5,
        "horizon_h": look.horizon_s / 3_600,
        "step_s": STEP_S,
        "tau_s": look.tau_s,
        "certificate": True,
        "second_model": False,
        "workers": "in this process",
    }


def _skipped() -> Report:
    """C-Town is not played: its file is not part of the package, and here is no true plant of it."""
    shared = Path(os.environ.get("TWINVOUCH_SHARED", "../shared/data"))
    is_there = (shared / CTOWN).is_file()
    why = (
        "no true plant, operator and guard are declared for it yet"
        if is_there
        else f"`{CTOWN}` is not in the folder of shared data"
    )
    return {"ctown": why}
