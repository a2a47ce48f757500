"""Live: values of tags side by side, though they come in different scan groups and at different rates.

Of the batch's own scan group they are those of each row; of others the value that is live now, where it is fresh.
So tags of two groups are compared across at most `max_age_s` of the slower one: a declared tolerance or `settle_s`
has to allow for what the quantity may do meanwhile.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Batch, Quality
from twinvouch.core.declared import ELSEWHERE, Placed, T
from twinvouch.core.label import Axis
from twinvouch.readings.late import in_live
from twinvouch.readings.view import Mask, Places, Values, View, usable
from twinvouch.twin.frame import Frame


@dataclass(frozen=True, slots=True, eq=False)
class Live:
    """The rows of a batch that become live, their places `rows` intp[L] in it, and the frame before them."""

    batch: Batch
    view: View
    frame: Frame
    rows: Places

    @property
    def t_ns(self) -> NDArray[np.int64]:
        """Source times of the rows, int64[L]."""
        return self.batch.t_ns[self.rows]

    def unit(self, tag: str) -> str:
        """The unit of a tag behind a space, where it is of this scan group and has one."""
        ids = self.view.group.ids
        unit = self.view.group.tags[ids.index(tag)].unit if tag in ids else ""
        return f" {unit}" if unit else ""

    def values(self, tags: tuple[str, ...], columns: Places) -> Values:
        """float64[L, n] of n tags, each in a column of the batch or ELSEWHERE; NaN where there is none that counts."""
        now = self.frame.fresh(tags, self.view.now_ns)
        found = np.repeat(now[None, :], len(self.rows), axis=0)
        own = columns != ELSEWHERE
        found[:, own] = self._own(columns[own], now[own])
        return found

    def _own(self, columns: Places, now: Values) -> Values:
        at = np.ix_(self.rows, columns)
        cells = usable(self.batch, self.view, columns)[self.rows]
        values = np.where(cells, self.batch.values[at], np.nan)
        if not self.view.group.by_exception:
            return values
        held = self.batch.quality[at] == Quality.MISSING  # unchanged
        places = np.where(held, 0, np.arange(1, len(values) + 1)[:, None])
        newest = np.maximum.accumulate(places, axis=0)
        filled: Values = np.take_along_axis(np.vstack((now, values)), newest, axis=0)
        return filled

    def mask(self, flagged: Mask, columns: Places) -> Mask:
        """Cells bool[R, K] of the batch: bool[L, n] of tags, those ELSEWHERE left out."""
        mask = np.zeros(self.batch.values.shape, np.bool_)
        own = columns != ELSEWHERE
        mask[np.ix_(self.rows, columns[own])] = flagged[:, own]
        mask &= self.batch.quality != Quality.MISSING
        return mask

    def doubted(self, placed: Placed[T], flagged: Mask, cap: int) -> dict[str, int]:
        """A cap for each flagged tag, bool[n], that the batch may have no reading of and whose live value has more."""
        may_be_silent = (placed.columns == ELSEWHERE) | self.view.group.by_exception
        tags = [placed.tags[n] for n in np.flatnonzero(flagged & may_be_silent).tolist()]
        label = self.frame.label(tags, self.view.now_ns)
        return {t: cap for t, p in zip(tags, label.axes[Axis.PLAUSIBILITY], strict=True) if p > cap}


def live(batch: Batch, view: View, frame: Frame, young: Mask) -> Live | None:
    """The rows of a batch that become live, of those that are `young` bool[R]; None where none does."""
    rows = np.flatnonzero(in_live(batch, view.group, view.sound, view.late) & young)
    return Live(batch, view, frame, rows) if rows.size else None
