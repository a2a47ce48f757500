"""verify: who sent a batch, whether it is unchanged, may speak for these tags, and is in order.

The order of checks is the order of cost and of trust: structure, key, signature, name, ownership, origin, sequence,
chain. Nothing of an unverified batch is believed, not even its name.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.core.event import BatchReceived
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import Principal, PrincipalKind, ScanGroup
from twinvouch.core.kind import Purpose
from twinvouch.core.site import Site
from twinvouch.readings.link import Link, Seen
from twinvouch.wire.batch import Header, read_header
from twinvouch.wire.cose import Sealed, check, unseal

NAMES = (
    "malformed",
    "unknown_key",
    "bad_signature",
    "not_owner",
    "wrong_origin",
    "unknown_group",
    "gap",
    "duplicate",
    "replay",
    "reorder",
    "equivocation",
    "chain",
    "epoch",
    "clock",
)
SPOOF, MIDDLE, ACCOUNT = "T0856", "T0830", "T0859"
CHAIN_CAP = 60  # integrity of a batch that does not continue the chain
FULL = 255


@dataclass(frozen=True, slots=True)
class Verified:
    """A batch that its edge signed; cells are not read yet."""

    sealed: Sealed
    header: Header
    principal: Principal


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a batch stands in the sequence of its edge.

    `repeated`: known already, not to be admitted again. `is_live`: newer than all before. `integrity` is the cap that
    the chain sets.
    """

    link: Link
    findings: tuple[Finding, ...] = ()
    repeated: bool = False
    is_live: bool = True
    integrity: int = FULL


def verify(received: BatchReceived, site: Site) -> Verified | Finding:
    """Structure, key and signature; a Finding is a refusal before authentication."""
    try:
        sealed = unseal(received.raw)
    except MalformedError as error:
        return Finding(
            "malformed", received.peer, Severity.MEDIUM, f"no sealed batch: {error}"[:500], MIDDLE
        )
    principal = site.plant.by_key_id.get(sealed.key_id)
    if principal is None or principal.kind is not PrincipalKind.EDGE:
        why = f"key {sealed.key_id.hex()} is no edge of plant `{site.plant.id}`"
        return Finding("unknown_key", received.peer, Severity.HIGH, why, ACCOUNT)
    try:
        check(sealed, principal.key, plant=site.plant.id, purpose=Purpose.READINGS)
        header = read_header(sealed.content)
    except SignatureError as error:
        why = f"a batch in the name of `{principal.id}` was changed on the way or signed for something else: {error}"
        return Finding("bad_signature", received.peer, Severity.HIGH, why[:500], MIDDLE)
    except MalformedError as error:
        return Finding(
            "malformed",
            received.peer,
            Severity.MEDIUM,
            f"signed, but no batch: {error}"[:500],
            SPOOF,
        )
    return Verified(sealed, header, principal)


def entitled(verified: Verified, site: Site) -> ScanGroup | Finding:
    """May this edge speak for this scan group, of this plant and origin? A Finding is a refusal of somebody known."""
    h, edge = verified.header, verified.principal.id
    group = site.plant.groups.get(h.group)
    if h.plant != site.plant.id or h.identity.edge != edge:
        why = f"edge `{edge}` signed a batch in the name of another edge or plant"
        return Finding("not_owner", edge, Severity.HIGH, why, ACCOUNT)
    if h.origin is not site.origin:
        why = f"edge `{edge}` sent {h.origin.name.lower()} data, this engine takes {site.origin.name.lower()}"
        return Finding("wrong_origin", edge, Severity.HIGH, why, SPOOF)
    if group is None:
        return Finding(
            "unknown_group",
            edge,
            Severity.MEDIUM,
            f"edge `{edge}` sent an unknown scan group",
            SPOOF,
        )
    if group.edge != edge or h.group not in site.plant.edges[edge].groups:
        why = f"edge `{edge}` may not speak for scan group `{group.name}` of edge `{group.edge}`"
        return Finding("not_owner", edge, Severity.HIGH, why, ACCOUNT)
    if h.columns != group.digest:
        why = f"edge `{edge}` and this core mean different columns by scan group `{group.name}`: same configuration?"
        return Finding("unknown_group", edge, Severity.MEDIUM, why, SPOOF)
    return group


