"""What the engine takes in (events) and gives out (effects).

An event holds everything a decision may depend on, chance included (`salt`): feeding the same events
at the same times gives the same effects, entries and ledger head. No effect may leave the process
before the event is durable; its entries follow from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeAlias

from twinvouch.core.finding import Finding

Plain: TypeAlias = "bool | int | float | str | bytes | Sequence[Plain] | Mapping[str, Plain] | None"


class Priority(IntEnum):
    """Order of the inbox; lower goes first."""

    SAFE = 0
    COMMAND = 1
    STATEMENT = 2
    READING = 3
    QUERY = 4


@dataclass(frozen=True, slots=True)
class Started:
    """The process began (or began again): what it runs with."""

    salt: bytes
    config: bytes  # digest
    policy: bytes  # digest
    build: str


@dataclass(frozen=True, slots=True)
class BatchReceived:
    """Bytes that claim to be a signed batch; `peer` is the network address, for refusals only.

    `link` is the principal of the TLS client certificate (empty: no mutual TLS), `checked` the public key whose
    signature over `raw` the API has verified (empty: it has not, the gate does).
    """

    salt: bytes
    peer: str
    raw: bytes
    link: str = ""
    checked: bytes = b""


@dataclass(frozen=True, slots=True)
class CommandProposed:
    """A signed command (`raw`), or the canonical content of one that an API token vouches for."""

    salt: bytes
    peer: str
    raw: bytes
    token_of: str  # principal id where a token vouches; empty: `raw` is a signed envelope


@dataclass(frozen=True, slots=True)
class AdviceGiven:
    """Signed advice (`raw`), or the canonical content of a piece that an API token vouches for."""

    salt: bytes
    peer: str
    raw: bytes
    token_of: str  # as in CommandProposed


@dataclass(frozen=True, slots=True)
class StatementReceived:
    """Bytes that claim to be a signed statement."""

    salt: bytes
    peer: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class OutcomeReported:
    """Bytes that claim to be the actuator's signed report."""

    salt: bytes
    peer: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class ModelSubmitted:
    """A signed manifest and the digests the adapter computed of the files that came with it."""

    salt: bytes
    peer: str
    raw: bytes
    files: tuple[tuple[str, bytes, str], ...]  # name, SHA-256, "" or why the format was refused


@dataclass(frozen=True, slots=True)
class QueryAsked:
    """A read of anything, by a principal whose token or signature the adapter has checked."""

    salt: bytes
    principal: str  # empty: anonymous
    action: str  # readTags, readVirtual, readCommands, readAdvice, readFindings, readStatus, readMetrics, readLedger, readLineage, readModels, stream, takePermits, export, simulate
    resource: str  # a tag id, or * for all of the action's kind
    purpose: str
    tags: tuple[str, ...] = ()  # tags whose values the answer shows: they count in R7
    link: str = ""  # principal of the TLS client certificate; empty: no mutual TLS


