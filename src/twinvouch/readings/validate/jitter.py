"""jitter: rows of a scan group do not come in its rhythm: too many intervals are far from `period_s` (`jitter:`).

What polls keeps its period within what the machine and the bus add. Who makes rows up, holds them back or sends them
through another clock often does not. A lost row is no jitter: an interval of two periods is on the beat. What
is out of order, late or silent is told by `clock`, `late` and `stale` and does not count here.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Batch
from twinvouch.core.declared import Jitter
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.memo import Memo
from twinvouch.readings.flagged import Flagged
from twinvouch.readings.followed import NOTHING, Followed, recall, remember
from twinvouch.readings.recent import RECENT, counted, none
from twinvouch.readings.view import View
from twinvouch.readings.wording import seconds
from twinvouch.twin.frame import BEFORE_ALL

NAME = "jitter"
TECHNIQUE = "T0830"
CAP = 120


def follow(batch: Batch, view: View, jitter: Jitter, memos: Mapping[str, Memo]) -> Followed:
    """All cells of sound rows while too many intervals are odd; told when that begins and when it is over."""
    if view.is_late:
        return NOTHING
    key, about = f"{NAME}/{view.group.name}", repr(jitter)
    before = recall(memos, key, about, (none(1), np.zeros(1, np.uint8)))
    intervals = _intervals(batch, view)
    beside = _beside(intervals, view.group.period_ns)
    odd, history = counted((beside > jitter.tolerance_ns)[:, None], before[0])
    standing = int(np.unpackbits(history).sum())
    most = int(odd.max(initial=standing))
    was = bool(before[1][0])
    limit = jitter.share * RECENT
    is_over = standing > limit / 2 if was else most > limit
    memo = remember(key, about, before, (history, np.array([is_over], np.uint8)))
    if not is_over:
        return Followed(findings=(_over(view, standing),) if was else (), memos=memo)
    found = () if was else (_told(view, most, beside, jitter),)
    mask = np.broadcast_to(view.sound[:, None], batch.values.shape)
    return Followed((Flagged(mask, CAP, found),), memos=memo)


def _intervals(batch: Batch, view: View) -> NDArray[np.int64]:
    """Between live rows that follow each other, ns; silences longer than `max_age_ns` are left out."""
    rows = view.sound if view.late is None else view.sound & ~view.late[:, 0]
    t_ns = batch.t_ns[rows]
    if view.after_ns != BEFORE_ALL and t_ns.size:
        t_ns = np.concatenate(([view.after_ns], t_ns))
    intervals: NDArray[np.int64] = np.diff(t_ns)
    return intervals[intervals <= view.group.max_age_ns]


def _beside(intervals: NDArray[np.int64], period_ns: int) -> NDArray[np.int64]:
    """How far each interval is from the nearest whole number of periods, at least one."""
    beats = np.maximum((intervals + period_ns // 2) // period_ns, 1)
    beside: NDArray[np.int64] = np.abs(intervals - beats * period_ns)
    return beside


def _told(view: View, odd: int, beside: NDArray[np.int64], jitter: Jitter) -> Finding:
    group, worst = view.group, int(beside.max(initial=0))
    return Finding(
        NAME,
        group.edge,
        Severity.LOW,
        f"{odd} of the last {RECENT} intervals between rows of scan group `{group.name}` from `{group.edge}` are more than "
        f"{seconds(jitter.tolerance_ns)} off its period of {seconds(group.period_ns)}, at worst {seconds(worst)} in this batch; "
        f"{jitter.share:.0%} may be",
        TECHNIQUE,
        (("odd", odd), ("share", jitter.share), ("worst_s", worst / 1e9)),
    )


def _over(view: View, odd: int) -> Finding:
    words = (
        f"rows of scan group `{view.group.name}` from `{view.group.edge}` keep their period again"
    )
    return Finding(NAME, view.group.edge, Severity.INFO, words, "", (("odd", odd),))
