"""One scan group of three tags (a level, a flow, a pump) and batches of it, for tests of one rule at a time."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Admitted, Batch, Identity, Origin
from twinvouch.core.context import ActuatorWrite, Context
from twinvouch.core.inventory import (
    CommandClass,
    CommandedBy,
    Edge,
    Encoding,
    Plant,
    Point,
    ScanGroup,
    Table,
    Tag,
)
from twinvouch.core.label import Label, nothing
from twinvouch.core.site import SECOND
from twinvouch.readings.link import Link
from twinvouch.readings.validate import unpermitted_actuation
from twinvouch.readings.view import Cells, Check, View, findings_of, make_view
from twinvouch.twin.frame import Frame
from twinvouch.wire.batch import columns_digest

NOW = 1_790_000_000 * SECOND
PERIOD = SECOND // 10
LEVEL, FLOW, PUMP = "tank/level", "tank/flow", "pump/run"
COIL = Point("plc", 1, Table.COIL, 0, Encoding.BIT)


def tags() -> tuple[Tag, ...]:
    level = Tag(LEVEL, "m", 0.0, 10.0, rate=1.0, resolution=0.001, group="fast")
    flow = Tag(FLOW, "m3/s", -1.0, 20.0, group="fast")
    actuator: dict[str, Any] = {
        "command_class": CommandClass.A,
        "commanded_by": CommandedBy.TWIN,
        "point": COIL,
    }
    return level, flow, Tag(PUMP, "1", 0.0, 1.0, group="fast", **actuator)


def group_of(columns: Sequence[Tag], name: str = "fast") -> ScanGroup:
    ids, dtypes = [t.id for t in columns], ("f8",) * len(columns)
    digest = columns_digest(name, ids, dtypes)
    return ScanGroup(name, "edge-1", tuple(columns), dtypes, digest, PERIOD, 5 * SECOND)


def plant_of(*groups: ScanGroup) -> Plant:
    columns = {t.id: t for g in groups for t in g.tags}
    edges = {"edge-1": Edge("edge-1", tuple(g.name for g in groups))}
    return Plant("toy", {}, {}, (), columns, {g.name: g for g in groups}, edges, {}, {})


def with_pump(**but: Any) -> ScanGroup:
    """The usual group with another pump."""
    level, flow, pump = tags()
    return group_of((level, flow, replace(pump, **but)))


GROUP = group_of(tags())


def times(rows: int, end: int = NOW) -> NDArray[np.int64]:
    return end - np.arange(rows, dtype=np.int64)[::-1] * PERIOD


def batch(values: Any, quality: Any = None, t_ns: Any = None, group: ScanGroup = GROUP) -> Batch:
    """Rows of level, flow, pump; None is MISSING."""
    missing = np.array([[cell is None for cell in row] for row in values])
    cells = np.array([[np.nan if c is None else c for c in row] for row in values], np.float64)
    marked = np.zeros(cells.shape, np.uint8) if quality is None else np.array(quality, np.uint8)
    marked[missing] = 3
    t = times(len(cells)) if t_ns is None else np.array(t_ns, np.int64)
    who = Identity("edge-1", 0, 0)
    return Batch("toy", who, bytes(32), Origin.LIVE, group.name, t, cells, marked, bytes(32))


def still(rows: int = 3, **columns: Any) -> list[list[Any]]:
    """Rows of a plant at rest; a keyword (level, flow, pump) replaces a column."""
    rest = {"level": 5.0, "flow": 1.0, "pump": 0.0} | columns
    filled = [c if isinstance(c, list) else [c] * rows for c in rest.values()]
    return [list(row) for row in zip(*filled, strict=True)]


def view_of(b: Batch, group: ScanGroup = GROUP, **but: Any) -> View:
    """The view of a batch after `live` (values of the row before it, one period earlier)."""
    frame, link = Frame(plant_of(group)), Link("edge-1")
    live = but.pop("live", None)
    if live is not None:
        before = batch([live], t_ns=[max(int(b.t_ns[0]) - PERIOD, -(2**63))], group=group)
        frame.update(admitted(before), 0, NOW - SECOND)
        seen, _ = unpermitted_actuation.follow(before, view_of(before, group))
        link = replace(link, actuators=tuple(seen.items()))
    context = Context(writes=but.pop("writes", {}))
    now_ns = but.pop("now_ns", NOW)
    late = but.pop("late", False)
    assert not but, but
    return make_view(b, group, None if late else (frame, link), context, now_ns)


def admitted(b: Batch, in_live: Any = None, label: Label | None = None) -> Admitted:
    """What the gate would make of a clean batch."""
    shape = b.values.shape
    if label is None:
        fresh = np.full(shape, NOW + 5 * SECOND, np.int64)
        label = Label(np.full((4, *shape), 200, np.uint8), fresh)
    live = np.ones(shape[0], np.bool_) if in_live is None else np.array(in_live, np.bool_)
    return Admitted(b, label, (), live)  # a test may; test_tidy looks at the source tree only


def write(value: float, *, spent: float | None = None, issued: float = -1.0, **but: Any) -> Any:
    """A permit for the pump, times in seconds from NOW; `spent` None: its report is on the way."""
    at, done = NOW + int(issued * SECOND), 0 if spent is None else NOW + int(spent * SECOND)
    usual = {"issued_ns": at, "expires_ns": at + 5 * SECOND, "spent_ns": done, "is_over": done > 0}
    return {PUMP: (ActuatorWrite(PUMP, value, **(usual | but)),)}


def flagged(rule: Check, b: Batch, view: View) -> list[tuple[int, int]]:
    """Row and column of every flagged cell."""
    cells = rule.check(b, view)
    if cells is None:
        return []
    assert cells.any(), "a rule that flags nothing says None"
    assert cells.shape == b.values.shape
    return [(int(r), int(c)) for r, c in np.argwhere(cells)]


def told(rule: Check, b: Batch, view: View) -> list[Any]:
    cells: Cells | None = rule.check(b, view)
    return [] if cells is None else findings_of(rule, b, view, cells)


def none_of(count: int) -> Label:
    return nothing(count)
