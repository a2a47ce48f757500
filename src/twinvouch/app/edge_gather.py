"""Rows gathered into batches: by time or by number, whichever comes first. Pure.

A batch is closed as soon as no further row can come in time, so gathering never waits for nothing.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.app.edge_scan import Row
from twinvouch.core.inventory import ScanGroup

MAX_CELLS: Final = 100_000  # of one batch, however many rows were asked for


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What one batch will hold: `t_ns` int64[R], `values` float64[R, K], `quality` uint8[R, K]."""

    t_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    quality: NDArray[np.uint8]


class Gatherer:
    """Rows of one scan group on their way into a batch, at most `gather_ns` and `max_rows` of them."""

    def __init__(self, group: ScanGroup, gather_ns: int, max_rows: int) -> None:
        self._gather_ns = gather_ns
        self._max_rows = max(1, min(max_rows, MAX_CELLS // max(1, len(group.tags))))
        self._rows: list[Row] = []
        self._began_ns = 0

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: Row, now_ns: int, next_ns: int) -> bool:
        """Add the row due at `now_ns`; True: take the batch now, the next one (`next_ns`) is too late."""
        if not self._rows:
            self._began_ns = now_ns
        self._rows.append(row)
        is_late = next_ns >= self._began_ns + self._gather_ns
        return is_late or len(self._rows) >= self._max_rows

    def take(self) -> Rows:
        """All rows gathered, at least one; the gatherer is empty afterwards."""
        rows, self._rows = self._rows, []
        assert rows, "an empty gatherer has no batch"
        return Rows(
            np.array([r.t_ns for r in rows], dtype=np.int64),
            np.stack([r.values for r in rows]),
            np.stack([r.quality for r in rows]),
        )