def standing(verified: Verified, links: Mapping[str, Link], site: Site, now_ns: int) -> Standing:
    """Gap, duplicate, replay, reorder, new epoch or simply next."""
    header, digest = verified.header, verified.sealed.digest
    edge, epoch, seq = header.identity.edge, header.identity.epoch, header.identity.seq
    link = links.get(edge, Link(edge))
    seen = (seq, digest, now_ns)
    if epoch < link.epoch:
        return _replay(
            link, f"epoch {epoch} of edge `{edge}` is over, the current one is {link.epoch}"
        )
    if epoch > link.epoch:
        return _new_epoch(header, link, link.advanced(epoch, seen, site.readings.max_gap))
    if seq > link.seq:
        return _newer(header, link, link.advanced(epoch, seen, site.readings.max_gap))
    return _earlier(link, seen, site, now_ns)


def _earlier(link: Link, seen: Seen, site: Site, now_ns: int) -> Standing:
    """A number of the current epoch that is not newer than the newest."""
    edge, (seq, digest, _) = link.edge, seen
    known = link.known(seq)
    if known is None and link.is_missing(seq):
        why = f"batch {link.epoch}/{seq} of edge `{edge}` came late, after {link.seq}: to history, not to live state"
        finding = Finding(
            "reorder", edge, Severity.LOW, why, MIDDLE, (("seq", seq), ("newest", link.seq))
        )
        return Standing(link.filled(seen), (finding,), is_live=False)
    if known is not None and known[1] != digest:
        why = f"edge `{edge}` signed two different batches {link.epoch}/{seq}: its key is in two hands"
        finding = Finding("equivocation", edge, Severity.CRITICAL, why, ACCOUNT, (("seq", seq),))
        return Standing(link, (finding,), repeated=True)
    if known is not None and now_ns - known[2] <= site.readings.duplicate_window_ns:
        why = f"batch {link.epoch}/{seq} of edge `{edge}` came again: its acknowledgement was lost"
        return Standing(link, (Finding("duplicate", edge, Severity.INFO, why),), repeated=True)
    return _replay(
        link,
        f"batch {link.epoch}/{seq} of edge `{edge}` was received before, the newest is {link.seq}",
    )


def _replay(link: Link, why: str) -> Standing:
    return Standing(link, (Finding("replay", link.edge, Severity.HIGH, why, SPOOF),), repeated=True)


def _new_epoch(header: Header, link: Link, after: Link) -> Standing:
    """The edge started again. Its first batch names the last of the epoch before; a gap makes that unknowable."""
    seq, edge = header.identity.seq, header.identity.edge
    if seq > 0:
        return Standing(after, _gap(edge, 0, seq - 1))
    if link.epoch < 0 or header.prev == link.digest:
        return Standing(after)
    why = f"edge `{edge}` began epoch {header.identity.epoch} without naming the last batch that came from it: some are missing"
    return Standing(
        after, (Finding("epoch", edge, Severity.MEDIUM, why, MIDDLE),), integrity=CHAIN_CAP
    )


def _newer(header: Header, link: Link, after: Link) -> Standing:
    seq, edge = header.identity.seq, header.identity.edge
    if seq > link.seq + 1:
        return Standing(after, _gap(edge, link.seq + 1, seq - 1))
    if header.prev == link.digest:
        return Standing(after)
    why = f"batch {seq} of edge `{edge}` does not continue batch {link.seq}: the chain is broken"
    return Standing(
        after, (Finding("chain", edge, Severity.HIGH, why, ACCOUNT),), integrity=CHAIN_CAP
    )


def _gap(edge: str, first: int, last: int) -> tuple[Finding, ...]:
    count = last - first + 1
    why = f"{count} batches of edge `{edge}` are missing: {first} to {last}"
    return (
        Finding("gap", edge, Severity.MEDIUM, why, MIDDLE, (("missing", count), ("first", first))),
    )
