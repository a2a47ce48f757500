"""The plain ridge: the yardstick that sizes of scenarios and figures of detectors are compared with.

Each tag from all other tags at the same row, all tags one row before and the hour of the day; lambda 1 on
standardised features. Errors are out of fold over six contiguous blocks. A tag that never moved has error 0. As a
detector (`fit`, `alarms`) it holds each alarm for 12 hours, unless told otherwise: the baseline of every detection bench.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.table import Table
from twinvouch.readings.detect import columns

FOLDS: Final = 6
LAMBDA: Final = 1.0
_MAD: Final = 1.4826
_HOUR_NS: Final = 3_600_000_000_000
HOLD_NS: Final = 12 * _HOUR_NS
_BEYOND: Final = 1.1


def errors(table: Table) -> NDArray[np.float64]:
    """Out-of-fold errors of rows 1 to R-1, float64[R-1, K] in the tags' units; missing values are their tag's mean."""
    features, scale = _features(table, *_moments(table))
    width = len(table.ids)
    fold = np.arange(len(features)) * FOLDS // len(features)
    found = np.zeros((len(features), width))
    for f in range(FOLDS):
        out = fold == f
        weights = _solve(features[~out], width)
        found[out] = features[out, :width] - features[out] @ weights
    return found * scale


def robust_sd(table: Table) -> NDArray[np.float64]:
    """1.4826 times the median |error| of each tag, float64[K]."""
    found: NDArray[np.float64] = _MAD * np.median(np.abs(errors(table)), axis=0)
    return found


def _moments(table: Table) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean, scale = columns.moments(table.values)
    return mean, np.where(scale > 1e-9 * (1 + np.abs(mean)), scale, 1.0)


def _features(
    table: Table, mean: NDArray[np.float64], scale: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    away = (np.where(np.isfinite(table.values), table.values, mean) - mean) / scale
    hours = np.eye(24)[table.t_ns[1:] // _HOUR_NS % 24]
    return np.hstack((away[1:], away[:-1], hours)), scale


def _solve(features: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Coefficients float64[F, K], one ridge regression a tag."""
    normal = features.T @ features + LAMBDA * np.eye(features.shape[1])
    found = np.zeros((features.shape[1], width))
    for tag in range(width):
        used = np.arange(len(normal)) != tag
        found[used, tag] = np.linalg.solve(normal[np.ix_(used, used)], normal[used, tag])
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """The yardstick as a detector: each tag's limit is 1.1 times its largest out-of-fold error."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    limit: NDArray[np.float64]


def fit(table: Table) -> Fitted:
    """Fit on clean rows, rounded like live ones: else a sensor that hardly moves alarms for ever."""
    step = columns.assumed_step(table.values)
    table = Table(table.ids, table.t_ns, columns.rounded(table.values, step))
    mean, scale = _moments(table)
    features, _ = _features(table, mean, scale)
    largest = np.abs(errors(table)).max(axis=0)
    limit = np.where(largest > 0, _BEYOND * largest, np.inf)  # what never moved is not judged
    return Fitted(mean, scale, _solve(features, len(table.ids)), limit)


def alarms(fitted: Fitted, table: Table, hold_ns: int = HOLD_NS) -> NDArray[np.bool_]:
    """Rows bool[R] with any tag over its limit, and `hold_ns` after each: what detectors are compared with."""
    features, _ = _features(table, fitted.mean, fitted.scale)
    width = len(table.ids)
    away = np.abs((features[:, :width] - features @ fitted.weights) * fitted.scale)
    over = np.concatenate(([False], (away > fitted.limit).any(axis=1)))
    last = np.maximum.accumulate(np.where(over, table.t_ns, np.iinfo(np.int64).min // 2))
    held: NDArray[np.bool_] = over | (table.t_ns - last < hold_ns)
    return held
