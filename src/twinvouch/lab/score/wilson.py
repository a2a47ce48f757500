"""How well a share is known that was counted over so many: Wilson's interval, which holds at 0, at 1 and for few."""

from math import sqrt
from typing import Final

_Z: Final = 1.959964  # 95 %


def interval(of: int, whole: int) -> tuple[float, float]:
    """Where a share lies with 95 % confidence (Wilson 1927); anywhere if nothing was counted.

    >>> [round(end, 3) for end in interval(0, 20)]
    [0.0, 0.161]
    """
    if not whole:
        return 0.0, 1.0
    share, weight = of / whole, _Z**2 / whole
    middle = share + weight / 2
    reach = _Z * sqrt((share * (1 - share) + weight / 4) / whole)
    return max(middle - reach, 0.0) / (1 + weight), min((middle + reach) / (1 + weight), 1.0)
