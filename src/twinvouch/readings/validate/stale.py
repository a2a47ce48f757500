"""stale: readings that were old when they arrived, and scan groups that fell silent (`max_age_s` of the group).

Old is by source time, which the edge signs; silent is by receive time, which nobody outside can set. Who
delays or withholds readings can make the twin act on the past: what was old when it came is history, however
much newer it is than what was known, and never becomes live.
"""

import numpy as np

from twinvouch.core.batch import Batch
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import ScanGroup
from twinvouch.readings.flagged import Flagged
from twinvouch.readings.view import Mask, View
from twinvouch.readings.wording import count, seconds

NAME = "stale"
TECHNIQUE = "T0804"
CAP = 60


def check(batch: Batch, view: View) -> Flagged | None:
    """All cells of sound rows made more than `max_age_ns` ago; one finding a batch."""
    group = view.group
    oldest_ns = view.now_ns - group.max_age_ns
    if view.is_sound and int(batch.t_ns[0]) >= oldest_ns:
        return None
    old = (batch.t_ns < oldest_ns) & view.sound
    rows = int(old.sum())
    if not rows:
        return None
    row = int(old.argmax())
    age_ns = view.now_ns - int(batch.t_ns[row])
    finding = Finding(
        NAME,
        group.edge,
        Severity.LOW,
        f"{count(rows, 'row')} of scan group `{group.name}` from `{group.edge}` came late: row {row} is "
        f"{seconds(age_ns)} old, limit is {seconds(group.max_age_ns)}",
        TECHNIQUE,
        (("age_s", age_ns / 1e9), ("limit_s", group.max_age_ns / 1e9)),
        rows,
        row,
    )
    mask = np.broadcast_to(old[:, None], batch.values.shape)
    return Flagged(mask, CAP, (finding,))


def young(batch: Batch, view: View) -> Mask:
    """Rows bool[R] made at most `max_age_ns` before they came: only these may become live."""
    rows: Mask = batch.t_ns >= view.now_ns - view.group.max_age_ns
    return rows


def silence(group: ScanGroup, heard_ns: int, now_ns: int) -> Finding | None:
    """A finding where nothing was admitted of a scan group for more than `max_age_ns`."""
    age_ns = now_ns - heard_ns
    if age_ns <= group.max_age_ns:
        return None
    return Finding(
        NAME,
        group.edge,
        Severity.MEDIUM,
        f"no readings of scan group `{group.name}` from `{group.edge}` for {seconds(age_ns)}, "
        f"limit is {seconds(group.max_age_ns)}",
        TECHNIQUE,
        (("age_s", age_ns / 1e9), ("limit_s", group.max_age_ns / 1e9)),
    )
