"""The frame: last admitted value, quality, time, label and ledger entry of each tag.

Only rows that gate 1 calls live move it, so late and replayed data never do. Arrays run over all tags, scan group
by scan group, so that a batch is one slice of each; the place behind the last belongs to no tag and is never seen.
A tag that was never seen has entry -1 and no trust. A MISSING cell says that there is no value now; what was read
before it stays as the last reading, so that nothing can change unseen behind a cell that did not come.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Admitted, Quality
from twinvouch.core.inventory import Axis, Plant
from twinvouch.core.label import AXES, Label
from twinvouch.wire.cbor import decode, encode


@dataclass(frozen=True, slots=True)
class Last:
    """What the frame knows of one tag; `t_ns` is source time, `received_ns` the core's."""

    value: float
    quality: int
    t_ns: int
    received_ns: int
    entry: int


class Frame:
    """Belongs to the engine; `update` after each admitted batch."""

    def __init__(self, plant: Plant) -> None:
        grouped = [tag for group in plant.groups.values() for tag in group.ids]
        assert len(set(grouped)) == len(grouped), "a tag has one scan group"
        self.index = {tag: i for i, tag in enumerate(dict.fromkeys([*grouped, *plant.tags]))}
        self._places: dict[str, slice] = {}
        start = 0
        for name, group in plant.groups.items():
            self._places[name] = slice(start, start + len(group.ids))
            start += len(group.ids)
        self._digests = {name: group.digest for name, group in plant.groups.items()}
        count = len(self.index) + 1
        self.values = np.full(count, np.nan)
        self.quality = np.full(count, Quality.MISSING, dtype=np.uint8)
        self.t_ns = np.zeros(count, dtype=np.int64)
        self.received_ns = np.zeros(count, dtype=np.int64)
        self.axes = np.zeros((AXES, count), dtype=np.uint8)
        self.fresh_until = np.zeros(count, dtype=np.int64)
        self.entries = np.full(count, -1, dtype=np.int64)
        self._reading = np.full(count, np.nan)
        self._reading_t_ns = np.zeros(count, dtype=np.int64)

    def update(self, admitted: Admitted, entry: int, now_ns: int) -> None:
        """Take the last live row of a batch; a MISSING cell says that there is no value now."""
        live = np.flatnonzero(admitted.in_live)
        if live.size == 0:
            return
        row, batch = int(live[-1]), admitted.batch
        at = self._places[batch.group]
        self.values[at] = batch.values[row]
        self.quality[at] = batch.quality[row]
        self.t_ns[at] = batch.t_ns[row]
        self.received_ns[at] = now_ns
        self.axes[:, at] = admitted.label.axes[:, row]
        self.fresh_until[at] = admitted.label.fresh_until[row]
        self.entries[at] = entry
        self._remember(admitted, row)

    def _remember(self, admitted: Admitted, row: int) -> None:
        """Keep the newest reading of each column up to `row`, the last live one; mostly that row has them all."""
        batch, at = admitted.batch, self._places[admitted.batch.group]
        if _readings(batch.values[row], batch.quality[row]).all():
            self._reading[at], self._reading_t_ns[at] = batch.values[row], batch.t_ns[row]
            return
        rows = slice(0, row + 1)
        told = _readings(batch.values[rows], batch.quality[rows]) & admitted.in_live[rows, None]
        columns = np.flatnonzero(told.any(axis=0))
        newest = row - told[::-1].argmax(axis=0)[columns]
        self._reading[at][columns] = batch.values[newest, columns]
        self._reading_t_ns[at][columns] = batch.t_ns[newest]

    def newest_ns(self, group: str) -> int:
        """Source time of the last live row of a scan group; 0 where there is none."""
        return int(self.t_ns[self._places[group].start])

    def readings(self, group: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The last reading of each column, finite and not BAD, and its source time; NaN and 0 where there is none."""
        at = self._places[group]
        return self._reading[at].copy(), self._reading_t_ns[at].copy()

    def label(self, tag_ids: Sequence[str], now_ns: int) -> Label:
        """One column a tag: nothing for unknown, never seen or MISSING; past fresh_until nothing is plausible."""
        nowhere = len(self.index)
        at = np.array([self.index.get(tag, nowhere) for tag in tag_ids], dtype=np.intp)
        known = self.quality[at] != Quality.MISSING
        axes = self.axes[:, at] * known
        fresh = self.fresh_until[at] * known
        axes[Axis.PLAUSIBILITY, fresh < now_ns] = 0
        return Label(axes, fresh)

    def value(self, tag_id: str) -> float | None:
        """The last value; None where there is none."""
        i = self.index.get(tag_id)
        return None if i is None or self.quality[i] == Quality.MISSING else float(self.values[i])

    def entry(self, tag_id: str) -> int:
        """Ledger index of the batch the value came from; -1 where there is none."""
        i = self.index.get(tag_id)
        return -1 if i is None else int(self.entries[i])

    def last(self, tag_id: str) -> Last | None:
        """Everything about one tag; None where it was never seen."""
        i = self.index.get(tag_id)
        if i is None or self.entries[i] < 0:
            return None
        times = int(self.t_ns[i]), int(self.received_ns[i])
        return Last(float(self.values[i]), int(self.quality[i]), *times, int(self.entries[i]))

    def rows(self, group: str) -> bytes:
        """The columns of one scan group for the state store."""
        at = self._places[group]
        columns = [array[at] for array in self._arrays()]
        return encode([1, self._digests[group], *columns, self.axes[:, at].ravel()])

    def restore(self, group: str, raw: bytes) -> None:
        """The inverse of `rows`; a scan group whose columns changed since starts empty."""
        content: Any = decode(raw)
        version, digest, *columns, axes = content
        assert version == 1, version
        if self._digests.get(group) != digest:
            return
        at = self._places[group]
        for array, column in zip(self._arrays(), columns, strict=True):
            array[at] = column
        self.axes[:, at] = np.asarray(axes).reshape(AXES, -1)

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        return (
            self.values,
            self.quality,
            self.t_ns,
            self.received_ns,
            self.fresh_until,
            self.entries,
            self._reading,
            self._reading_t_ns,
        )


def _readings(values: NDArray[np.float64], quality: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Cells that later ones may be compared with."""
    return np.isfinite(values) & (quality < Quality.BAD)
