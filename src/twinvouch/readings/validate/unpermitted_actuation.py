"""unpermitted_actuation: an actuator that only the twin may move changed state, and no permit explains it.

A spent permit for the value seen explains a change; a permit that may be carried out at this moment, with its report still
on the way, makes the change wait. Actuators declared `plant` or `both` never raise this by themselves.
"""

from collections.abc import Sequence

import numpy as np

from twinvouch.core.batch import Batch
from twinvouch.core.context import ActuatorWrite, Context
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import CommandedBy, Plant, Tag
from twinvouch.readings.link import Change
from twinvouch.readings.view import Cells, View

NAME = "unpermitted_actuation"
TECHNIQUE = "T0855"
SEVERITY = Severity.CRITICAL
CAP = 255  # the value itself is plausible: it did happen
SPENT_NS = 30_000_000_000  # a spent permit explains changes seen for this long
REPORT_NS = 30_000_000_000  # a report may be this late after the permit expired


def check(batch: Batch, view: View) -> Cells | None:
    """Cells in which such an actuator has another value than before, unexplained and not waiting."""
    cells: Cells | None = None
    for row, column in _changes(batch, view):
        tag = view.group.tags[column]
        if not explained_by(tag, float(batch.values[row, column]), view.context, view.now_ns):
            cells = np.zeros(batch.values.shape, dtype=np.bool_) if cells is None else cells
            cells[row, column] = True
    return cells


def tell(
    batch: Batch, view: View, row: int, column: int
) -> tuple[str, Sequence[tuple[str, float]]]:
    """The sentence about one cell."""
    tag, value = view.group.tags[column], float(batch.values[row, column])
    before = float(batch.values[row - 1, column] if row else view.last_values[column])
    sentence = (
        f"`{tag.id}` went from {before:.6g} to {value:.6g} {tag.unit} and no permit explains it"
    )
    return sentence, (("before", before), ("value", value))


def waiting(batch: Batch, view: View) -> tuple[Change, ...]:
    """Changes that only a permit without a report explains: they are looked at again by `unexplained`."""
    return tuple(
        (view.group.ids[c], float(batch.values[r, c]), view.now_ns)
        for r, c in _changes(batch, view)
        if explained_by(view.group.tags[c], float(batch.values[r, c]), view.context, view.now_ns)
        == "pending"
    )


def unexplained(
    pending: Sequence[Change], plant: Plant, context: Context, now_ns: int
) -> tuple[list[Finding], tuple[Change, ...]]:
    """Findings about changes whose permit was not carried out after all, and the changes that still wait."""
    findings: list[Finding] = []
    still: list[Change] = []
    for tag_id, value, at in pending:
        tag = plant.tags.get(tag_id)
        how = explained_by(tag, value, context, now_ns) if tag is not None else "spent"
        if how == "pending":
            still.append((tag_id, value, at))
        elif not how:
            sentence = f"`{tag_id}` went to {value:.6g} and the permit that seemed to explain it was not carried out"
            findings.append(
                Finding(NAME, tag_id, SEVERITY, sentence, TECHNIQUE, (("value", value),))
            )
    return findings, tuple(still)


def explained_by(tag: Tag, value: float, context: Context, now_ns: int) -> str:
    """`spent`, `pending` or nothing: the best that a permit of the last time says of this value."""
    ways = {
        _way(w, now_ns)
        for w in context.writes.get(tag.id, ())
        if abs(w.value - value) <= _tolerance(tag)
    }
    return "spent" if "spent" in ways else "pending" if "pending" in ways else ""


def _way(write: ActuatorWrite, now_ns: int) -> str:
    if write.spent_ns:
        return "spent" if now_ns - write.spent_ns <= SPENT_NS else ""
    return "pending" if not write.is_over and now_ns <= write.expires_ns + REPORT_NS else ""


def _tolerance(tag: Tag) -> float:
    scale = abs(tag.point.scale) if tag.point is not None else 0.0
    return max(
        tag.resolution,
        scale if tag.point is not None and tag.point.encoding.value != "f32" else 0.0,
        1e-6,
    )


def _changes(batch: Batch, view: View) -> list[tuple[int, int]]:
    """Row and column of every change of an actuator that only the twin may move."""
    columns = [c for c, t in enumerate(view.group.tags) if t.commanded_by is CommandedBy.TWIN]
    changes = []
    for c in columns:
        before = np.concatenate([view.last_values[c : c + 1], batch.values[:-1, c]])
        with np.errstate(invalid="ignore", over="ignore"):
            moved = np.abs(batch.values[:, c] - before) > _tolerance(view.group.tags[c]) / 2
        changes += [(int(r), c) for r in np.flatnonzero(moved & view.present[:, c])]
    return changes
