"""The kills of `bench endure`: core, edge and actuator as in `bench kill`, with a witness and passes over the history killed beside them.

A witness cosigns every head and is killed at random moments; passes that write chunks are killed in the middle; a person
gives advice and asks for history and lineage all the time. Then everything is held against what others wrote down, and
every acknowledged reading is looked for in the history: chunks and the rest of the log.
"""

import asyncio
import random
import time
from asyncio.subprocess import Process
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from twinvouch.adapters.chunk_files import leftovers
from twinvouch.adapters.chunk_index import open_index
from twinvouch.app.bench import kill
from twinvouch.app.bench.endured_judge import judged
from twinvouch.app.bench.kill import COMMANDS_PER_S, Figures, Killed, Say, percentile
from twinvouch.app.bench.met import WRITE_S
from twinvouch.app.compaction import DIRECTORY
from twinvouch.core.errors import UnavailableError
from twinvouch.lab import recorded
from twinvouch.lab.children import Children
from twinvouch.lab.drill import judge, site
from twinvouch.lab.drill.stage import PRODUCT, WITNESS, Extras, Stage

PASSES: Final = "passes"
WORTH_ROWS: Final = 40  # of a scan group: a chunk every few seconds
_SHARES: Final = {"core": 0.25, "edge": 0.175, "actuator": 0.175, WITNESS: 0.2, PASSES: 0.2}
_WORK_S: Final = 2.0  # a witness works at most so long before it is killed
_AMID_S: Final = 0.7  # a pass is killed so long after it began
_PATIENCE_S: Final = 60.0


@dataclass(slots=True)
class Beside:
    """Witness and passes: how often a kill met a pass that had files open or not yet entered, and how many were whole."""

    restarts: list[float] = field(default_factory=list)
    amid: int = 0
    whole: int = 0


def shares(kills: int) -> dict[str, int]:
    """How often each is killed, at least once; the core has the rest."""
    found = {name: max(1, int(kills * share)) for name, share in _SHARES.items()}
    found["core"] += kills - sum(found.values())
    return found


def run(
    directory: Path, kills: int, batches_per_s: float, seed: int, say: Say
) -> tuple[Figures, bool]:
    """So many kills of all five together; figures, and whether nothing was found that must not be."""
    return asyncio.run(_run(directory, kills, batches_per_s, seed, say))


async def _run(
    directory: Path, kills: int, batches_per_s: float, seed: int, say: Say
) -> tuple[Figures, bool]:
    normal = site.NORMAL.faster(batches_per_s / site.NORMAL.batches_per_s)
    load = site.Load(normal.scans_per_s, COMMANDS_PER_S, normal.queries_per_s, 0, 0, 0, 0, 0)
    stage = Stage(directory, load, Extras(witnessed=True, asked=True, write_s=WRITE_S))
    killed, beside = Killed(judge.SpentPermits(directory / judge.ACTUATOR_JOURNAL)), Beside()
    passes = Children(directory / "logs")
    try:
        await stage.start()
        following = asyncio.create_task(kill.follow(killed.spent))
        await stage.until(stage.has_written, "no command is carried out")
        began = time.monotonic()
        await _kill_all((stage, passes), shares(kills), seed, (killed, beside), say)
        known: Figures = {"seed": seed, "seconds": round(time.monotonic() - began, 1)}
        say("all kills are done: waiting for what is under way ...")
        known["witness_conflicts"] = await _settled(stage, killed)
        assert not following.done(), "a journal that cannot be followed"
        following.cancel()
        last = await _pass(stage, passes)
        assert await last.wait() == 0, passes.tail(PASSES)
    finally:
        killed.spent.close()
        await passes.end_all()
        await stage.close()
    figures, is_ok = kill.judged(stage, killed, known, say)
    more, is_more_ok = judged(stage, say)
    is_one_history = not known["witness_conflicts"]
    return {**figures, **known, **_told(beside), **more}, is_ok and is_more_ok and is_one_history


