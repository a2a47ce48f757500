"""eTaPR: precision and recall over ranges, without ambiguous ones (delta 0).

Source: Hwang et al., "Do you know existing accuracy metrics overrate time-series anomaly detections?", SAC 2022. An attack
counts as found where alarms cover at least THETA_R of it, an alarm as right where at least THETA_P of it is attack;
what fails either way is taken out until nothing changes. An attack (or alarm) scores half for being found (right) and
half for the part that is covered. Attacks weigh the same, alarms by the root of their length.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.spans import spans
from twinvouch.lab.score.rows import f1

THETA_P: Final = 0.5
THETA_R: Final = 0.1
Covered = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ETaPR:
    """All from 0 to 1."""

    precision: float
    recall: float
    f1: float


def score(alarm: NDArray[np.bool_], attacked: NDArray[np.bool_]) -> ETaPR:
    """Score alarms bool[R] against labels bool[R]."""
    attacks, alarms = spans(attacked), spans(alarm)
    if not len(attacks) or not len(alarms):
        return ETaPR(0.0, 0.0, 0.0)
    a_length, p_length = (s[:, 1] - s[:, 0] for s in (attacks, alarms))
    first = np.maximum(attacks[:, None, 0], alarms[None, :, 0])
    last = np.minimum(attacks[:, None, 1], alarms[None, :, 1])
    left = _pruned(np.maximum(last - first, 0).astype(float), a_length, p_length)
    recall = float(_half(left.sum(axis=1) / a_length).mean())
    weight = np.sqrt(p_length)
    precision = float((_half(left.sum(axis=0) / p_length) * weight).sum() / weight.sum())
    return ETaPR(precision, recall, f1(precision, recall))


def _pruned(
    both: Covered,
    a_length: NDArray[np.int64],
    p_length: NDArray[np.int64],
) -> Covered:
    """Rows that attack and alarm share, float64[A, P], without attacks and alarms that fail."""
    left = both.copy()
    while True:
        before = left.copy()
        left[left.sum(axis=1) / a_length < THETA_R] = 0.0
        left[:, left.sum(axis=0) / p_length < THETA_P] = 0.0
        if np.array_equal(left, before):
            return left


def _half(part: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half for being there at all, half for the part."""
    scored: NDArray[np.float64] = ((part > 0) + np.minimum(part, 1.0)) / 2
    return scored
