"""What gate 1 asks a detector, and what that says: rows that became live in, alarms by tag out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.finding import Finding
from twinvouch.core.inventory import ScanGroup
from twinvouch.core.memo import Memo
from twinvouch.core.ticket import Ticket


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of one scan group that became live, received at `now_ns`.

    `t_ns` int64[L] rises, `values` float64[L, K] in the order of the group's tags, NaN where no usable reading is.
    `trust` uint8[L, K] is the plausibility that rules and persons left them; None: all of it.
    """

    group: ScanGroup
    t_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    now_ns: int
    trust: NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """`caps` of plausibility of all tags in alarm now, `begun` those of them whose alarm is new; `memos` that changed."""

    caps: Mapping[str, int] = field(default_factory=dict)
    begun: frozenset[str] = frozenset()
    findings: tuple[Finding, ...] = ()
    memos: Mapping[str, Memo] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What a detector may know beside the rows: its own memos, what people announced, what was written when.

    `written` holds tag and time of each command that was carried out lately.
    """

    memos: Mapping[str, Memo] = field(default_factory=dict)
    tickets: tuple[Ticket, ...] = ()
    written: tuple[tuple[str, int], ...] = ()
