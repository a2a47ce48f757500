"""Ledger entries: deterministic CBOR `[version, kind, plant, now_ns, commitment, ...]`, at most 65,535 bytes.

An entry holds digests and counts, never readings or reasons. `commitment` is SHA-256(salt || digest of the
signed content), or names the encrypted record (`stored_commitment`): erasing content and salt, or the key, leaves
nothing that a guess could be checked against. Findings,
reasons and questions are blobs whose bytes begin with the salt, named by the SHA-256 of those bytes; labels
are not about people or the process and are named without salt, so that equal labels are stored once.
Parents are ledger indices. Adding a field means a new version; see docs/reference/ledger-format.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from twinvouch.core.advice import Advice, Standing
from twinvouch.core.batch import Admitted, Batch, Quality
from twinvouch.core.command import Command, Decision, Outcome, Permit
from twinvouch.core.disavowal import Disavowal, Stage
from twinvouch.core.event import (
    DiskChanged,
    EpochOpened,
    HistoryChanged,
    QueryAsked,
    Rewound,
    Started,
)
from twinvouch.core.finding import Finding
from twinvouch.core.genesis import Genesis
from twinvouch.core.kind import VERSION, Kind
from twinvouch.core.label import Label
from twinvouch.core.statement import ConfigStatement, Statement
from twinvouch.ledger.rests import Rests
from twinvouch.wire.cbor import encode

ENTRY_LIMIT = 65_535
COLUMNS_BYTES = 8  # of the digest of a scan group's column list
# of the entries that are written now, where it is not the first
VERSIONS: Mapping[Kind, int] = dict.fromkeys(
    (Kind.ENTRY_BATCH, Kind.ENTRY_COMMAND, Kind.ENTRY_DECISION, Kind.ENTRY_QUERY, Kind.ENTRY_MODEL),
    2,
)


def commitment(salt: bytes, digest: bytes) -> bytes:
    """What the ledger holds of signed content: SHA-256(salt || digest), 32 bytes."""
    return sha256(salt + digest).digest()


def stored_commitment(stored: bytes) -> bytes:
    """What the ledger holds of content whose record is encrypted: 0x02 and the record's SHA-256, 33 bytes.

    A record is encrypted under a random nonce and names its key, so there is nothing to guess and one text only;
    whoever has the record, but no key, checks it against the ledger.
    """
    return b"\x02" + stored


def blob(salt: bytes, content: object) -> tuple[bytes, bytes]:
    """Digest and stored bytes of content that an entry names: salt, then canonical CBOR."""
    stored = salt + encode(content)
    return sha256(stored).digest(), stored


def label_blob(label: Label, now_ns: int) -> tuple[bytes, bytes]:
    """Digest and bytes of a batch's label [4, R, K]: one row where it is uniform; fresh_until as age in ns.

    Without salt and without absolute times, so that the usual label of a scan group is stored once. Where
    most cells are MISSING, as in groups by exception, only the others are told, with their places (version 2).
    """
    axes, fresh = label.axes, label.fresh_until
    places = np.flatnonzero(axes.any(axis=0)) if not label.is_uniform else None
    if places is not None and 2 * len(places) <= fresh.size:
        told = axes.reshape(len(axes), -1)[:, places], fresh.ravel()[places] - now_ns
        stored = encode([2, *fresh.shape, places.astype("<u4"), told[0].ravel(), told[1]])
        return sha256(stored).digest(), stored
    if label.is_uniform:
        axes, fresh = axes[:, :1], fresh[:1]
    rows, columns = fresh.shape
    ages = np.ascontiguousarray(fresh - now_ns)
    stored = encode([VERSION, rows, columns, np.ascontiguousarray(axes).ravel(), ages.ravel()])
    return sha256(stored).digest(), stored


def label_key(label: Label, now_ns: int) -> bytes:
    """What tells the blobs of two uniform labels apart, cheaply; nothing where the label is not uniform."""
    if not label.is_uniform:
        return b""
    ages = label.fresh_until[0] - np.int64(now_ns)
    return bytes(label.axes[:, 0].tobytes() + ages.tobytes())


def findings_content(findings: Sequence[Finding]) -> list[object]:
    """Findings as plain data, in the order the rules spoke."""
    return [
        [
            f.rule,
            f.subject,
            int(f.severity),
            f.sentence,
            f.technique,
            [list(e) for e in f.evidence],
            f.rows,
            f.first_row,
        ]
        for f in findings
    ]


def start(plant: str, now_ns: int, event: Started, salt: bytes) -> bytes:
    """The engine began with this configuration, policy and build."""
    digest = sha256(event.config + event.policy).digest()
    return line(
        Kind.ENTRY_START,
        plant,
        now_ns,
        commitment(salt, digest),
        event.config,
        event.policy,
        event.build,
    )


@dataclass(frozen=True, slots=True)
class Came:
    """How a batch came: `previous` entry of its edge's chain (-1: none), digest of its columns, models that judged it."""

    previous: int
    columns: bytes = b""
    judged_by: tuple[int, ...] = ()


