"""Evidence that adds up and fades: a two-state Bayesian filter over rows (normal, attacked).

Normal rows have p ~ U(0, 1); attacked ones (1 - m) U(0, 1) + m Beta(xi, 1), so a row says
log((1 - m) + m xi p^(xi - 1)) for the attack. Two weak rows make one alarm, and quiet rows end it: there is no
fixed hold. Raised above .9, released below .5. Source: hidden Markov filtering (Rabiner 1989); Beta mixtures of
p-values (Sellke, Bayarri, Berger 2001).
"""

from math import exp, log
from typing import Final

import numpy as np
from numpy.typing import NDArray

START: Final = 1 / 8760  # chance that an attack begins with a row
END: Final = 1 / 48  # chance that it ends
MIXED: Final = 0.5
XI: Final = 0.1
MOST_U: Final = 8.0
MOST_ODDS: Final = 100.0
_MOST: Final = exp(MOST_ODDS)
RAISE: Final = log(0.9 / 0.1)
RELEASE: Final = 0.0
NEW: Final = log(START)  # log-odds of which nothing is known


def says(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """The log-likelihood ratio of rows with -log10 p = u, float64[R]."""
    limited = np.clip(u, 0.0, MOST_U)
    ratio: NDArray[np.float64] = np.log((1 - MIXED) + MIXED * XI * 10.0 ** (limited * (1 - XI)))
    return ratio


def trace(odds: float, ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """The log-odds after each of rows that say `ratio` float64[R], from `odds` before them."""
    found = []
    chance = exp(odds)
    for factor in np.exp(ratio).tolist():
        # what was so before the row, as it may have begun or ended with it, times what the row says
        chance = (chance * (1 - END) + START) / (chance * END + (1 - START)) * factor
        chance = min(chance, _MOST)
        found.append(chance)
    traced: NDArray[np.float64] = np.log(np.array(found))
    return traced


def after(odds: float, u: float) -> float:
    """The log-odds after one row with -log10 p = u: as `trace` of what it `says`, without an array."""
    factor = (1 - MIXED) + MIXED * XI * 10.0 ** (min(max(u, 0.0), MOST_U) * (1 - XI))
    chance = exp(odds)
    chance = (chance * (1 - END) + START) / (chance * END + (1 - START)) * factor
    return log(min(chance, _MOST))
