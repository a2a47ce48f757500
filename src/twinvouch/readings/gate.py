"""The way through gate 1: signed bytes in, an Admitted batch with its label and findings out.

Verify (who, may he, which one, when), then validate (does it make sense), then label (R1). What cannot be
verified is refused; what makes no sense is admitted with a label that says so, because it is evidence. Nothing
in the bytes can raise here. Pure: all state comes in (`links`, `frame`, `context`) and the new link goes out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from twinvouch.core.batch import Admitted, Batch
from twinvouch.core.context import Context
from twinvouch.core.event import BatchReceived
from twinvouch.core.finding import Finding
from twinvouch.core.genesis import Beginning
from twinvouch.core.inventory import ScanGroup
from twinvouch.core.kind import Kind
from twinvouch.core.label import AXES, Label
from twinvouch.core.memo import Memo
from twinvouch.core.site import Site
from twinvouch.readings import (
    beginning,
    clock,
    clock_drift,
    clock_jump,
    declared,
    detection,
    late,
    reports,
    skew,
)
from twinvouch.readings.eligible import Way
from twinvouch.readings.followed import Followed, together
from twinvouch.readings.labelling import label
from twinvouch.readings.link import Link
from twinvouch.readings.sequence import Placed, place
from twinvouch.readings.validate import (
    device_identity,
    finite,
    missing,
    quality,
    rate,
    stale,
    unpermitted_actuation,
)
from twinvouch.readings.validate import range as range_
from twinvouch.readings.verify import Opened, Refused, open_batch, read_cells, read_told
from twinvouch.readings.view import View, look
from twinvouch.twin.frame import BEFORE_ALL, Columns, Frame

__all__ = ["Accepted", "Admission", "Refused", "Repeated", "admit", "watch"]

RULES = (finite, quality, range_, rate, stale, device_identity)


@dataclass(frozen=True, slots=True)
class Accepted:
    """Admitted: acknowledge it, enter it, keep `link` (with the entry's index), update the frame.

    `beginning` is how the edge's chain last began anew, if it ever did: to be kept where it is another one than before.
    `memos` are those of declared rules that changed; `doubted` caps the plausibility of live values of other tags.
    """

    admitted: Admitted
    link: Link
    beginning: Beginning | None = None
    memos: Mapping[str, Memo] = field(default_factory=dict)
    doubted: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Repeated:
    """Seen before, nothing new in it: a `duplicate` (acknowledge it again) or a `replay`."""

    edge: str
    finding: Finding
    link: Link


Admission: TypeAlias = Accepted | Repeated | Refused


def admit(
    received: BatchReceived,
    site: Site,
    links: Mapping[str, Link],
    frame: Frame,
    context: Context,
    now_ns: int,
) -> Admission:
    """Judge one received batch."""
    opened = open_batch(received, site, context.ring, now_ns)
    if isinstance(opened, Refused):
        return opened
    edge, group = opened.header.identity.edge, opened.group
    link = links.get(edge)
    placed = place(link, opened.header, opened.sealed.digest, site.readings, now_ns)
    if isinstance(placed, Finding):
        if link is None or placed.rule in {"equivocation", "epoch"}:
            return Refused(placed, edge)
        return Repeated(edge, placed, link)
    known = context.beginnings.get(edge)
    placed = beginning.judge(placed, opened.header, link, known)
    begun = beginning.after(link, placed, opened.header, known)
    if opened.header.kind is Kind.SOURCE_REPORT:
        taken = _report(opened, placed)
        return replace(taken, beginning=begun) if isinstance(taken, Accepted) else taken
    batch = read_cells(opened, site.readings.max_cells)
    if isinstance(batch, Refused):
        return batch
    # cells may be anything: what overflows or is NaN is flagged by a rule and must not warn
    with np.errstate(all="ignore"):
        before = None if placed.is_late else frame.columns(group.name)
        edge_was = BEFORE_ALL if link is None else link.newest_ns
        oldest_ns = max(edge_was - site.plant.edges[edge].max_lateness_ns, BEFORE_ALL)
        view, told = _look(batch, group, before, oldest_ns, now_ns)
        rules = site.plant.declared.get(group.name)
        flagged = tuple(f for rule in RULES if (f := rule.check(batch, view)) is not None)
        known_as = _of_key(context, opened, now_ns)
        way = _known(placed, edge, site, known_as)
        followed = declared.follow(batch, view, frame, rules, way, told)
        followed = replace(followed, flagged=(*flagged, *followed.flagged))
        if (context.detector is not None or context.tickets) and not view.is_late:
            said = detection.follow(batch, view, frame, known_as, site.plant, followed.flagged)
            followed = together((followed, said))
        return replace(_judge(batch, view, followed, placed, site, context), beginning=begun)


def _of_key(context: Context, opened: Opened, now_ns: int) -> Context:
    """What is signed with a distrusted key is distrusted as it comes in: it teaches nothing."""
    if not context.is_bad_key(opened.sealed.key_id, now_ns):
        return context
    until_ns = context.distrusted_keys[opened.sealed.key_id]
    mine = dict.fromkeys(opened.group.ids, until_ns)
    return replace(context, distrusted={**context.distrusted, **mine})


def _known(placed: Placed, edge: str, site: Site, context: Context) -> declared.Known:
    plant = site.plant
    way = Way(plant, plant.edges[edge].identity_cap, placed.integrity, context.distrusted)
    return declared.Known(context.memos, way)


def _report(opened: Opened, placed: Placed) -> Admission:
    """What an edge tells of its sources: findings, and a batch of no rows that carries them."""
    told = read_told(opened)
    if isinstance(told, Refused):
        return told
    h, group = opened.header, opened.group
    none = np.zeros((0, len(group.tags)))
    times = np.zeros(0, np.int64)
    batch = Batch(
        h.plant,
        h.identity,
        h.prev,
        h.origin,
        h.group,
        times,
        none,
        none.astype(np.uint8),
        opened.sealed.digest,
    )
    label = Label(np.zeros((AXES, *none.shape), np.uint8), none.astype(np.int64))
    found = (*placed.findings, *reports.findings(told, group.edge))
    return Accepted(Admitted(batch, label, found, times.astype(np.bool_)), placed.link)


def watch(
    site: Site, links: Mapping[str, Link], frame: Frame, context: Context, now_ns: int
) -> tuple[list[Finding], list[Link]]:
    """With every Tick: who fell silent, and which changes nothing has explained; and the links that changed.

    Findings come in the order of names, never of arrival, which a restart does not know: they are hashed into a leaf.
    """
    told: list[Finding] = []
    changed: list[Link] = []
    for _, link in sorted(links.items()):
        looked, unexplained = unpermitted_actuation.again(link, site, context, now_ns)
        silent, told_of = _silent(link, site, frame, now_ns)
        if told_of != link.silent:
            looked = replace(looked, silent=told_of)
        if looked is not link:
            changed.append(looked)
        told += (*unexplained, *silent)
    return told, changed


def _silent(
    link: Link, site: Site, frame: Frame, now_ns: int
) -> tuple[list[Finding], frozenset[str]]:
    """What is silent and not told yet; and all whose silence is told, tags that spoke again left out."""
    found: list[Finding] = []
    told_of = link.silent
    for name, heard_ns in sorted(link.heard.items()):
        group = site.plant.groups.get(name)
        if group is None or group.edge != link.edge:
            continue
        if group.by_exception:
            received_ns = frame.columns(name).received_ns
            silent = np.flatnonzero(stale.silent_tags(group, received_ns, now_ns)).tolist()
            new = [k for k in silent if group.ids[k] not in told_of]
            found += stale.silences(group, new, received_ns, now_ns)
            told_of = (told_of - set(group.ids)) | {group.ids[k] for k in silent}
        elif name not in told_of:
            finding = stale.silence(group, heard_ns, now_ns)
            if finding is not None:
                found.append(finding)
                told_of |= {name}
    return found, told_of


def _look(
    batch: Batch, group: ScanGroup, before: Columns | None, oldest_ns: int, now_ns: int
) -> tuple[View, tuple[Finding, ...]]:
    """The view of a batch, and what its times say; rows before `oldest_ns` are late."""
    after_ns = BEFORE_ALL if before is None or group.by_exception else before.row_ns
    sound, finding = clock.check(batch.t_ns, after_ns, now_ns, group)
    behind = None
    # sound rows are in order: where all are, the first is the oldest
    if finding is not None or int(batch.t_ns[0]) < oldest_ns or group.by_exception:
        behind = None if before is None else late.cells(batch, group, before, sound, oldest_ns)
    came_late = late.finding(batch, group, behind, now_ns)
    told = tuple(f for f in (finding, came_late) if f is not None)
    return look(batch, group, before, sound, now_ns, behind), told


def _clock(batch: Batch, view: View, link: Link) -> tuple[Link, tuple[Finding, ...]]:
    """The link with how its clock stands now, and a finding where that moved.

    Late batches say nothing of it, nor do sources by exception, whose times come in any order, nor a clock that was
    never set (before 2000): rule `clock` tells that.
    """
    t_ns, group = int(batch.t_ns[-1]), view.group
    if view.is_late or group.by_exception or t_ns < clock.YEAR_2000_NS:
        return link, ()
    span = skew.Span(group.name, t_ns, len(batch.t_ns), group.period_ns, view.now_ns)
    now, moved = skew.follow(link.clock, span)
    link = replace(link, clock=now)
    if moved is None:
        return link, ()
    if moved.over_ns:
        return link, (clock_drift.told(link.edge, moved.by_ns, moved.over_ns),)
    return link, (clock_jump.told(link.edge, moved.by_ns, t_ns),)


def _judge(
    batch: Batch,
    view: View,
    followed: Followed,
    placed: Placed,
    site: Site,
    context: Context,
) -> Accepted:
    """Label, and what the edge's link has to remember; `followed` is what all rules said."""
    flagged = followed.flagged
    link, unpermitted = unpermitted_actuation.follow(batch, view, placed.link, site, context)
    link, gone = missing.follow(batch, view, link)
    link, moved = _clock(batch, view, link)
    identity = site.plant.edges[view.group.edge].identity_cap
    told = [f for rule in flagged for f in rule.findings]
    admitted = Admitted(
        batch,
        label(batch, view, flagged, identity, placed.integrity),
        (*placed.findings, *followed.findings, *told, *unpermitted, *gone, *moved),
        np.zeros(len(batch.t_ns), np.bool_)
        if view.is_late
        else late.in_live(batch, view.group, view.sound, view.late) & stale.young(batch, view),
    )
    newest_ns = late.newest(batch.t_ns, view.sound, link.newest_ns, view.now_ns)
    link = replace(link, newest_ns=newest_ns)
    return Accepted(admitted, link, memos=followed.memos, doubted=followed.doubted)
