"""What an edge tells of itself in its metrics file: what it read, what waits, what was lost."""

from collections.abc import Callable, Iterable
from pathlib import Path
from types import MappingProxyType

from prometheus_client.core import Metric

from twinvouch.app import metrics_file
from twinvouch.app.edge import Tally
from twinvouch.app.link_tls import Ends
from twinvouch.app.metric_families import counters, ending, gauges

EDGE = ("edge",)


def writer(
    path: Path | None, edge: str, ends: Ends = MappingProxyType({})
) -> Callable[[Tally], None] | None:
    """Writes the tally of `edge`, and when the certificates of its link end, to the file; None where there is no file."""
    if path is None:
        return None
    return lambda tally: metrics_file.write(path, "edge", families(edge, tally, ends))


def families(edge: str, tally: Tally, ends: Ends = MappingProxyType({})) -> Iterable[Metric]:
    """The tally as families, all with the edge's name."""
    who, shipped = (edge,), tally.shipped
    for name, help_, value in (
        ("rows", "Rows read.", tally.polled.rows),
        ("broker_readings", "Readings taken from messages of brokers.", tally.readings),
        ("missing_cells", "Cells that no device gave.", tally.polled.missing),
        ("skipped_rounds", "Rounds that came too late to be read.", tally.polled.skipped),
        ("lost_rows", "Rows read and lost because the spool was full.", tally.rows_refused),
        ("batches", "Batches sealed and spooled.", tally.batches),
        ("kept_batches", "Batches that the core has.", shipped.kept),
        ("refused_batches", "Batches that the core will never take.", shipped.refused),
        ("failed_attempts", "Attempts to ship that have to be made again.", shipped.failures),
    ):
        yield counters(f"twinvouch_edge_{name}", help_, EDGE, [(who, value)])
    for name, help_, value in (
        ("spool_batches", "Batches that wait on disk.", tally.waiting),
        ("spool_bytes", "Bytes that wait on disk.", tally.waiting_bytes),
        ("failing_attempts", "Attempts that failed since the last success.", shipped.failing),
    ):
        yield gauges(f"twinvouch_edge_{name}", help_, EDGE, [(who, value)])
    yield ending("twinvouch_edge_certificate_expires_seconds", {"edge": edge}, ends)
