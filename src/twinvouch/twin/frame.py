"""The frame: last admitted value, quality, time, label and ledger entry of each tag.

Only rows that gate 1 calls live move it, so late and replayed data never do. Arrays run over all tags in the
order of the plant; a tag that was never seen has entry -1 and no trust.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinvouch.core.batch import Admitted, Quality
from twinvouch.core.inventory import Plant
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
        self.index = {tag: i for i, tag in enumerate(plant.tags)}
        self._columns = {
            name: np.array([self.index[t] for t in group.ids], dtype=np.intp)
            for name, group in plant.groups.items()
        }
        self._digests = {name: group.digest for name, group in plant.groups.items()}
        count = len(self.index)
        self.values = np.full(count, np.nan)
        self.quality = np.full(count, Quality.MISSING, dtype=np.uint8)
        self.t_ns = np.zeros(count, dtype=np.int64)
        self.received_ns = np.zeros(count, dtype=np.int64)
        self.axes = np.zeros((AXES, count), dtype=np.uint8)
        self.fresh_until = np.zeros(count, dtype=np.int64)
        self.entries = np.full(count, -1, dtype=np.int64)

    def update(self, admitted: Admitted, entry: int, now_ns: int) -> None:
        """Take the last live row of a batch; a MISSING cell says that there is no value now."""
        live = np.flatnonzero(admitted.in_live)
        if live.size == 0:
            return
        row, batch = int(live[-1]), admitted.batch
        at = self._columns[batch.group]
        self.values[at] = batch.values[row]
        self.quality[at] = batch.quality[row]
        self.t_ns[at] = batch.t_ns[row]
        self.received_ns[at] = now_ns
        self.axes[:, at] = admitted.label.axes[:, row]
        self.fresh_until[at] = admitted.label.fresh_until[row]
        self.entries[at] = entry

    def columns(self, group: str) -> np.ndarray[Any, np.dtype[np.intp]]:
        """Where the columns of a scan group lie in the arrays."""
        return self._columns[group]

    def label(self, tag_ids: Sequence[str], now_ns: int) -> Label:
        """One column a tag: nothing for unknown, never seen or MISSING; past fresh_until nothing is plausible."""
        axes = np.zeros((AXES, len(tag_ids)), dtype=np.uint8)
        fresh = np.zeros(len(tag_ids), dtype=np.int64)
        for column, tag in enumerate(tag_ids):
            i = self.index.get(tag)
            if i is not None and self.quality[i] != Quality.MISSING:
                axes[:, column] = self.axes[:, i]
                fresh[column] = self.fresh_until[i]
        axes[2, fresh < now_ns] = 0
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
        at = self._columns[group]
        parts = (
            self.values,
            self.quality,
            self.t_ns,
            self.received_ns,
            self.fresh_until,
            self.entries,
        )
        return encode([1, self._digests[group], *(p[at] for p in parts), self.axes[:, at].ravel()])

    def restore(self, group: str, raw: bytes) -> None:
        """The inverse of `rows`; a scan group whose columns changed since starts empty."""
        content: Any = decode(raw)
        version, digest, *columns = content
        assert version == 1, version
        if self._digests.get(group) != digest:
            return
        at = self._columns[group]
        values, quality, t_ns, received, fresh, entries, axes = columns
        self.values[at], self.quality[at], self.t_ns[at] = values, quality, t_ns
        self.received_ns[at], self.fresh_until[at], self.entries[at] = received, fresh, entries
        self.axes[:, at] = np.asarray(axes).reshape(AXES, len(at))
