"""The highest label each tag may have, computed again from the accepted envelopes: plainly, and apart from gate 1.

One cell at a time: this is an oracle, so it shares no code with `readings` or `twin`. Where it says 60, a gate that
says less is right and a gate that says more is wrong. Rules and caps are those of docs/reference/readings-rules.md; rules
that a plant declares only lower, and so are not in it.
"""

from dataclasses import dataclass, field
from math import isfinite

from twinvouch.core.batch import Batch, Quality
from twinvouch.core.event import BatchReceived
from twinvouch.core.inventory import ScanGroup, Tag
from twinvouch.core.kind import Kind
from twinvouch.core.site import Site
from twinvouch.wire.batch import read_batch, read_header
from twinvouch.wire.cose import unseal

YEAR_2000_NS = 946_684_800_000_000_000


@dataclass(slots=True)
class Highest:
    """What a tag may be labelled at most: identity, integrity, plausibility, calibration."""

    axes: tuple[int, int, int, int] = (0, 0, 0, 0)
    fresh_until: int = 0
    usable: tuple[float, int] | None = None  # last live value that counts, and its time


@dataclass(slots=True)
class EdgeSeen:
    """How far an edge has come."""

    newest: tuple[int, int] = (-1, -1)
    digest: bytes = b""
    known: set[tuple[int, int]] = field(default_factory=set)


class Relabel:
    """Takes every event of the log in order; `highest` is what the frame may say at most afterwards."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._edges = {name: EdgeSeen() for name in site.plant.edges}
        self._row_ns = dict.fromkeys(site.plant.groups, YEAR_2000_NS - 1)
        self.highest = {tag: Highest() for tag in site.plant.tags}

    def take(self, event: BatchReceived, now_ns: int) -> ScanGroup | None:
        """Take an accepted batch in; the scan group whose labels it may have changed."""
        sealed = unseal(event.raw)
        header = read_header(sealed.content)
        seen, place = (
            self._edges[header.identity.edge],
            (header.identity.epoch, header.identity.seq),
        )
        if place in seen.known:
            return None
        seen.known.add(place)
        if place < seen.newest:
            return None  # late: history only
        follows = place == (seen.newest[0], seen.newest[1] + 1) or place[1] == 0
        is_chained = not seen.digest or not follows or header.prev == seen.digest
        seen.newest, seen.digest = place, sealed.digest
        group = self._site.plant.groups[header.group]
        if header.kind is not Kind.BATCH:
            return None  # what an edge tells of its sources changes no label
        cells = read_batch(sealed.content, sealed.digest, header, group, 1_000_000)
        self._label(group, cells, 255 if is_chained else 60, now_ns)
        return group

    def _label(self, group: ScanGroup, cells: Batch, integrity: int, now_ns: int) -> None:
        identity = self._site.plant.edges[group.edge].identity_cap
        sound = self._sound_rows(group, cells, now_ns)
        # rows that were old when they came are history only: they change nothing of what is live
        live = [row for row in sound if int(cells.t_ns[row]) >= now_ns - group.max_age_ns]
        if not live:
            return
        self._row_ns[group.name] = int(cells.t_ns[live[-1]])
        for column, tag in enumerate(group.tags):
            highest = self.highest[tag.id]
            highest.axes, highest.fresh_until = (0, 0, 0, 0), 0
            before = highest.usable  # a row is compared with the one before it, be that old or not
            for row in sound:
                quality, t_ns = int(cells.quality[row, column]), int(cells.t_ns[row])
                if quality == Quality.MISSING:
                    continue
                value = float(cells.values[row, column])
                cap = min(_cap(tag, value, quality), _rate_cap(tag, before, value, t_ns))
                if isfinite(value) and quality <= Quality.UNCERTAIN:
                    before = (value, t_ns)
                    highest.usable = before if row in live else highest.usable
                if row in live:
                    highest.axes = (identity, integrity, cap, 255)
                    highest.fresh_until = now_ns + group.max_age_ns

    def _sound_rows(self, group: ScanGroup, cells: Batch, now_ns: int) -> list[int]:
        sound, newest_ns = [], self._row_ns[group.name]
        for row, t in enumerate(cells.t_ns.tolist()):
            if newest_ns < t <= now_ns + group.max_ahead_ns:
                newest_ns = t
                sound.append(row)
        return sound


def _cap(tag: Tag, value: float, quality: int) -> int:
    if not isfinite(value) or quality == Quality.BAD:
        return 0
    if not tag.low <= value <= tag.high:
        return 20
    return 120 if quality == Quality.UNCERTAIN else 255


def _rate_cap(tag: Tag, before: tuple[float, int] | None, value: float, t_ns: int) -> int:
    """60 where the step is too large from the reading before."""
    if before is None or not isfinite(value):
        return 255
    # a hair more than the rule allows: the oracle must not be stricter than rounding
    allowed = tag.rate * (t_ns - before[1]) / 1e9 * (1 + 1e-9) + tag.resolution
    return 255 if abs(value - before[0]) <= allowed + 1e-12 else 60
