"""`twinvouch rewind`: the event log again, as if what is disavowed had been known when it came, into a lineage of its own.

Two engines are fed. The old one does what the core did, and every entry it makes is held against the ledger: what it
decided is what was decided, and a difference to the new one has no cause but the disavowal. The new one leaves it at
the last trusted point. Nothing of the plant is written, and no permit leaves.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from twinvouch.adapters import log_reader
from twinvouch.adapters import vault as vaults
from twinvouch.adapters.committer import Step, sealed, stored_digest
from twinvouch.adapters.key_store import ErasedError
from twinvouch.adapters.keys import FileSigner
from twinvouch.adapters.sealed_state import opened_rows
from twinvouch.adapters.sqlite_state import StateReader
from twinvouch.app import build, disowned
from twinvouch.app.admitted import Source, opened_source
from twinvouch.app.config_model import Config
from twinvouch.app.core import salt
from twinvouch.app.disowned import Chosen, Disowned
from twinvouch.app.moments import moment_ns, moment_text
from twinvouch.app.past import Past
from twinvouch.app.rewind_lineage import Lineage, Place
from twinvouch.app.rewind_start import Start, start_of
from twinvouch.core.errors import ConfigError, CorruptError, MalformedError, UsageError
from twinvouch.core.event import Append, Effect, Event, Rewound, Started
from twinvouch.core.site import Site
from twinvouch.engine import Engine
from twinvouch.engine.alongside import Alongside
from twinvouch.engine.differing import Differing
from twinvouch.wire.encrypted import DAY_NS, read_label
from twinvouch.wire.eventlog import read_event

NEVER = (1 << 63) - 1
USES = "use/"  # rows that count what each key signed: a permit key of before is not known here
PROGRESS_S = 2.0
_PAGE = 2_048  # leaves


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: `to_ns` (None: all there is), what is left out besides disavowals, a backup, a place."""

    to_ns: int | None = None
    without: tuple[Disowned, ...] = ()
    backup: Path | None = None
    out: Path | None = None
    before: tuple[Config, ...] = ()  # configurations of earlier times


@dataclass(slots=True)
class Counts:
    """What was fed: `records` of the log, `forked_at` of them before the fork; `shredded` by stream and day."""

    records: int = 0
    forked_at: int = 0
    entries: int = 0  # of the old lineage, each compared with the ledger
    shredded: Counter[tuple[str, str]] = field(default_factory=Counter)
    rows_compared: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """A finished rewind: both engines as they are at its end, and where the new lineage lies."""

    run: "Run"
    chosen: Chosen
    start: Start
    directory: Path
    removed: tuple[str, ...]  # drafts of rewinds that were ended before they were done
    seconds: float


def by_hand(
    subjects: Sequence[str], since: Sequence[str], until: Sequence[str]
) -> tuple[Disowned, ...]:
    """What the command line names: a subject, since when, until when; UsageError where one is missing."""
    if not len(subjects) == len(since) == len(until):
        raise UsageError(
            f"{len(subjects)} --without, {len(since)} --since, {len(until)} --until: each --without takes one of both"
        )
    spans = tuple(Disowned(s, moment_ns(a), moment_ns(b)) for s, a, b in zip(subjects, since, until, strict=True))  # fmt: skip
    for span in spans:
        if not 0 <= span.since_ns <= span.until_ns:
            raise UsageError(f"--without {span.subject}: --until is before --since, or before 1970")
    return spans


def rewind(config: Config, wanted: Wanted) -> Done:
    """Rebuild; raises ConfigError or CorruptError where the old lineage is not what the ledger says."""
    if not (config.data_dir / "state.db").exists():
        raise UsageError(f"`{config.data_dir}` has no state: nothing to rewind")
    site, *before = (build.live_site(c, _permit_key(c)) for c in (config, *wanted.before))
    signer = _log_signer(config)
    with opened_source(config, {}) as source:
        to_ns = NEVER if wanted.to_ns is None else wanted.to_ns
        found = [*disowned.standing(source.state), *wanted.without]
        chosen = disowned.choose(found, to_ns, site.plant)
        since_ns = min((s.since_ns for s in chosen.spans), default=to_ns)
        start = start_of(config, source, wanted.backup, since_ns)
        with closing(Place(config.data_dir, wanted.out)) as place:
            vault = build.core_vault(config, place.draft)
            with closing(Lineage(place.draft, site.plant.id, signer, vault)) as lineage:
                run = Run(Past(site, before), source, (start, chosen), lineage)
                begun = time.perf_counter()
                run.feed_all(to_ns)
                seconds = time.perf_counter() - begun
            place.finish()
    return Done(run, chosen, start, place.directory, tuple(place.removed), seconds)


