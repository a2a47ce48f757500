"""What the core measures while it works: times and sizes that no later look at its state could tell.

Observing costs about a microsecond on the committer's thread and never waits for a scrape. Everything else that
`/metrics` shows is read from the core's own counters when somebody asks (`core_metrics`).
"""

import time
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Histogram

from twinvouch.app.inbox import Item
from twinvouch.core.event import Effect, Priority, Publish
from twinvouch.core.ports import Log

# seconds; from a flush in a write cache to one that a person notices
SECONDS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
EVENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Meter:
    """The histograms of one core; `registry` holds them and nothing else."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.group = Histogram(
            "twinvouch_group_events",
            "Events made durable together.",
            buckets=EVENTS,
            registry=self.registry,
        )
        self.fsync = Histogram(
            "twinvouch_log_sync_seconds",
            "One fdatasync of the event log.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.label = Histogram(
            "twinvouch_label_seconds",
            "From a batch in the inbox to its labels leaving for the stream, durable.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self._answer = Histogram(
            "twinvouch_answer_seconds",
            "From an event in the inbox to its durable answer, by priority.",
            ["priority"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._answers = {p: self._answer.labels(p.name.lower()) for p in Priority}

    def answered(self, item: Item, effects: Sequence[Effect]) -> None:
        """Note how long an event took whose effects are about to leave."""
        took_s = time.monotonic() - item.since_s
        self._answers[item.priority].observe(took_s)
        if any(isinstance(e, Publish) and e.topic == "labels" for e in effects):
            self.label.observe(took_s)


class TimedLog:
    """A Log whose syncs are measured; the log itself knows nothing of it."""

    def __init__(self, log: Log, times: Histogram) -> None:
        self._log, self._times = log, times

    def append(self, record: bytes) -> int:
        """Add a record and return its number."""
        return self._log.append(record)

    def sync(self) -> None:
        """Make everything appended durable."""
        with self._times.time():
            self._log.sync()

    def records(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Records from number `start`, in order."""
        return self._log.records(start)

    def close(self) -> None:
        """Release the files."""
        self._log.close()
