"""What a learned model says of a batch: tags in alarm count for less, in every reading until their alarm ends."""

import numpy as np

from twinvouch.core.batch import Batch
from twinvouch.core.context import Context
from twinvouch.core.detection import Known, Rows
from twinvouch.core.label import FULL
from twinvouch.readings.flagged import Flagged
from twinvouch.readings.followed import NOTHING, Followed
from twinvouch.readings.live import live
from twinvouch.readings.validate import stale
from twinvouch.readings.view import View, present, usable
from twinvouch.twin.frame import Frame


def follow(batch: Batch, view: View, frame: Frame, context: Context) -> Followed:
    """Let the model see the rows that become live; cells of tags in alarm, findings, and what it remembers."""
    assert context.detector is not None
    now = live(batch, view, frame, stale.young(batch, view))
    if now is None:
        return NOTHING
    every = np.arange(batch.values.shape[1])
    cells = usable(batch, view, every)[now.rows]
    values = np.where(cells, batch.values[now.rows], np.nan)
    rows = Rows(view.group, now.t_ns, values, view.now_ns)
    verdict = context.detector.follow(
        rows, Known(context.memos, context.tickets, _written(context))
    )
    ids = view.group.ids
    own = np.array([k for k, tag in enumerate(ids) if tag in verdict.caps], np.intp)
    mask = np.zeros(batch.values.shape, np.bool_)
    mask[np.ix_(now.rows, own)] = True
    mask &= present(batch)
    caps = np.full(batch.values.shape, FULL, np.uint8)
    caps[:, own] = [verdict.caps[ids[k]] for k in own.tolist()]
    mine = set() if view.group.by_exception else set(ids)
    doubted = {tag: verdict.caps[tag] for tag in sorted(verdict.begun - mine)}
    flagged = (Flagged(mask, caps, verdict.findings),) if own.size or verdict.findings else ()
    return Followed(flagged, memos=verdict.memos, doubted=doubted)


def _written(context: Context) -> tuple[tuple[str, int], ...]:
    """Commands that were carried out lately, or may have been: a pending permit counts from when it was issued."""
    writes = [w for of in context.writes.values() for w in of]
    return tuple((w.tag, w.spent_ns or w.issued_ns) for w in writes if w.spent_ns or not w.is_over)
