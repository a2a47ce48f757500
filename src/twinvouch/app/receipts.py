"""Making receipts out of a data directory, of a core that runs or one that is stopped: entries, proofs, openings.

What an entry commits to is looked for where it is kept: signed content in the event log, reasons, findings, labels and
permits among the blobs. What is there no more (retired, erased) is left out, and the receipt says what it discloses.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from twinvouch.adapters.ledger_reader import WITNESSED, LedgerReader, open_ledger, read
from twinvouch.adapters.log_events import events_at
from twinvouch.adapters.sealed_state import opened_blob
from twinvouch.adapters.sqlite_state import open_reader
from twinvouch.adapters.vault import Vault
from twinvouch.core.command import CORE
from twinvouch.core.errors import CorruptError, MalformedError, UsageError
from twinvouch.core.event import (
    BatchReceived,
    CommandProposed,
    Event,
    ModelSubmitted,
    OutcomeReported,
    StatementReceived,
)
from twinvouch.core.inventory import ScanGroup, key_id
from twinvouch.core.kind import Kind
from twinvouch.ledger.checkpoint import VerifierKey, read_key
from twinvouch.ledger.entry import commitment, stored_commitment
from twinvouch.ledger.node import node_of
from twinvouch.ledger.receipt import About, Link, Opening, Opens, write_receipt
from twinvouch.wire.cbor import decode, encode
from twinvouch.wire.cose import key_id_of, unseal

SALT = 16
OF = {  # the element of an entry that names the command
    Kind.ENTRY_COMMAND: 5,
    Kind.ENTRY_DECISION: 5,
    Kind.ENTRY_PERMIT: 5,
    Kind.ENTRY_OUTCOME: 5,
    Kind.ENTRY_STATEMENT: 7,
}
BLOBS = {Kind.ENTRY_BATCH: (14, 15), Kind.ENTRY_DECISION: (4,)}
EVENTS: Mapping[int, type[Event]] = {
    Kind.ENTRY_BATCH: BatchReceived,
    Kind.ENTRY_COMMAND: CommandProposed,
    Kind.ENTRY_OUTCOME: OutcomeReported,
    Kind.ENTRY_STATEMENT: StatementReceived,
    Kind.ENTRY_MODEL: ModelSubmitted,
}
_KIND = slice(2, 4)  # of an entry's bytes: its kind, one byte after 0x18


class Blobs(Protocol):
    """Where stored texts are found by their digest, as they are stored."""

    def blob(self, digest: bytes) -> bytes | None:
        """Content by its digest; None where it is not there any more."""
        ...

    def close(self) -> None:
        """Release the store."""
        ...


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a receipt is made from; `vault` is None where nothing is encrypted."""

    data: Path
    key: VerifierKey
    blobs: Blobs
    groups: Mapping[str, ScanGroup]
    vault: Vault | None = None

    def blob(self, digest: bytes) -> bytes | None:
        """A stored text as it was kept; None where it is not there any more."""
        return opened_blob(self.vault, self.blobs.blob(digest), digest)

    def close(self) -> None:
        """Release the store; the vault is the caller's."""
        self.blobs.close()


