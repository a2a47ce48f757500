"""How much water each district draws: a day's shape, weekends, a season, and noise that lasts some hours.

multiplier = profile(hour) x weekend x season x exp(AR(1) noise), each district with noise of its own.
"""

import numpy as np
from numpy.typing import NDArray

from twinvouch.lab.scenarios.settings import Weather

_YEAR_D = 365.25


def multipliers(
    profiles: NDArray[np.float64],
    t_s: NDArray[np.float64],
    weather: Weather,
    chance: np.random.Generator,
) -> NDArray[np.float64]:
    """float64[R, D] at times `t_s` float64[R], evenly spaced; `profiles` float64[24, D] are the days' shapes."""
    hour = t_s / 3600
    is_weekend = (hour // 24 + 3) % 7 >= 5
    shifted = np.where(is_weekend, hour - weather.weekend_shift_h, hour)
    shape = np.stack([_at(profile, shifted) for profile in profiles.T], axis=1)
    scale = np.where(is_weekend, weather.weekend, 1.0)
    season = 1 + weather.season * np.sin(2 * np.pi * hour / 24 / _YEAR_D)
    noise = _noise(len(t_s), profiles.shape[1], (t_s[1] - t_s[0]) / 3600, weather, chance)
    made: NDArray[np.float64] = shape * (scale * season)[:, None] * np.exp(noise)
    return made


def _at(profile: NDArray[np.float64], hour: NDArray[np.float64]) -> NDArray[np.float64]:
    """A day's shape at any hour, straight lines between full hours."""
    shape: NDArray[np.float64] = np.interp(hour % 24, np.arange(25), np.append(profile, profile[0]))
    return shape


def _noise(
    rows: int, width: int, step_h: float, weather: Weather, chance: np.random.Generator
) -> NDArray[np.float64]:
    """AR(1) noise float64[R, D] of the given sd and hourly correlation."""
    kept = weather.correlation_h**step_h
    drawn = chance.normal(size=(rows, width)) * weather.sd
    made = np.empty_like(drawn)
    made[0] = drawn[0]
    for row in range(1, rows):
        made[row] = kept * made[row - 1] + np.sqrt(1 - kept**2) * drawn[row]
    return made
