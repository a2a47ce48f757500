"""What scoring keeps from row to row, and what it says of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect import repeats
from twinvouch.readings.detect.evidence import NEW
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.repeats import Heard

CALM: Final = 0
ATTACK: Final = 1
DRIFT: Final = 2
CHANGE: Final = 3  # a candidate for an operating change
MOST_ALARMS: Final = 4  # tags at once; beyond, the rest of the plant follows what these began
BROKEN_U: Final = 8.0  # what a broken control rule, a frozen signal or a state never seen says
BLAME_ROWS: Final = 12.0  # how long a surprise counts when a culprit is looked for
MOST_BLAME: Final = 12.0
SLOW_U: Final = 5.0  # the surprise that a slow limit is worth where tags are ranked
PAST: Final = 9  # rows over which suspects are tried


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What a row leaves behind, for K tags.

    `values` are as read and rounded (NaN before the first row), `away` scaled and with estimates in place of what is not
    trusted, `run` how long each value has stood, `is_present` which were read, `past` float64[n, K] at `past_ns` the last
    few rows. `means` float64[C, K] are those of the slow channels. `suspicion` is the log-odds that something is wrong
    that no tag is blamed for, `blame` recent surprise by tag, `alarm` CALM, ATTACK or CHANGE with the log-odds `odds`
    of each, `drift` bool[C, K] the slow channels that are beyond their limits, `shown` what the last row was told as, `trust` those that not all can be believed while there is an alarm. `offset` is what recalibrations have
    shifted, in scales, still found out until `settles_ns`; `at_work` who is worked on, `work_bias` the mean over `work_rows` rows of what
    is off, in scales. `candidate_ns` is when a change that nobody announced was seen last (0: never), `heard` is what `repeats.py` keeps.
    """

    t_ns: int
    values: NDArray[np.float64]
    away: NDArray[np.float64]
    run: NDArray[np.int64]
    is_present: NDArray[np.bool_]
    past_ns: NDArray[np.int64]
    past: NDArray[np.float64]
    means: NDArray[np.float64]
    suspicion: float
    blame: NDArray[np.float64]
    alarm: NDArray[np.uint8]
    odds: NDArray[np.float64]
    drift: NDArray[np.bool_]
    shown: NDArray[np.uint8]
    trust: float
    offset: NDArray[np.float64]
    settles_ns: NDArray[np.int64]
    at_work: NDArray[np.bool_]
    work_bias: NDArray[np.float64]
    work_rows: NDArray[np.float64]
    candidate_ns: int
    heard: Heard


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Alarms of R rows and why.

    `alarm` uint8[R, K] is the state of each tag, `u` float64[R] the surprise of the row; by tag `fast` float64[R, K]
    (-log10 p) and `slow` float64[R, K] (parts of the limit); `error` float64[R, K] is value minus expectation in the
    tags' units; `blame` float64[R, K] ranks the tags. `moved` float64[R, K] is value minus the estimate without own past, in
    scales, and `counted` float64[R, K] how many usual rows that counts as; 0 where it says nothing (both float64[R, 0] where nobody learns).
    """

    alarm: NDArray[np.uint8]
    u: NDArray[np.float64]
    fast: NDArray[np.float64]
    slow: NDArray[np.float64]
    error: NDArray[np.float64]
    blame: NDArray[np.float64]
    moved: NDArray[np.float64]
    counted: NDArray[np.float64]

    @property
    def is_alarm(self) -> NDArray[np.bool_]:
        """Attacks and candidates for a change, bool[R, K]: what is to be looked at now; a drift may wait."""
        raised: NDArray[np.bool_] = (self.alarm == ATTACK) | (self.alarm == CHANGE)
        return raised


def joined(parts: Sequence[Scored]) -> Scored:
    """What is said of the rows of all parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    fields = (np.concatenate([getattr(part, name) for part in parts]) for name in Scored.__slots__)
    return Scored(*fields)


def begin(learned: Learned) -> State:
    """Nothing seen yet."""
    width = len(learned.columns.ids)
    none, times = np.zeros(width), np.zeros(width, np.int64)
    no = np.zeros(width, np.bool_)
    return State(
        t_ns=0,
        values=np.full(width, np.nan),
        away=none,
        run=times,
        is_present=no,
        past_ns=np.zeros(0, np.int64),
        past=np.zeros((0, width)),
        means=np.zeros((len(learned.channels), width)),
        suspicion=NEW,
        blame=none,
        alarm=np.zeros(width, np.uint8),
        odds=none,
        drift=np.zeros((len(learned.channels), width), np.bool_),
        shown=np.zeros(width, np.uint8),
        trust=0.0,
        offset=none,
        settles_ns=times,
        at_work=no,
        work_bias=none,
        work_rows=none,
        candidate_ns=0,
        heard=repeats.begin(learned.windows),
    )
