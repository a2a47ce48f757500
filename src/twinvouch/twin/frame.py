"""The frame: the last admitted reading of every tag, with its label. What the twin believes right now.

Only live rows get in (Admitted.in_live): what came late or with an impossible clock never changes it.
A tag of a scan group whose newest batch holds no reading of it is MISSING: its label is zero at once, its last
value stays to be shown. In a group by exception such a tag is unchanged: its reading ages by its own
`fresh_until`, and of each tag the newest reading counts, in whatever order they came. Tags of one scan group lie side by side, so that a batch is a handful of slice assignments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Admitted, Batch, Quality
from twinvouch.core.inventory import Plant
from twinvouch.core.label import AXES, Axis, Label, expired
from twinvouch.core.virtual import Axes
from twinvouch.wire.cbor import decode, encode

BEFORE_ALL = -(2**63)  # earlier than any row: nothing was seen yet


@dataclass(frozen=True, slots=True)
class Last:
    """The last reading of one tag; `entry` is the ledger index of the batch that spoke of it last."""

    value: float
    quality: int
    t_ns: int
    received_ns: int
    entry: int


@dataclass(slots=True, eq=False)
class Columns:
    """The frame's part of one scan group: views, one element a tag in column order.

    `usable` is the last finite value of quality GOOD or UNCERTAIN (NaN: none yet) and `usable_t_ns` its
    source time: what rules compare with. `row_ns` is the source time of the group's last live row.
    """

    ids: tuple[str, ...]
    values: NDArray[np.float64]
    quality: NDArray[np.uint8]
    t_ns: NDArray[np.int64]
    received_ns: NDArray[np.int64]
    axes: NDArray[np.uint8]
    fresh_until: NDArray[np.int64]
    entry: NDArray[np.int64]
    usable: NDArray[np.float64]
    usable_t_ns: NDArray[np.int64]
    row_ns: int = BEFORE_ALL

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All of it, the tags along the last axis."""
        return (
            self.values, self.quality, self.t_ns, self.received_ns, self.axes, self.fresh_until,
            self.entry, self.usable, self.usable_t_ns,
        )  # fmt: skip