def batch(
    admitted: Admitted,
    now_ns: int,
    committed: bytes,
    named: Sequence[bytes | None],
    came: Came,
) -> bytes:
    """An admitted batch; `named` are the digests of its findings (None where there are none) and label.

    The parent is the batch before it in its edge's chain: an order, nothing that it was derived from.
    """
    b = admitted.batch
    return line(
        Kind.ENTRY_BATCH,
        b.plant,
        now_ns,
        committed,
        b.identity.edge,
        b.identity.epoch,
        b.identity.seq,
        int(b.origin),
        b.group,
        *b.values.shape,
        present(b),
        len(admitted.findings),
        *named,
        [came.previous] if came.previous >= 0 else [],
        came.columns[:COLUMNS_BYTES],
        list(came.judged_by),
    )


def present(b: Batch) -> int:
    """How many cells are readings: not MISSING."""
    return (
        b.quality.size - int((b.quality == Quality.MISSING).sum())
        if np.count_nonzero(b.quality)
        else b.quality.size
    )


def refused(plant: str, now_ns: int, peer: str, counts: Mapping[str, int], since_ns: int) -> bytes:
    """What was refused of one sender, or came again, besides the first of each rule: counts since `since_ns`."""
    rules = [[rule, counts[rule]] for rule in sorted(counts)]
    return line(Kind.ENTRY_REFUSED, plant, now_ns, b"", peer, rules, since_ns)


def strangers(
    plant: str, now_ns: int, named: bytes, rules: Sequence[tuple[str, int]], since_ns: int
) -> bytes:
    """Counts by rule of what nobody known has sent since `since_ns`; `named` is the digest of the blob of addresses."""
    return line(Kind.ENTRY_STRANGERS, plant, now_ns, named, [list(r) for r in rules], since_ns)


def finding(
    plant: str, now_ns: int, named: bytes, rules: Sequence[str], parents: Sequence[int]
) -> bytes:
    """Findings that belong to no admitted batch; `named` is the digest of their blob."""
    return line(
        Kind.ENTRY_FINDING, plant, now_ns, named, sorted(set(rules)), len(rules), list(parents)
    )


def clock(plant: str, now_ns: int, step_ns: int, wall_ns: int) -> bytes:
    """The core's wall clock went by `step_ns` to `wall_ns`; `now_ns` is where time in the ledger stands."""
    return line(Kind.ENTRY_CLOCK, plant, now_ns, b"", step_ns, wall_ns)


def command(
    now_ns: int, committed: bytes, c: Command, about: tuple[str, str], rests: Rests
) -> bytes:
    """A proposed command `about` plant and class; it rests on what it declares and on what its service has read."""
    plant, command_class = about
    return line(
        Kind.ENTRY_COMMAND,
        plant,
        now_ns,
        committed,
        c.id,
        c.principal,
        c.tag,
        command_class,
        c.signed,
        rests.plain(),
    )


def decision(plant: str, now_ns: int, named: bytes, d: Decision, rests: Rests) -> bytes:
    """A decision; `named` is the digest of the blob of its reasons. It rests on the command first."""
    counts = [d.approvals, d.approvals_needed]
    return line(
        Kind.ENTRY_DECISION,
        plant,
        now_ns,
        named,
        d.command,
        d.verdict.value,
        list(d.axes),
        counts,
        rests.plain(),
    )


@dataclass(frozen=True, slots=True)
class Stands:
    """How advice stands: its label, the digest `named` of the blob that says why, and what it rests on."""

    standing: Standing
    axes: tuple[int, ...]
    named: bytes
    rests: Rests


def advice(
    now_ns: int, committed: bytes, a: Advice, about: tuple[str, str], stands: Stands
) -> bytes:
    """Advice `about` plant and class as it was given, or (nothing is committed) as it stands from now on.

    Then its first parent is the entry that it was given with.
    """
    plant, letter = about
    told = [stands.standing.value, list(stands.axes), stands.named]
    who = [a.id, a.principal, a.subject, letter]
    return line(Kind.ENTRY_ADVICE, plant, now_ns, committed, *who, *told, stands.rests.plain())


def permit(now_ns: int, committed: bytes, p: Permit) -> bytes:
    """A permit, not yet used."""
    return line(
        Kind.ENTRY_PERMIT,
        p.plant,
        now_ns,
        committed,
        p.command,
        p.mode_epoch,
        p.expires_ns,
        [p.decision],
    )


def outcome(
    plant: str, now_ns: int, committed: bytes, of: str, o: Outcome, parents: Sequence[int]
) -> bytes:
    """What the actuator says became of the permit of command `of`."""
    return line(Kind.ENTRY_OUTCOME, plant, now_ns, committed, of, o.status.value, list(parents))


