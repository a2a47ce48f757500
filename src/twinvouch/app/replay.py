"""Replay of a wide CSV: rows -> blocks per scan group -> signed batches -> the core, with its counts.

`blocks` is pure. A block closes when its edge's `gather_s` of source time has passed or `max_rows` are
full. The replay clock follows the file: a batch is received a moment after its last row was made.
Cells that are no number go in as BAD, empty cells as MISSING: nothing is left out in silence.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan

import numpy as np
from numpy.typing import NDArray

from twinvouch.app.config_model import Config, ReplaySettings
from twinvouch.app.config_types import ns
from twinvouch.app.csv_records import Record
from twinvouch.app.csv_table import Table, number
from twinvouch.app.problems import InvalidConfigError, Problem, named
from twinvouch.app.source_time import SourceClock
from twinvouch.app.yaml_file import suggestion
from twinvouch.core.batch import Quality
from twinvouch.core.finding import Finding
from twinvouch.core.inventory import Plant, ScanGroup

DELAY_NS = 50_000_000  # from the last row of a batch to its arrival, on the replay clock
MAX_TOLD = 20  # rows that could not be read and are told one by one


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Rows of one scan group, ready to be signed: `t_ns` int64[R], `values` and `quality` [R, K]."""

    group: ScanGroup
    t_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    quality: NDArray[np.uint8]


@dataclass(slots=True)
class Counts:
    """What a file held: every row is sent or refused, every cell of a sent row is one of four."""

    rows: int = 0
    rows_refused: int = 0  # no readable time, or too few cells
    cells: int = 0  # of rows that are sent: rows x tags
    missing: int = 0  # empty cells
    bad: int = 0  # text where a number belongs
    problems: list[Problem] = field(default_factory=list)  # the first refused rows and bad cells


@dataclass(frozen=True, slots=True)
class Fed:
    """What the core did with one batch: its status, and the findings it made."""

    status: str  # admitted, duplicate, replay or refused
    findings: Sequence[Finding] = ()


Feed = Callable[[bytes, int], Fed]
Seal = Callable[[Block], bytes]
