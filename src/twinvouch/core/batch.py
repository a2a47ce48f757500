"""Batch and Admitted: the readings of one scan group as columns, before and after gate 1.

A *reading* is one present cell. MISSING (the source had no value) is apart from BAD (it had one and
said not to trust it). Only `readings/gate.py` makes an Admitted (an AST test holds that).
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.finding import Finding
from twinvouch.core.label import Label


class Quality(IntEnum):
    """Per cell, uint8: what the source said of its own value."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2
    MISSING = 3


class Origin(IntEnum):
    """Where data was made. Only LIVE may reach an actuator; origins never mix in one engine."""

    LIVE = 0
    REPLAY = 1
    SIMULATED = 2
    SHADOW = 3


@dataclass(frozen=True, slots=True)
class Identity:
    """Who made a batch and which one: edge, boot epoch, sequence inside the epoch."""

    edge: str
    epoch: int
    seq: int


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Readings of one scan group: R rows in time, K columns in the order of the group's tags.

    `t_ns` int64[R] source time, `values` float64[R, K] in engineering units, `quality` uint8[R, K].
    `digest` is the SHA-256 of the signed content, `prev` that of the edge's previous batch.
    """

    plant: str
    identity: Identity
    prev: bytes
    origin: Origin
    group: str
    t_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    quality: NDArray[np.uint8]
    digest: bytes

    def __post_init__(self) -> None:
        rows = len(self.t_ns)
        assert self.values.ndim == 2
        assert self.values.shape[0] == rows, (self.values.shape, rows)
        assert self.quality.shape == self.values.shape, (self.quality.shape, self.values.shape)
        for array in (self.t_ns, self.values, self.quality):
            array.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class Admitted:
    """A batch that passed gate 1: `label` has shape [4, R, K]; `in_live` says which rows are current.

    Rows that came late, out of order or with an impossible clock go to history, never to live state.
    """

    batch: Batch
    label: Label
    findings: tuple[Finding, ...]
    in_live: NDArray[np.bool_]
