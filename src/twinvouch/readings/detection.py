"""What a learned model says of a batch: tags in alarm count for less, in every reading until their alarm ends."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Batch
from twinvouch.core.context import Context
from twinvouch.core.detection import Known, Rows, Verdict
from twinvouch.core.inventory import Plant
from twinvouch.core.label import FULL
from twinvouch.core.ticket import Ticket
from twinvouch.readings.flagged import Flagged
from twinvouch.readings.followed import NOTHING, Followed
from twinvouch.readings.labelling import plausibility
from twinvouch.readings.live import live
from twinvouch.readings.validate import stale
from twinvouch.readings.view import View, present, usable
from twinvouch.twin.frame import Frame


def follow(
    batch: Batch,
    view: View,
    frame: Frame,
    context: Context,
    plant: Plant,
    flagged: Sequence[Flagged] = (),
) -> Followed:
    """Let the model see the rows that become live; cells of tags in alarm, findings, and what it remembers.

    What people work on counts for no command of the highest class meanwhile, whatever it reads. `flagged` is what all other rules
    object to.
    """
    now = live(batch, view, frame, stale.young(batch, view))
    if now is None:
        return NOTHING
    verdict = Verdict()
    if context.detector is not None:
        every = np.arange(batch.values.shape[1])
        cells = usable(batch, view, every)[now.rows]
        values = np.where(cells, batch.values[now.rows], np.nan)
        trust = _trust(batch, view, flagged, context.distrusted)
        of_rows = None if trust is None else trust[now.rows]
        rows = Rows(view.group, now.t_ns, values, view.now_ns, of_rows)
        known = Known(context.memos, context.tickets, _written(context))
        verdict = context.detector.follow(rows, known)
    ticketed = _ticketed(context.tickets, view.now_ns)
    caps = {**dict.fromkeys(ticketed, plant.below_highest), **verdict.caps}
    if not caps and not verdict.findings:
        return Followed(memos=verdict.memos)
    ids = view.group.ids
    own = np.array([k for k, tag in enumerate(ids) if tag in caps], np.intp)
    mask = np.zeros(batch.values.shape, np.bool_)
    mask[np.ix_(now.rows, own)] = True
    mask &= present(batch)
    capped = np.full(batch.values.shape, FULL, np.uint8)
    capped[:, own] = [caps[ids[k]] for k in own.tolist()]
    mine = set() if view.group.by_exception else set(ids)
    doubted = {tag: caps[tag] for tag in sorted((verdict.begun | ticketed) - mine)}
    return Followed(
        (Flagged(mask, capped, verdict.findings),), memos=verdict.memos, doubted=doubted
    )


def _trust(
    batch: Batch, view: View, flagged: Sequence[Flagged], distrusted: Mapping[str, int]
) -> NDArray[np.uint8] | None:
    """The plausibility that rules and persons leave each cell, uint8[R, K]; None: all of it."""
    axis = plausibility(batch.values.shape, view, flagged)
    until_ns = [distrusted.get(tag, 0) for tag in view.group.ids] if distrusted else []
    doubted = np.array(until_ns) > view.now_ns
    if not doubted.any():
        return None if isinstance(axis, int) else axis
    whole = np.full(batch.values.shape, axis, np.uint8)
    whole[:, doubted] = 0
    return whole


def _ticketed(tickets: tuple[Ticket, ...], now_ns: int) -> frozenset[str]:
    """Tags that people work on now."""
    return frozenset(tag for t in tickets if t.start_ns <= now_ns < t.end_ns for tag in t.tags)


def _written(context: Context) -> tuple[tuple[str, int], ...]:
    """Commands that were carried out lately, or may have been: a pending permit counts from when it was issued."""
    writes = [w for of in context.writes.values() for w in of]
    return tuple((w.tag, w.spent_ns or w.issued_ns) for w in writes if w.spent_ns or not w.is_over)
