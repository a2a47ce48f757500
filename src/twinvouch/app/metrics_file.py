"""A metrics file for the textfile collector of node_exporter: for processes that open no port.

The file is replaced as a whole, so a scrape never sees half of it. It may name the edge or the principal: who can
read the file can read the configuration's names, so give the directory to node_exporter alone.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector, write_to_textfile
from prometheus_client.core import Metric

from twinvouch import __version__
from twinvouch.app.metric_families import gauge, gauges
from twinvouch.app.process_memory import pss_bytes

_log = logging.getLogger("twinvouch.metrics")


class Families:
    """Families made already, as what prometheus_client calls a collector."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        """As they are."""
        return self._families


def write(path: Path, process: str, families: Iterable[Metric]) -> None:
    """Replace the file by these families and what is known of the process; a full disk is told, and ends nothing."""
    registry = CollectorRegistry()
    registry.register(Families([*_process(process), *families]))
    ProcessCollector(namespace=f"twinvouch_{process}", registry=registry)
    try:
        write_to_textfile(str(path), registry)
    except OSError as error:
        _log.warning("metrics file `%s` cannot be written: %s", path, error.strerror)


def _process(process: str) -> Iterable[Metric]:
    yield gauges(
        f"twinvouch_{process}_build_info",
        "Always 1; the label says what runs.",
        ("version",),
        [((__version__,), 1)],
    )
    if (pss := pss_bytes()) is not None:
        yield gauge(f"twinvouch_{process}_pss_bytes", "Proportional set size.", pss)