def open_sources(
    data: Path, key: str, groups: Mapping[str, ScanGroup], vault: Vault | None
) -> Sources:
    """A data directory for reading, beside a core that may run; its `blobs` are to be closed."""
    return Sources(data, read_key(key), open_reader(data / "state.db"), groups, vault)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the story, taken apart."""

    index: int
    raw: bytes
    items: list[Any]

    @property
    def kind(self) -> int:
        """Its number."""
        return int(self.items[1])


def of_command(ledger: LedgerReader, ident: str, start: int, end: int) -> list[Entry]:
    """All entries that a receipt of a command needs, in order; UsageError where the ledger has none of it.

    `start` and `end` bound where its own entries are looked for.
    """
    own = list(_own(ledger, ident, start, end))
    decisions = [e for e in own if e.kind == Kind.ENTRY_DECISION]
    if not decisions or own[0].kind != Kind.ENTRY_COMMAND:
        raise UsageError(
            f"`{ident[:40]}` is no command under the head of {ledger.head.size} entries: a receipt is made once its "
            "entries are published, a second after they were written"
        )
    found = {e.index: e for e in own}
    for entry in own:
        for parent, _ in node_of(entry.raw, entry.index).node.rests.parents:
            if parent not in found:
                found[parent] = _entry(parent, ledger.entry(parent))
    begun = _latest(ledger, Kind.ENTRY_START, decisions[-1].index)
    found[begun.index] = begun
    if "model " in str(begun.items[7]):
        model = _latest(ledger, Kind.ENTRY_MODEL, decisions[-1].index)
        found[model.index] = model
    return [found[index] for index in sorted(found)]


def of_reading(ledger: LedgerReader, ident: str) -> list[Entry]:
    """The batch of a reading `tag@entry`; UsageError where that is none."""
    tag, _, number = ident.rpartition("@")
    if not tag or not (number.isascii() and number.isdigit() and len(number) < 20):
        raise UsageError(f"`{ident[:80]}`: expected a command's id, or a reading as TAG@ENTRY")
    entry = _entry(int(number), ledger.entry(int(number)))
    if entry.kind != Kind.ENTRY_BATCH:
        raise UsageError(f"entry {number} is no batch of readings")
    return [entry]


def head(sources: Sources) -> LedgerReader:
    """The ledger under its newest head."""
    return open_ledger(sources.data / "ledger", sources.key)


def groups_of(entries: Sequence[Entry]) -> set[str]:
    """The scan groups whose readings a receipt of these entries can show."""
    return {str(e.items[9]) for e in entries if e.kind == Kind.ENTRY_BATCH}


def key_entries(ledger: LedgerReader) -> list[int]:
    """Where the root's statements about keys are."""
    wanted = bytes([0x18, Kind.ENTRY_KEY])
    return [i for i, raw in ledger.entries(0, ledger.head.size) if raw[_KIND] == wanted]


def write(
    sources: Sources,
    about: About,
    entries: Sequence[Entry],
    said: Sequence[int] = (),
    *,
    readings: bool = True,
) -> bytes:
    """The receipt; without `readings` the contents of batches stay closed.

    Of the root's statements about keys, in the entries `said`, those are in it that a signature in it needs. It stands under the witnessed head where that covers all entries, else under the newest.
    """
    ledger = _best(sources, entries[-1].index)
    openings: dict[int, list[Opening]] = {e.index: [] for e in entries}
    wanted = [e for e in entries if e.kind in EVENTS and (readings or e.kind != Kind.ENTRY_BATCH)]
    events = events_at(sources.data / "log", {e.items[3] for e in wanted}, sources.vault)
    for event, now_ns, record in events:
        for entry in wanted:
            if entry.items[3] == now_ns and not openings[entry.index]:
                openings[entry.index] += _signed(event, record, entry, sources)
    for entry in entries:
        openings[entry.index] += _permitted(sources, entry)
        if readings or entry.kind != Kind.ENTRY_BATCH:
            openings[entry.index] += _blobs(sources, entry)
    entries = [*entries, *_about_keys(ledger, openings, said)]
    openings = {e.index: openings.get(e.index, []) for e in entries}
    links = [
        Link(e.index, e.raw, tuple(ledger.inclusion(e.index)), tuple(openings[e.index]))
        for e in entries
    ]
    return write_receipt(about, ledger.note, links)


def _own(ledger: LedgerReader, ident: str, start: int, end: int) -> Iterator[Entry]:
    """The entries that are about a command, up to its outcome."""
    needle = ident.encode()
    for index, raw in ledger.entries(start, end):
        if needle not in raw:
            continue
        entry = _entry(index, raw)
        if entry.kind in OF and entry.items[OF[Kind(entry.kind)]] == ident:
            yield entry
            if entry.kind == Kind.ENTRY_OUTCOME:
                return


