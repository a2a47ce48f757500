"""late: readings made before the watermark of their edge, or before what is live of their tag: history only.

The watermark is the largest plausible source time seen of an edge, never ahead of the core's own clock, minus
`max_lateness_s`. It moves behind a batch, so that the rows of one batch never make each other late. Within
`max_lateness_s` rows of all scan groups may come in any order: of each tag the newest is live.
"""

import numpy as np

from twinvouch.core.batch import Batch
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import ScanGroup
from twinvouch.readings.view import Mask, present
from twinvouch.readings.wording import count, seconds
from twinvouch.twin.frame import Columns

NAME = "late"
TECHNIQUE = "T0804"


def cells(
    batch: Batch, group: ScanGroup, before: Columns, sound: Mask, oldest_ns: int
) -> Mask | None:
    """Cells bool[R, K] of sound rows that are too old to become live; None where there are none.

    In a group by exception each tag is compared with its own live reading; rows of one time may follow
    each other. In a scan group `clock` has seen to it that rows follow the last live one.
    """
    t_ns = batch.t_ns
    if not group.by_exception:
        rows = (t_ns < oldest_ns) & sound
        return np.broadcast_to(rows[:, None], batch.values.shape) if rows.any() else None
    oldest = np.maximum(before.t_ns, oldest_ns)
    mask: Mask = (t_ns[:, None] < oldest) & sound[:, None] & present(batch)
    return mask if mask.any() else None


def finding(batch: Batch, group: ScanGroup, late: Mask | None, now_ns: int) -> Finding | None:
    """One finding a batch about its late cells."""
    if late is None:
        return None
    readings = int((late & present(batch)).sum())
    row = int(late.any(axis=1).argmax())
    age_ns = now_ns - int(batch.t_ns[row])
    return Finding(
        NAME,
        group.edge,
        Severity.LOW,
        f"{count(readings, 'reading')} of scan group `{group.name}` from `{group.edge}` came too late to be live: row "
        f"{row} was made {seconds(age_ns)} ago, and newer ones had come; kept in history only",
        TECHNIQUE,
        (("age_s", age_ns / 1e9),),
        readings,
        row,
    )


def in_live(batch: Batch, group: ScanGroup, sound: Mask, late: Mask | None) -> Mask:
    """Rows bool[R] that become live: sound, and with at least one reading that is not late."""
    if late is None:
        return sound
    if not group.by_exception:
        return sound & ~late[:, 0]
    alive = present(batch) & ~late
    rows: Mask = sound & (np.count_nonzero(alive, axis=1) > 0)
    return rows


def newest(t_ns: np.ndarray, sound: Mask, before_ns: int, now_ns: int) -> int:
    """The newest plausible source time of an edge after a batch, never ahead of the core's clock."""
    if sound[-1]:  # sound rows are in order
        return max(before_ns, min(int(t_ns[-1]), now_ns))
    times = t_ns[sound]
    return max(before_ns, min(int(times[-1]), now_ns)) if times.size else before_ns