class Frame:
    """Arrays over all tags of a plant, owned and changed by the engine alone; rules read `columns`.

    A tag that no batch spoke of has value NaN, quality MISSING, entry -1 and a label of zeros; so has any
    name that is no tag of the plant.
    """

    def __init__(self, plant: Plant) -> None:
        grouped = [tag for group in plant.groups.values() for tag in group.ids]
        self.ids: tuple[str, ...] = tuple(dict.fromkeys((*grouped, *plant.tags)))
        assert len(grouped) == len(set(grouped)), "a tag belongs to one scan group"
        size = len(self.ids) + 1  # the last place is that of no tag and never changes
        self._place = {tag: n for n, tag in enumerate(self.ids)}
        self._nowhere = size - 1
        self._all = Columns(
            self.ids,
            np.full(size, np.nan),
            np.full(size, Quality.MISSING, np.uint8),
            np.zeros(size, np.int64),
            np.zeros(size, np.int64),
            np.zeros((AXES, size), np.uint8),
            np.zeros(size, np.int64),
            np.full(size, -1, np.int64),
            np.full(size, np.nan),
            np.zeros(size, np.int64),
        )
        self._groups: dict[str, Columns] = {}
        self._by_exception = {name for name, group in plant.groups.items() if group.by_exception}
        start = 0
        for name, group in plant.groups.items():
            end = start + len(group.tags)
            self._groups[name] = _part(self._all, group.ids, slice(start, end))
            start = end

    def columns(self, group: str) -> Columns:
        """The part of one scan group; to be read only."""
        return self._groups[group]

    def update(self, admitted: Admitted, entry: int, now_ns: int) -> None:
        """Take over the last live reading of each column; `entry` is the batch's ledger index."""
        if admitted.batch.group in self._by_exception:
            _take_newer(self._groups[admitted.batch.group], admitted, entry, now_ns)
            return
        if admitted.in_live.all():
            row = len(admitted.in_live) - 1
        else:
            live = np.flatnonzero(admitted.in_live)
            if not live.size:
                return
            row = int(live[-1])
        batch = admitted.batch
        columns = self._groups[batch.group]
        columns.row_ns = int(batch.t_ns[row])
        columns.entry[:] = entry
        if batch.quality.any():
            _take_present(columns, admitted, now_ns)
            return
        values, label = batch.values[row], admitted.label
        columns.values[:] = values
        columns.quality[:] = Quality.GOOD
        columns.t_ns[:] = columns.row_ns
        columns.received_ns[:] = now_ns
        columns.axes[:] = label.axes[:, row]
        columns.fresh_until[:] = label.fresh_until[row]
        if np.isfinite(values).all():
            columns.usable[:] = values
            columns.usable_t_ns[:] = columns.row_ns
        else:
            _take_usable(columns, batch, admitted.in_live[:, None])

    def label(self, tag_ids: Sequence[str], now_ns: int) -> Label:
        """Labels in the order asked, as they count at `now_ns`: axes uint8[4, n], fresh_until int64[n]."""
        places = [self._place.get(tag, self._nowhere) for tag in tag_ids]
        axes, fresh = self._all.axes[:, places], self._all.fresh_until[places]
        return expired(Label(axes.reshape(AXES, -1), fresh), now_ns)

    def label_of(self, tag_id: str, now_ns: int) -> tuple[Axes, int]:
        """The label of one tag as it counts at `now_ns`, in plain numbers: a decision asks for dozens, and arrays cost more."""
        at = self._place.get(tag_id, self._nowhere)
        a, b, c, d = self._all.axes[:, at].tolist()
        until = int(self._all.fresh_until[at])
        return (a, b, c if until >= now_ns else 0, d), until

    def value(self, tag_id: str) -> float | None:
        """The last value, in the tag's unit; None where there is none or it is MISSING now."""
        at, a = self._place.get(tag_id, self._nowhere), self._all
        if not a.received_ns[at] or int(a.quality[at]) == Quality.MISSING:
            return None
        return float(a.values[at])

    def fresh(self, tag_ids: Sequence[str], now_ns: int) -> NDArray[np.float64]:
        """Values that rules may compare with now, float64[n]: NaN where none is fresh, finite, GOOD or UNCERTAIN."""
        at = [self._place.get(tag, self._nowhere) for tag in tag_ids]
        a = self._all
        counts = (a.quality[at] <= Quality.UNCERTAIN) & (a.fresh_until[at] >= now_ns)
        return np.where(counts & np.isfinite(a.values[at]), a.values[at], np.nan)

    def doubt(self, caps: Mapping[str, int]) -> list[str]:
        """Lower the plausibility of live values to a cap each, never raise one; the tags that it changed."""
        axis = self._all.axes[Axis.PLAUSIBILITY]
        over = [t for t, cap in caps.items() if axis[self._place.get(t, self._nowhere)] > cap]
        for tag in over:
            axis[self._place[tag]] = caps[tag]
        return over

    def nothing(self, tag_ids: Sequence[str], since_ns: int, until_ns: int) -> list[str]:
        """Live values of these tags that were received in since_ns..until_ns count as nothing; the tags it changed."""
        received, axes = self._all.received_ns, self._all.axes
        at = {t: self._place.get(t, self._nowhere) for t in tag_ids}
        bad = [t for t, k in at.items() if since_ns <= received[k] <= until_ns and axes[:, k].any()]
        for tag in bad:
            axes[:, at[tag]] = 0
        return bad

    def entry(self, tag_id: str) -> int:
        """The ledger index of the newest batch that spoke of this tag; -1 where none did."""
        return int(self._all.entry[self._place.get(tag_id, self._nowhere)])

    def last(self, tag_id: str) -> Last | None:
        """The last reading; quality MISSING where newer batches hold none. None: never read."""
        at = self._place.get(tag_id, self._nowhere)
        a = self._all
        if not a.received_ns[at]:
            return None
        return Last(
            float(a.values[at]),
            int(a.quality[at]),
            int(a.t_ns[at]),
            int(a.received_ns[at]),
            int(a.entry[at]),
        )

    def rows(self, group: str) -> bytes:
        """One scan group's part as bytes for the state store."""
        columns = self._groups[group]
        arrays = [array.ravel() for array in columns.arrays()]
        return encode([1, "\n".join(columns.ids), columns.row_ns, *arrays])

    def restore(self, group: str, raw: bytes) -> None:
        """The inverse of `rows`; tags and groups that the plant has no more are forgotten."""
        content: Any = decode(raw)
        version, ids, row_ns, *arrays = content
        assert version == 1, version
        columns = self._groups.get(group)
        if columns is None:
            return
        columns.row_ns = row_ns
        stored = {tag: n for n, tag in enumerate(ids.split("\n"))}
        into = [k for k, tag in enumerate(columns.ids) if tag in stored]
        out_of = [stored[columns.ids[k]] for k in into]
        for mine, theirs in zip(columns.arrays(), arrays, strict=True):
            mine[..., into] = theirs.reshape(*mine.shape[:-1], len(stored))[..., out_of]


