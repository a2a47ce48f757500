"""What an actuator tells of itself in its metrics file: outcomes, and what it would not even look at."""

from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType
from typing import Final

from prometheus_client.core import Metric

from twinvouch.app import metrics_file
from twinvouch.app.actuator import Actuator
from twinvouch.app.clock import Clock
from twinvouch.app.link_tls import Ends
from twinvouch.app.metric_families import counter, counters, ending, gauge
from twinvouch.app.proxy import Proxy
from twinvouch.core.command import OutcomeStatus

EVERY_S: Final = 15.0


async def writing(
    path: Path | None,
    actuator: Actuator,
    clock: Clock,
    ends: Ends = MappingProxyType({}),
    proxy: Proxy | None = None,
) -> None:
    """Write the file now and every 15 s until cancelled; once more then."""
    if path is None:
        return
    try:
        while True:
            metrics_file.write(path, "actuator", families(actuator, ends, proxy))
            await clock.sleep(EVERY_S)
    finally:
        metrics_file.write(path, "actuator", families(actuator, ends, proxy))


def families(
    actuator: Actuator, ends: Ends = MappingProxyType({}), proxy: Proxy | None = None
) -> Iterable[Metric]:
    """The tally and the journal as families; nothing of a command or a tag."""
    tally, journal = actuator.tally, actuator.journal
    yield counters(
        "twinvouch_actuator_outcomes",
        "Permits of this run by what became of them.",
        ("status",),
        [((s.value,), tally.outcomes.get(s, 0)) for s in OutcomeStatus],
    )
    for name, help_, value in (
        ("forged_permits", "Bytes that the permit key does not vouch for.", tally.forged),
        ("repeated_permits", "Permits that came again.", tally.repeated),
        ("dropped_permits", "Permits dropped because too many were in work.", tally.dropped),
    ):
        yield counter(f"twinvouch_actuator_{name}", help_, value)
    unresolved, outbox = len(journal.unresolved), len(journal.outbox)
    yield gauge("twinvouch_actuator_unresolved_permits", "Spent, without an outcome.", unresolved)
    yield gauge("twinvouch_actuator_outbox_outcomes", "Outcomes that the core has not.", outbox)
    yield ending("twinvouch_actuator_certificate_expires_seconds", {}, ends)
    if proxy is not None:
        yield from _of_proxy(proxy)


def _of_proxy(proxy: Proxy) -> Iterable[Metric]:
    counts = [front.counts for front in proxy.fronts]
    yield counter("twinvouch_proxy_reads", "Reads passed on to devices.", proxy.reads())
    yield counter(
        "twinvouch_proxy_read_seconds", "Seconds that answered reads waited.", proxy.waited_s()
    )
    yield counters(
        "twinvouch_proxy_writes",
        "Writes of clients by what became of them.",
        ("fate",),
        [((fate.value,), number) for fate, number in proxy.fates().items()],
    )
    yield counters(
        "twinvouch_proxy_refusals",
        "Requests answered by the proxy itself, by reason.",
        ("reason",),
        [((why.value,), number) for why, number in proxy.owned().items()],
    )
    for name, help_, value in (
        (
            "broken_streams",
            "Connections ended because a header lied.",
            sum(c.broken for c in counts),
        ),
        (
            "turned_away",
            "Connections for which there was no room.",
            sum(c.turned_away for c in counts),
        ),
    ):
        yield counter(f"twinvouch_proxy_{name}", help_, value)
    clients = sum(len(front.clients) for front in proxy.fronts)
    yield gauge("twinvouch_proxy_clients", "Open connections of clients.", clients)
    if proxy.safe is not None:
        untold = len(proxy.safe.journal.untold)
        yield gauge(
            "twinvouch_proxy_untold_safe_actions",
            "Safe actions the core has not been told of.",
            untold,
        )
