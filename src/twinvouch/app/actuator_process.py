"""`twinvouch actuator`: the only process that holds the plant's write credentials.

It opens no listening port unless it is a guard proxy too (`proxy:`): permits come over a stream that it opens, outcomes
are posted. Before it takes a permit it resolves what an earlier run left open. It ends with exit code 5 where it cannot remember
durably any more, since then nothing may be done at most once.
"""

import asyncio
import logging
import random
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from twinvouch.adapters.actuator_journal import ActuatorJournal
from twinvouch.adapters.event_stream import Caller, events, read_token
from twinvouch.adapters.http_transport import HttpTransport, expect_safe
from twinvouch.adapters.keys import FileSigner
from twinvouch.app import actuator_metrics, logs, proxy
from twinvouch.app.actuator import Actuator
from twinvouch.app.actuator_config import ActuatorConfig, load
from twinvouch.app.actuator_keys import PermitKeys
from twinvouch.app.actuator_link import PERMITS, PermitStream, Reporter
from twinvouch.app.clock import SystemClock
from twinvouch.app.devices import Connect
from twinvouch.app.link_tls import ends_of, link_tls
from twinvouch.app.proxy import Around, Proxy
from twinvouch.app.service import USUAL, Manner, notify, serve

FINISH_S: Final = 10.0  # what is being written when the process is told to stop may finish
REPORT_S: Final = 3.0
_log = logging.getLogger("twinvouch.actuator")


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that one run of an actuator is made of."""

    actuator: Actuator
    permits: PermitStream
    reporter: Reporter
    more: asyncio.Event
    proxy: Proxy | None = None


def run(path: Path, connect: Connect, manner: Manner = USUAL) -> int:
    """Run the actuator of an actuator.yaml until SIGTERM or Ctrl-C; the exit code."""
    logs.start("actuator", "", manner.log_format or "text")
    config = load(path)
    directory = path.parent
    logs.start("actuator", config.plant, manner.log_format or config.log.format)
    signer = FileSigner(directory / config.key)
    expect_safe(config.core, read_token(directory / config.token_file))
    journal = ActuatorJournal(
        directory / config.data,
        config.plant,
        SystemClock().wall_ns(),
        config.limits.max_ttl_ns,
    )
    loop = proxy.loop_factory() if config.proxy is not None else None
    try:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(_serve(config, path, _Own(signer, journal, manner.metrics_file), connect))
    finally:
        journal.close()
    return 0


@dataclass(frozen=True, slots=True)
class _Own:
    """What belongs to this process alone."""

    signer: FileSigner
    journal: ActuatorJournal
    metrics_file: Path | None


async def _serve(
    config: ActuatorConfig,
    path: Path,
    own: _Own,
    connect: Connect,
) -> None:
    signer, journal, directory = own.signer, own.journal, path.parent
    if journal.repaired:
        _log.error("%s", journal.repaired)
    stop, more = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    devices = {name: connect(d, directory) for name, d in config.devices.items()}
    clock = SystemClock()
    open_, due = len(journal.unresolved), len(journal.outbox)
    _log.info(
        "actuator %s of plant %s: %d points, %d permits to resolve, %d outcomes to deliver",
        *(config.principal, config.plant, len(config.points), open_, due),
        extra={"fields": {"principal": config.principal, "unresolved": open_, "outbox": due}},
    )
    keys = PermitKeys(config, directory)
    actuator = Actuator(
        keys.limits(), devices, journal, signer, clock, more.set, current=keys.limits
    )
    tls = link_tls(config.tls, directory, (config.plant, config.principal))
    caller = Caller(directory / config.token_file, tls, config.principal)
    listen = partial(events, config.core, PERMITS, caller)
    permits = PermitStream(listen, actuator.take, clock.sleep, random.random)
    patience_s = config.proxy.decide_s / 2 if config.proxy is not None else 1.0
    async with (
        HttpTransport(config.core, tls=tls) as transport,
        HttpTransport(config.core, timeout_s=patience_s, tls=tls) as asking,
    ):
        guard = proxy.build(config, directory, Around(actuator, asking, lambda: permits.is_open))
        reporter = Reporter(journal, transport, clock.sleep, random.random)
        ends = ends_of(config.tls, directory)
        metrics = actuator_metrics.writing(own.metrics_file, actuator, clock, ends, guard)
        beside = [asyncio.create_task(serve()), asyncio.create_task(metrics)]
        try:
            await run_actuator(Parts(actuator, permits, reporter, more, guard), stop)
        finally:
            for task in beside:
                task.cancel()
            notify("STOPPING=1")
            for device in devices.values():
                await device.close()
    _log.info("stopped: %s", _summary(actuator))


async def run_actuator(parts: Parts, stop: asyncio.Event) -> None:
    """Resolve, then take permits until `stop` is set; work in hand is finished and reported if possible.

    The first part that fails takes the others with it, and its error comes out.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            reporting = tasks.create_task(parts.reporter.run(parts.more))
            await parts.actuator.resolve()
            streaming = tasks.create_task(parts.permits.run(tasks))
            async with _proxying(parts.proxy, tasks):
                await stop.wait()
            streaming.cancel()
            await _finish(parts.permits.working, FINISH_S)
            parts.reporter.is_draining = True
            parts.more.set()
            await asyncio.wait([reporting], timeout=REPORT_S)
            reporting.cancel()
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


@asynccontextmanager
async def _proxying(guard: Proxy | None, tasks: asyncio.TaskGroup) -> AsyncIterator[None]:
    """Modbus clients are let in while this lasts."""
    if guard is None:
        yield
        return
    await guard.open()
    ports = ", ".join(f"{f.door.host}:{f.port}" for f in guard.fronts)
    _log.info("guard proxy: Modbus clients are let in at %s", ports)
    beside = [tasks.create_task(one) for one in guard.tasks()]
    try:
        yield
    finally:
        for task in beside:
            task.cancel()
        guard.close()


async def _finish(working: set[asyncio.Task[None]], timeout_s: float) -> None:
    """Wait for permits in work; what takes longer is cut off, and is UNKNOWN at the next start."""
    if not working:
        return
    _, late = await asyncio.wait(list(working), timeout=timeout_s)
    for task in late:
        task.cancel()


def _summary(actuator: Actuator) -> str:
    tally = actuator.tally
    outcomes: Mapping[str, int] = {str(s): n for s, n in sorted(tally.outcomes.items())}
    said = ", ".join(f"{n} {status}" for status, n in outcomes.items()) or "no permits"
    return f"{said}; {tally.repeated} repeated, {tally.forged} forged, {tally.dropped} dropped"
