"""unpermitted_actuation: an actuator that only the twin may move changed state, and no permit explains it.

A spent permit for the value seen explains a change; a permit that may be carried out at this moment, with its report still
on the way, makes the change wait. A reading is compared with where the actuator was when it last changed, so neither missing
readings nor many small steps hide a move. Actuators declared `plant` or `both` never raise this by themselves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan

import numpy as np

from twinvouch.core.batch import Batch
from twinvouch.core.context import ActuatorWrite, Context
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import Encoding, Plant, Tag
from twinvouch.readings.link import Change
from twinvouch.readings.view import Cells, View, comparable

NAME = "unpermitted_actuation"
TECHNIQUE = "T0855"
SEVERITY = Severity.CRITICAL
CAP = 255  # the value itself is plausible: it did happen
WHOLE_ROWS = False
SPENT, PENDING = "spent", "pending"
SPENT_NS = 30_000_000_000  # a spent permit explains changes seen for this long
REPORT_NS = 30_000_000_000  # a report may be this late after the permit expired
SKEW_NS = 5_000_000_000  # clocks of edge and core may differ by this


@dataclass(frozen=True, slots=True)
class Move:
    """One change of an actuator: where in the batch, from and to which value, and what explains it."""

    row: int
    column: int
    before: float
    value: float
    how: str  # SPENT, PENDING or nothing


def check(batch: Batch, view: View) -> Cells | None:
    """Cells in which such an actuator has another value than before, unexplained and not waiting."""
    unexplained = [m for m in moves(batch, view) if not m.how]
    if not unexplained:
        return None
    cells = np.zeros(batch.values.shape, dtype=np.bool_)
    for move in unexplained:
        cells[move.row, move.column] = True
    return cells


def tell(
    batch: Batch, view: View, row: int, column: int
) -> tuple[str, Sequence[tuple[str, float]]]:
    """The sentence about one cell."""
    tag = view.group.tags[column]
    move = next(m for m in moves(batch, view) if (m.row, m.column) == (row, column))
    sentence = f"`{tag.id}` went from {move.before:.6g} to {move.value:.6g} {tag.unit} and no permit explains it"
    return sentence, (("before", move.before), ("value", move.value))


def follow(batch: Batch, view: View) -> tuple[Mapping[str, float], tuple[Change, ...]]:
    """Where the actuators are after this batch, and the changes that only a permit without a report explains."""
    after, ids = dict(view.actuators), view.group.ids
    for column in view.group.twin_only:
        if ids[column] not in after:
            told = np.flatnonzero(comparable(batch, view)[:, column])
            after |= {ids[column]: float(batch.values[told[0], column])} if told.size else {}
    changes = moves(batch, view)
    after |= {ids[m.column]: m.value for m in changes}
    return after, tuple((ids[m.column], m.value, view.now_ns) for m in changes if m.how == PENDING)


def moves(batch: Batch, view: View) -> list[Move]:
    """Every change in this batch of an actuator that only the twin may move."""
    return [move for column in view.group.twin_only for move in _column(batch, view, column)]


def unexplained(
    pending: Sequence[Change], plant: Plant, context: Context, now_ns: int
) -> tuple[list[Finding], tuple[Change, ...]]:
    """Findings about changes whose permit was not carried out after all, and the changes that still wait."""
    findings: list[Finding] = []
    still: list[Change] = []
    for tag_id, value, at in pending:
        tag = plant.tags.get(tag_id)
        how = explained_by(tag, value, context, (at,), now_ns) if tag is not None else SPENT
        if how == PENDING:
            still.append((tag_id, value, at))
        elif not how:
            sentence = f"`{tag_id}` went to {value:.6g} and the permit that seemed to explain it was not carried out"
            findings.append(
                Finding(NAME, tag_id, SEVERITY, sentence, TECHNIQUE, (("value", value),))
            )
    return findings, tuple(still)


def explained_by(
    tag: Tag, value: float, context: Context, seen_ns: Sequence[int], now_ns: int
) -> str:
    """SPENT, PENDING or nothing: the best that a permit says of this value, seen at any of these times."""
    slack = _slack(tag, value)
    ways = {
        _way(w, seen_ns, now_ns)
        for w in context.writes.get(tag.id, ())
        if abs(w.value - value) <= slack
    }
    return SPENT if SPENT in ways else PENDING if PENDING in ways else ""


def _way(write: ActuatorWrite, seen_ns: Iterable[int], now_ns: int) -> str:
    if write.spent_ns:
        earliest, latest = write.issued_ns - SKEW_NS, write.spent_ns + SPENT_NS
        return SPENT if any(earliest <= at <= latest for at in seen_ns) else ""
    return PENDING if not write.is_over and now_ns <= write.expires_ns + REPORT_NS else ""


def _slack(tag: Tag, value: float) -> float:
    """How far a value may be from another and still be the same: half a step, or the last digits of a float."""
    point = tag.point
    step = abs(point.scale) if point is not None and point.encoding is not Encoding.F32 else 0.0
    return max(tag.resolution / 2, step / 2, 1e-6 * max(1.0, abs(value))) * (1 + 1e-9)


def _column(batch: Batch, view: View, column: int) -> list[Move]:
    """The changes of one actuator, in order. Each was seen at two times: source time, and the time of receipt."""
    tag = view.group.tags[column]
    at = view.actuators.get(tag.id, nan)
    furthest = max(float(view.most[column]) - at, at - float(view.least[column]))
    if view.is_whole and furthest <= _slack(tag, at):
        return []
    found = []
    for row in np.flatnonzero(comparable(batch, view)[:, column]).tolist():
        value = float(batch.values[row, column])
        if isnan(at):
            at = value
        elif abs(value - at) > _slack(tag, at):
            seen = (int(batch.t_ns[row]), view.now_ns)
            how = explained_by(tag, value, view.context, seen, view.now_ns)
            found.append(Move(row, column, at, value, how))
            at = value
    return found
