"""All state of one plant's engine. One thread owns it; `app/api/views.py` reads it on that thread."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from twinvouch.commands.foreseen import Asked, watched
from twinvouch.commands.given import Given
from twinvouch.commands.register import Record
from twinvouch.core.command import CommandStatus
from twinvouch.core.context import ActuatorWrite, Arrival, Context
from twinvouch.core.event import Plain, Tick
from twinvouch.core.finding import Finding
from twinvouch.core.genesis import Beginning
from twinvouch.core.inventory import key_id
from twinvouch.core.keyring import KeyRefusedError, Keyring
from twinvouch.core.kind import Purpose
from twinvouch.core.label import Label
from twinvouch.core.memo import Memo
from twinvouch.core.mode import Mode
from twinvouch.core.ports import Detector
from twinvouch.core.site import Safety, Site
from twinvouch.core.ticket import Ticket
from twinvouch.core.trusted import Trusted
from twinvouch.queries.memory import Marks, Seen
from twinvouch.readings.link import Link
from twinvouch.readings.refusals import Tallies
from twinvouch.twin.frame import Frame

RECENT_FINDINGS = 1000
RECENT_COMMANDS = 10_000
RECENT_CLOSED = (
    1000  # of these, commands that nothing can happen to any more: the ledger has them all
)
RECENT_WRITES = 16  # of one actuator
SIGNATURES = 2  # persons who sign a configuration


@dataclass(slots=True)
class KeyUse:
    """What one key signed in one hour: `counts` by kind of thing, and the ledger range it lies in."""

    first_entry: int
    last_entry: int
    last_ns: int
    counts: dict[str, int]


@dataclass(slots=True)
class Signed:
    """The configuration that was signed last; `signers` may sign the next. `pending`: person -> number, digest, key id, expiry."""

    number: int
    digest: bytes
    signers: dict[str, bytes]
    pending: dict[str, tuple[int, bytes, bytes, int]]


class Memory:
    """What the engine knows; `dirty` names the stored rows that changed since they were last drained."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.frame = Frame(site.plant)
        self.links: dict[str, Link] = {}
        self.beginnings: dict[str, Beginning] = {}  # edge -> how its chain last began anew
        # what was announced, by the nonce of its statement; what declared rules of gate 1 remember
        self.tickets, self.memos = dict[bytes, Ticket](), dict[str, Memo]()
        self.records, self.closed = dict[str, Record](), 0  # all, and how many are closed
        self.by_nonce: dict[bytes, str] = {}  # permit nonce -> command id
        self.writes: dict[str, tuple[ActuatorWrite, ...]] = {}
        self.arrivals: dict[int, Arrival] = {}  # batches that commands may still declare, by entry
        self.seen: dict[str, Seen] = {}
        # where in the ledger services have read, by answers and by what their streams showed
        self.answered, self.streamed = dict[str, Marks](), dict[str, Marks]()
        self.streams: dict[str, int] = {}  # services with an open stream -> until when at most, ns
        # by asset; and what was recommended, by id
        self.modes, self.advice = dict[str, Mode](), dict[str, Given]()
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
        self.ring = Keyring(site.plant, site.root) if site.root else None
        self.signed = Signed(0, b"", {}, {})
        self.uses: dict[bytes, dict[int, KeyUse]] = {}  # by key id and hour since 1970
        self.counts: Counter[str] = Counter()
        self.runs_with = (
            b"",
            b"",
            "",
        )  # digests of configuration and policy, and build, of the last start
        # look-ahead: what was asked, by command; where the tags that it starts from were while they were trusted
        self.asked, self.trusted = dict[str, Asked](), dict[str, Trusted]()
        self.watched, self.is_disk_full = watched(site), False
        self.size, self.now_ns = 0, 0  # ledger entries; time
        # of the log: how often a backup was restored, and when last: what was signed before has no effect any more
        self.epoch, self.epoch_ns = 0, 0
        self.ticked: Tick | None = None  # the last one with clocks, of this run of the process
        self.dirty: set[str] = set()

    def context(self) -> Context:
        """What gates may know of each other's business."""
        return Context(
            self.writes,
            self.modes,
            self.distrusted,
            self.arrivals,
            self.ring,
            beginnings=self.beginnings,
            is_disk_full=self.is_disk_full,
            memos=self.memos,
            detector=self.detector(),
            tickets=tuple(self.tickets.values()),
            trusted=self.trusted,
        )

    def detector(self) -> Detector | None:
        """The configured model, while it is the one that gate 2 admitted last under its name."""
        detector = self.site.detector
        model = self.models.get(detector.model) if detector is not None else None
        if detector is None or model is None or model.get("digest") != detector.digest.hex():
            return None
        return detector

    def signers(self, safety: Safety) -> Mapping[str, bytes]:
        """Who may sign a configuration now: those of the last signed one, at first those of the present one."""
        return self.signed.signers if self.signed.number else safety.signers

    def withheld(self) -> tuple[tuple[str, str], ...]:
        """Why no permit may be issued at all now, whatever the command: rules and sentences."""
        return (*self._unsigned(), *self._permit_key())

    def _unsigned(self) -> tuple[tuple[str, str], ...]:
        safety = self.site.safety
        if safety is None or self.signed.digest == safety.digest:
            return ()
        last = (
            f"differs from number {self.signed.number}"
            if self.signed.number
            else "was never signed"
        )
        may = ", ".join(sorted(self.signers(safety))[:10]) or "nobody yet"
        why = (
            f"what this core runs with (limits, interlocks, classes, keys, roles) {last}: {SIGNATURES} persons "
            f"with role safety-signer ({may}) sign it, `twinvouch config sign --by PERSON`"
        )
        return (("config_signed", why),)

    def _permit_key(self) -> tuple[tuple[str, str], ...]:
        if self.ring is None or not self.site.permit_key:
            return ()
        try:
            self.ring.expect(key_id(self.site.permit_key), Purpose.PERMIT, self.now_ns)
        except KeyRefusedError as error:
            why = f"the permit key does not count: {error}; `twinvouch keys rotate permit` makes a new one"
            return (("permit_key", why),)
        return ()

    def label(self, tag_ids: Sequence[str]) -> Label:
        """The labels that readers see now: what a person distrusts is nothing."""
        label = self.frame.label(tag_ids, self.now_ns)
        trusted = np.array([self.distrusted.get(t, 0) <= self.now_ns for t in tag_ids], dtype=bool)
        return Label(label.axes * trusted, label.fresh_until)

    def set_link(self, link: Link) -> None:
        """Remember how far an edge has come."""
        self.links[link.edge] = link
        self.dirty.add(f"link/{link.edge}")

    def set_beginning(self, edge: str, beginning: Beginning | None) -> None:
        """Remember how an edge's chain last began anew."""
        if beginning is not None and beginning != self.beginnings.get(edge):
            self.beginnings[edge] = beginning
            self.dirty.add(f"beginning/{edge}")

    def set_memos(self, memos: Mapping[str, Memo]) -> None:
        """Remember what declared rules of gate 1 need for the next batch."""
        self.memos |= memos
        self.dirty.update(f"memo/{key}" for key in memos)

    def doubt(self, caps: Mapping[str, int]) -> None:
        """Lower live values that a batch of other tags casts doubt on."""
        for tag in self.frame.doubt(caps):
            self.dirty.add(f"frame/{self.site.plant.tags[tag].group}")

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