@dataclass(frozen=True, slots=True)
class StrangersRefused:
    """What was refused since `since_ns` before anybody was known to have sent it, in numbers.

    `rules` are counts by rule, `peers` the addresses with most of them (counts are at most too high).
    """

    salt: bytes
    since_ns: int
    rules: tuple[tuple[str, int], ...]
    peers: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class KeyStated:
    """Bytes that claim to be a statement of the plant root about a key."""

    salt: bytes
    peer: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; the caller sends one a second, with both its clocks read at one moment (0: it has none)."""

    salt: bytes
    wall_ns: int = 0
    monotonic_ns: int = 0


@dataclass(frozen=True, slots=True)
class EpochOpened:
    """A backup was restored: from here on the ledger has another origin, and what came after the backup is unknown.

    `origin`, `size` and `root` are of the last checkpoint in the backup, `backup` the digest of its manifest.
    """

    salt: bytes
    epoch: int
    origin: str
    size: int
    root: bytes
    backup: bytes


@dataclass(frozen=True, slots=True)
class DiskChanged:
    """The disk of the core became full, has room again, or is full still: said once a minute while it is.

    `full` 1 or 0; `free` and `total` bytes of the file system; `refused` batches since this was said last.
    """

    salt: bytes
    full: int
    free: int
    total: int
    refused: int


@dataclass(frozen=True, slots=True)
class WitnessReported:
    """What asking the witnesses of the ledger came to: too few stand for it (`late` 1), enough again (0), or a conflict.

    `size` entries are published, `witnessed` of them have enough cosignatures; `conflict` is a sentence or empty.
    """

    salt: bytes
    late: int
    size: int
    witnessed: int
    conflict: str = ""


@dataclass(frozen=True, slots=True)
class HistoryChanged:
    """A chunk of the history was written, chunks were purged, or the key of a stream's day was shredded.

    `what` is written, purged or shredded; `subject` a scan group, of shredding a stream; `day` since 1970, UTC, of a purge the
    last; `count` readings written, chunks purged, 0 of shredding. `digest` is the chunk's, of a purge SHA-256 over those of all.
    """

    salt: bytes
    what: str
    subject: str
    day: int
    count: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class DisavowalTraced:
    """What a disavowal touches, worked out beside the engine from the ledger as it was when it was said.

    `entry` is that of the disavowal, `first` the oldest that was looked at. `touched` entries rest on what it is about, of which `sources` are that itself;
    `counts` are the touched by kind. `highest` is the highest class of a command among them that was permitted (empty:
    none was), `models` the models that rest on it, with their entries. `readers` are who was answered with it: how
    often, and when last. `digest` is over the whole list (ledger.affected), `listed` its newest part, each index in 8
    bytes, little-endian.
    """

    salt: bytes
    entry: int
    first: int
    sources: int
    touched: int
    counts: tuple[tuple[str, int], ...]
    highest: str
    models: tuple[tuple[str, int], ...]
    readers: tuple[tuple[str, int, int], ...]
    digest: bytes
    listed: bytes


@dataclass(frozen=True, slots=True)
class Rewound:
    """A rewind of another log counts `subject` as nothing from here until `until_ns`; an empty one: the rewind ends here.

    The first `size` entries, with this root, are those of the log `origin`; `record` is the number of its next event.
    `disavowal` is what its ledger commits to of the person's word, empty where the subject was named for the rewind only.
    """

    salt: bytes
    disavowal: bytes
    origin: str
    size: int
    root: bytes
    record: int
    subject: str
    since_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class SimulationDone:
    """The answer to effect Simulate `ident`: what was foreseen (wire/lookahead.py), or `why` nothing was.

    `digest` is that of the model that ran; both may be anything, the worker is not believed.
    """

    salt: bytes
    ident: str
    foresight: bytes
    why: str
    digest: bytes


Event: TypeAlias = (
    Started
    | BatchReceived
    | CommandProposed
    | AdviceGiven
    | StatementReceived
    | OutcomeReported
    | ModelSubmitted
    | QueryAsked
    | KeyStated
    | StrangersRefused
    | Tick
    | EpochOpened
    | DiskChanged
    | WitnessReported
    | HistoryChanged
    | DisavowalTraced
    | Rewound
    | SimulationDone
)


@dataclass(frozen=True, slots=True)
class Append:
    """A ledger entry: the next leaf. `index` is its place."""

    index: int
    entry: bytes


@dataclass(frozen=True, slots=True)
class Keep:
    """Content-addressed bytes that an entry names by digest (findings, label, reasons).

    `is_shared`: many entries name these bytes (labels), so they are not erased with one event.
    """

    digest: bytes
    content: bytes
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to whoever fed the event; `code` is an HTTP status, `body` plain JSON-like data."""

    code: int
    body: Mapping[str, Plain]


@dataclass(frozen=True, slots=True)
class Deliver:
    """A permit's content, to be signed with the permit key and handed to the actuator process."""

    content: bytes
    command: str


@dataclass(frozen=True, slots=True)
class Announce:
    """An asset's mode, to be signed with the permit key and told to the actuator process before any later permit."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Publish:
    """Something for the live stream: topic `labels`, `finding`, `command`, `advice`, `outcome`, `mode` or `disavowal`.

    Bodies are plain data, but for arrays in `labels`, which become lists only where somebody listens.
    """

    topic: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Trace:
    """Work out what a disavowal touches among the entries before its own, and feed DisavowalTraced.

    `kind` of its subject is tag, principal or model, `name` its id; the moments are ns since 1970, both included.
    """

    entry: int
    kind: str
    name: str
    since_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Simulate:
    """Slow work: ask a model (`question`, wire/lookahead.py) and answer with a SimulationDone of this `ident`."""

    ident: str
    question: bytes


Effect: TypeAlias = Append | Keep | Reply | Deliver | Announce | Publish | Trace | Simulate


@dataclass(frozen=True, slots=True)
class Refusal:
    """Input refused before its sender was known: counted, one entry a minute and peer."""

    peer: str
    finding: Finding
