"""clock: rows whose source time cannot be: they keep their place in history and never enter live state.

Times are claims of the source and may be anything an int64 holds, so they are compared and never subtracted
before they are known to lie between 2000 and now.
"""

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import ScanGroup
from twinvouch.readings.view import every
from twinvouch.readings.wording import count, date, seconds
from twinvouch.twin.frame import BEFORE_ALL

NAME = "clock"
TECHNIQUE = "T0856"
YEAR_2000_NS = 946_684_800_000_000_000  # no plant sent digital readings by this format before


def check(
    t_ns: NDArray[np.int64], after_ns: int, now_ns: int, group: ScanGroup
) -> tuple[NDArray[np.bool_], Finding | None]:
    """Which of the rows [R] can be true, and a finding about the others.

    A row is sound if it is not before 2000, at most `max_ahead_ns` ahead of `now_ns`, and later than the
    group's last live row (`after_ns`) and all sound rows before it; in a group by exception several rows may
    be of one time.
    """
    latest_ns = now_ns + group.max_ahead_ns
    first, last = int(t_ns[0]), int(t_ns[-1])
    earliest_ns = max(after_ns + 1, YEAR_2000_NS)
    in_order = t_ns[1:] >= t_ns[:-1] if group.by_exception else t_ns[1:] > t_ns[:-1]
    if first >= earliest_ns and last <= latest_ns and every(in_order):
        return np.ones(len(t_ns), np.bool_), None
    old, ahead = t_ns < YEAR_2000_NS, t_ns > latest_ns
    possible = np.where(old | ahead, BEFORE_ALL, t_ns)
    before = np.empty_like(possible)
    before[0] = after_ns
    np.maximum(np.maximum.accumulate(possible[:-1]), after_ns, out=before[1:])
    is_behind = t_ns < before if group.by_exception else t_ns <= before
    behind = ~(old | ahead) & is_behind
    return ~(old | ahead | behind), _finding(t_ns, (old, ahead, behind), now_ns, group)


def _finding(
    t_ns: NDArray[np.int64],
    kinds: tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]],
    now_ns: int,
    group: ScanGroup,
) -> Finding | None:
    old, ahead, behind = kinds
    wrong = old | ahead | behind
    rows = int(wrong.sum())
    if not rows:
        return None
    row = int(wrong.argmax())
    claimed = int(t_ns[row])
    if old[row]:
        why = "which is before 2000"
    elif ahead[row]:
        # Python integers: the difference of two int64 may not fit one
        why = (
            f"{seconds(claimed - now_ns)} ahead of the core, limit is {seconds(group.max_ahead_ns)}"
        )
    else:
        why = "before" if group.by_exception else "not after"
        why += " the row before it"
    return Finding(
        NAME,
        group.edge,
        Severity.HIGH,
        f"{count(rows, 'row')} of scan group `{group.name}` from `{group.edge}` cannot be of the time claimed: "
        f"row {row} says {date(claimed)}, {why}; kept in history only",
        TECHNIQUE,
        (
            ("before_2000", int(old.sum())),
            ("ahead", int(ahead.sum())),
            ("not_after", int(behind.sum())),
        ),
        rows,
        row,
    )
