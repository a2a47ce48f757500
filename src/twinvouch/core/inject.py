"""Attack injectors: what a lying sensor does to a column of values, as pure functions.

Each takes `values` float64[R] or [R, K] and gives a new array of the same shape; the input is never
changed. `start` is the first row that is attacked; rows before it stay bit by bit as they were. Where
chance is needed a Generator comes in. Vocabulary: epanetCPA (Taormina et al. 2016), sensor attacks.
"""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def offset(values: Values, size: float, start: int = 0) -> Values:
    """A constant is added, in the values' unit.

    >>> offset(np.array([1.0, 2.0, 3.0]), 10.0, start=1).tolist()
    [1.0, 12.0, 13.0]
    """
    lied = values.copy()
    lied[start:] += size
    return lied


def scaling(values: Values, factor: float, start: int = 0) -> Values:
    """Every value is multiplied, as by a wrong range of the transmitter.

    >>> scaling(np.array([1.0, 2.0]), 3.0).tolist()
    [3.0, 6.0]
    """
    lied = values.copy()
    lied[start:] *= factor
    return lied


def ramp(values: Values, t_s: Values, slope: float, start: int = 0) -> Values:
    """A drift of `slope` units per second begins at `t_s[start]`; `t_s` float64[R] is in seconds.

    >>> ramp(np.array([1.0, 1.0, 1.0]), np.array([0.0, 1.0, 2.0]), 0.5).tolist()
    [1.0, 1.5, 2.0]
    """
    lied = values.copy()
    if start < len(t_s):
        drift = slope * (t_s[start:] - t_s[start])
        lied[start:] += drift if values.ndim == 1 else drift[:, np.newaxis]
    return lied


def freeze(values: Values, start: int = 0) -> Values:
    """The value of row `start` is repeated for ever.

    >>> freeze(np.array([1.0, 2.0, 3.0]), start=1).tolist()
    [1.0, 2.0, 2.0]
    """
    lied = values.copy()
    if start < len(values):
        lied[start:] = values[start]
    return lied


def noise(values: Values, sigma: float, chance: np.random.Generator, start: int = 0) -> Values:
    """Gaussian noise of standard deviation `sigma`, in the values' unit, is added."""
    lied = values.copy()
    lied[start:] += chance.normal(0.0, sigma, lied[start:].shape)
    return lied


def replay(values: Values, length: int, start: int) -> Values:
    """The `length` rows before `start` are played again and again (Stuxnet's way with its operators).

    >>> replay(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), 2, start=2).tolist()
    [1.0, 2.0, 1.0, 2.0, 1.0]
    """
    if not 0 < length <= start:
        raise ValueError(f"expected 1..{start} rows to replay before row {start}, got {length}")
    rows = np.arange(len(values))
    lied_rows = start - length + (rows - start) % length
    return np.where(
        (rows < start) if values.ndim == 1 else (rows < start)[:, np.newaxis],
        values,
        values[np.minimum(lied_rows, len(values) - 1)],
    )
