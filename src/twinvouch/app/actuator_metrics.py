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
from twinvouch.core.command import OutcomeStatus

EVERY_S: Final = 15.0


async def writing(
    path: Path | None, actuator: Actuator, clock: Clock, ends: Ends = MappingProxyType({})
) -> None:
    """Write the file now and every 15 s until cancelled; once more then."""
    if path is None:
        return
    try:
        while True:
            metrics_file.write(path, "actuator", families(actuator, ends))
            await clock.sleep(EVERY_S)
    finally:
        metrics_file.write(path, "actuator", families(actuator, ends))


def families(actuator: Actuator, ends: Ends = MappingProxyType({})) -> Iterable[Metric]:
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
