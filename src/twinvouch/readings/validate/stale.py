"""stale: readings that were old when they arrived, and groups or tags that fell silent (`max_age_s` of the group).

In a group by exception silence is that of each tag. Old is by source time, which the edge signs; silent is by
receive time, which nobody outside can set. Who delays or withholds readings can make the twin act on the past:
what a polled group had read long before it came is history, however much newer it is than what was known, and
never becomes live. A value by exception is old by nature, where it did not change.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Batch
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import ScanGroup
from twinvouch.readings.flagged import MOST_TAGS, Flagged
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
    """Rows bool[R] made at most `max_age_ns` before they came, all of a group by exception: these may become live."""
    oldest_ns = view.now_ns - view.group.max_age_ns
    rows: Mask = (batch.t_ns >= oldest_ns) | view.group.by_exception
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


def silent_tags(group: ScanGroup, received_ns: NDArray[np.int64], now_ns: int) -> Mask:
    """Which tags [K] of a group by exception were heard once and not for more than `max_age_ns` since."""
    silent: Mask = (received_ns > 0) & (received_ns < now_ns - group.max_age_ns)
    return silent


def silences(
    group: ScanGroup, columns: Sequence[int], received_ns: NDArray[np.int64], now_ns: int
) -> tuple[Finding, ...]:
    """A finding for each of these tags; beyond MOST_TAGS one for all the others."""
    limit = (("limit_s", group.max_age_ns / 1e9),)
    told = []
    for k in columns[:MOST_TAGS]:
        age_ns = now_ns - int(received_ns[k])
        words = f"nothing was said of `{group.ids[k]}` for {seconds(age_ns)}, limit is {seconds(group.max_age_ns)}"
        numbers = (("age_s", age_ns / 1e9), *limit)
        told.append(Finding(NAME, group.ids[k], Severity.MEDIUM, words, TECHNIQUE, numbers))
    rest = len(columns[MOST_TAGS:])
    if rest:
        words = f"nothing was said of {rest} further tags of `{group.name}` either"
        numbers = (("tags", rest), *limit)
        told.append(Finding(NAME, group.edge, Severity.MEDIUM, words, TECHNIQUE, numbers))
    return tuple(told)
