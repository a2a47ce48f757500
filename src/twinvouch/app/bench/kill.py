"""`bench kill`: SIGKILL of core, edge, actuator and look-ahead workers under load, judged by what others wrote down.

A process is killed while it works, most often in the middle of something (`met.py`), else at any moment, and again and again while it starts and takes over what the last one left.
It is started again at once. Restart time is from the start of a process until its work goes on: readings are
acknowledged (core, edge), a write reaches the plant (actuator), a write that look-ahead allowed (worker, which the core starts).
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from statistics import median
from typing import Any, Final

from twinvouch.app.bench.met import WRITE_S, Aims, Met
from twinvouch.lab import recorded
from twinvouch.lab.children import pss_mb
from twinvouch.lab.drill import ahead, judge, site
from twinvouch.lab.drill.stage import PRODUCT, Extras, Seen, Stage, counts, workers

Say = Callable[[str], None]
Figures = dict[str, Any]
COMMANDS_PER_S: Final = 5.0
_EARLY: Final = 0.3  # of all kills come while the process starts
_START_S: Final = 1.5  # about what a start takes: when an early kill comes
_WORK_S: Final = 0.6  # a process works at most so long before it is killed
_LOOK_S: Final = 0.1
_EVERY: Final = 25  # kills between two lines of progress


@dataclass(frozen=True, slots=True)
class Plan:
    """What to kill how often (each), under how many batches a second, the seed of order and moments, and for how long at most."""

    kills: int
    processes: Sequence[str]
    batches_per_s: float
    seed: int
    most_s: float = inf

    @property
    def load(self) -> site.Load:
        """The load; streams, statements and faults are the soak's."""
        normal = site.NORMAL.faster(self.batches_per_s / site.NORMAL.batches_per_s)
        return site.Load(normal.scans_per_s, COMMANDS_PER_S, normal.queries_per_s, 0, 0, 0, 0, 0)


@dataclass(slots=True)
class Killed:
    """What was measured: restart times and kills by process, of them early; permits spent and heads signed."""

    spent: judge.SpentPermits
    restarts: dict[str, list[float]] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=dict)
    early: int = 0
    false_alarms: int = 0  # `unpermitted_actuation`: nobody but the twin writes here
    footprint_mb: float = 0.0  # of core, edge, actuator and the core's workers together
    answered: int = 0  # questions of look-ahead with an answer, and without one
    unanswered: int = 0
    heads: list[tuple[int, bytes]] = field(default_factory=list)
    met: Met = field(default_factory=Met)


def run(plan: Plan, say: Say) -> tuple[Figures, bool]:
    """Carry the plan out; figures, and whether nothing was found that must not be."""
    directory = Path(tempfile.mkdtemp(prefix="twinvouch-kill-"))
    return asyncio.run(_run(directory, plan, say))


async def _run(directory: Path, plan: Plan, say: Say) -> tuple[Figures, bool]:
    # a drill is repeated by its seed, as far as processes can be
    chance = random.Random(plan.seed)  # noqa: S311
    stage = Stage(directory, plan.load, Extras(settings=ahead.settings(), write_s=WRITE_S))
    began, killed = time.monotonic(), Killed(judge.SpentPermits(directory / judge.ACTUATOR_JOURNAL))
    try:
        await stage.start()
        following = asyncio.create_task(follow(killed.spent))
        until_s = time.monotonic() + plan.most_s
        await drill(stage, order(chance, plan), chance, killed, say, until_s)
        took = time.monotonic() - began
        await stage.settle()
        known = await counts(stage)
        killed.false_alarms = known.get("finding:unpermitted_actuation", 0)
        killed.answered = known.get("simulation:answered", 0)
        killed.unanswered = sum(known.get(f"simulation:{how}", 0) for how in ("failed", "late"))
        killed.footprint_mb = footprint(stage)
        await stage.end()
        assert not following.done(), "a journal that cannot be followed"
        following.cancel()
        look(stage, killed)
    finally:
        killed.spent.close()
        await stage.close()
    return judged(stage, killed, {"seed": plan.seed, "seconds": round(took, 1)}, say)


def order(chance: random.Random, plan: Plan) -> list[str]:
    """Whom to kill, one after the other."""
    names = [name for name in plan.processes for _ in range(plan.kills)]
    chance.shuffle(names)
    return names


async def follow(spent: judge.SpentPermits) -> None:
    """Two rewrites of the journal are at least a start of its process apart."""
    while True:
        spent.look()
        await asyncio.sleep(_LOOK_S)


async def drill(
    stage: Stage,
    names: Sequence[str],
    chance: random.Random,
    killed: Killed,
    say: Say,
    until_s: float = inf,
) -> None:
    """Kill core, edge and actuator in the order of `names`, each while it works or while it starts; none after `until_s` (monotonic)."""
    left = {name: names.count(name) for name in (*PRODUCT, ahead.WORKER)}
    aims = Aims(stage, chance, killed.spent, killed.met)
    try:
        for name in names:
            if (
                time.monotonic() < until_s and left[name]
            ):  # else it was killed ahead of its turn, while it started
                left[name] -= await _outage(stage, name, left[name], aims, chance, killed)
                total = sum(killed.kills.values())
                if total // _EVERY > (total - 1) // _EVERY:
                    say(f"{total} kills, {len(stage.recorder.acknowledged)} batches acknowledged")
    finally:
        await aims.close()


