"""Link: how far one edge has come, and what gate 1 must remember to tell gap, duplicate, replay and reorder apart."""

from dataclasses import dataclass, replace
from typing import Any

from twinvouch.wire.cbor import decode, encode

RECENT = 64

Seen = tuple[int, bytes, int]  # sequence, digest, received ns
Change = tuple[str, float, int]  # tag, new value, received ns
PENDING = 64


@dataclass(frozen=True, slots=True)
class Link:
    """The chain of one edge. `epoch` is -1 before its first batch; `missing` are ranges [first, last] of the epoch.

    `recent` are the newest batches of the epoch, oldest first; `entry` the ledger index of the last one admitted;
    `silent` the scan groups about whose silence a finding was made; `seen_ns` when each scan group last came.
    `pending` are changes of actuators whose permit is not reported on yet; `actuators` is where each actuator that
    only the twin may move was seen last.
    """

    edge: str
    epoch: int = -1
    seq: int = -1
    digest: bytes = bytes(32)
    missing: tuple[tuple[int, int], ...] = ()
    recent: tuple[Seen, ...] = ()
    received_ns: int = 0
    entry: int = -1
    seen_ns: tuple[tuple[str, int], ...] = ()
    silent: tuple[str, ...] = ()
    pending: tuple[Change, ...] = ()
    actuators: tuple[tuple[str, float], ...] = ()

    def known(self, seq: int) -> Seen | None:
        """The remembered batch of this sequence number in the current epoch."""
        return next((s for s in self.recent if s[0] == seq), None)

    def is_missing(self, seq: int) -> bool:
        """True where this number of the current epoch was skipped and has not come since."""
        return any(first <= seq <= last for first, last in self.missing)

    def advanced(self, epoch: int, seen: Seen, max_gap: int) -> "Link":
        """After a batch that is newer than all before."""
        seq, digest, received = seen
        if epoch != self.epoch:
            missing: tuple[tuple[int, int], ...] = ((0, seq - 1),) if seq > 0 else ()
            recent: tuple[Seen, ...] = (seen,)
        else:
            missing = (
                (*self.missing, (self.seq + 1, seq - 1)) if seq > self.seq + 1 else self.missing
            )
            recent = (*self.recent[-RECENT + 1 :], seen)
        return replace(
            self,
            epoch=epoch,
            seq=seq,
            digest=digest,
            missing=_bounded(missing, max_gap),
            recent=recent,
            received_ns=received,
        )

    def filled(self, seen: Seen) -> "Link":
        """After a late batch that fills a gap."""
        seq, _, received = seen
        missing: list[tuple[int, int]] = []
        for first, last in self.missing:
            if first <= seq <= last:
                missing += [r for r in ((first, seq - 1), (seq + 1, last)) if r[0] <= r[1]]
            else:
                missing.append((first, last))
        return replace(
            self,
            missing=tuple(missing),
            recent=(*self.recent[-RECENT + 1 :], seen),
            received_ns=received,
        )

    def heard(self, group: str, now_ns: int) -> "Link":
        """After readings of a scan group: it is not silent."""
        seen = (*((g, t) for g, t in self.seen_ns if g != group), (group, now_ns))
        return replace(self, seen_ns=seen, silent=tuple(g for g in self.silent if g != group))

    def waits(self, changes: tuple[Change, ...]) -> "Link":
        """After changes of actuators that a report may explain."""
        return replace(self, pending=(*self.pending, *changes)[-PENDING:]) if changes else self


def write_link(link: Link) -> bytes:
    """As bytes for the state store."""
    return encode(
        [
            1,
            link.edge,
            link.epoch,
            link.seq,
            link.digest,
            [list(r) for r in link.missing],
            [list(s) for s in link.recent],
            link.received_ns,
            link.entry,
            [list(s) for s in link.seen_ns],
            list(link.silent),
            [list(c) for c in link.pending],
            [list(a) for a in link.actuators],
        ]
    )


def read_link(raw: bytes) -> Link:
    """The inverse of `write_link`."""
    content: Any = decode(raw)
    version, edge, epoch, seq, digest, missing, recent, received, entry, *rest = content
    seen, silent, pending, actuators = rest
    assert version == 1, version
    return Link(
        edge,
        epoch,
        seq,
        digest,
        tuple((first, last) for first, last in missing),
        tuple((s, d, r) for s, d, r in recent),
        received,
        entry,
        tuple((g, t) for g, t in seen),
        tuple(silent),
        tuple((tag, float(value), at) for tag, value, at in pending),
        tuple((tag, float(value)) for tag, value in actuators),
    )


def _bounded(missing: tuple[tuple[int, int], ...], limit: int) -> tuple[tuple[int, int], ...]:
    """The newest ranges that hold at most `limit` numbers: older ones are given up, and would be replays."""
    kept: list[tuple[int, int]] = []
    room = limit
    for first, last in reversed(missing):
        start = max(first, last - room + 1)
        if room <= 0 or start > last:
            break
        kept.append((start, last))
        room -= last - start + 1
    return tuple(reversed(kept))
