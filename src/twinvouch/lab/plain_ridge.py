"""The plain ridge: the yardstick that sizes of scenarios and figures of detectors are compared with.

Each tag from all other tags at the same row, all tags one row before and the hour of the day; lambda 1 on
standardised features. Errors are out of fold over six contiguous blocks. A tag that never moved has error 0.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.table import Table

FOLDS: Final = 6
LAMBDA: Final = 1.0
_MAD: Final = 1.4826
_HOUR_NS: Final = 3_600_000_000_000


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
    mean, scale = np.nanmean(table.values, axis=0), np.nanstd(table.values, axis=0)
    return mean, np.where(scale > 1e-9 * (1 + np.abs(mean)), scale, 1.0)


def _features(
    table: Table, mean: NDArray[np.float64], scale: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    away = np.nan_to_num((table.values - mean) / scale)
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
