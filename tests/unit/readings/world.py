"""A small plant, its edges' keys, and a line to gate 1 that keeps links and frame as the engine does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinvouch.adapters.keys import SeededSigner
from twinvouch.core.batch import Batch, Identity, Origin
from twinvouch.core.context import ActuatorWrite, Context
from twinvouch.core.declared import Declarations, by_group
from twinvouch.core.event import BatchReceived
from twinvouch.core.finding import Finding
from twinvouch.core.inventory import (
    CommandClass,
    CommandedBy,
    Edge,
    Encoding,
    Limits,
    Plant,
    Point,
    Principal,
    PrincipalKind,
    ScanGroup,
    Table,
    Tag,
)
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.label import Axis
from twinvouch.core.memo import Memo
from twinvouch.core.ports import PolicyAnswer, PolicyRequest
from twinvouch.core.site import ReadingRules, Site
from twinvouch.readings.gate import Accepted, Admission, Repeated, admit, watch
from twinvouch.readings.link import Link
from twinvouch.readings.view import View, look
from twinvouch.twin.frame import Columns, Frame
from twinvouch.wire.batch import Header, columns_digest, write_batch
from twinvouch.wire.cbor import decode, encode
from twinvouch.wire.cose import seal

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
NOW = 1_800_000_000 * SECOND
PLANT = "toy"
LEVEL, FLOW, VALVE, PUMP, LAMP, ROOF = (
    "tank/level",
    "tank/flow",
    "valve/opening",
    "pump/run",
    "lamp/on",
    "roof/temperature",
)
USUAL = {LEVEL: 5.0, FLOW: 1.0, VALVE: 0.5, PUMP: 0.0, LAMP: 0.0, ROOF: 290.0}


class Nobody:
    """Gate 1 asks no policy."""

    digest = bytes(32)

    def decide(self, request: PolicyRequest) -> PolicyAnswer:
        raise AssertionError(request)


@cache
def signer(name: str) -> SeededSigner:
    return SeededSigner(sha256(name.encode()).digest())


def actuator(name: str, by: CommandedBy, point: Point, **but: Any) -> Tag:
    return Tag(
        name, "", 0.0, 1.0, group="fast", point=point, command_class=CommandClass.C,
        commanded_by=by, limits=Limits(0.0, 1.0), **but,
    )  # fmt: skip


TAGS = (
    Tag(LEVEL, "m", 0.0, 10.0, rate=1.0, resolution=0.001, group="fast"),
    Tag(FLOW, "l/s", group="fast", calibrated_ns=NOW - 10 * DAY, calibration_valid_ns=30 * DAY),
    actuator(VALVE, CommandedBy.TWIN, Point("plc", 1, Table.HOLDING, 10, Encoding.U16, 0.001)),
    actuator(PUMP, CommandedBy.TWIN, Point("plc", 1, Table.COIL, 0, Encoding.BIT)),
    actuator(LAMP, CommandedBy.BOTH, Point("plc", 1, Table.COIL, 1, Encoding.BIT)),
    Tag(ROOF, "K", 200.0, 350.0, group="slow"),
)


def group_of(name: str, edge: str, tags: Sequence[Tag], max_age_s: float = 5.0) -> ScanGroup:
    dtypes = ("f8",) * len(tags)
    digest = columns_digest(name, [t.id for t in tags], dtypes)
    return ScanGroup(name, edge, tuple(tags), dtypes, digest, SECOND // 10, int(max_age_s * SECOND))


def site_of(
    tags: Sequence[Tag] = TAGS,
    rules: ReadingRules | None = None,
    declared: Declarations | None = None,
    slow: Mapping[str, Any] | None = None,
) -> Site:
    """`slow` may change the scan group of that name: its `period_ns`, `max_age_ns`, `rhythm`."""
    fast = [t for t in tags if t.group == "fast"]
    others = [t for t in tags if t.group == "slow"]
    names = {
        "edge-1": PrincipalKind.EDGE,
        "edge-2": PrincipalKind.EDGE,
        "ann": PrincipalKind.PERSON,
    }
    groups = {
        "fast": group_of("fast", "edge-1", fast),
        "slow": replace(group_of("slow", "edge-2", others), **(slow or {})),
    }
    plant = Plant(
        id=PLANT,
        assets={},
        zones={},
        conduits=(),
        tags={t.id: t for t in tags},
        groups=groups,
        edges={"edge-1": Edge("edge-1", ("fast",), 130), "edge-2": Edge("edge-2", ("slow",))},
        principals={n: Principal(n, kind, signer(n).public_key) for n, kind in names.items()},
        classes={},
        declared=by_group({n: g.ids for n, g in groups.items()}, declared or Declarations()),
    )
    return Site(plant, Nobody(), bytes(32), readings=rules or ReadingRules())


@dataclass
class Line:
    """The way of batches to gate 1, and what the engine would keep; time moves only where a test says so."""

    site: Site = field(default_factory=site_of)
    now: int = NOW
    links: dict[str, Link] = field(default_factory=dict)
    context: Context = field(default_factory=Context)
    seq: dict[str, int] = field(default_factory=dict)
    prev: dict[str, bytes] = field(default_factory=dict)
    entries: int = 0

    def __post_init__(self) -> None:
        self.frame = Frame(self.site.plant)

    def content(self, edge: str = "edge-1", group: str = "fast", **but: Any) -> bytes:
        """The edge's next batch; `but` may replace `t_ns`, `values` (by tag), `quality`, `header` fields."""
        g = self.site.plant.groups[group]
        t = np.asarray(but.get("t_ns", [self.now - SECOND // 10]), np.int64)
        values = np.array([[USUAL.get(i, 0.0) for i in g.ids]] * len(t), np.float64)
        for tag, column in but.get("values", {}).items():
            values[:, g.ids.index(tag)] = column
        identity = Identity(edge, 1, self.seq.get(edge, 0))
        prev = self.prev.get(edge, bytes(32))
        header = Header(Kind.BATCH, PLANT, identity, prev, Origin.LIVE, group, g.digest)
        changed = replace(header, **but.get("header", {}))
        return write_batch(changed, g, t, values, but.get("quality"))

    def sealed(self, content: bytes, by: str = "edge-1", **but: str) -> bytes:
        usual = {"plant": PLANT, "purpose": Purpose.READINGS}
        return seal(content, signer=signer(by), **{**usual, **but})

    def next(self, edge: str = "edge-1", group: str = "fast", **but: Any) -> bytes:
        """Sealed, and remembered as the newest of its edge."""
        content = self.content(edge, group, **but)
        self.seq[edge] = self.seq.get(edge, 0) + 1
        self.prev[edge] = sha256(content).digest()
        return self.sealed(content, edge)

    def send(self, raw: bytes, after_s: float = 0.1) -> Admission:
        """Through the gate, and kept as the engine keeps it."""
        self.now += int(after_s * SECOND)
        event = BatchReceived(b"", "10.0.0.9", raw)
        got = admit(event, self.site, self.links, self.frame, self.context, self.now)
        if isinstance(got, Accepted):
            self.links[got.link.edge] = replace(got.link, entry=self.entries)
            self.frame.update(got.admitted, self.entries, self.now)
            self.frame.doubt(got.doubted)
            self.context = replace(self.context, memos={**self.context.memos, **got.memos})
            self.entries += 1
        elif isinstance(got, Repeated):
            self.links[got.link.edge] = got.link
        return got

    def read(self, after_s: float = 0.1, **but: Any) -> Accepted:
        """The next batch of edge-1, which must be admitted."""
        self.now += int(after_s * SECOND)
        got = self.send(self.next(**but), 0)
        assert isinstance(got, Accepted), got
        return got

    def restart(self) -> "Line":
        """The same, from what the engine would have stored of the rules' memory and of the frame."""
        other = Line(self.site, self.now, dict(self.links), self.context, self.seq, self.prev)
        other.entries = self.entries
        other.context = replace(other.context, memos=stored(self.context.memos))
        for name, group in self.site.plant.groups.items():
            if group.tags:
                other.frame.restore(name, self.frame.rows(name))
        return other

    def tick(self, after_s: float = 1.0) -> list[Finding]:
        self.now += int(after_s * SECOND)
        found, links = watch(self.site, self.links, self.frame, self.context, self.now)
        self.links.update({link.edge: link for link in links})
        return found

    def write(self, tag: str, value: float, **but: int) -> ActuatorWrite:
        """A permit, open for 5 s; `spent_ns` closes it."""
        number = 1 + max((w.permit for w in self.context.writes.get(tag, ())), default=0)
        usual = {"issued_ns": self.now, "expires_ns": self.now + 5 * SECOND, "permit": number}
        return self.know(ActuatorWrite(tag, value, **{**usual, **but}))

    def know(self, write: ActuatorWrite) -> ActuatorWrite:
        others = [w for w in self.context.writes.get(write.tag, ()) if w.permit != write.permit]
        writes = {**self.context.writes, write.tag: (*others, write)}
        self.context = replace(self.context, writes=writes)
        return write


def stored(memos: Mapping[str, Memo]) -> dict[str, Memo]:
    """Memos as they come back from the state store."""
    rows = {key: encode([memo.about, *memo.arrays]) for key, memo in memos.items()}
    read: dict[str, Any] = {key: decode(raw) for key, raw in rows.items()}
    return {key: Memo(about, tuple(arrays)) for key, (about, *arrays) in read.items()}


def told(got: Accepted, rule: str) -> list[Finding]:
    """What one rule said of a batch."""
    return [f for f in got.admitted.findings if f.rule == rule]


def plausible(got: Accepted, tag: str, group: ScanGroup) -> list[int]:
    """The plausibility of a tag's cells, row by row."""
    axis: list[int] = got.admitted.label.axes[Axis.PLAUSIBILITY][:, group.ids.index(tag)].tolist()
    return axis


def rules(got: Admission) -> list[str]:
    found = got.admitted.findings if isinstance(got, Accepted) else (got.finding,)
    return [f.rule for f in found]


def tag_of(name: str = "a/x", **but: Any) -> Tag:
    return Tag(name, but.pop("unit", "m"), **{"low": 0.0, "high": 10.0, "rate": 1.0, **but})


def batch_of(values: Any, quality: Any = None, t_ns: Any = None, group: str = "g") -> Batch:
    """Rows 0.1 s apart, the last one made now."""
    cells = np.asarray(values, np.float64)
    rows = len(cells)
    told = np.zeros(cells.shape, np.uint8) if quality is None else np.asarray(quality, np.uint8)
    times = NOW - np.arange(rows)[::-1] * SECOND // 10 if t_ns is None else t_ns
    t = np.asarray(times, np.int64)
    return Batch(PLANT, Identity("e", 1, 0), b"", Origin.LIVE, group, t, cells, told, bytes(32))


def view_of(
    batch: Batch,
    tags: Sequence[Tag],
    before: Mapping[str, Any] | None = None,
    sound: NDArray[np.bool_] | None = None,
) -> View:
    """What a rule sees of `batch`; `before` are last values (one a tag), made at `at` (default: 1 s ago)."""
    group = group_of("g", "e", tags)
    columns = None
    if before is not None:
        columns = columns_of(group, before)
    rows = np.ones(len(batch.t_ns), np.bool_) if sound is None else sound
    return look(batch, group, columns, rows, NOW)


def columns_of(group: ScanGroup, before: Mapping[str, Any]) -> Columns:
    plant = Plant(PLANT, {}, {}, (), {t.id: t for t in group.tags}, {"g": group}, {}, {}, {})
    columns = Frame(plant).columns("g")
    columns.usable[:] = before["values"]
    columns.usable_t_ns[:] = before.get("at", NOW - SECOND)
    columns.received_ns[:] = before.get("at", NOW - SECOND)
    columns.row_ns = int(np.max(columns.usable_t_ns))
    return columns
