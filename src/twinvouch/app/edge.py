"""The edge: reads devices on time, seals what it read, keeps it until the core has it.

One loop per scan group, one shipper per edge, one thread that seals and spools: a batch is on disk
before it is sent, in the order of its chain. What fails is said once when it begins and once when it
ends, and marked in the readings. The edge only reads; it holds no write credentials.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from twinvouch.app.clock import Clock
from twinvouch.app.edge_gather import Gatherer
from twinvouch.app.edge_listen import Broker, Listener
from twinvouch.app.edge_messages import Translator
from twinvouch.app.edge_poll import DeviceReader, Poll, Polled
from twinvouch.app.edge_scan import plan
from twinvouch.app.edge_seal import AsyncSpool, Sealer, SpoolStore
from twinvouch.app.edge_ship import Shipped, Shipper
from twinvouch.core.batch import Origin
from twinvouch.core.errors import UsageError
from twinvouch.core.inventory import Plant
from twinvouch.core.ports import Device, Signer, Transport

DRAIN_S: Final = 2.0
REPORT_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class EdgeSetup:
    """What one edge does: `edge` is its principal, `origin` what its readings are.

    After a stop the shipper gets `drain_s` for what still waits; the rest waits on disk.
    """

    plant: Plant
    edge: str
    origin: Origin = Origin.LIVE
    gather_ns: int = 100_000_000
    max_rows: int = 256
    drain_s: float = DRAIN_S


@dataclass(frozen=True, slots=True)
class EdgeParts:
    """What one edge works with; `run_edge` closes none of it. `devices` by id, as tags name them.

    `brokers` are those that tags of this edge name.
    `report` is given the tally every REPORT_S and at the end.
    """

    devices: Mapping[str, Device]
    spool: SpoolStore
    signer: Signer
    transport: Transport
    clock: Clock
    jitter: Callable[[], float] = random.random
    brokers: Sequence[Broker] = ()
    report: "Callable[[Tally], None] | None" = None


@dataclass(frozen=True, slots=True)
class Tally:
    """What one run of an edge did, in numbers."""

    polled: Polled
    readings: int  # taken from messages of brokers
    batches: int  # sealed and spooled
    rows_refused: int  # read, and lost because the spool was full
    shipped: Shipped
    waiting: int  # batches on disk for the next run
    waiting_bytes: int = 0


async def run_edge(setup: EdgeSetup, parts: EdgeParts, stop: asyncio.Event) -> Tally:
    """Run until `stop` is set; what was read by then is sealed and spooled before this returns.

    No device and no core can end it; a damaged spool does, with CorruptError.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool") as thread:
        sealer = Sealer(setup.plant.id, setup.origin, parts.signer, parts.spool)
        spool = AsyncSpool(sealer, parts.spool, thread)
        polls = _polls(setup, parts.devices, spool)
        listeners = _listeners(setup, parts.brokers, spool)
        shipper = Shipper(spool, parts.transport, parts.clock.sleep, parts.jitter)
        tally = partial(_tally, (polls, listeners), spool, shipper, parts.spool)
        try:
            async with asyncio.TaskGroup() as tasks:
                shipping = tasks.create_task(shipper.run(spool.more))
                work = [poll.run(parts.clock) for poll in polls]
                for listener in listeners:
                    work += [listener.run(parts.clock, parts.jitter), listener.seal(parts.clock)]
                running = [tasks.create_task(w) for w in (*work, _report(parts, tally))]
                await stop.wait()
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
                for poll in polls:
                    await poll.finish()
                for listener in listeners:
                    await listener.finish()
                await spool.settle()
                shipper.is_draining = True
                spool.more.set()
                if not shipper.counts.failing:
                    await asyncio.wait([shipping], timeout=setup.drain_s)
                shipping.cancel()
        except ExceptionGroup as failed:  # the first to fail took the others with it
            raise failed.exceptions[0] from None
    if parts.report is not None:
        parts.report(tally())
    return tally()


async def _report(parts: EdgeParts, tally: Callable[[], Tally]) -> None:
    """Give the tally to whoever wants it, for as long as the edge runs."""
    while parts.report is not None:
        parts.report(tally())
        await parts.clock.sleep(REPORT_S)


def _tally(
    sources: tuple[list[Poll], list[Listener]],
    spool: AsyncSpool,
    shipper: Shipper,
    kept: SpoolStore,
) -> Tally:
    polls, listeners = sources
    return Tally(
        _sum([poll.counts for poll in polls]),
        sum(listener.readings for listener in listeners),
        spool.batches,
        spool.rows_refused,
        shipper.counts,
        *kept.waiting,
    )


def _polls(setup: EdgeSetup, devices: Mapping[str, Device], spool: AsyncSpool) -> list[Poll]:
    """A loop for each scan group of this edge that has points at all."""
    edge = setup.plant.edges.get(setup.edge)
    if edge is None:
        raise UsageError(
            f"plant `{setup.plant.id}` has no edge `{setup.edge}`, it has {sorted(setup.plant.edges)}"
        )
    groups = [setup.plant.groups[name] for name in edge.groups]
    plans = [(group, plan(group)) for group in groups]
    needed = {device for _, scan in plans for device in scan.blocks}
    if missing := sorted(needed - set(devices)):
        raise UsageError(
            f"edge `{setup.edge}` has tags on devices {missing}, which it was not given"
        )
    readers = {name: DeviceReader(name, devices[name]) for name in needed}
    return [
        Poll(group, scan, readers, Gatherer(group, setup.gather_ns, setup.max_rows), spool)
        for group, scan in plans
        if scan.cells
    ]


def _listeners(setup: EdgeSetup, brokers: Sequence[Broker], spool: AsyncSpool) -> list[Listener]:
    """A loop for each broker that tags of this edge name."""
    groups = [setup.plant.groups[name] for name in setup.plant.edges[setup.edge].groups]
    found = []
    for broker in brokers:
        mine = [
            g
            for g in groups
            if any(t.mqtt is not None and t.mqtt.broker == broker.name for t in g.tags)
        ]
        if mine:
            limits = setup.gather_ns, setup.max_rows
            found.append(Listener(broker, Translator(broker.name, mine), spool, limits))
    return found


def _sum(counts: list[Polled]) -> Polled:
    return Polled(
        rows=sum(c.rows for c in counts),
        missing=sum(c.missing for c in counts),
        skipped=sum(c.skipped for c in counts),
    )
