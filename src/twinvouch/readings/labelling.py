"""R1: the label of readings as they enter.

Identity is the edge's cap (the posture of the devices behind it), integrity what signature and chain say,
plausibility the lowest cap of all rules that flagged the cell, calibration by its date. A reading is fresh for
`max_age_ns` after it was received; one that was older than that on arrival never is. MISSING cells are zero.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Batch
from twinvouch.core.label import FULL, Label, source
from twinvouch.readings.flagged import Flagged
from twinvouch.readings.view import View, every, present

OVERDUE = 60  # calibration of a tag whose date is past or unknown (R8)

Axis8 = NDArray[np.uint8] | int


def label(
    batch: Batch, view: View, flagged: Sequence[Flagged], identity: int, integrity: int
) -> Label:
    """Axes uint8[4, R, K] and fresh_until int64[R, K] of a batch's cells."""
    shape = batch.values.shape
    if (
        view.is_good
        and view.is_sound
        and not flagged
        and int(batch.t_ns[0]) >= view.now_ns - view.group.max_age_ns
    ):
        return _one_row(view, shape[1], identity, integrity).repeated(shape[0])
    axes: list[Axis8] = [
        identity,
        integrity,
        plausibility(shape, view, flagged),
        _calibration(view),
    ]
    fresh = _fresh_until(batch, view)
    if not view.is_good:
        held = present(batch).view(
            np.uint8
        )  # 1 or 0: a product is several times faster than where()
        axes = [held * np.asarray(axis, np.uint8) for axis in axes]
        fresh *= held
    who, whole, plausible, calibrated = axes
    return source(
        identity=who,
        integrity=whole,
        plausibility=plausible,
        calibration=calibrated,
        fresh_until=fresh,
    )


def _one_row(view: View, columns: int, identity: int, integrity: int) -> Label:
    """The usual case: nothing is wrong with any cell, so all rows are alike."""
    return source(
        identity=identity,
        integrity=integrity,
        plausibility=FULL,
        calibration=_calibration(view),
        fresh_until=np.full(columns, view.now_ns + view.group.max_age_ns, np.int64),
    )


def plausibility(shape: tuple[int, ...], view: View, flagged: Sequence[Flagged]) -> Axis8:
    """The lowest cap of the rules that flagged a cell; nothing in a row whose time cannot be."""
    if not flagged and view.is_sound:
        return FULL
    axis = np.full(shape, FULL, np.uint8)
    for f in flagged:
        np.minimum(axis, np.where(f.mask, f.cap, FULL).astype(np.uint8), out=axis)
    axis[~view.sound] = 0
    return axis


def _calibration(view: View) -> Axis8:
    due = view.group.calibration_due_ns >= view.now_ns
    return FULL if every(due) else np.where(due, np.uint8(FULL), np.uint8(OVERDUE))


def _fresh_until(batch: Batch, view: View) -> NDArray[np.int64]:
    max_age_ns, shape = view.group.max_age_ns, batch.values.shape
    oldest_ns = view.now_ns - max_age_ns
    until_ns = view.now_ns + max_age_ns
    made_ns = np.where(view.sound, batch.t_ns, -max_age_ns)
    rows = np.where(made_ns < oldest_ns, made_ns + max_age_ns, until_ns)
    return np.repeat(rows[:, None], shape[1], axis=1)
