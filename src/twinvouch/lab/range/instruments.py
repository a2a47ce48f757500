"""What instruments make of the truth: noise of every reading, an error of each instrument for the whole run; both from the seed."""

from collections.abc import Mapping

import numpy as np

from twinvouch.lab.range.plants import Sector


class Instruments:
    """Those of one run."""

    def __init__(self, sector: Sector, seed: int) -> None:
        self._sector, self._noise = sector, np.random.default_rng([seed, 5])
        chance = np.random.default_rng([seed, 6])
        self._bias = {s.tag: chance.normal(0.0, 1.0, 2).tolist() for s in sector.sensors}

    def read(self, truth: Mapping[str, float]) -> dict[str, float]:
        """By tag; actuators tell exactly where they are."""
        found = dict(truth)
        for s in self._sector.sensors:
            offset, share = self._bias[s.tag]
            one, other = self._noise.normal(0.0, 1.0, 2).tolist()
            factor = 1.0 + s.share_bias * share + s.share * other
            value = truth[s.tag] * factor + s.bias * offset + s.noise * one
            found[s.tag] = float(min(max(value, s.low), s.high))
        return found
