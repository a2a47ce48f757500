"""resolution: the values of a tag do not come in the steps that its instrument has (`step` of the tag).

A stream that is made up, or goes through another scaling, often has more decimals than the real one, or only coarse
values. Nothing is learned from data, where rounding is not told from rest: only a declared `step` is judged, what
float32 cannot keep apart is let pass, and one reading alone is no finding.
"""

from collections.abc import Mapping

import numpy as np

from twinvouch.core.batch import Batch
from twinvouch.core.declared import Steps
from twinvouch.core.finding import Severity
from twinvouch.core.memo import Memo
from twinvouch.readings.flagged import Evidence, Flagged, Rule, per_tag
from twinvouch.readings.followed import NOTHING, Followed, recall, remember
from twinvouch.readings.recent import RECENT, counted, none
from twinvouch.readings.view import Mask, Values, View, usable

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
    beside, fine = _beside(values, steps, 1), _beside(values, steps, COARSE)
    changed = cells & _changed(values, view, columns)
    beside &= cells & _visible(values, steps)
    fine |= ~_visible(values, steps)  # what cannot be told apart is no evidence
    odd, odd_after = counted(beside, before[0])
    moves, moves_after = counted(changed, before[1])
    finer, finer_after = counted(changed & fine, before[2])
    memo = remember(key, about, before, (odd_after, moves_after, finer_after))
    few = beside & (odd >= FEW)
    flagged = few | (cells & (moves >= MANY) & (finer == 0))
    if not flagged.any():
        return Followed(memos=memo)
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

    return Followed((Flagged(mask, CAP, per_tag(RULE, group, mask, tell)),), memos=memo)


def _beside(values: Values, steps: Steps, times: int) -> Mask:
    """Values [R, n] that are not on a multiple of so many steps."""
    size = steps.size * times
    away = np.abs(values - steps.origin - np.rint((values - steps.origin) / size) * size)
    beside: Mask = away > steps.size * BESIDE + _rounding(values, steps)
    return beside


def _visible(values: Values, steps: Steps) -> Mask:
    """Values small enough for float32 to keep their steps apart."""
    visible: Mask = _rounding(values, steps) < steps.size / 4
    return visible


def _rounding(values: Values, steps: Steps) -> Values:
    rounding: Values = FLOAT32 * (np.abs(values) + np.abs(steps.origin))
    return rounding


def _changed(values: Values, view: View, columns: np.ndarray) -> Mask:
    """Values [R, n] that differ from the row before, the first from the last live one; not where there is none."""
    assert view.before is not None
    earlier = np.vstack((view.before.usable[columns], values[:-1]))
    changed: Mask = (values != earlier) & ~np.isnan(earlier)
    return changed