@dataclass(slots=True)
class _Kept:
    """An engine, and everything that it knows as rows."""

    engine: Engine
    rows: dict[str, bytes]

    def up_to_date(self) -> Mapping[str, bytes]:
        """All rows as they are now."""
        for key, raw in self.engine.drain().items():
            if raw is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = raw
        return self.rows

    def run_with(self, site: Site) -> None:
        """Go on with a site: where it has another plant than before, in an engine of its own, as a restart does."""
        if site.plant is self.engine.memory.site.plant:
            self.engine.memory.site = site
            return
        again = Engine(site)
        again.restore(self.up_to_date())
        self.engine = again


@dataclass(frozen=True, slots=True)
class Lineages:
    """Both engines from the fork on, and what they say differently."""

    both: Alongside
    differing: Differing
    old: _Kept
    new: _Kept

    def run_with(self, site: Site) -> None:
        """Go on with another site; the old engine does so already."""
        self.new.run_with(site)
        if self.both.new is not self.new.engine:
            self.both.begin_again(self.old.engine, self.new.engine)
            self.differing.begin_again(self.old.engine.memory, self.new.engine.memory)


class Run:
    """The loop: the old engine alone up to the fork, then both."""

    def __init__(
        self, past: Past, source: Source, begin: tuple[Start, Chosen], lineage: Lineage
    ) -> None:
        self._source, self.lineage, self.past = source, lineage, past
        self._start, self._chosen = begin
        self._old = _Kept(Engine(past.now), dict(self._start.rows))
        self._old.engine.restore(self._start.rows)
        self._ledger = _Ledger(source.state, self._start.leaves)
        self._left = list(self._chosen.spans)
        self._lineages: Lineages | None = None
        self._of = "", 0, b""  # origin, size and root of what is common
        self._started_ns, self._told = 0, time.monotonic()
        self.later: tuple[tuple[Disowned, str], ...] = ()  # what begins after all that was fed
        self.counts = Counts()

    def feed_all(self, to_ns: int) -> None:
        """Feed the log up to `to_ns`, check it against the ledger, and finish the new lineage."""
        stored, end = self._stored()
        number = self._start.record
        if not self._left:
            self._fork(number)
        for number, record, timed in self._events(end):
            if timed[1] > to_ns:
                break
            self._begin_spans(timed[1], number)
            self._feed(record, timed, number)
        else:
            number = end
            self._expect_rows(stored)
        self._begin_spans(self._old.engine.memory.now_ns, number)
        if self._lineages is None:
            self._fork(number)
        self.later = tuple((span, "begins after the last event") for span in self._left)
        now_ns = self.lineages.both.new.memory.now_ns
        first_ns = self._chosen.spans[0].since_ns if self._chosen.spans else 0
        self._say(Disowned("", first_ns, now_ns), number)
        self.lineage.finish(self.lineages.new.up_to_date())

    @property
    def lineages(self) -> Lineages:
        """Both, from the fork on."""
        assert self._lineages is not None, "nothing was fed yet"
        return self._lineages

    def _stored(self) -> tuple[Mapping[str, bytes], int]:
        """The rows of the plant's state and how far it has seen the log, of one moment."""
        rows, end = self._source.state.load()
        return opened_rows(self._source.vault, rows), end

    def _events(self, end: int) -> Iterator[tuple[int, bytes, tuple[Event, int]]]:
        """Number, record, event and time; what was shredded is counted."""
        source = self._source
        records = log_reader.read_records(source.log, self._start.record, end, source.key_id)
        for number, record in records:
            try:
                plain = vaults.opened(source.vault, record, vaults.LOG)
            except ErasedError:
                label = read_label(record)
                self.counts.shredded[label.stream, moment_text(label.day * DAY_NS)[:10]] += 1
                continue
            try:
                yield number, record, read_event(plain)
            except MalformedError as error:
                raise ConfigError(
                    f"record {number} of the event log cannot be read ({error}): it was written by another version; "
                    "rewind with the version that wrote it"
                ) from None

    def _feed(self, record: bytes, timed: tuple[Event, int], number: int) -> None:
        event, now_ns = timed
        if isinstance(event, Started):
            self._start_again(event, now_ns)
        self.counts.records += 1
        self._progress(now_ns)
        stored = stored_digest(record)
        if self._lineages is None:
            self.counts.forked_at += 1
            self._check(self._old.engine.feed(event, now_ns, stored), timed, number)
            return
        old, new = self._lineages.both.feed(event, now_ns, stored)
        self._check(old, timed, number)
        self._lineages.differing.look(old, new)
        self._add(new, timed, number + 1)

    def _progress(self, now_ns: int) -> None:
        if time.monotonic() - self._told > PROGRESS_S:
            self._told = time.monotonic()
            told = f"{self.counts.records} records, at {moment_text(now_ns)} ..."
            print(told, file=sys.stderr, flush=True)

    def _start_again(self, event: Started, now_ns: int) -> None:
        """The core began again, perhaps with other settings."""
        self._started_ns = now_ns
        site = self.past.of(event, now_ns)
        self._old.run_with(site)
        if self._lineages is not None:
            self._lineages.run_with(site)

    def _add(self, effects: Sequence[Effect], timed: tuple[Event, int], end: int) -> None:
        kept = sealed(self.lineages.both.new, effects, timed, self.lineage.vault)
        self.lineage.add(Step(b"", kept), end)

    def _check(self, effects: Sequence[Effect], timed: tuple[Event, int], number: int) -> None:
        """The old engine makes the entries that the ledger has, or there is nothing to compare."""
        for effect in effects:
            if isinstance(effect, Append):
                if self._ledger.next() != effect.entry:
                    raise self._unfaithful(effect.index, timed[1], number)
                self.counts.entries += 1

    def _unfaithful(self, entry: int, now_ns: int, number: int) -> ConfigError | CorruptError:
        """Why the old lineage cannot be rebuilt."""
        then, site = self._old.engine.memory.runs_with, self.past.now
        what = (
            f"entry {entry}, of record {number} at {moment_text(now_ns)}, is not what the ledger has, so nothing is "
            "compared"
        )
        if self.counts.shredded:
            told = ", ".join(f"`{s}` of {day} ({n} records)" for (s, day), n in sorted(self.counts.shredded.items()))  # fmt: skip
            return CorruptError(
                f"{what}: before it the keys of {told} were shredded, and what they held cannot be fed again. Begin at a "
                "backup from after that, with --from"
            )
        if then[:2] != (site.config_digest, site.policy.digest):
            return ConfigError(
                f"{what}: since {moment_text(self._started_ns)} the core ran with configuration {then[0].hex()} and "
                f"policy {then[1].hex()}; this is configuration {site.config_digest.hex()}, policy "
                f"{site.policy.digest.hex()}. Name the configuration of that time with --before, or begin at "
                "a backup from after the change, with --from"
            )
        return CorruptError(
            f"{what}, though configuration and policy are the same: was it written by another version ({then[2]})?"
        )

    def _expect_rows(self, stored: Mapping[str, bytes]) -> None:
        """At the end of the log the old engine knows what the state of the plant has."""
        rows = self._old.up_to_date()
        keys = [k for k in sorted({*rows, *stored}) if not k.startswith(USES)]
        differ = [k for k in keys if rows.get(k) != stored.get(k)]
        if differ and not self.counts.shredded:
            raise CorruptError(
                f"state: {len(differ)} rows are not what the log gives, `{differ[0]}` first: nothing is compared"
            )
        self.counts.rows_compared = len(keys)

    def _begin_spans(self, now_ns: int, number: int) -> None:
        """Say what begins up to now, at its time."""
        while self._left and self._left[0].since_ns <= now_ns:
            if self._lineages is None:
                self._fork(number)
            self._say(self._left.pop(0), number)

    def _fork(self, number: int) -> None:
        """The last trusted point: from here on there are two lineages."""
        rows, memory = dict(self._old.up_to_date()), self._old.engine.memory
        root = self.lineage.begin(self._source.state.leaves, memory.size, number)
        self._of = f"{memory.site.plant.id}/{memory.epoch}", memory.size, root
        new = Engine(memory.site)
        new.restore(rows)
        both = Alongside(self._old.engine, new)
        differing = Differing(memory, new.memory)
        self._lineages = Lineages(both, differing, self._old, _Kept(new, rows))

    def _say(self, span: Disowned, number: int) -> None:
        new = self.lineages.both.new
        what = span.subject, span.since_ns, span.until_ns
        event = Rewound(salt(), span.committed, *self._of, number, *what)
        effects = new.feed(event, span.since_ns if span.subject else new.memory.now_ns)
        self.lineages.differing.look([], effects)
        self._add(effects, (event, new.memory.now_ns), number)


class _Ledger:
    """The entries of the plant's ledger, one after the other."""

    def __init__(self, state: StateReader, start: int) -> None:
        self._state, self._next = state, start
        self._page: list[bytes] = []

    def next(self) -> bytes | None:
        """The next entry; None where there is none."""
        if not self._page:
            self._page = list(self._state.leaves(self._next, self._next + _PAGE))[::-1]
            self._next += len(self._page)
        return self._page.pop() if self._page else None


def _log_signer(config: Config) -> FileSigner:
    if not (config.keys_dir / "log.key").exists():
        raise ConfigError(
            f"`{config.keys_dir}` has no `log.key`: a rewind signs its ledger with the plant's log key, under its own origin"
        )
    return build.log_signer(config)


def _permit_key(config: Config) -> bytes:
    path = config.keys_dir / "permit.key"
    return FileSigner(path).public_key if config.actuator is not None and path.exists() else b""
