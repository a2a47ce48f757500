"""Which batch is this? Order, repetition and chain of one edge's batches; everything here is authenticated.

Batches are numbered (boot epoch, sequence from 0) and each names the digest of the one before. Numbers that
did not come are remembered (`max_gap` of them) so that a batch that comes late is told from one that comes
again. Across a gap the chain cannot be checked and that is not held against a batch; a new boot epoch must
name the digest that the old one ended with.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from twinvouch.core.batch import Identity
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.kind import Kind
from twinvouch.core.label import FULL
from twinvouch.core.site import SECOND, ReadingRules
from twinvouch.readings.link import RECENT, Link, Recent, Span
from twinvouch.readings.wording import count, seconds
from twinvouch.wire.batch import Header

TECHNIQUES = {  # ATT&CK for ICS, by rule
    "gap": "T0804",
    "duplicate": "",
    "replay": "T0856",
    "reorder": "T0830",
    "chain": "T0830",
    "epoch": "T0830",
    "equivocation": "T0859",
}
NAMES = tuple(TECHNIQUES)
AHEAD_S = 86_400  # a boot epoch is a clock's seconds or a count: later than this nobody can follow
CAP = 60  # integrity of a batch whose chain does not fit: below what any command class demands


@dataclass(frozen=True, slots=True)
class Placed:
    """A batch that was not seen before: the edge's link with it, and what its place says of it."""

    link: Link
    findings: tuple[Finding, ...] = ()
    integrity: int = FULL
    is_late: bool = False


def place(
    link: Link | None, header: Header, digest: bytes, rules: ReadingRules, now_ns: int
) -> Placed | Finding:
    """The place of a batch; a Finding (`duplicate`, `replay`, `equivocation`, `epoch`) where it has none."""
    i = header.identity
    if i.epoch > now_ns // SECOND + AHEAD_S:
        return _beyond(i, now_ns)
    newest = Recent(i.epoch, i.seq, now_ns, digest)
    if link is None:
        heard = {} if header.kind is Kind.SOURCE_REPORT else {header.group: now_ns}
        return Placed(Link(i.edge, i.epoch, i.seq, digest, now_ns, recent=(newest,), heard=heard))
    if (i.epoch, i.seq) > (link.epoch, link.seq):
        return _ahead(link, header, newest, rules)
    known = next((r for r in link.recent if (r.epoch, r.seq) == (i.epoch, i.seq)), None)
    if known is not None:
        return _again(known, i, digest, rules, now_ns)
    span = next(
        (s for s in link.missing if s.epoch == i.epoch and s.first <= i.seq <= s.last), None
    )
    if span is None:
        return _replay(
            i, f"the newest of `{i.edge}` is {link.epoch}/{link.seq} and none is missing there"
        )
    return _late(link, header, newest, span)


def _ahead(link: Link, header: Header, newest: Recent, rules: ReadingRules) -> Placed:
    i = header.identity
    is_new_epoch = i.epoch > link.epoch
    expected = 0 if is_new_epoch else link.seq + 1
    findings: tuple[Finding, ...] = ()
    missing, integrity = link.missing, FULL
    if i.seq > expected:
        missing = _newest_of((*missing, Span(i.epoch, expected, i.seq - 1)), rules.max_gap)
        findings = (_gap(i, expected),)
    elif header.prev != link.digest:
        findings, integrity = (_unchained(i, is_new_epoch=is_new_epoch),), CAP
    moved = replace(
        link,
        epoch=i.epoch,
        seq=i.seq,
        digest=newest.digest,
        missing=missing,
        **_heard(link, header, newest),
    )
    return Placed(moved, findings, integrity)


def _heard(link: Link, header: Header, newest: Recent) -> dict[str, Any]:
    """What every batch that is taken changes of a link; a report is no reading of its group."""
    taken = {
        "received_ns": newest.received_ns,
        "recent": (*link.recent[1 - RECENT :], newest),
    }
    if header.kind is Kind.SOURCE_REPORT:
        return taken
    return {
        **taken,
        "heard": {**link.heard, header.group: newest.received_ns},
        "silent": link.silent - {header.group} if link.silent else link.silent,
    }


