"""What was learned from commissioning data: everything that scoring a row needs, as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect.columns import Columns
from twinvouch.readings.detect.control import ControlRule
from twinvouch.readings.detect.fusion import Fusion
from twinvouch.readings.detect.regimes import Split
from twinvouch.readings.detect.repeats import Windows
from twinvouch.readings.detect.slow import Channel
from twinvouch.readings.detect.switching import Clock, Point
from twinvouch.readings.detect.tails import Tails

RARE_CELL = 16  # regime of rows in which a switch is where it hardly ever was
CELLS = RARE_CELL + 1


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Estimates of n related tags from each other; F features (`design.py`).

    `tags` intp[n] and `switches` intp[s] are places of columns, `splits` by tag hold places in `switches`, `weights` are
    float64[C, F, m] by regime for the m tags of a split, and those of the split of none for all tags; `still` the same
    without own past and calendar.
    """

    tags: NDArray[np.intp]
    switches: NDArray[np.intp]
    splits: tuple[Split, ...]
    weights: Mapping[Split, NDArray[np.float64]]
    still: Mapping[Split, NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What scoring needs of K tags.

    `q`, `b` float64[CELLS, K] are tails of the fast error by regime; `spread` float64[CELLS, K] is the robust sd
    of the still error, `rest` float64[K] the mean energy; `runs` int64[K] and `ends` float64[2, K]: `runs.py`.
    """

    columns: Columns
    parts: tuple[Part, ...]
    q: NDArray[np.float64]
    b: NDArray[np.float64]
    fusion: Fusion
    rules: tuple[ControlRule, ...]
    points: tuple[Point, ...]
    clocks: tuple[Clock, ...]
    spread: NDArray[np.float64]
    still_tails: Tails
    still_fusion: Fusion
    rest: NDArray[np.float64]
    channels: tuple[Channel, ...]
    runs: NDArray[np.int64]
    ends: NDArray[np.float64]
    windows: Windows