def _latest(ledger: LedgerReader, kind: Kind, before: int) -> Entry:
    """The last entry of a kind below `before`; of models the last one that was admitted."""
    wanted = bytes([0x18, kind])
    for index in range(before - 1, -1, -1):
        [(_, raw)] = ledger.entries(index, index + 1)
        if raw[_KIND] == wanted:
            entry = _entry(index, raw)
            if kind != Kind.ENTRY_MODEL or entry.items[6] is True:
                return entry
    raise CorruptError(f"the ledger has no {kind.name} entry before entry {before}")


def _entry(index: int, raw: bytes) -> Entry:
    try:
        items = decode(raw)
    except MalformedError as error:
        raise CorruptError(f"entry {index}: {error}") from None
    if not isinstance(items, list) or len(items) < 5:
        raise CorruptError(f"entry {index} is no entry")
    return Entry(index, raw, items)


def _best(sources: Sources, last: int) -> LedgerReader:
    """The ledger under the witnessed head where that covers entry `last`, else under the newest."""
    directory = sources.data / "ledger"
    if read(directory, WITNESSED) is not None:
        try:
            ledger = open_ledger(directory, sources.key, WITNESSED)
        except CorruptError:
            return open_ledger(directory, sources.key)
        if ledger.head.size > last:
            return ledger
    return open_ledger(directory, sources.key)


def _signed(event: Event, record: bytes, entry: Entry, sources: Sources) -> list[Opening]:
    """What opens an entry out of the event that it came from; nothing where it is another event."""
    if not isinstance(event, EVENTS[entry.kind]):
        return []
    raw: bytes = event.raw  # type: ignore[union-attr]
    is_plain = isinstance(event, CommandProposed) and bool(event.token_of)
    try:
        content = raw if is_plain else unseal(raw).content
    except MalformedError:
        return []
    committed = entry.items[4]
    if committed == commitment(event.salt, sha256(content).digest()):
        how = Opens.CONTENT if is_plain else Opens.SEALED
        found = [Opening(how, (event.salt, raw))]
    elif committed == stored_commitment(sha256(record).digest()) and not is_plain:
        found = [Opening(Opens.SIGNED, (raw,))]
    else:
        return []
    if entry.kind == Kind.ENTRY_BATCH:
        found += _columns(sources.groups.get(entry.items[9]), content)
    return found


def _about_keys(
    ledger: LedgerReader, openings: Mapping[int, Sequence[Opening]], said: Sequence[int]
) -> Iterator[Entry]:
    """The root's statements about the keys that signed, and those by which it handed over."""
    sealed = (o for of in openings.values() for o in of if o.how in {Opens.SEALED, Opens.SIGNED})
    kids = {key_id_of(bytes(o.arguments[-1])) for o in sealed}
    for index in (i for i in sorted(set(said)) if i < ledger.head.size and i not in openings):
        entry = _entry(index, ledger.entry(index))
        content: Any = decode(unseal(entry.items[5]).content)
        if content[1] == Kind.ROOT or key_id(content[7]) in kids:
            yield entry


def _columns(group: ScanGroup | None, content: bytes) -> list[Opening]:
    """What names the columns of a batch, where the group is still what it was."""
    if group is None:
        return []
    pairs = [list(pair) for pair in zip(group.ids, group.dtypes, strict=True)]
    raw = encode([group.name, pairs])
    return [Opening(Opens.COLUMNS, (raw,))] if sha256(raw).digest() in content else []


def _permitted(sources: Sources, entry: Entry) -> list[Opening]:
    """The content of a permit, or of a command of the core itself: the one that is kept under its commitment."""
    is_own = entry.kind == Kind.ENTRY_COMMAND and entry.items[6] == CORE
    if entry.kind != Kind.ENTRY_PERMIT and not is_own:
        return []
    stored = sources.blob(entry.items[4])
    return [] if stored is None else [Opening(Opens.CONTENT, (stored[:SALT], stored[SALT:]))]


def _blobs(sources: Sources, entry: Entry) -> Iterator[Opening]:
    for element in BLOBS.get(Kind(entry.kind), ()):
        digest = entry.items[element]
        stored = sources.blob(digest) if digest else None
        if stored is not None and sha256(stored).digest() == digest:
            yield Opening(Opens.BLOB, (element, stored))