def _late(link: Link, header: Header, newest: Recent, span: Span) -> Placed:
    """A batch that fills a gap: history only. Its chain is checked where a neighbour is still known."""
    i = header.identity
    findings: tuple[Finding, ...] = (_reorder(i, link),)
    integrity = FULL
    neighbour = next((r for r in link.recent if (r.epoch, r.seq) == (i.epoch, i.seq - 1)), None)
    if neighbour is not None and neighbour.digest != header.prev:
        findings, integrity = (*findings, _unchained(i, is_new_epoch=False)), CAP
    parts = (Span(i.epoch, span.first, i.seq - 1), Span(i.epoch, i.seq + 1, span.last))
    left = [s for s in parts if s.first <= s.last]
    at = link.missing.index(span)
    moved = replace(
        link,
        missing=(*link.missing[:at], *left, *link.missing[at + 1 :]),
        **_heard(link, header, newest),
    )
    return Placed(moved, findings, integrity, is_late=True)


def _again(known: Recent, i: Identity, digest: bytes, rules: ReadingRules, now_ns: int) -> Finding:
    age_ns = now_ns - known.received_ns
    if digest != known.digest:
        return Finding(
            "equivocation",
            i.edge,
            Severity.CRITICAL,
            f"`{i.edge}` signed two different batches {i.epoch}/{i.seq}, {seconds(age_ns)} apart: its key "
            "is in two hands, or its spool was set back; revoke the key until that is known",
            TECHNIQUES["equivocation"],
            (("epoch", i.epoch), ("seq", i.seq), ("age_s", age_ns / 1e9)),
        )
    if age_ns > rules.duplicate_window_ns:
        limit = seconds(rules.duplicate_window_ns)
        return _replay(i, f"received {seconds(age_ns)} ago, a retransmission comes within {limit}")
    return Finding(
        "duplicate",
        i.edge,
        Severity.INFO,
        f"batch {i.epoch}/{i.seq} of `{i.edge}` came again after {seconds(age_ns)}: a retransmission",
        TECHNIQUES["duplicate"],
        (("epoch", i.epoch), ("seq", i.seq), ("age_s", age_ns / 1e9)),
    )


def _beyond(i: Identity, now_ns: int) -> Finding:
    return Finding(
        "epoch",
        i.edge,
        Severity.HIGH,
        f"`{i.edge}` sent batch {i.epoch}/{i.seq}, of a boot epoch that lies {seconds(i.epoch * SECOND - now_ns)} in the "
        "future of the core: taken, it would shut out every later one; set its clock and delete its spool, or "
        "revoke its key",
        TECHNIQUES["epoch"],
        (("epoch", i.epoch), ("seq", i.seq)),
    )


def _replay(i: Identity, why: str) -> Finding:
    return Finding(
        "replay",
        i.edge,
        Severity.HIGH,
        f"batch {i.epoch}/{i.seq} of `{i.edge}` was sent before: {why}",
        TECHNIQUES["replay"],
        (("epoch", i.epoch), ("seq", i.seq)),
    )


def _gap(i: Identity, expected: int) -> Finding:
    absent = i.seq - expected
    span = f"{expected}" if absent == 1 else f"{expected} to {i.seq - 1}"
    verb = "is" if absent == 1 else "are"
    return Finding(
        "gap",
        i.edge,
        Severity.MEDIUM,
        f"{count(absent, 'batch', 'batches')} of `{i.edge}` {verb} missing before "
        f"{i.epoch}/{i.seq}: sequence {span}",
        TECHNIQUES["gap"],
        (("missing", absent), ("first", expected), ("epoch", i.epoch)),
    )


def _reorder(i: Identity, link: Link) -> Finding:
    return Finding(
        "reorder",
        i.edge,
        Severity.LOW,
        f"batch {i.epoch}/{i.seq} of `{i.edge}` came after {link.epoch}/{link.seq}: it fills a gap, in history only",
        TECHNIQUES["reorder"],
        (("epoch", i.epoch), ("seq", i.seq), ("newest", link.seq)),
    )


def _unchained(i: Identity, *, is_new_epoch: bool) -> Finding:
    what = "began a new boot epoch with" if is_new_epoch else "sent"
    rule = "epoch" if is_new_epoch else "chain"
    return Finding(
        rule,
        i.edge,
        Severity.HIGH,
        f"`{i.edge}` {what} batch {i.epoch}/{i.seq}, which does not name the batch before it: batches were lost "
        f"or another one signs with this key; its integrity is at most {CAP}",
        TECHNIQUES[rule],
        (("epoch", i.epoch), ("seq", i.seq)),
    )


def _newest_of(spans: Iterable[Span], limit: int) -> tuple[Span, ...]:
    """The newest `limit` missing numbers."""
    kept: list[Span] = []
    for span in sorted(spans, reverse=True):
        first = max(span.first, span.last - limit + 1)
        limit -= span.last - first + 1
        if first <= span.last:
            kept.append(Span(span.epoch, first, span.last))
        if not limit:
            break
    kept.reverse()
    return tuple(kept)
