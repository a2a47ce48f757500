"""resolution: the values of a tag do not come in the steps that its instrument has (`step` of the tag).

A stream that is made up, or goes through another scaling, often has more decimals than the real one, or only coarse
values. Nothing is learned from data, where rounding is not told from rest: only a declared `step` is judged, what
float32 cannot keep apart is let pass, and one reading alone is no finding.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from twinvouch.core.batch import Batch
from twinvouch.core.declared import Steps
from twinvouch.core.finding import Severity
from twinvouch.core.memo import Memo
from twinvouch.readings.flagged import Evidence, Flagged, Rule, per_tag
from twinvouch.readings.followed import NOTHING, Followed, recall, remember
from twinvouch.readings.recent import (
    RECENT,
    kept,
    may_all_be_unset,
    none,
    windowed,
    with_history,
)
from twinvouch.readings.view import Mask, Places, Values, View, usable

NAME = "resolution"
TECHNIQUE = "T0856"
CAP = 60
RULE = Rule(NAME, Severity.MEDIUM, TECHNIQUE)
FEW = 3  # readings beside the steps, of the last RECENT, that make a finding
MANY = 16  # changes, of the last RECENT, that all end on a coarse step and make one
COARSE = 10  # steps: one decimal less
BESIDE = 0.01  # of a step: so far from a step is still on it
FLOAT32 = 2.0**-22  # of the value: four times what float32 rounds


def follow(batch: Batch, view: View, steps: Steps, memos: Mapping[str, Memo]) -> Followed:
    """Cells beside their steps where FEW were lately, and those of a column whose last MANY changes were coarse."""
    if view.is_late:
        return NOTHING
    group, columns = view.group, steps.columns
    key, about = f"{NAME}/{group.name}", "\n".join(group.ids[k] for k in columns)
    before = recall(memos, key, about, (none(len(columns)),) * 3)
    cells, values = usable(batch, view, columns), batch.values[:, columns]
    beside, fine = _steps(values, steps)
    changed = cells & _changed(values, view, columns)
    odd = with_history(beside & cells, before[0])
    moves = with_history(changed, before[1])
    finer = with_history(changed & fine, before[2])
    memo = remember(key, about, before, (kept(odd), kept(moves), kept(finer)))
    seen = Seen(cells, odd, moves, finer)
    if not odd.any() and not may_all_be_unset(finer).any():
        return Followed(memos=memo)
    return Followed(_flagged(batch, view, steps, seen), memos=memo)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Usable cells bool[R, n]; and of the RECENT before and these which were beside, changed, changed to a fine step."""

    cells: Mask
    odd: Mask
    moves: Mask
    finer: Mask


def _flagged(batch: Batch, view: View, steps: Steps, seen: Seen) -> tuple[Flagged, ...]:
    group, columns = view.group, steps.columns
    odd, moves, finer = windowed(seen.odd), windowed(seen.moves), windowed(seen.finer)
    few = seen.odd[RECENT:] & (odd >= FEW)
    flagged = few | (seen.cells & (moves >= MANY) & (finer == 0))
    if not flagged.any():
        return ()
    mask = np.zeros(batch.values.shape, np.bool_)
    mask[:, columns] = flagged
    place = {int(k): n for n, k in enumerate(columns)}

    def tell(row: int, k: int) -> tuple[str, Evidence]:
        n, unit, value = place[k], group.tags[k].unit, float(batch.values[row, k])
        step = float(steps.size[n])
        if few[row, n]:
            words = f"is {value:.9g} {unit}, not on a step of {step:g}, as {odd[row, n]} of its last {RECENT} readings"
            return words, (("value", value), ("step", step), ("readings", int(odd[row, n])))
        words = f"has only steps of {COARSE * step:g} {unit} in its last {moves[row, n]} changes, its step is {step:g}"
        return words, (("value", value), ("step", step), ("changes", int(moves[row, n])))

    return (Flagged(mask, CAP, per_tag(RULE, group, mask, tell)),)


def _steps(values: Values, steps: Steps) -> tuple[Mask, Mask]:
    """Which values [R, n] are beside a step, and which are not on a coarse one.

    Where float32 does not keep the steps apart none is beside, and all count as fine: that is no evidence.
    """
    rounding = FLOAT32 * (np.abs(values) + np.abs(steps.origin))
    far = values - steps.origin
    number = np.rint(far / steps.size)
    blurred = ~(rounding < steps.size / 4)
    beside = np.abs(far - number * steps.size) > rounding + steps.size * BESIDE
    is_fine = beside | (np.rint(number / COARSE) * COARSE != number)
    return beside & ~blurred, is_fine | blurred


def _changed(values: Values, view: View, columns: Places) -> Mask:
    """Values [R, n] that differ from the row before, the first from the last live one; not where there is none."""
    assert view.before is not None
    earlier = np.vstack((view.before.usable[columns], values[:-1]))
    changed: Mask = (values != earlier) & ~np.isnan(earlier)
    return changed
