"""What two workers of one model make of a decision: members shared out, and the backup branch of a state asked once.

Wall time on this machine, with what else it does; and the critical path in CPU: of each branch that of the worker that took
longest, and all that the core does itself, as Linux counts it.
"""

import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from time import process_time_ns
from typing import Final

import numpy as np

from twinvouch.app.foresight import Foreseer
from twinvouch.app.lookahead_worker import Crew, Plan, Worker
from twinvouch.app.model_class import make
from twinvouch.core.lookahead import Question

WORKERS: Final = 2
LONG_S: Final = 60.0
Figures = dict[str, float | int | str]


class Watched:
    """A crew, and what its slowest worker took in CPU, over all branches of a decision."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self.slowest_ns = 0

    def ask(self, asked: Sequence[bytes], until_s: float) -> Generator[bytes, None, None]:
        """As a Crew's."""
        before = [_cpu_ns(w.pid) for w in self._crew.workers]
        yield from self._crew.ask(asked, until_s)
        spent = (_cpu_ns(w.pid) - b for w, b in zip(self._crew.workers, before, strict=True))
        self.slowest_ns += max(spent)


def figures(name: str, reference: str, data: bytes, questions: Sequence[Question]) -> Figures:
    """Of decisions from starts where both branches are run, and of a second command from each of them."""
    made = make(reference, data, {})
    plan = Plan(name, reference, data, {}, made.digest, 1_024)
    crew = Crew([Worker(plan) for _ in range(WORKERS)])
    watched = Watched(crew)
    told: dict[str, list[tuple[float, float]]] = {"": [], "_backup_known": []}
    try:
        for worker in crew.workers:
            worker.start()
        foreseer = Foreseer(made.model, watched.ask, WORKERS, is_searching=False)
        foreseer.foresee(_near(questions[0]), time.monotonic() + LONG_S)  # open, and warm
        for asked in questions[1:]:
            for kind, values in told.items():
                second = asked if not kind else replace(asked, value=asked.value / 2)
                values.append(_decision(foreseer, watched, _near(second)))
    finally:
        for worker in crew.workers:
            worker.kill()
    found: Figures = {f"{name}_workers": WORKERS}
    for kind, pairs in told.items():
        for number, what in enumerate(("wall_ms", "critical_cpu_ms")):
            taken = [pair[number] for pair in pairs]
            for q in (50, 99):
                key = f"{name}_two_workers{kind}_{what}_p{q}"
                found[key] = round(float(np.percentile(taken, q)), 2)
    return found


def _decision(foreseer: Foreseer, watched: Watched, asked: Question) -> tuple[float, float]:
    watched.slowest_ns = 0
    began, own = time.perf_counter(), process_time_ns()
    foreseer.foresee(asked, time.monotonic() + LONG_S)
    wall = (time.perf_counter() - began) * 1e3
    return wall, (watched.slowest_ns + process_time_ns() - own) / 1e6


def _near(asked: Question) -> Question:
    """With limits that every run passes at its start, so that both branches are run."""
    state = dict(asked.state)
    narrow = ((n, state[n].high + 1e-3, high + 1.0) for n, _, high in asked.limits)
    return replace(asked, limits=tuple(narrow))


def _cpu_ns(pid: int) -> int:
    """On a CPU so far."""
    return int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[0])
