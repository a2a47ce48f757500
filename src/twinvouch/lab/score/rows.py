"""Row by row: precision, recall, F1 and the share of normal rows that were alarmed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Rows:
    """All from 0 to 1; a quotient of nothing is 0."""

    precision: float
    recall: float
    f1: float
    far: float


def score(alarm: NDArray[np.bool_], attacked: NDArray[np.bool_]) -> Rows:
    """Score alarms bool[R] against labels bool[R]."""
    hit = int(np.count_nonzero(alarm & attacked))
    precision = _part(hit, int(np.count_nonzero(alarm)))
    recall = _part(hit, int(np.count_nonzero(attacked)))
    normal = int(np.count_nonzero(~attacked))
    far = _part(int(np.count_nonzero(alarm & ~attacked)), normal)
    return Rows(precision, recall, f1(precision, recall), far)


def f1(precision: float, recall: float) -> float:
    """The harmonic mean; 0 where both are."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _part(of: int, whole: int) -> float:
    return of / whole if whole else 0.0