async def _outage(
    stage: Stage, name: str, most: int, aims: Aims, chance: random.Random, killed: Killed
) -> int:
    """Kill one process, once or again and again while it starts, at most `most` times, until it works; how often."""
    await asyncio.sleep(chance.uniform(0, _WORK_S))
    stage.children.check()
    await aims.wait(name)
    before, kills = stage.seen(), 1
    await _kill(stage, name, aims, chance, killed)
    plant = await aims.see()
    since = time.monotonic()
    if name != ahead.WORKER:
        before, since = await _spawn(stage, name)
        while kills < most and chance.random() < _EARLY:
            await asyncio.sleep(chance.uniform(0, _START_S))
            await _kill(stage, name, aims, chance, killed)
            kills, killed.early = kills + 1, killed.early + 1
            before, since = await _spawn(stage, name)
    await stage.until(
        lambda: stage.is_ready(name, since, before),
        f"{name} does not work again",
    )
    killed.restarts.setdefault(name, []).append(time.monotonic() - since)
    aims.compare(name, plant, await aims.later(plant))
    return kills


async def _spawn(stage: Stage, name: str) -> tuple[Seen, float]:
    """Start it; what there was before, and when that was."""
    before, since = stage.seen(), time.monotonic()
    await stage.spawn(name)
    return before, since


async def _kill(stage: Stage, name: str, aims: Aims, chance: random.Random, killed: Killed) -> None:
    """SIGKILL, and what it met."""
    if name == ahead.WORKER:
        is_asked = await _kill_worker(stage, aims, chance)
    else:
        is_asked = bool(aims.asked())
        await stage.children.kill(name)
    aims.killed(name, is_asked=is_asked)
    killed.kills[name] = killed.kills.get(name, 0) + 1
    look(stage, killed)


async def _kill_worker(stage: Stage, aims: Aims, chance: random.Random) -> bool:
    """One of those that the core has now, if possible one that is asked (then True); the core starts another by itself, and asks that."""
    while True:
        await stage.until(lambda: bool(workers(stage)), "no worker of look-ahead runs")
        asked = aims.asked()
        if ahead.kill(chance.choice(asked or workers(stage))):
            return bool(asked)


def footprint(stage: Stage) -> float:
    """Memory of core, edge, actuator and workers together, MB; pages that they share count once."""
    pids = [*(stage.children.pid(name) for name in PRODUCT), *workers(stage)]
    return sum(mb for pid in pids if (mb := pss_mb(pid)) is not None)


def look(stage: Stage, killed: Killed) -> None:
    """Write down what may be gone later."""
    killed.spent.look()
    head = recorded.head(stage.directory / "data" / "ledger")
    if head is not None:
        killed.heads.append(head)


def judged(stage: Stage, killed: Killed, known: Figures, say: Say) -> tuple[Figures, bool]:
    """Hold what others wrote down against log and ledger; figures, and whether nothing is found that must not be."""
    say("judging what the plant, the controller and the path wrote down ...")
    ledger = stage.directory / "data" / "ledger"
    checked = recorded.verify(ledger, site.ORIGIN, stage.log_key)
    found = judge.verdict(
        stage.directory,
        checked.size,
        stage.recorder.acknowledged,
        killed.spent.by_command,
        killed.heads,
    )
    _tell(found, killed, say)
    seconds = float(known["seconds"])
    batches = len(stage.recorder.acknowledged)
    commands = len(judge.proposed(stage.directory / "controller.jsonl"))
    every = [s for times in killed.restarts.values() for s in times]
    figures: Figures = {
        "kills": sum(killed.kills.values()),
        "kills_while_starting": killed.early,
        "lost": len(found.lost),
        "duplicated": len(found.duplicated),
        "double_executed": len(found.double_executed),
        "unpermitted_writes": len(found.unpermitted),
        "unknown": found.unknown,
        "unknown_resolved": found.unknown - len(found.unknown_unresolved),
        "two_roots": len(found.two_roots),
        "false_alarms": killed.false_alarms,
        "ledger_verified": int(checked.ok),
        "ledger_entries": checked.size,
        "batches": batches,
        "batches_per_s": round(batches / seconds, 1),
        "commands": commands,
        "commands_per_s": round(commands / seconds, 1),
        "executed": found.executed,
        "restart_s_p50": round(median(every), 2) if every else 0.0,
        "restart_s_p99": round(percentile(every, 0.99), 2),
    }
    figures |= _of_workers_and_plant(killed)
    figures |= _by_process(killed)
    figures |= known
    figures["directory"] = str(stage.directory)
    is_ok = checked.ok and not found.faults and not killed.met.faults and not killed.false_alarms
    return figures, is_ok


def _tell(found: judge.Verdict, killed: Killed, say: Say) -> None:
    for fault in (*found.faults[:20], *killed.met.faults[:20]):
        say(fault)
    if killed.false_alarms:
        say(
            f"{killed.false_alarms} findings of `unpermitted_actuation`, and nobody else writes here"
        )


def _of_workers_and_plant(killed: Killed) -> Figures:
    """Questions of look-ahead, memory, how the plant did meanwhile, and what the kills met."""
    met = killed.met
    return {
        "look_ahead_answered": killed.answered,
        "look_ahead_unanswered": killed.unanswered,
        "total_pss_mb": round(killed.footprint_mb, 1),
        "outages_watched": met.outages,
        "plant_control_faults": len(met.faults),
        "kills_met": {name: dict(sorted(n.items())) for name, n in sorted(met.stages.items())},
    }


def _by_process(killed: Killed) -> Figures:
    """Kills of each process, and how long its starts took."""
    figures: Figures = {}
    for name, times in sorted(killed.restarts.items()):
        figures[f"{name}_kills"] = killed.kills[name]
        figures[f"{name}_restart_s_p50"] = round(median(times), 2)
        figures[f"{name}_restart_s_p99"] = round(percentile(times, 0.99), 2)
    return figures


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that `part` of all are not above; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0
