"""What scoring keeps from row to row, and what it says of each."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect.evidence import Belief
from twinvouch.readings.detect.learned import Learned

CALM: Final = 0
ATTACK: Final = 1
DRIFT: Final = 2
CHANGE: Final = 3  # a candidate for an operating change


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What a row leaves behind, for K tags.

    `values` are as read and rounded (NaN before the first row), `away` scaled and with estimates in place of what is not
    trusted; `run` how long each value has stood; `means` float64[C, K] of the slow channels; `belief` that something
    is wrong that no tag is blamed for yet; `blame` recent surprise; `alarm` CALM, ATTACK or DRIFT, with the
    `odds` of each; `offset` what recalibrations have shifted, in scales.
    """

    t_ns: int
    values: NDArray[np.float64]
    away: NDArray[np.float64]
    run: NDArray[np.int64]
    means: NDArray[np.float64]
    belief: Belief
    blame: NDArray[np.float64]
    alarm: NDArray[np.uint8]
    odds: NDArray[np.float64]
    offset: NDArray[np.float64]
    at_work: NDArray[np.bool_]
    work_bias: NDArray[np.float64]  # recent mean of the still error, in scales
    work_rows: NDArray[np.int64]  # rows of the work so far
    is_present: NDArray[np.bool_] | bool = False
    past_ns: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    past: NDArray[np.float64] = field(
        default_factory=lambda: np.zeros((0, 0))
    )  # rows that were read last
    settles_ns: tuple[int, ...] = ()  # until when the offset of each tag is still found out
    trust: float = 0.0  # log-odds that not all can be trusted, while there is an alarm
    is_changing: bool = False  # work goes on, or ended a while ago, that moves the plant itself


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Alarms of R rows and why.

    `alarm` uint8[R, K] is the state of each tag, `u` float64[R] the surprise of the row; by tag `fast` float64[R, K]
    (-log10 p) and `slow` float64[R, K] (parts of the limit); `error` float64[R, K] is value minus expectation in the
    tags' units; `blame` float64[R, K] ranks the tags.
    """

    alarm: NDArray[np.uint8]
    u: NDArray[np.float64]
    fast: NDArray[np.float64]
    slow: NDArray[np.float64]
    error: NDArray[np.float64]
    blame: NDArray[np.float64]


def begin(learned: Learned) -> State:
    """Nothing seen yet."""
    width = len(learned.columns.ids)
    none = np.zeros(width)
    return State(
        0, np.full(width, np.nan), none, np.zeros(width, np.int64),
        np.zeros((len(learned.channels), width)), Belief(), none, np.zeros(width, np.uint8), none, none,
        np.zeros(width, np.bool_), none, np.zeros(width, np.int64),
    )  # fmt: skip