async def _kill_all(
    who: tuple[Stage, Children],
    of: dict[str, int],
    seed: int,
    told: tuple[Killed, Beside],
    say: Say,
) -> None:
    """Core, edge and actuator one after the other, so that each can work again; witness and passes beside them."""
    stage, passes = who
    chance = random.Random(seed)  # noqa: S311 - a drill is repeated by its seed, as far as processes can be
    names = [name for name in PRODUCT for _ in range(of[name])]
    chance.shuffle(names)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(kill.drill(stage, names, chance, told[0], say))
            tasks.create_task(_kill_witness(stage, of[WITNESS], chance, told))
            tasks.create_task(_kill_passes(stage, passes, of[PASSES], chance, told))
    except* UnavailableError as errors:
        raise errors.exceptions[0] from None


async def _settled(stage: Stage, killed: Killed) -> int:
    """Everything that is under way comes to its end; how often the core says that a witness saw another history."""
    await stage.settle()
    killed.false_alarms = await stage.found("unpermitted_actuation")
    conflicts = await stage.found("witness_conflict")
    await _until_witnessed(stage)
    await stage.end()
    kill.look(stage, killed)
    return conflicts


def _told(beside: Beside) -> Figures:
    return {
        "witness_restart_s_p50": round(percentile(beside.restarts, 0.5), 2),
        "witness_restart_s_p99": round(percentile(beside.restarts, 0.99), 2),
        "passes_killed_amid_files": beside.amid,
        "passes_whole": beside.whole,
    }


async def _kill_witness(
    stage: Stage, kills: int, chance: random.Random, told: tuple[Killed, Beside]
) -> None:
    """Kill it while it cosigns, or while it starts; it works again when a newer head is witnessed."""
    killed, beside = told
    for _ in range(kills):
        await asyncio.sleep(chance.uniform(0, _WORK_S))
        await stage.children.kill(WITNESS)
        killed.kills[WITNESS] = killed.kills.get(WITNESS, 0) + 1
        before, since = stage.witnessed(), time.monotonic()
        await stage.spawn(WITNESS)
        await stage.until(lambda b=before: stage.witnessed() > b, "the witness does not cosign")  # type: ignore[misc]
        beside.restarts.append(time.monotonic() - since)


async def _kill_passes(
    stage: Stage, passes: Children, kills: int, chance: random.Random, told: tuple[Killed, Beside]
) -> None:
    """Start passes one after the other and kill them; one that is quicker than its kill counts as whole."""
    killed, beside = told
    directory = stage.directory / "data" / DIRECTORY
    while killed.kills.get(PASSES, 0) < kills:
        await asyncio.sleep(chance.uniform(0, 1.0))
        process = await _pass(stage, passes)
        try:
            code = await asyncio.wait_for(process.wait(), chance.uniform(0, _AMID_S))
            await passes.end(PASSES)
            beside.whole += code == 0
        except TimeoutError:
            await passes.kill(PASSES)
            killed.kills[PASSES] = killed.kills.get(PASSES, 0) + 1
            beside.amid += bool(_left(directory))
        kill.look(stage, killed)


async def _pass(stage: Stage, passes: Children) -> Process:
    """A pass that begins now."""
    words = (str(stage.directory / "twin.yaml"), str(WORTH_ROWS))
    process = await passes.start(PASSES, words, talks=True, module="twinvouch.app.bench.passing")
    assert process.stdout is not None
    await process.stdout.readline()
    return process


def _left(directory: Path) -> list[Path]:
    """Files that no index names: a pass was killed between writing and entering them."""
    index = open_index(directory) if directory.exists() else None
    if index is None:
        return []
    try:
        return list(leftovers(directory, {c.file for c in index.all()}))
    finally:
        index.close()


async def _until_witnessed(stage: Stage) -> None:
    """The newest head is cosigned as soon as nothing more is entered."""
    ledger, until = stage.directory / "data" / "ledger", time.monotonic() + _PATIENCE_S
    while (recorded.head(ledger) or (0,))[0] > stage.witnessed():
        assert time.monotonic() < until, "the newest head is not cosigned"
        await asyncio.sleep(0.02)
