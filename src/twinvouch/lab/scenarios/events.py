"""Draws what happens in a world: kinds, times, sizes and targets, all from the seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.lab.scenarios.settings import Settings

LIES: Final = (
    "offset",
    "scaling",
    "ramp",
    "freeze",
    "noise",
    "replay",
    "replay_group",
    "coordinated",
)
FORCES: Final = ("forced", "threshold")
CHANGES: Final = ("setpoint", "demand_shift", "maintenance", "recalibration", "season")
TYPES: Final = (*LIES, *FORCES, *CHANGES)


@dataclass(frozen=True, slots=True)
class Context:
    """What the plant's people said of a change: a `command` or a `ticket`, for these tags, rows start to end."""

    kind: str
    tags: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Event:
    """An attack or a change over rows `start` to before `end`.

    `tags` are those that lie, or that an attacker or worker moved; `size` in robust standard deviations of the
    plain ridge (0: not known yet).
    """

    type: str
    is_attack: bool
    start: int
    end: int
    tags: tuple[str, ...]
    asset: str
    size: float = 0.0
    context: Context | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """An event before its target is chosen: its own generator, so that targets never shift other events."""

    type: str
    start: int
    end: int
    size: float
    chance: np.random.Generator


def draw(settings: Settings, seed: int) -> tuple[Drawn, ...]:
    """Kinds evenly, durations and sizes log-uniform, onsets uniform with at least `gap_h` of quiet around each."""
    chance = np.random.default_rng([seed, 1])
    hour = 3600 // settings.period_s
    rows, gap = settings.test_days * 24 * hour, int(settings.gap_h * hour)
    lengths = [
        max(int(h * hour), 2) for h in _log_uniform(chance, settings.duration_h, settings.events)
    ]
    while sum(lengths) + gap * (len(lengths) + 1) > rows:
        lengths.remove(max(lengths))
    slack = rows - sum(lengths) - gap * (len(lengths) + 1)
    # uniform onsets that keep their distance are a uniform division of the time that is left
    cuts = np.sort(chance.integers(0, slack + 1, len(lengths)))
    kinds = chance.permutation(TYPES)
    sizes = _log_uniform(chance, settings.size_sd, len(lengths))
    made, at = [], 0
    for n, length in enumerate(lengths):
        start = int(cuts[n]) + gap * (n + 1) + at
        at += length
        own = np.random.default_rng([seed, 2, n])
        made.append(Drawn(str(kinds[n % len(kinds)]), start, start + length, float(sizes[n]), own))
    return tuple(made)


def one_of(chance: np.random.Generator, among: Sequence[int]) -> int:
    """One of some places."""
    return int(among[int(chance.integers(len(among)))])


def _log_uniform(
    chance: np.random.Generator, span: tuple[float, float], count: int
) -> NDArray[np.float64]:
    low, high = np.log(span)
    drawn: NDArray[np.float64] = np.exp(chance.uniform(low, high, count))
    return drawn
