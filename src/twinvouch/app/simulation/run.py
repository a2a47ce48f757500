"""Runs seeds: one with its story for a person who looks for a bug, many with figures for everybody else."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from twinvouch.app.simulation.checks import violations
from twinvouch.app.simulation.life import Killed
from twinvouch.app.simulation.world import World
from twinvouch.lab import virtual_time
from twinvouch.lab.virtual_time import VirtualLoop
from twinvouch.verifier.walk import fold, leaf_hash


@dataclass(frozen=True, slots=True)
class Result:
    """What one seed did. `head` is a digest of the whole ledger: the same seed gives the same one."""

    seed: int
    violations: list[str]
    story: list[str]
    head: str
    events: int
    acknowledged: int
    permits: int
    executions: int
    checkpoints: int
    faults: Counter[str]
    crashes: Counter[str]


def simulate(seed: int, world: type[World] = World) -> Result:
    """One seed from beginning to end; nothing is raised for what does not hold."""
    with _quiet():
        return virtual_time.run(lambda loop: _run(loop, seed, world))


def repeat_with(seed: int) -> str:
    """The command that tells the story of a seed."""
    return f"./dev tv lab simulate --seed {seed}"


def figures(first: int, count: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Many seeds, in numbers; every violation is said with the command that repeats it."""
    began = time.process_time()
    numbers: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    crashes: Counter[str] = Counter()
    found: list[str] = []
    for seed in range(first, first + count):
        result = simulate(seed)
        for name in ("events", "acknowledged", "permits", "executions", "checkpoints"):
            numbers[name] += getattr(result, name)
        faults += result.faults
        crashes += result.crashes
        for sentence in result.violations:
            found.append(f"seed {seed}: {sentence}")
            say(f"{found[-1]}; {repeat_with(seed)}")
        if (seed - first + 1) % 500 == 0:
            say(f"{seed - first + 1} seeds, {len(found)} violations")
    seconds = time.process_time() - began
    return {
        "seeds": count,
        "first_seed": first,
        **numbers,
        "faults": dict(sorted(faults.items())),
        "crashes": dict(sorted(crashes.items())),
        "crashes_total": sum(crashes.values()),
        "violations": len(found),
        "cpu_seconds": round(seconds, 1),
        "seeds_per_cpu_second": round(count / seconds, 2),
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """What processes log under faults is theirs to say; the story says it better."""
    log = logging.getLogger("twinvouch")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)


def _unheard(world: World, context: dict[str, Any]) -> None:
    """An error that nobody waited for: what a dead life leaves behind is none."""
    error = context.get("exception")
    if not isinstance(error, Killed):
        world.seen.violations.append(f"processes: {context['message']}: {error!r}")


async def _run(loop: VirtualLoop, seed: int, make: type[World]) -> Result:
    world = make(loop, seed)
    loop.set_exception_handler(lambda _, context: _unheard(world, context))
    await world.run()
    found = violations(world)
    world.finish()
    await asyncio.sleep(0)
    faults, crashes = Counter(world.network.faults), Counter[str]()
    for name, machine in world.machines.items():
        kind = name.partition("-")[0]
        faults += Counter({f"disk: {what}": n for what, n in machine.disk.failed.items()})
        crashes += Counter({f"{kind}: {what}": n for what, n in machine.died.items()})
    faults += Counter({"disk full": len(world.plan.full), "partitions": len(world.plan.partitions)})
    core = world.core
    memory = core.engine.memory if core is not None else None
    leaves = [entry for group in world.state.groups for _, entry in group.leaves]
    return Result(
        seed,
        found,
        world.seen.story,
        fold([leaf_hash(leaf) for leaf in leaves]).hex(),
        world.events + (core.events if core is not None else 0),
        len(world.seen.acknowledged),
        sum(1 for r in memory.records.values() if r.permit_nonce) if memory is not None else 0,
        len(world.plant.journal),
        len(world.seen.checkpoints),
        faults,
        crashes,
    )
