"""How surprising an error is: tails of the out-of-fold errors, per tag and regime.

Above the .98 quantile q of |error| the tail is exponential: u = -log10 p = -log10 .02 + (|e| - q) / (b ln 10), with
b the larger of the mean excess and max excess / ln(m + 1.5) over the m errors above q, so that the largest error
of the training is no surprise. Below q the chance is not looked at: u falls to 0 in proportion.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

PART: Final = 0.02
_AT_Q: Final = -np.log10(PART)
FEW: Final = (
    100  # errors of a regime below which its tail is pooled with those of other thin regimes
)
_Q_STEPS: Final = 2.0  # a sensor's own rounding is no surprise
_B_STEPS: Final = 0.67


@dataclass(frozen=True, slots=True, eq=False)
class Tails:
    """`q` and `b` float64[..., K] in the unit of the errors."""

    q: NDArray[np.float64]
    b: NDArray[np.float64]

    def surprise(self, size: NDArray[np.float64]) -> NDArray[np.float64]:
        """U = -log10 p of |errors| float64[R, K] whose q and b are [R, K] or [K]."""
        steep = self.steep()
        return surprise(size / self.q, steep)

    def steep(self) -> NDArray[np.float64]:
        """By how much u rises with each q beyond q; 0 where q is infinite: nothing is estimated there."""
        steep: NDArray[np.float64] = np.where(
            np.isinf(self.q), 0.0, self.q / (self.b * np.log(10.0))
        )
        return steep


def surprise(part: NDArray[np.float64], steep: NDArray[np.float64]) -> NDArray[np.float64]:
    """U of |errors| in parts of their q, float64[R, K]; `steep` as of `Tails`."""
    u = np.minimum(part, 1.0)
    u *= _AT_Q
    over = part - 1.0
    np.maximum(over, 0.0, out=over)
    over *= steep
    u += over
    return u


def tail(size: NDArray[np.float64], step: float) -> tuple[float, float]:
    """Q and b of one tag's |errors| in one regime; `step` is the tag's, in the same unit."""
    q = max(float(np.quantile(size, 1 - PART)), _Q_STEPS * step)
    excess = size[size > q] - q
    b = _B_STEPS * step
    if len(excess):
        b = max(b, float(excess.mean()), float(excess.max()) / np.log(len(excess) + 1.5))
    return q, max(b, 1e-12)


def learn(
    error: NDArray[np.float64], cells: NDArray[np.int64], count: int, step: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Q and b float64[C] of one tag by regime; `error` float64[R]."""
    size = np.abs(error)
    many = np.bincount(cells, minlength=count)
    thin = size[many[cells] < FEW]
    rare = tail(thin if len(thin) >= FEW else size, step)
    found = np.array(
        [tail(size[cells == c], step) if many[c] >= FEW else rare for c in range(count)]
    )
    return found[:, 0], found[:, 1]
