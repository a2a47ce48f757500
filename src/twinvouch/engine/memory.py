"""All state of one plant's engine. One thread owns it; `app/api/views.py` reads it on that thread."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from twinvouch.commands.foreseen import Asked, starts
from twinvouch.commands.given import Given
from twinvouch.commands.register import Record
from twinvouch.commands.watching import Watching
from twinvouch.core.aftermath import Awaited
from twinvouch.core.command import CommandStatus
from twinvouch.core.context import Arrival, Context
from twinvouch.core.distrust import Distrust, Hands, Known, by_hand, expand
from twinvouch.core.event import Plain, Tick
from twinvouch.core.finding import Finding
from twinvouch.core.genesis import Beginning
from twinvouch.core.glass import Glass
from twinvouch.core.keyring import Keyring
from twinvouch.core.label import Label
from twinvouch.core.memo import Memo
from twinvouch.core.mode import Mode, Rung, within
from twinvouch.core.ports import Detector
from twinvouch.core.site import Site
from twinvouch.core.ticket import Ticket
from twinvouch.core.trusted import Trusted
from twinvouch.core.virtual import Axes
from twinvouch.engine.disavowals import Disavowed
from twinvouch.engine.episode import Episode
from twinvouch.engine.past import PastMemory
from twinvouch.engine.renumbered import Renumbered
from twinvouch.engine.watch import Watch
from twinvouch.queries.memory import Marks, Seen
from twinvouch.readings.link import Link
from twinvouch.readings.refusals import Tallies
from twinvouch.twin.balance import Track
from twinvouch.twin.beside import beside
from twinvouch.twin.frame import Frame

RECENT_FINDINGS = 1000
RECENT_COMMANDS = 10_000
RECENT_CLOSED = (
    1000  # of these, commands that nothing can happen to any more: the ledger has them all
)
RECENT_DISAVOWALS = 100  # of these that are over

_NOTHING: tuple[object, Distrust] = None, Distrust()


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
        # tags that look-ahead starts from, by group
        self.site, self.starts, self.frame = site, starts(site), Frame(site.plant)
        # by tag: what stands beside virtual sensors, what they remember, and those that stand in now
        self.beside = beside(site.plant, site.virtual)
        self.tracks, self.episodes = dict[str, Track](), dict[str, Episode]()
        # by edge: how far it has come, and how its chain last began anew
        self.links, self.beginnings = dict[str, Link](), dict[str, Beginning]()
        # what was announced, by the nonce of its statement; what declared rules of gate 1 remember
        self.tickets, self.memos = dict[bytes, Ticket](), dict[str, Memo]()
        # all commands; how many are closed; permit nonce -> command id
        self.records, self.closed, self.by_nonce = dict[str, Record](), 0, dict[bytes, str]()
        # of actuators; writes that must show; batches that commands may still declare, by entry
        self.past, self.awaited = PastMemory(site), dict[str, Awaited]()
        self.arrivals: dict[int, Arrival] = {}
        self.seen: dict[str, Seen] = {}
        # where in the ledger services have read, by answers and by what their streams showed
        self.answered, self.streamed = dict[str, Marks](), dict[str, Marks]()
        # services with an open stream -> until when, ns; permits of safe actions, ns
        self.streams, self.safe_used = dict[str, int](), dict[str, tuple[int, ...]]()
        # break-glass by subject; misuses of keys by asset: when, and a mark of the command
        self.glasses, self.misuses = dict[str, Glass](), dict[str, tuple[tuple[int, bytes], ...]]()
        # by asset; and what was recommended, by id
        self.modes, self.advice = dict[str, Mode](), dict[str, Given]()
        # what persons said of a tag, edge, model or key -> expiry, ns; and what is known of each since
        self.distrusted, self.watched = dict[str, int](), dict[str, Watch]()
        # by scan group from which entry on which key signed it; advice that is to be judged again, because of which entries
        self.hands, self.unjudged = dict[str, Hands](), dict[str, tuple[int, ...]]()
        # of statements -> expiry, ns; and in a rewind what stays distrusted whatever is said of it
        self.nonces, self.upheld = dict[bytes, int](), dict[str, int]()
        # by id, oldest first; command or advice -> the disavowal of what it rests on
        self.disavowals, self.disavowed = dict[str, Disavowed](), dict[str, int]()
        self.findings: deque[tuple[int, int, Finding]] = deque(maxlen=RECENT_FINDINGS)  # entry, ns
        # group -> key and digest of the label kept last; admitted models by name
        self.labels: dict[str, tuple[bytes, bytes]] = {}
        self.models: dict[str, Mapping[str, Plain]] = {}
        self.ring = Keyring(site.plant, site.root) if site.root else None
        self.uses: dict[bytes, dict[int, KeyUse]] = {}  # by key id and hour since 1970
        # of what was refused, by sender; of everything, by name
        self.tallies, self.counts = Tallies(), Counter[str]()
        # digests of configuration and policy, and build, of the last start
        self.runs_with, self.is_disk_full = (b"", b"", ""), False
        # look-ahead: what was asked, by command; where the tags that it starts from were while they were trusted
        self.asked, self.trusted = dict[str, Asked](), dict[str, Trusted]()
        self._begin()

    def _begin(self) -> None:
        """Where it stands in time, in the log and in the state store."""
        # ledger entries, and in a rewind their numbering; time
        self.size, self.renumbered, self.now_ns = 0, Renumbered.unchanged(), 0
        self.epoch, self.epoch_ns = (
            0,
            0,
        )  # backups restored, and when last: what was signed before is void
        self.ticked: Tick | None = None  # the last one with clocks, of this run of the process
        self.signed = Signed(0, b"", {}, {})
        self.dirty, self.watching = {"forgotten"}, dict[str, Watching]()  # watchdogs, by model
        # not stored: what open advice rests on; what is distrusted, behind what it follows from
        self.counted, self._distrust = dict[str, frozenset[str]](), _NOTHING

    def mode_of(self, asset: str) -> Mode:
        """The mode of an asset as it counts now."""
        highest = self.site.modes.highest.get(asset, Rung.SUPERVISED)
        return within(self.modes.get(asset, Mode()), highest)

    def context(self) -> Context:
        """What gates may know of each other's business."""
        distrust = self.distrust()
        return Context(
            self.past.writes,
            self.modes,
            distrust.tags,
            self.arrivals,
            self.ring,
            beginnings=self.beginnings,
            is_disk_full=self.is_disk_full,
            memos=self.memos,
            detector=self.detector(),
            tickets=tuple(self.tickets.values()),
            distrusted_keys=distrust.keys,
            hands=self.hands,
            disavowed=self.disavowed,
            highest=self.site.modes.highest,
            forgotten=self.past.forgotten,
            forgotten_ns=self.past.forgotten_ns,
            steady=self.past.steady,
            trusted=self.trusted,
            columns=self.past.columns,
            safe_used=self.safe_used,
            glasses=tuple(self.glasses[name] for name in sorted(self.glasses)),
        )

    def distrust(self) -> Distrust:
        """What persons distrust, as tags, keys and models: made again only where what it follows from has changed."""
        if not self.distrusted:
            return Distrust()
        keys = 0 if self.ring is None else len(self.ring.serials)
        of = tuple(self.distrusted.items()), tuple(self.models), id(self.ring), keys
        was, found = self._distrust
        if (of, self._signed_by(found.follows)) != was:
            hands, entries = self.hands, lambda group: self.frame.columns(group).entry
            found = expand(
                self.distrusted, Known(self.site.plant, self.ring, self.models, hands, entries)
            )
            self._distrust = (of, self._signed_by(found.follows)), found
        return found

    def _signed_by(self, groups: tuple[str, ...]) -> tuple[bytes, ...]:
        """Whose hand the last values of these scan groups are from."""
        entries = ((self.hands.get(g, ()), self.frame.columns(g).entry) for g in groups)
        return tuple(by_hand(hands, entry).tobytes() for hands, entry in entries)

    def detector(self) -> Detector | None:
        """The configured model, while it is the one that gate 2 admitted last under its name, and nobody distrusts it."""
        detector = self.site.detector
        model = self.models.get(detector.model) if detector is not None else None
        if detector is None or model is None or model.get("digest") != detector.digest.hex():
            return None
        return None if self.distrust().models.get(detector.model, 0) > self.now_ns else detector

    def label(self, tag_ids: Sequence[str]) -> Label:
        """The labels that readers see now: what a person distrusts is nothing."""
        label, bad = self.frame.label(tag_ids, self.now_ns), self.distrust().tags
        if not bad:
            return label
        trusted = np.array([bad.get(t, 0) <= self.now_ns for t in tag_ids], dtype=bool)
        return Label(label.axes * trusted, label.fresh_until)

    def label_of(self, tag: str) -> tuple[Axes, int]:
        """The same of one tag in plain numbers: its axes, and until when it is fresh."""
        axes, until = self.frame.label_of(tag, self.now_ns)
        return ((0, 0, 0, 0) if self.distrust().tags.get(tag, 0) > self.now_ns else axes), until

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

    def keep_disavowal(self, disavowed: Disavowed) -> Disavowed:
        """Remember how a disavowal stands; of those that are over only the last."""
        self.disavowals[disavowed.id] = disavowed
        self.dirty.add(f"disavowal/{disavowed.id}")
        over = [d.id for d in self.disavowals.values() if d.is_over]
        for ident in over[: max(len(over) - RECENT_DISAVOWALS, 0)]:
            del self.disavowals[ident]
            self.dirty.add(f"disavowal/{ident}")
        return disavowed

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
        self._remember_write(record)
        while len(self.records) > RECENT_COMMANDS:
            self._forget(self._least_needed(record))
        while self.closed > RECENT_CLOSED and self._is_over(oldest := self._least_needed(record)):
            self._forget(oldest)
        return record

    def _remember_write(self, record: Record) -> None:
        """Let a permit explain changes of its actuator, and count in its past."""
        if not record.permit_nonce:
            return
        self.by_nonce[record.permit_nonce] = record.command.id
        self.dirty |= self.past.add(record.as_write(), self.frame, self.now_ns)

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


def permit_epoch(m: Memory, asset: str) -> int:
    """The epoch that permits for an asset have: of the log, then of its mode, so that a restored backup begins a later one."""
    return (m.epoch << 32) + m.mode_of(asset).epoch
