"""A table: many rows of the same tags over time, as history, a CSV file or a detector has them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """`t_ns` int64[R], never falling; `values` float64[R, K] in the order of `ids`, NaN where nothing was read."""

    ids: tuple[str, ...]
    t_ns: NDArray[np.int64]
    values: NDArray[np.float64]
