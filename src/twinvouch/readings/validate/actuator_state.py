"""actuator_state: what an actuator says of itself and what it ought to cause do not fit (`actuator_state:`).

A pump that is off while its flow goes on, or on without flow; a valve that is closed and lets through. Which of the
two is wrong is not known, so both count for less. They may disagree for `settle_s` after each switch.
"""

from collections.abc import Mapping
from math import isinf

import numpy as np

from twinvouch.core.declared import Expectation, Placed
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.memo import Memo
from twinvouch.readings.flagged import Flagged
from twinvouch.readings.followed import Followed, recall, remember
from twinvouch.readings.lasting import lasting, nothing
from twinvouch.readings.live import Live
from twinvouch.readings.view import Mask
from twinvouch.readings.wording import seconds

NAME = "actuator_state"
TECHNIQUE = "T0856"
CAP = 60


def follow(live: Live, placed: Placed[Expectation], memos: Mapping[str, Memo]) -> Followed:
    """Cells of the two tags where they have not fitted for `settle_s`, and the live value of the one that is elsewhere."""
    told = placed.what
    values = live.values(placed.tags, placed.columns)
    status, caused = values[:, :1], values[:, 1:]
    known: Mask = ~np.any(np.isnan(values), axis=1, keepdims=True)
    is_so = (status >= told.low) & (status <= told.high)
    unfit = is_so & ((caused < told.least) | (caused > told.most))
    key, about = f"{NAME}/{told.name}", repr(told)
    before = recall(memos, key, about, nothing(1))
    spans, after = lasting(unfit, known, live.t_ns, before, live.view.group.max_age_ns)
    memo = remember(key, about, before, after)
    flagged = np.repeat(spans >= told.settle_ns, 2, axis=1)
    mask = live.mask(flagged, placed.columns)
    doubted = live.doubted(placed, flagged[-1], CAP)
    if not doubted and not mask.any():
        return Followed(memos=memo)
    rows = np.flatnonzero(flagged[:, 0])
    first = rows[0]
    seen = float(status[first, 0]), float(caused[first, 0]), int(spans[first, 0])
    finding = _finding(told, live.unit(told.tag), seen, (rows.size, int(live.rows[first])))
    return Followed((Flagged(mask, CAP, (finding,)),), memos=memo, doubted=doubted)


def _finding(
    told: Expectation, unit: str, seen: tuple[float, float, int], where: tuple[int, int]
) -> Finding:
    status, caused, span_ns = seen
    if isinf(told.most):
        expected = f"at least {told.least:g}{unit}"
    elif isinf(told.least):
        expected = f"at most {told.most:g}{unit}"
    else:
        expected = f"{told.least:g} to {told.most:g}{unit}"
    words = (
        f"`{told.tag}` is {caused:.6g}{unit} while `{told.status}` has been {status:.6g}, expected {expected} "
        f"(`{told.name}`) for {seconds(span_ns)} now: one of them is wrong, or the actuator does not do what it says"
    )
    numbers = (("value", caused), ("status", status), ("seconds", span_ns / 1e9))
    return Finding(NAME, told.name, Severity.HIGH, words, TECHNIQUE, numbers, *where)
