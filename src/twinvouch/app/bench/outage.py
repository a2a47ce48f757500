"""`bench outage`: an edge works for hours without a link, then returns, and every row is to be in history.

The hours pass in virtual time: the real edge code polls, seals and spools to disk, and nobody answers. Then
time is real: a core process, another edge that was never away, and the first one with its backlog. What the
devices said is the truth; against it stands the event log, read back after the end. A second edge without a
link has a spool that is too small for the hours.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import httpx

from twinvouch.adapters.event_stream import Caller, events
from twinvouch.adapters.http_transport import HttpTransport
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.spool import MAX_BYTES, Spool
from twinvouch.app import build
from twinvouch.app.bench import outage_site as site
from twinvouch.app.bench.kill import percentile
from twinvouch.app.clock import Clock, SystemClock
from twinvouch.app.edge import EdgeParts, EdgeSetup, Tally, run_edge
from twinvouch.core.errors import UnavailableError
from twinvouch.core.event import BatchReceived, Plain
from twinvouch.core.inventory import Plant
from twinvouch.core.ports import Transport
from twinvouch.lab import recorded, virtual_time
from twinvouch.lab.children import Children, cpu_s
from twinvouch.lab.processes import free_port
from twinvouch.lab.virtual_time import VirtualClock, VirtualLoop
from twinvouch.wire.batch import read_batch, read_header
from twinvouch.wire.cose import unseal
from twinvouch.wire.eventlog import read_event

Say = Callable[[str], None]
Figures = dict[str, float | int | str]
_SMALL_PART: Final = 4  # the small spool has room for about a quarter of the hours
_BATCH_BYTES: Final = 450  # about what a batch of one row takes
_QUIET_S: Final = 10.0  # the steady edge is measured alone for so long
_PATIENCE_S: Final = 3600.0
_SECOND_NS: Final = 1_000_000_000


class NoLink:
    """A transport to a core that does not answer."""

    async def send(self, path: str, body: bytes) -> tuple[int, Mapping[str, Plain]]:
        """Fits ports.Transport."""
        raise UnavailableError(f"no link: {len(body)} bytes for {path} wait")


@dataclass(slots=True)
class Live:
    """What the stream said of live state: per edge the seconds from source to receive time, in order of arrival."""

    lags: dict[str, list[float]] = field(default_factory=dict)

    def take(self, said: Mapping[str, Any]) -> None:
        """One update of live state."""
        edge = str(said["group"]).removeprefix("of-")
        lag_s = (said["received_ns"] - said["first_t_ns"]) / 1e9
        self.lags.setdefault(edge, []).append(lag_s)

    def late(self) -> int:
        """Updates by rows that were older than `max_age_s` when they came."""
        return sum(lag > site.MAX_AGE_S for lags in self.lags.values() for lag in lags)


@dataclass(slots=True)
class Drill:
    """One drill below `directory`: a plant, and a device for each edge."""

    directory: Path
    port: int
    plant: Plant
    devices: dict[str, site.Device] = field(
        default_factory=lambda: {edge: site.Device() for edge in site.EDGES}
    )

    def spool(self, edge: str, max_bytes: int = MAX_BYTES) -> Spool:
        """Open the spool of an edge."""
        return Spool(self.directory / "edges" / f"{edge}.spool", edge, max_bytes)

    async def edge(
        self, edge: str, parts: tuple[Spool, Transport, Clock], stop: asyncio.Event
    ) -> Tally:
        """Run an edge until `stop` is set."""
        spool, transport, clock = parts
        signer = site.signer(self.directory, edge)
        devices = {f"plc-{edge}": self.devices[edge]}
        return await run_edge(
            EdgeSetup(self.plant, edge), EdgeParts(devices, spool, signer, transport, clock), stop
        )


def run(hours: float, say: Say) -> tuple[Figures, bool]:
    """Go through the outage; figures, and whether nothing is missing, late in live state or unsaid."""
    directory = Path(tempfile.mkdtemp(prefix="twinvouch-outage-"))
    port = free_port()
    twin = site.write(directory, port)
    drill = Drill(directory, port, build.site(build.load(twin)).plant)
    room = max(20, int(hours * 3600 / site.PERIOD_S) // _SMALL_PART) * _BATCH_BYTES
    figures: Figures = {"hours": hours, "tags": site.TAGS, "period_s": site.PERIOD_S}
    began = time.monotonic()
    say(f"{hours:g} hours without a link, in virtual time ...")
    offline = _offline(drill, site.OFFLINE, hours, MAX_BYTES)
    spool_bytes = (directory / "edges" / f"{site.OFFLINE}.spool").stat().st_size
    small = _offline(drill, site.SMALL, hours, room)
    values = offline.polled.rows * site.TAGS
    figures |= {
        "rows_offline": offline.polled.rows,
        "rows_refused": offline.rows_refused,
        "spool_bytes": spool_bytes,
        "spool_bytes_per_value": round(spool_bytes / values, 2),
        "spooling_values_per_s": round(values / (time.monotonic() - began)),
        "small_spool_bytes": room,
        "small_rows_read": small.polled.rows,
        "small_rows_refused": small.rows_refused,
    }
    say(f"{offline.waiting} batches wait, {spool_bytes} bytes; the link is back ...")
    live = Live()
    figures |= asyncio.run(_return(drill, offline, live, say))
    figures |= _history(drill, {site.OFFLINE: 0, site.STEADY: 0, site.SMALL: small.rows_refused})
    figures["late_in_live"] = live.late()
    faults = list(faults_of(figures))
    for fault in faults:
        say(fault)
    figures["seconds"] = round(time.monotonic() - began, 1)
    figures["directory"] = str(directory)
    return figures, not faults


def _offline(drill: Drill, edge: str, hours: float, room: int) -> Tally:
    """The hours that end now, in virtual time."""
    start_ns = time.time_ns() - int(hours * 3600 * _SECOND_NS)

    async def work(loop: VirtualLoop) -> Tally:
        clock, stop = VirtualClock(loop, start_ns), asyncio.Event()
        loop.call_later(hours * 3600 - site.PERIOD_S / 2, stop.set)
        spool = drill.spool(edge, room)
        try:
            return await drill.edge(edge, (spool, NoLink(), clock), stop)
        finally:
            spool.close()

    return virtual_time.run(work)


async def _return(drill: Drill, waiting: Tally, live: Live, say: Say) -> Figures:
    """A core process, the steady edge, and then the ones with a backlog."""
    children = Children(drill.directory / "logs")
    url = f"http://127.0.0.1:{drill.port}"
    await children.start("core", ("run", str(drill.directory / "twin.yaml")))
    try:
        await _until_ready(children, url)
        watching = asyncio.create_task(_watch(drill, url, live))
        figures = await _catch_up(drill, children, waiting, live)
        say(f"caught up after {figures['catch_up_s']} s")
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await children.end("core")
    finally:
        await children.end_all()
    return figures


async def _catch_up(drill: Drill, children: Children, waiting: Tally, live: Live) -> Figures:
    """The steady edge alone, then the one that was offline beside it, then the one with the small spool."""
    stop = asyncio.Event()
    async with AsyncExitStack() as opened, asyncio.TaskGroup() as tasks:

        async def begin(edge: str) -> Spool:
            spool = opened.enter_context(closing(drill.spool(edge)))
            link = await opened.enter_async_context(HttpTransport(f"http://127.0.0.1:{drill.port}"))
            tasks.create_task(drill.edge(edge, (spool, link, SystemClock()), stop))
            return spool

        await begin(site.STEADY)
        await asyncio.sleep(_QUIET_S)
        alone = len(live.lags.get(site.STEADY, ()))
        core_s, began = cpu_s(children.pid("core")), time.monotonic()
        await _until_caught_up(await begin(site.OFFLINE), children)
        figures = _rates(
            waiting, time.monotonic() - began, cpu_s(children.pid("core")) - core_s
        ) | _lags(live, alone)
        await _until_caught_up(await begin(site.SMALL), children)
        stop.set()
    return figures


def _rates(offline: Tally, took: float, core_s: float) -> Figures:
    values = (offline.polled.rows - offline.rows_refused) * site.TAGS
    return {
        "catch_up_s": round(took, 1),
        "catch_up_batches_per_s": round(offline.waiting / took, 1),
        "catch_up_values_per_s": round(values / took),
        "catch_up_core_cpu_s": round(core_s, 1),
        "catch_up_values_per_core_cpu_s": round(values / core_s) if core_s else 0,
    }


def _lags(live: Live, quiet: int) -> Figures:
    """How old the steady edge's rows were when they were received: alone, and beside the catching up."""
    lags = live.lags.get(site.STEADY, [])
    alone, beside = lags[:quiet], lags[quiet:]
    return {
        "steady_lag_ms_p50_alone": round(1000 * median(alone), 1) if alone else 0.0,
        "steady_lag_ms_p50_beside": round(1000 * median(beside), 1) if beside else 0.0,
        "steady_lag_ms_p99_beside": round(1000 * percentile(beside, 0.99), 1),
        "steady_updates_beside": len(beside),
    }


