"""Exact bounds of a share (Clopper, Pearson 1934): 95 % in the middle, by the tails of the binomial distribution."""

from math import exp, lgamma, log, log1p
from typing import Final

_TAIL: Final = 0.025
_HALVINGS: Final = 60


def clopper_pearson(found: int, of: int) -> tuple[float, float]:
    """Of `found` in `of` independent trials; 0 to 1 where there was none.

    >>> [round(end, 4) for end in clopper_pearson(0, 20)]
    [0.0, 0.1684]
    """
    if not of:
        return 0.0, 1.0
    low = 0.0 if found == 0 else _where(found, of, is_upper=False)
    high = 1.0 if found == of else _where(found, of, is_upper=True)
    return low, high


def _where(found: int, of: int, *, is_upper: bool) -> float:
    """The share at which the tail is _TAIL: P(at most `found`) for the upper end, P(at least `found`) for the lower."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        tail = _at_most(found, of, middle) if is_upper else 1 - _at_most(found - 1, of, middle)
        if (tail > _TAIL) == is_upper:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _at_most(found: int, of: int, share: float) -> float:
    """The probability of at most `found`; summed over whichever side has fewer terms."""
    if found * 2 > of:
        return 1.0 - sum(_exactly(k, of, share) for k in range(found + 1, of + 1))
    return sum(_exactly(k, of, share) for k in range(found + 1))


def _exactly(k: int, of: int, share: float) -> float:
    if not 0 < share < 1:
        return float(k == (0 if share <= 0 else of))
    ways = lgamma(of + 1) - lgamma(k + 1) - lgamma(of - k + 1)
    return exp(ways + k * log(share) + (of - k) * log1p(-share))
