"""rate: a value changed faster than is physically possible (`rate` of the tag, units per second).

Each usable reading is compared with the one before it in its column, the first with the last live one; one
resolution step is always allowed. A single spike is flagged twice: on its way up and on its way down.
"""

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Batch
from twinvouch.core.finding import Severity
from twinvouch.readings.flagged import Evidence, Flagged, Rule, per_tag
from twinvouch.readings.view import View, every, usable
from twinvouch.readings.wording import seconds

NAME = "rate"
TECHNIQUE = "T0856"
CAP = 60
RULE = Rule(NAME, Severity.MEDIUM, TECHNIQUE)
NS = 1e-9
LARGEST = float(np.finfo(np.float64).max)  # evidence is finite even where a difference overflows


def check(batch: Batch, view: View) -> Flagged | None:
    """Usable cells of sound rows whose step is more than rate times elapsed time plus resolution."""
    columns = _suspicious(batch, view)
    if not columns.size:
        return None
    cells = usable(batch, view, columns)
    if not cells.any():
        return None
    step, elapsed_s, cells = _steps(batch, view, columns, cells)
    group = view.group
    allowed = group.rate[columns] * elapsed_s + group.resolution[columns]
    flagged = cells & (step > allowed)
    if not flagged.any():
        return None
    mask = np.zeros(batch.values.shape, np.bool_)
    mask[:, columns] = flagged
    place = {int(k): n for n, k in enumerate(columns)}

    def tell(row: int, k: int) -> tuple[str, Evidence]:
        moved, within = min(float(step[row, place[k]]), LARGEST), float(elapsed_s[row, place[k]])
        tag = group.tags[k]
        words = f"moved {moved:.6g} {tag.unit} in {seconds(within / NS)}, rate is {tag.rate:g} {tag.unit}/s"
        return words, (("step", moved), ("seconds", within), ("rate", tag.rate))

    return Flagged(mask, CAP, per_tag(RULE, group, mask, tell))


def _suspicious(batch: Batch, view: View) -> NDArray[np.intp]:
    """Columns that may hold too large a step, found without looking at each cell's own time.

    If even the spread between a column's largest and smallest value, the last live one included, fits into
    the shortest time between two rows, no step can be too large: K comparisons, no pass over the cells. Cells
    that are not usable only widen the spread, or make it NaN. Of the other columns the largest step has to
    fit, which is one pass.
    """
    group, t = view.group, batch.t_ns
    if not view.is_sound:
        return np.flatnonzero(group.rate < np.inf)
    shortest_ns = int((t[1:] - t[:-1]).min()) if len(t) > 1 else 2**62
    low, high = view.smallest, view.largest
    if view.before is not None:
        # NaN on either side spreads, and what is NaN is not cleared
        low, high = np.minimum(low, view.before.usable), np.maximum(high, view.before.usable)
        # no tag was read later than the group's last live row
        shortest_ns = min(shortest_ns, int(t[0]) - view.after_ns)
    allowed = group.rate * (shortest_ns * NS) + group.resolution
    cleared = high - low <= allowed
    if every(cleared):
        return np.empty(0, np.intp)
    columns = np.flatnonzero(~cleared & (group.rate < np.inf))
    values = batch.values if len(columns) == len(cleared) else batch.values[:, columns]
    largest = np.abs(values[1:] - values[:-1]).max(axis=0, initial=0.0)
    if view.before is not None:
        largest = np.maximum(largest, np.abs(values[0] - view.before.usable[columns]))
    doubtful = ~(largest <= allowed[columns])
    if not view.is_good:  # the step over a cell that does not count is not between neighbours
        doubtful |= batch.quality[:, columns].any(axis=0)
    left: NDArray[np.intp] = columns[doubtful]
    return left


def _steps(
    batch: Batch, view: View, columns: NDArray[np.intp], cells: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Of each cell [R, n]: distance to and seconds since the usable cell before it, and whether there is one."""
    values = batch.values[:, columns]
    rows = len(values)
    last = np.full(len(columns), np.nan)
    last_t = np.zeros(len(columns), np.int64)
    if view.before is not None:
        last, last_t = view.before.usable[columns], view.before.usable_t_ns[columns]
    # place of the newest usable cell above each cell: 0 is the last live reading, row r is place r + 1
    here = np.where(cells, np.arange(1, rows + 1)[:, None], 0)
    above = np.zeros_like(here)
    np.maximum.accumulate(here[:-1], axis=0, out=above[1:])
    earlier = np.take_along_axis(np.vstack((last, values)), above, axis=0)
    times = np.where(view.sound, batch.t_ns, 0)
    earlier_t = np.where(above > 0, times[above - 1], last_t)
    step = np.abs(values - earlier)
    return step, (times[:, None] - earlier_t) * NS, cells & ~np.isnan(earlier)
