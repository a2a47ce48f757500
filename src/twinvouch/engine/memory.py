"""All state of one plant's engine. One thread owns it; `app/api/views.py` reads it on that thread."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence

import numpy as np

from twinvouch.commands.register import Record
from twinvouch.core.command import CommandStatus
from twinvouch.core.context import ActuatorWrite, Arrival, Context
from twinvouch.core.event import Plain
from twinvouch.core.finding import Finding
from twinvouch.core.label import Label
from twinvouch.core.mode import Mode
from twinvouch.core.site import Site
from twinvouch.queries.memory import Seen
from twinvouch.readings.link import Link
from twinvouch.readings.refusals import Tallies
from twinvouch.twin.frame import Frame

RECENT_FINDINGS = 1000
RECENT_COMMANDS = 10_000
RECENT_CLOSED = (
    1000  # of these, commands that nothing can happen to any more: the ledger has them all
)
RECENT_WRITES = 16  # of one actuator


class Memory:
    """What the engine knows; `dirty` names the stored rows that changed since they were last drained."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.frame = Frame(site.plant)
        self.links: dict[str, Link] = {}
        self.records: dict[str, Record] = {}
        self.closed = 0  # how many of them are
        self.by_nonce: dict[bytes, str] = {}  # permit nonce -> command id
        self.writes: dict[str, tuple[ActuatorWrite, ...]] = {}
        self.arrivals: dict[int, Arrival] = {}  # batches that commands may still declare, by entry
        self.seen: dict[str, Seen] = {}
        self.streams: dict[str, int] = {}  # services with an open stream -> until when at most, ns
        self.modes: dict[str, Mode] = {}
        self.distrusted: dict[str, int] = {}  # tag -> expiry, ns
        self.nonces: dict[bytes, int] = {}  # of statements -> expiry, ns
        self.tallies: Tallies = {}
        self.findings: deque[tuple[int, int, Finding]] = deque(
            maxlen=RECENT_FINDINGS
        )  # entry, ns, finding
        self.labels: dict[
            str, tuple[bytes, bytes]
        ] = {}  # group -> key and digest of the label kept last
        self.models: dict[str, Mapping[str, Plain]] = {}
        self.counts: Counter[str] = Counter()
        self.runs_with = (
            b"",
            b"",
            "",
        )  # digests of configuration and policy, and build, of the last start
        self.is_disk_full = False
        self.size = 0  # ledger entries
        self.now_ns = 0
        self.dirty: set[str] = set()

    def context(self) -> Context:
        """What gates may know of each other's business."""
        return Context(
            self.writes, self.modes, self.distrusted, self.arrivals, is_disk_full=self.is_disk_full
        )

    def label(self, tag_ids: Sequence[str]) -> Label:
        """The labels that readers see now: what a person distrusts is nothing."""
        label = self.frame.label(tag_ids, self.now_ns)
        trusted = np.array([self.distrusted.get(t, 0) <= self.now_ns for t in tag_ids], dtype=bool)
        return Label(label.axes * trusted, label.fresh_until)

    def set_link(self, link: Link) -> None:
        """Remember how far an edge has come."""
        self.links[link.edge] = link
        self.dirty.add(f"link/{link.edge}")

    def keep(self, record: Record) -> Record:
        """Remember a command's record; beyond a limit the oldest closed ones are forgotten."""
        before = self.records.get(record.command.id)
        self.closed += (not record.is_open) - (before is not None and not before.is_open)
        self.records[record.command.id] = record
        self.dirty.add(f"command/{record.command.id}")
        self.remember_write(record)
        while len(self.records) > RECENT_COMMANDS:
            self._forget(self._least_needed(record))
        while self.closed > RECENT_CLOSED and self._is_over(oldest := self._least_needed(record)):
            self._forget(oldest)
        return record

    def _is_over(self, record: Record) -> bool:
        """Closed, and too old to be taken for a new command should it be sent again."""
        age_ns = self.now_ns - record.command.made_ns
        return not record.is_open and age_ns > self.site.commands.max_age_ns

    def _forget(self, oldest: Record) -> None:
        del self.records[oldest.command.id]
        self.closed -= not oldest.is_open
        self.by_nonce.pop(oldest.permit_nonce, None)
        self.dirty.add(f"command/{oldest.command.id}")

    def _least_needed(self, newest: Record) -> Record:
        """The oldest closed record, else the oldest held one: a permit on its way is not forgotten for a flood of holds."""
        records = self.records.values()
        closed = next((r for r in records if not r.is_open), None)
        held = next((r for r in records if r.status is CommandStatus.HELD), newest)
        return held if closed is None else closed

    def remember_write(self, record: Record) -> None:
        """Let a permit explain changes of its actuator."""
        if not record.permit_nonce:
            return
        self.by_nonce[record.permit_nonce] = record.command.id
        tag = record.command.tag
        others = [w for w in self.writes.get(tag, ()) if w.permit != record.permit_entry]
        newest = sorted([*others, record.as_write()], key=lambda w: w.permit)[-RECENT_WRITES:]
        self.writes[tag] = tuple(newest)
