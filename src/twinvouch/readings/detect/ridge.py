"""All tags of a plant estimated from all others by one matrix inverse.

With A = X'X + lambda I over all features, the ridge regression of feature j on all other features has the
coefficients -P[i, j] / P[j, j], P = inverse of A (block inversion; Lauritzen, Graphical Models, 1996, 5.1.3). So one
inverse gives the estimates of all tags, and of each fold that is left out.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

# On standardised features; more destroys the sharp regimes, .1 to 10 changes little for rows like those of the training. In
# a regime of few rows a switch that hardly moved there must not get a weight: one day it moves.
LAMBDA: Final = 5.0


def gram(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """X'X, float64[F, F]."""
    product: NDArray[np.float64] = features.T @ features
    return product


def weights(
    of: NDArray[np.float64], tags: int, *, without_own_past: bool = False
) -> NDArray[np.float64]:
    """Coefficients float64[F, K] that estimate the first K features from all others; `of` is their `gram`.

    `without_own_past` leaves the feature K places behind each tag, its value one row before, out as well.
    """
    inverse = np.linalg.inv(of + LAMBDA * np.eye(len(of)))
    k = np.arange(tags)
    if not without_own_past:
        found: NDArray[np.float64] = -inverse[:, :tags] / inverse[k, k]
        found[k, k] = 0.0
        return found
    past = inverse[:, tags : 2 * tags]
    kept = inverse[:, :tags] - past * (inverse[tags + k, k] / inverse[tags + k, tags + k])
    found = -kept / kept[k, k]
    found[k, k] = 0.0
    found[tags + k, k] = 0.0
    return found
