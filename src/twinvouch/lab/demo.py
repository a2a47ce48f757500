"""The demo: about a minute of attacks on real processes, with the core killed in the middle."""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from twinvouch.core.errors import UnavailableError
from twinvouch.lab import doubt, outside, play, recorded, site, spoof, truth
from twinvouch.lab.children import environment_seconds, pss_mb
from twinvouch.lab.net3 import PLANT
from twinvouch.lab.play import Say
from twinvouch.lab.processes import Processes
from twinvouch.lab.report import Report, Row
from twinvouch.lab.scenario import Attack
from twinvouch.lab.spoofed import Spoofed
from twinvouch.lab.stage import entries

ORIGIN: Final = f"{PLANT}/0"
_KILL_BEFORE: Final = "hostile_command"
_AWAY_S: Final = 1.0
_PRODUCT: Final = ("core", "edge", "edge-2", "actuator")
_IN_ORDER: Final = ("controller", "tower-controller", *_PRODUCT[1:], "core", "witness", "plant")


def run(say: Say) -> Report:
    """Play the whole demo; `say` gets each line as it comes. Ctrl-C ends every process."""
    return asyncio.run(_run(Path(tempfile.mkdtemp(prefix="twinvouch-demo-")), say))


async def _run(directory: Path, say: Say) -> Report:
    began = time.monotonic()
    stage = Processes(directory)
    try:
        say("starting plant, edge, core, actuator and controller ...")
        await stage.start()
        await play.commands(stage)
        say(f"readings are admitted and commands executed after {time.monotonic() - began:.1f} s\n")
        listed = await doubt.act(stage, say)
        spoofed = await spoof.act(stage, say)

        async def before(attack: Attack) -> None:
            if attack.name == _KILL_BEFORE:
                await _kill_and_restart(stage, say)

        rows = await play.play(stage, say, before)
        return await _finish(stage, rows, (listed, spoofed), began)
    except UnavailableError as error:
        raise UnavailableError(f"{error}; configuration and logs are in {directory}") from None
    finally:
        await stage.close()


async def _kill_and_restart(stage: Processes, say: Say) -> None:
    """SIGKILL in mid-stream; what was acknowledged by then must be in the ledger at the end."""
    acknowledged = sum(passed.is_acknowledged for passed in stage.wire.passed)
    before = await entries(stage)
    await stage.children.kill("core")
    await asyncio.sleep(_AWAY_S)
    began = time.monotonic()
    await stage.start_core()
    ready_s = time.monotonic() - began
    after = await entries(stage)
    say(
        f"core killed (-9) after {acknowledged} acknowledged batches and {before} entries; ready again "
        f"in {ready_s:.1f} s with {after} entries"
    )
    await stage.sleep(2.0)  # the edge ships what it kept meanwhile


async def _receipt(stage: Processes, ident: str) -> bool:
    """Whether a stranger with two keys takes the receipt of a command that was executed."""
    file = await outside.receipt(stage.children, stage.directory, ident, site.OBSERVER)
    return await outside.verified(file, stage.log_line, stage.witness_key)


async def _finish(
    stage: Processes, rows: Sequence[Row], acts: tuple[doubt.Listed, Spoofed], began: float
) -> Report:
    """Measure, ask the API for the last time, end in order, then look at what is left on disk."""
    listed, spoofed = acts
    memory = {name: pss_mb(stage.children.pid(name)) for name in _PRODUCT}
    sizes = [m for m in memory.values() if m is not None]
    executed = await play.executed(stage)
    seen = await play.unpermitted(stage)
    affected = next(iter(listed.executed), "")
    receipt = bool(affected) and await _receipt(stage, affected)
    for name in _IN_ORDER:
        await stage.children.end(name)
    acknowledged = {p.identity for p in stage.wire.passed if p.is_acknowledged}
    ledger = stage.directory / "data" / "ledger"
    checked = recorded.verify(ledger, ORIGIN, stage.log_key)
    kept = recorded.batches(ledger, checked.size)
    return Report(
        attacks=tuple(rows),
        commands_executed=executed,
        unsafe_commands_executed=len(truth.unsafe_writes(stage.journal())),
        unpermitted_writes_seen=seen,
        acknowledged_batches=len(acknowledged),
        lost_acknowledged_batches=len(acknowledged - kept),
        ledger_verified=checked.ok,
        ledger_entries=checked.size,
        ledger_head=checked.root,
        witnessed_entries=outside.witnessed(ledger),
        receipt_verified=receipt,
        doubt=await doubt.look_back(
            stage, listed, affected, recorded.entries(ledger, checked.size)
        ),
        spoof=spoofed,
        core_pss_mb=memory["core"],
        total_pss_mb=sum(sizes) if len(sizes) == len(_PRODUCT) else None,
        setup_s=environment_seconds("TWINVOUCH_SETUP_S"),
        seconds=round(time.monotonic() - began, 1),
        directory=str(stage.directory),
    )
