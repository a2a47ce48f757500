"""View: all that a rule of gate 1 may look at. Rules cannot reach the engine, the configuration or the clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Batch, Quality
from twinvouch.core.context import Context
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import ScanGroup
from twinvouch.twin.frame import Frame

Cells = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One scan group at `now_ns` (received time): its limits, and the last live values before this batch.

    `present` bool[R, K]: cells that are readings with a finite value. `last_values`, `last_t_ns` [K] are NaN and 0
    where there is none.
    """

    group: ScanGroup
    present: Cells
    all_present: bool
    last_values: NDArray[np.float64]
    last_t_ns: NDArray[np.int64]
    context: Context
    now_ns: int


class Check(Protocol):
    """One rule of gate 1: flagged cells, and how to tell them. Modules of `validate/` fit this."""

    NAME: str
    TECHNIQUE: str
    SEVERITY: Severity
    CAP: int  # plausibility of a flagged cell is at most this

    def check(self, batch: Batch, view: View) -> Cells | None:
        """Flagged cells bool[R, K]; None where there are none."""
        ...

    def tell(
        self, batch: Batch, view: View, row: int, column: int
    ) -> tuple[str, Sequence[tuple[str, float]]]:
        """The sentence about the first flagged cell of a column, and its numbers."""
        ...


def make_view(batch: Batch, group: ScanGroup, frame: Frame, context: Context, now_ns: int) -> View:
    """The view of one batch."""
    present = np.isfinite(batch.values)
    if batch.quality.any():
        present &= batch.quality != Quality.MISSING
    at = frame.columns(group.name)
    last = np.where(frame.quality[at] == Quality.MISSING, np.nan, frame.values[at])
    return View(group, present, bool(present.all()), last, frame.t_ns[at], context, now_ns)


def findings_of(rule: Check, batch: Batch, view: View, cells: Cells) -> list[Finding]:
    """One finding a flagged tag, told by its first flagged cell."""
    told = []
    for column in np.flatnonzero(cells.any(axis=0)).tolist():
        rows = np.flatnonzero(cells[:, column])
        sentence, numbers = rule.tell(batch, view, int(rows[0]), column)
        tag = view.group.ids[column]
        told.append(
            Finding(
                rule.NAME,
                tag,
                rule.SEVERITY,
                sentence,
                rule.TECHNIQUE,
                tuple(numbers),
                len(rows),
                int(rows[0]),
            )
        )
    return told
