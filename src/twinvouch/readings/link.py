"""Link: how far one edge has come, and what has to be remembered of it between its batches.

Frozen: gate 1 gives the engine a new one with every batch it takes; the engine keeps and stores it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from twinvouch.twin.frame import BEFORE_ALL
from twinvouch.wire.cbor import decode, encode

RECENT = 64  # batches of one edge whose digests are remembered
_DIGEST = 32


class Recent(NamedTuple):
    """A batch that was admitted lately."""

    epoch: int
    seq: int
    received_ns: int
    digest: bytes


class Span(NamedTuple):
    """Sequence numbers first..last of one boot epoch that never came."""

    epoch: int
    first: int
    last: int


class Change(NamedTuple):
    """An actuator went from one state to another: `before` was last seen at `since_ns`.

    `since_ns` is the earlier of source and receive time, so that a backlog is judged by when it was made;
    `t_ns` is the source time of the new value, `seen_ns` when the core received it, in row `row`.
    """

    tag: str
    before: float
    value: float
    since_ns: int
    t_ns: int
    seen_ns: int
    row: int


@dataclass(frozen=True, slots=True)
class Link:
    """One edge's newest batch, what is missing before it, and the state of the rules that need some.

    `digest` is that of the newest batch by epoch and sequence, `received_ns` when any was admitted last,
    `entry` the ledger index of the batch admitted last (-1: none). `heard` is the receive time of each scan
    group, `silent` the groups, and the tags of groups by exception, whose silence was told. `positions` are the last known states of actuators that
    only the twin may move, `waiting` their changes that an open permit may yet explain, `used` the permits
    (tag, ledger index) that have explained one. `newest_ns` is the newest plausible source time: the watermark
    of the edge is that minus its `max_lateness_ns`.
    """

    edge: str
    epoch: int
    seq: int
    digest: bytes
    received_ns: int
    entry: int = -1
    missing: tuple[Span, ...] = ()
    recent: tuple[Recent, ...] = ()
    heard: Mapping[str, int] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    positions: Mapping[str, float] = field(default_factory=dict)
    waiting: tuple[Change, ...] = ()
    used: frozenset[tuple[str, int]] = frozenset()
    newest_ns: int = BEFORE_ALL


def write_link(link: Link) -> bytes:
    """As bytes for the state store; the long parts as typed arrays."""
    missing = np.array(link.missing, np.int64).ravel()
    recent = np.array([r[:3] for r in link.recent], np.int64).ravel()
    return encode(
        [
            2,
            link.edge,
            link.epoch,
            link.seq,
            link.digest,
            link.received_ns,
            link.entry,
            missing,
            recent,
            b"".join(r.digest for r in link.recent),
            dict(link.heard),
            sorted(link.silent),
            dict(link.positions),
            [list(c) for c in link.waiting],
            [list(u) for u in sorted(link.used)],
            link.newest_ns,
        ]
    )


def read_link(raw: bytes) -> Link:
    """The inverse of `write_link`; version 1 knew no watermark yet."""
    content: Any = decode(raw)
    version, edge, epoch, seq, digest, received_ns, entry, *rest = content
    assert version in {1, 2}, version
    if version == 1:
        rest.append(BEFORE_ALL)
    missing, recent, digests, heard, silent, positions, waiting, used, newest_ns = rest
    numbers = recent.reshape(-1, 3).tolist()
    return Link(
        edge,
        epoch,
        seq,
        digest,
        received_ns,
        entry,
        missing=tuple(Span(*s) for s in missing.reshape(-1, 3).tolist()),
        recent=tuple(
            Recent(e, s, at, digests[i * _DIGEST : (i + 1) * _DIGEST])
            for i, (e, s, at) in enumerate(numbers)
        ),
        heard=heard,
        silent=frozenset(silent),
        positions=positions,
        waiting=tuple(Change(*c) for c in waiting),
        used=frozenset((tag, permit) for tag, permit in used),
        newest_ns=newest_ns,
    )
