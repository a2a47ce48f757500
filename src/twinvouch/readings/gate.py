"""The way through gate 1: verify, then validate, then label. Nothing hostile raises out of `admit`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Admitted, Batch, Quality
from twinvouch.core.context import Context
from twinvouch.core.errors import MalformedError
from twinvouch.core.event import BatchReceived
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import Axis, Edge, ScanGroup
from twinvouch.core.label import AXES, FULL, Label, source
from twinvouch.core.site import Site
from twinvouch.readings.link import Link
from twinvouch.readings.validate import finite, quality, range, rate, stale, unpermitted_actuation  # noqa: A004 - rules are named after what they check
from twinvouch.readings.verify import Standing, entitled, standing, verify
from twinvouch.readings.view import Cells, Check, View, findings_of, make_view, present
from twinvouch.twin.frame import Frame
from twinvouch.wire.batch import read_batch

RULES: tuple[Check, ...] = (finite, quality, range, rate, stale, unpermitted_actuation)
EARLIEST_NS = 946_684_800_000_000_000  # 2000-01-01: no plant has readings of an earlier time
OVERDUE_CALIBRATION = 60


@dataclass(frozen=True, slots=True)
class Accepted:
    """Admitted, with findings perhaps; acknowledged."""

    admitted: Admitted
    link: Link


@dataclass(frozen=True, slots=True)
class Repeated:
    """Known already: not admitted again. A duplicate is acknowledged like a replay, since sending it again helps nobody."""

    finding: Finding
    link: Link


@dataclass(frozen=True, slots=True)
class Refused:
    """Not admitted. `edge` is empty where the sender is not known."""

    finding: Finding
    edge: str = ""


Admission = Accepted | Repeated | Refused


def admit(
    received: BatchReceived,
    site: Site,
    links: Mapping[str, Link],
    frame: Frame,
    context: Context,
    now_ns: int,
) -> Admission:
    """Take one received batch through gate 1 at `now_ns`."""
    verified = verify(received, site)
    if isinstance(verified, Finding):
        return Refused(verified)
    edge = verified.principal.id
    group = entitled(verified, site)
    if isinstance(group, Finding):
        return Refused(group, edge)
    stands = standing(verified, links, site, now_ns)
    if stands.repeated:
        return Repeated(stands.findings[0], stands.link)
    sealed = verified.sealed
    try:
        batch = read_batch(
            sealed.content, sealed.digest, verified.header, group, site.readings.max_cells
        )
    except MalformedError as error:
        why = f"edge `{edge}` signed a batch that does not fit its scan group: {error}"
        return Refused(Finding("malformed", edge, Severity.MEDIUM, why[:500], "T0856"), edge)
    before = (frame, stands.link) if stands.is_live else None
    view = make_view(batch, group, before, context, now_ns)
    return _validated(batch, site.plant.edges[edge], stands, view)


def watch(
    site: Site, links: Mapping[str, Link], context: Context, now_ns: int
) -> tuple[list[Finding], list[Link]]:
    """What the passing of time shows: silent scan groups, actuator changes whose permit was not carried out."""
    findings, silent = stale.silence(site.plant, links, now_ns)
    changed: list[Link] = []
    for edge, link in sorted(links.items()):
        late, still = unpermitted_actuation.unexplained(link.pending, site.plant, context, now_ns)
        findings += late
        if edge in silent or still != link.pending:
            changed.append(replace(link, silent=silent.get(edge, link.silent), pending=still))
    return findings, changed


def _validated(batch: Batch, edge: Edge, stands: Standing, view: View) -> Accepted:
    sound, clock = _clock(batch, view)
    findings = [*stands.findings, *clock]
    flagged: list[tuple[int, Cells]] = []
    for rule in RULES:
        cells = rule.check(batch, view)
        if cells is not None:
            flagged.append((rule.CAP, cells))
            findings += findings_of(rule, batch, view, cells)
    label = _label(batch, edge, stands.integrity, view)
    if flagged or clock:
        label = _capped(label, flagged, sound)
    in_live = sound if stands.is_live else np.zeros(len(batch.t_ns), dtype=np.bool_)
    in_live.flags.writeable = False
    return Accepted(Admitted(batch, label, tuple(findings), in_live), _link(batch, stands, view))


def _link(batch: Batch, stands: Standing, view: View) -> Link:
    """What is remembered of the edge; a late batch says nothing of how things are now."""
    actuators, waiting = unpermitted_actuation.follow(batch, view)
    link = stands.link.waits(waiting)
    if not stands.is_live:
        return link
    link = link.heard(view.group.name, view.now_ns)
    if actuators == view.actuators:
        return link
    return replace(link, actuators=tuple(sorted(actuators.items())))


def _clock(batch: Batch, view: View) -> tuple[NDArray[np.bool_], list[Finding]]:
    """Rows whose source time can be true: after 2000, not ahead, increasing, not before the last live row."""
    t, group = batch.t_ns, view.group
    latest = view.now_ns + group.max_ahead_ns
    increases = np.ones(len(t), dtype=np.bool_)
    np.greater(t[1:], t[:-1], out=increases[1:])
    if increases.all() and t[0] >= EARLIEST_NS and t[0] > view.newest_ns and t[-1] <= latest:
        return increases, []
    sound = increases & (t >= EARLIEST_NS) & (t > view.newest_ns) & (t <= latest)
    row, count = int(np.flatnonzero(~sound)[0]), int((~sound).sum())
    at = int(t[row])
    offset = (at - view.now_ns) / 1e9
    what = (
        "is before the year 2000"
        if at < EARLIEST_NS
        else "is ahead"
        if at > latest
        else "does not increase"
    )
    why = f"source time of `{group.name}` {what}: {offset:.6g} s from the time of receipt, in {count} rows"
    finding = Finding(
        "clock", group.edge, Severity.MEDIUM, why, "T0856", (("offset_s", offset),), count, row
    )
    return sound, [finding]


def _label(batch: Batch, edge: Edge, integrity: int, view: View) -> Label:
    """R1 for every cell, [4, R, K]: one row for all, unless cells are no readings. MISSING cells get nothing."""
    columns = batch.values.shape[1]
    row = source(
        identity=edge.identity_cap,
        integrity=integrity,
        plausibility=FULL,
        calibration=_calibration(view.group, view.now_ns),
        fresh_until=np.full((1, columns), view.now_ns + view.group.max_age_ns, dtype=np.int64),
    )
    axes = np.broadcast_to(row.axes, (AXES, *batch.values.shape))
    if not view.is_whole:
        axes = axes.copy()
        axes[Axis.PLAUSIBILITY][~present(batch, view)] = 0
        axes[:, batch.quality == Quality.MISSING] = 0
    return Label(axes, np.broadcast_to(row.fresh_until, batch.values.shape))


def _calibration(group: ScanGroup, now_ns: int) -> NDArray[np.uint8] | int:
    """Full where none is required or it is in date; capped once it is overdue (R8) or was never made."""
    if group.calibrated is None:
        return FULL
    since, until = group.calibrated
    full, overdue = np.uint8(FULL), np.uint8(OVERDUE_CALIBRATION)
    return np.where((since <= now_ns) & (now_ns <= until), full, overdue)


def _capped(label: Label, flagged: list[tuple[int, Cells]], sound: NDArray[np.bool_]) -> Label:
    axes = label.axes.copy()
    plausible = axes[Axis.PLAUSIBILITY]
    for cap, cells in flagged:
        plausible[cells] = np.minimum(plausible[cells], cap)
    plausible[~sound] = 0
    return Label(axes, label.fresh_until)