async def _until_ready(children: Children, url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            children.check()
            with suppress(httpx.TransportError):
                if (await client.get(f"{url}/readyz")).is_success:
                    return
            await asyncio.sleep(0.05)


async def _until_caught_up(spool: Spool, children: Children) -> None:
    until = time.monotonic() + _PATIENCE_S
    while spool.waiting[0]:
        children.check()
        if time.monotonic() > until:
            raise UnavailableError(f"{spool.waiting[0]} batches still wait after {_PATIENCE_S} s")
        await asyncio.sleep(0.02)


async def _watch(drill: Drill, url: str, live: Live) -> None:
    """Every update of live state, as any subscriber sees it."""
    token = drill.directory / "keys" / f"{site.READER}.token"
    async for event in events(url, "/api/v1/stream?purpose=drill", Caller(token)):
        if event.name == "labels":
            live.take(json.loads(event.data))
        elif event.name == "missed":
            raise UnavailableError(f"the stream left out {event.data} updates: nothing is proved")


def _history(drill: Drill, refused: Mapping[str, int]) -> Figures:
    """What the event log holds of each edge, against what its device said."""
    ledger = drill.directory / "data" / "ledger"
    key = site.signer(drill.directory, "log").public_key
    checked = recorded.verify(ledger, site.ORIGIN, key)
    admitted = recorded.batches(ledger, checked.size)
    rows: dict[str, list[tuple[int, ...]]] = {edge: [] for edge in site.EDGES}
    log = SegmentLog(drill.directory / "data" / "log")
    seen = set()
    for _, record in log.records():
        event, _ = read_event(record)
        if not isinstance(event, BatchReceived):
            continue
        sealed = unseal(event.raw)
        header = read_header(sealed.content)
        if header.identity in seen or header.identity not in admitted:
            continue
        seen.add(header.identity)
        group = drill.plant.groups[header.group]
        batch = read_batch(sealed.content, sealed.digest, header, group, 10_000)
        rows[header.identity.edge] += [tuple(map(int, row)) for row in batch.values]
    log.close()
    figures: Figures = {"ledger_verified": int(checked.ok), "ledger_entries": checked.size}
    for edge, name in zip(site.EDGES, ("", "steady_", "small_"), strict=True):
        said = drill.devices[edge].truth
        figures[f"{name}rows_in_history"] = len(rows[edge])
        figures[f"{name}rows_missing"] = len(said) - refused[edge] - len(rows[edge])
        kept = rows[edge] if not refused[edge] else _subsequence(rows[edge], said)
        expected = said if not refused[edge] else rows[edge]
        figures[f"{name}history_is_true"] = int(site.digest(kept) == site.digest(expected))
    return figures


def _subsequence(
    part: list[tuple[int, ...]], whole: list[tuple[int, ...]]
) -> list[tuple[int, ...]]:
    """The rows of `part` that stand in `whole` in the same order: all of them, where nothing was made up."""
    rest = iter(whole)
    return [row for row in part if any(row == other for other in rest)]


def faults_of(figures: Figures) -> list[str]:
    """What must not be, as sentences."""
    faults = []
    for name, of in (("", "offline"), ("steady_", "steady"), ("small_", "small-spool")):
        if figures[f"{name}rows_missing"]:
            faults.append(
                f"{figures[f'{name}rows_missing']} rows of the {of} edge are not in history"
            )
        if not figures[f"{name}history_is_true"]:
            faults.append(f"the history of the {of} edge is not what its device said")
    if figures["rows_refused"]:
        faults.append(f"{figures['rows_refused']} rows did not fit the spool")
    if not figures["small_rows_refused"]:
        faults.append("the small spool was to be too small, and was not")
    if figures["late_in_live"]:
        faults.append(f"{figures['late_in_live']} updates of live state were by late rows")
    if float(figures["steady_lag_ms_p99_beside"]) > 1000 * site.PERIOD_S:
        faults.append("the steady edge's readings were held up by more than one period")
    if not figures["ledger_verified"]:
        faults.append("the ledger does not verify")
    return faults
