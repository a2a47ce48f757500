"""The scenario range of gate 4: every scenario without a guard and with it, and some without parts of it, on two processes.

A run depends on its scenario, seed and guard alone; how busy the machine is changes figures of time and nothing else.
"""

import os
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from twinvouch.app.bench import guard_times
from twinvouch.app.bench.forked import forked
from twinvouch.app.bench.range_outside import Beside, model_of
from twinvouch.lab.children import die_with
from twinvouch.lab.range.plan import sector, source_digests
from twinvouch.lab.range.plants import STEP_S
from twinvouch.lab.range.play import Cast, begun
from twinvouch.lab.range.result import Result
from twinvouch.lab.range.scenario import Scenario
from twinvouch.lab.range.site import ABLATIONS, FULL, site_of
from twinvouch.lab.range.table import ALL, BY_NAME
from twinvouch.lab.range.tally import report

PROCESSES: Final = 2
ABLATED_SEEDS: Final = 3
# scenarios that share their honest hours; more would leave one process waiting at the end
TOGETHER: Final = 9
CTOWN: Final = Path("networks") / "ctown.inp"
_PLACES: Final = {s.name: n for n, s in enumerate(ALL)}
Say = Callable[[str], None]
Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """Which seeds and scenarios; `share` of each run's hours that is played, for a quick look; without ablation if not `ablates`.

    `times`: measure what decisions, look-ahead and the proxy take, before anything is played.
    """

    seeds: int
    first_seed: int = 1
    only: tuple[str, ...] = ()
    share: float = 1.0
    ablates: bool = True
    processes: int = PROCESSES
    times: bool = False

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """In the order of the table."""
        return tuple(s for s in ALL if not self.only or s.name in self.only)


def run(plan: Plan, say: Say) -> Report:
    """Play everything and report."""
    since = time.monotonic()
    times = guard_times.run(say) if plan.times else {}
    tasks = list(_tasks(plan))
    results: list[Result] = []
    failed: list[Report] = []
    for number, found in enumerate(_played(tasks, plan.processes), 1):
        if isinstance(found, Failed):
            failed.append({**asdict(found.task), "why": found.why})
            say(f"not played to the end: {found}")
        else:
            results += found
        if number % 10 == 0 or number == len(tasks):
            runs = sum(len(task.scenarios) for task in tasks)
            say(f"{len(results)} of {runs} runs, {time.monotonic() - since:.0f} s")
    results.sort(key=_in_order)
    names = frozenset(s.sector for s in plan.scenarios)
    return {
        **report(results),
        **times,
        "lookahead": _asked(),
        "failed": failed,
        "skipped": _skipped(),
        "true_plants": source_digests(names),
        "seeds": plan.seeds,
        "first_seed": plan.first_seed,
        "processes": plan.processes,
        "wall_s": round(time.monotonic() - since, 1),
    }


@dataclass(frozen=True, slots=True)
class Task:
    """Scenarios of one sector, with one seed and guard: off, full or the part that is off."""

    scenarios: tuple[str, ...]
    seed: int
    guard: str
    share: float


@dataclass(frozen=True, slots=True)
class Failed:
    """A task that was not played to its end, and why: an hour of other runs is not lost for it, and it is not kept quiet."""

    task: Task
    why: str


def _tasks(plan: Plan) -> Iterator[Task]:
    for n in range(plan.seeds):
        guards: tuple[tuple[str, Sequence[Scenario]], ...] = (
            ("off", plan.scenarios),
            ("full", plan.scenarios),
        )
        if plan.ablates and n < ABLATED_SEEDS:
            ablated = [s for s in plan.scenarios if s.ablated]
            guards += tuple((part, ablated) for part in ABLATIONS)
        for guard, scenarios in guards:
            for names in _together(scenarios):
                yield Task(names, plan.first_seed + n, guard, plan.share)


def _together(scenarios: Sequence[Scenario]) -> Iterator[tuple[str, ...]]:
    """Names of scenarios of one sector, TOGETHER at most."""
    for name in dict.fromkeys(s.sector for s in scenarios):
        names = [s.name for s in scenarios if s.sector == name]
        for first in range(0, len(names), TOGETHER):
            yield tuple(names[first : first + TOGETHER])


def played(task: Task) -> list[Result]:
    """The runs of one task. Their honest hours are the same and played once; each goes on from there in a process of its own."""
    first = BY_NAME[task.scenarios[0]]
    where = sector(first.sector)
    parts = {"full": FULL, **ABLATIONS}.get(task.guard)
    site = None if parts is None else site_of(where, parts, model_of(where, task.seed).digest)
    hours = where.attack_h + (where.hours - where.attack_h) * task.share
    beside = _beside(where, task.seed, site)
    cast = Cast(first, where, task.seed, task.guard, site, beside, hours, where.attack_h)
    run, *others = begun(cast), *task.scenarios[1:]
    try:
        found = [forked(partial(run.ended, BY_NAME[name])) for name in others]
        return [run.ended(first), *found]
    finally:
        run.close()


def _beside(where: Any, seed: int, site: Any) -> Callable[[], Beside]:
    def made() -> Beside:
        assert site is not None
        return Beside(where, seed, site.plant)

    return made


def _tried(task: Task) -> list[Result] | Failed:
    try:
        return played(task)
    except Exception as e:  # noqa: BLE001 - whatever it is, it is told in the report
        traceback.print_exc()
        return Failed(task, f"{type(e).__name__}: {e}")


def _played(tasks: Sequence[Task], processes: int) -> Iterator[list[Result] | Failed]:
    """In the order of the tasks, however many processes there are."""
    if processes == 1:
        yield from map(_tried, tasks)
        return
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    spawn, ours = get_context("spawn"), (os.getpid(),)
    with ProcessPoolExecutor(processes, spawn, die_with, ours) as pool:
        yield from pool.map(_tried, tasks)


def _in_order(result: Result) -> tuple[int, int]:
    """By seed, then as in the table."""
    return result.seed, _PLACES[result.scenario]


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
        "workers": "in this process",  # in the range; the times of the report are of two
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
