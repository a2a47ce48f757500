"""Who sent this, and may he? The first half of gate 1, from the cheapest question to the dearest.

Structure and digest, key, signature, header, ownership, origin, scan group: then the sender is known and the
batch is one it may send. Only after its place in the edge's sequence is known are its cells read.
"""

from dataclasses import dataclass

from twinvouch.core.batch import Batch
from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.core.event import BatchReceived
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import Principal, PrincipalKind, ScanGroup
from twinvouch.core.kind import Purpose
from twinvouch.core.report import Report
from twinvouch.core.site import Site
from twinvouch.readings.wording import plain
from twinvouch.wire.batch import Header, read_batch, read_header, read_report
from twinvouch.wire.cose import Sealed, check, unseal

TECHNIQUES = {  # ATT&CK for ICS, by rule
    "malformed": "",
    "unknown_key": "T0856",
    "bad_signature": "T0856",
    "not_owner": "T0856",
    "wrong_origin": "T0856",
    "unknown_group": "",
}
NAMES = tuple(TECHNIQUES)


@dataclass(frozen=True, slots=True)
class Opened:
    """A batch of a known edge that may speak for its scan group; the cells are not read yet."""

    sealed: Sealed
    header: Header
    group: ScanGroup


@dataclass(frozen=True, slots=True)
class Refused:
    """Not taken. `edge` is empty where nobody is known to have signed it: then it is only counted."""

    finding: Finding
    edge: str = ""


def open_batch(received: BatchReceived, site: Site) -> Opened | Refused:
    """Everything about a batch but its place and its cells."""
    try:
        sealed = unseal(received.raw)
    except MalformedError as error:
        return Refused(_malformed(plain(received.peer), error))
    principal = site.plant.by_key_id.get(sealed.key_id)
    if principal is None:
        sentence = f"key {sealed.key_id.hex()} belongs to no principal of plant `{site.plant.id}`"
        return Refused(_finding("unknown_key", plain(received.peer), sentence))
    try:
        check(sealed, principal.key, plant=site.plant.id, purpose=Purpose.READINGS)
    except SignatureError:
        sentence = (
            f"what says it is by `{principal.id}` is not signed with that key, "
            f"for readings of plant `{site.plant.id}`"
        )
        return Refused(_finding("bad_signature", plain(received.peer), sentence))
    return _owned(sealed, principal, site)


def read_cells(opened: Opened, max_cells: int) -> Batch | Refused:
    """The batch with its cells."""
    header, group = opened.header, opened.group
    try:
        return read_batch(opened.sealed.content, opened.sealed.digest, header, group, max_cells)
    except MalformedError as error:
        return Refused(_malformed(group.edge, error), group.edge)


def read_told(opened: Opened) -> tuple[Report, ...] | Refused:
    """What an edge reports of its sources."""
    try:
        return read_report(opened.sealed.content, opened.header)
    except MalformedError as error:
        return Refused(_malformed(opened.group.edge, error), opened.group.edge)


def _owned(sealed: Sealed, principal: Principal, site: Site) -> Opened | Refused:
    """The header of an authenticated batch, and whether its signer may send it."""
    who = principal.id
    try:
        header = read_header(sealed.content)
    except MalformedError as error:
        return Refused(_malformed(who, error), who)
    edge = site.plant.edges.get(header.identity.edge)
    if principal.kind is not PrincipalKind.EDGE or edge is None or edge.principal != who:
        text = f"`{who}` signed readings in the name of edge `{plain(header.identity.edge)}`"
        return Refused(_finding("not_owner", who, text), who)
    if header.plant != site.plant.id or header.origin is not site.origin:
        text = (
            f"`{who}` sent {header.origin.name.lower()} data of plant `{plain(header.plant)}`; "
            f"here is {site.origin.name.lower()} data of plant `{site.plant.id}` taken"
        )
        return Refused(_finding("wrong_origin", who, text), who)
    group = site.plant.groups.get(header.group)
    if group is None or (group.edge == header.identity.edge and header.columns != group.digest):
        other = "is unknown here" if group is None else "has other columns here"
        text = f"scan group `{plain(header.group)}` of `{who}` {other}: give edge and core the same configuration"
        return Refused(_finding("unknown_group", who, text, Severity.MEDIUM), who)
    if group.edge != header.identity.edge or group.name not in edge.groups:
        text = f"`{who}` sent scan group `{group.name}`, which is read by `{group.edge}`"
        return Refused(_finding("not_owner", who, text), who)
    return Opened(sealed, header, group)


def _finding(rule: str, subject: str, sentence: str, severity: Severity = Severity.HIGH) -> Finding:
    return Finding(rule, subject, severity, sentence, TECHNIQUES[rule])


def _malformed(subject: str, error: MalformedError) -> Finding:
    sentence = f"not a batch: {plain(str(error), 300)}"
    return _finding("malformed", subject, sentence, Severity.MEDIUM)
