"""What attackers, and a recalibration, make instruments report: reported values from measured ones.

Sizes that can be dialled are: the largest departure of the event is `size` robust standard deviations.
"""

import numpy as np
from numpy.typing import NDArray

from twinvouch.lab.scenarios.events import Drawn, Event

Values = NDArray[np.float64]
_DAY_H = 24
_MOST_DAYS = 7


def tell(
    measured: Values,
    event: Event,
    drawn: Drawn,
    size: Values,
    period_s: int,
) -> Values:
    """The values float64[n, k] that the event's tags report in its rows; `size` float64[k] is the dialled departure."""
    rows = slice(event.start, event.end)
    true, chance = measured[rows], drawn.chance
    sign = 1.0 if chance.integers(2) else -1.0
    part = np.linspace(0, 1, len(true))[:, None]
    if event.type == "offset":
        return true + sign * size
    if event.type == "scaling":
        largest = np.abs(true).max(axis=0)
        return true * (1 + sign * size / np.where(largest > 0, largest, 1.0))
    if event.type == "ramp":
        return true + sign * size * part
    if event.type == "freeze":
        still: Values = np.repeat(measured[event.start - 1 : event.start], len(true), axis=0)
        return still
    if event.type == "noise":
        drawn_noise = chance.normal(size=true.shape)
        noisy: Values = true + size * drawn_noise / np.abs(drawn_noise).max(axis=0)
        return noisy
    return _replayed(measured, event, chance, period_s)


def _replayed(measured: Values, event: Event, chance: np.random.Generator, period_s: int) -> Values:
    """Recorded values of the same hours some whole days ago, over and over where the record is too short."""
    day = _DAY_H * 3600 // period_s
    days = min(int(chance.integers(1, _MOST_DAYS + 1)), event.start // day)
    length = event.end - event.start
    whole = min(max(days, 1) * day, event.start)
    place = event.start - whole + np.arange(length) % whole
    replayed: Values = measured[place]
    return replayed


def coordinated(
    measured: Values, event: Event, drawn: Drawn, size: float, volume: tuple[float, float, int]
) -> Values:
    """Level and flow lie together: the level drifts to `size` over the first half and stays, and the flow's lie is what would have moved it.

    `volume`: the tank's area, volume a second of one unit of flow, period in seconds.
    """
    area, flow_to_volume, period_s = volume
    rows = slice(event.start, event.end)
    length = event.end - event.start
    sign = 1.0 if drawn.chance.integers(2) else -1.0
    lie = sign * size * np.minimum(np.arange(1, length + 1) / max(length // 2, 1), 1.0)
    moved = np.diff(lie, prepend=0.0) * area / period_s / flow_to_volume
    told = measured[rows].copy()
    told[:, 0] += lie
    told[:, 1] += moved
    return told