def statement(
    plant: str, now_ns: int, committed: bytes, s: Statement, parents: Sequence[int]
) -> bytes:
    """A person's signed statement that took effect."""
    return line(
        Kind.ENTRY_STATEMENT,
        plant,
        now_ns,
        committed,
        s.principal,
        s.verb.value,
        s.subject,
        s.expires_ns,
        list(parents),
    )


def genesis(plant: str, now_ns: int, committed: bytes, g: Genesis, parents: Sequence[int]) -> bytes:
    """A person founded a new chain of an edge; `parents` is the batch that the core had last."""
    return line(
        Kind.ENTRY_GENESIS,
        plant,
        now_ns,
        committed,
        g.principal,
        g.edge,
        g.epoch,
        g.last,
        list(parents),
    )


def disavowal(plant: str, now_ns: int, committed: bytes, d: Disavowal) -> bytes:
    """A person said that a source was bad for a past time; it rests on nothing, least of all on what it is about."""
    told = [d.principal, d.subject, d.since_ns, d.until_ns]
    return line(Kind.ENTRY_DISAVOWAL, plant, now_ns, committed, *told)


@dataclass(frozen=True, slots=True)
class Reach:
    """What a disavowal touches: counts by kind, the digest over the whole list, and of the blob that holds it."""

    touched: int
    counts: Sequence[tuple[str, int]]
    digest: bytes
    listed: bytes


def disavowed(
    plant: str, now_ns: int, stage: Stage, reach: Reach | None, parents: Sequence[int]
) -> bytes:
    """How a disavowal stands from now on; `parents` are its entry and the statements that made it so. None: not traced."""
    told: list[object] = [0, [], b""]
    if reach is not None:
        told = [reach.touched, [list(c) for c in reach.counts], reach.digest]
    named = b"" if reach is None else reach.listed
    return line(
        Kind.ENTRY_DISAVOWED, plant, now_ns, named, parents[0], stage.value, *told, list(parents)
    )


def epoch(plant: str, now_ns: int, committed: bytes, e: EpochOpened) -> bytes:
    """The first entry under a new origin: which log it continues, and from where."""
    return line(Kind.ENTRY_EPOCH, plant, now_ns, committed, e.origin, e.size, e.root, e.epoch)


def rewind(plant: str, now_ns: int, e: Rewound) -> bytes:
    """A rewind departs from the log that it names, or ends; it commits to what that log's entry of the disavowal does."""
    of = [e.origin, e.size, e.root, e.record]
    return line(
        Kind.ENTRY_REWIND, plant, now_ns, e.disavowal, *of, e.subject, e.since_ns, e.until_ns
    )


def query(
    plant: str, now_ns: int, named: bytes, q: QueryAsked, rests: Rests, *, allowed: bool
) -> bytes:
    """A read, allowed or not, and what the answer showed; purpose and resource are in the blob `named`."""
    asked = [q.principal, q.action, allowed, len(q.tags)]
    return line(Kind.ENTRY_QUERY, plant, now_ns, named, *asked, rests.plain())


def disk(plant: str, now_ns: int, event: DiskChanged) -> bytes:
    """The core's disk: full or not, free and all bytes, and how many batches were refused since it was said last."""
    room = [event.free, event.total]
    return line(Kind.ENTRY_DISK, plant, now_ns, b"", bool(event.full), room, event.refused)


def history(plant: str, now_ns: int, e: HistoryChanged) -> bytes:
    """What became of the history: chunks have a salt of their own, so their digest tells nothing when they are gone."""
    return line(Kind.ENTRY_HISTORY, plant, now_ns, b"", e.what, e.subject, e.day, e.count, e.digest)


def model(
    plant: str, now_ns: int, committed: bytes, name: str, rests: Rests, *, admitted: bool
) -> bytes:
    """A model artefact at gate 2, and the batches it says it was trained on."""
    return line(Kind.ENTRY_MODEL, plant, now_ns, committed, name, admitted, rests.plain())


def key(plant: str, now_ns: int, sealed: bytes) -> bytes:
    """A statement of the plant root, whole and with its signature: whoever has the root key can check it."""
    return line(Kind.ENTRY_KEY, plant, now_ns, b"", sealed)


def config(plant: str, now_ns: int, committed: bytes, said: ConfigStatement, count: int) -> bytes:
    """A person signed the safety part that the core runs with; `count` persons have now."""
    return line(
        Kind.ENTRY_CONFIG, plant, now_ns, committed, said.principal, said.number, said.digest, count
    )


def line(kind: Kind, plant: str, now_ns: int, committed: bytes, *rest: object) -> bytes:
    """An entry of the version that is written now."""
    raw = encode([VERSIONS.get(kind, VERSION), int(kind), plant, now_ns, committed, *rest])
    assert len(raw) <= ENTRY_LIMIT, (kind, len(raw))
    return raw