def _part(a: Columns, ids: tuple[str, ...], of: slice) -> Columns:
    """Views on some tags of all."""
    return Columns(
        ids,
        a.values[of],
        a.quality[of],
        a.t_ns[of],
        a.received_ns[of],
        a.axes[:, of],
        a.fresh_until[of],
        a.entry[of],
        a.usable[of],
        a.usable_t_ns[of],
    )


def _take_present(columns: Columns, admitted: Admitted, now_ns: int) -> None:
    """Each column's last present live cell; a column without one becomes MISSING."""
    batch = admitted.batch
    present = (batch.quality != Quality.MISSING) & admitted.in_live[:, None]
    has = present.any(axis=0)
    k = np.flatnonzero(has)
    row = _last_true(present)[k]
    columns.values[k] = batch.values[row, k]
    columns.t_ns[k] = batch.t_ns[row]
    columns.received_ns[k] = now_ns
    columns.quality[:] = Quality.MISSING
    columns.quality[k] = batch.quality[row, k]
    columns.axes[:] = 0
    columns.axes[:, k] = admitted.label.axes[:, row, k]
    columns.fresh_until[:] = 0
    columns.fresh_until[k] = admitted.label.fresh_until[row, k]
    _take_usable(columns, batch, admitted.in_live[:, None])


def _take_newer(columns: Columns, admitted: Admitted, entry: int, now_ns: int) -> None:
    """Of each column that is spoken of the newest reading, of equally old ones the last; nothing else changes."""
    batch = admitted.batch
    cells = (batch.quality != Quality.MISSING) & admitted.in_live[:, None]
    cells &= batch.t_ns[:, None] >= columns.t_ns
    k = np.flatnonzero(cells.any(axis=0))
    if not k.size:
        return
    row = _last_true(cells)[k]  # live rows are in the order of their times
    columns.row_ns = max(columns.row_ns, int(batch.t_ns[row].max()))
    columns.values[k] = batch.values[row, k]
    columns.quality[k] = batch.quality[row, k]
    columns.t_ns[k] = batch.t_ns[row]
    columns.received_ns[k] = now_ns
    columns.axes[:, k] = admitted.label.axes[:, row, k]
    columns.fresh_until[k] = admitted.label.fresh_until[row, k]
    columns.entry[k] = entry
    _take_usable(columns, batch, cells)


def _take_usable(columns: Columns, batch: Batch, live: NDArray[np.bool_]) -> None:
    """Each column's last live cell that rules may compare with; `live` bool[R, K] or [R, 1]."""
    usable = np.isfinite(batch.values) & (batch.quality <= Quality.UNCERTAIN)
    usable &= live
    k = np.flatnonzero(usable.any(axis=0))
    row = _last_true(usable)[k]
    columns.usable[k] = batch.values[row, k]
    columns.usable_t_ns[k] = batch.t_ns[row]


def _last_true(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The last true row of each column; the last row where there is none."""
    from_the_end: NDArray[np.intp] = mask[::-1].argmax(axis=0)
    return len(mask) - 1 - from_the_end


def usable_now(frame: Frame, tag_id: str) -> float:
    """The last value of a tag, in its unit; NaN where that is none to compare with: never read, MISSING or BAD now."""
    last = frame.last(tag_id)
    return last.value if last is not None and last.quality <= Quality.UNCERTAIN else np.nan
