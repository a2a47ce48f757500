"""Parameters of a look-ahead model from what the plant did: least squares on what it foresees from one moment to a later one.

Stretch by stretch the model begins where the plant was, does what the plant's actuators did, and is held against where the plant
came to. Parameters stay near what the model came with unless the plant says otherwise: each has a spread that is known before
(Tikhonov, as a prior). Residuals of a column are weighed by their own spread in the step before, those beyond twice of it for less
(Huber 1964, iteratively reweighted), so that what the model or the instrument tells badly counts for less. Gauss-Newton; the
interval is that of the linear model at the end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.errors import UsageError
from twinvouch.core.lookahead import CLOCK, DEMAND
from twinvouch.core.ports import Lookahead

_ROUNDS: Final = 3
_NUDGE: Final = 0.02  # of a parameter, for its derivative
_LEAST: Final = 1e-9
_NORMAL: Final = 1.4826  # of the median size of an error that is normal, its sigma
_FAR: Final = 2.0  # sigmas from which on an error counts for less
_FEWEST: Final = 24  # stretches
_DAY_S: Final = 86_400.0
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One of a model: what it came with, and how far that may be off (one sigma)."""

    name: str
    value: float
    spread: float


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What the plant did, at even steps: `clock_s` of the first row, `columns` of the model float64[rows] (NaN: not read).

    `flows` are columns that are means of the step that begins in their row; they are compared, nothing starts from them.
    """

    step_s: float
    clock_s: float
    columns: Mapping[str, Floats]
    flows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fitted:
    """One parameter: its value and half the width of its 95 % interval."""

    name: str
    value: float
    half: float


@dataclass(frozen=True, slots=True)
class Fit:
    """All of them, and by compared column the root mean square of what was foreseen less what was, before and after."""

    parameters: tuple[Fitted, ...]
    before: Mapping[str, float]
    after: Mapping[str, float]
    stretches: int


Made = Callable[[Mapping[str, float]], Lookahead]


def fit(make: Made, given: Sequence[Parameter], records: Sequence[Record], steps: int) -> Fit:
    """Fit `given` to records, by stretches of so many steps; UsageError where they hold too little."""
    values = np.array([p.value for p in given])
    spreads = np.array([p.spread for p in given])
    names = [p.name for p in given]

    def off(at: Floats) -> dict[str, Floats]:
        return _apart(make(dict(zip(names, at.tolist(), strict=True))), records, steps)

    first = last = off(values)
    count = len(next(iter(first.values()), ()))
    if count < _FEWEST:
        raise UsageError(
            f"{count} stretches without a gap that begin where the model can be, at least {_FEWEST} are needed"
        )
    at, inverse = values, np.diag(spreads**2)
    for _ in range(_ROUNDS):
        weights = {c: _weights(e) for c, e in last.items()}
        columns = [_weighed(off(_nudged(at, n)), weights) for n in range(len(at))]
        base = _weighed(last, weights)
        slopes = np.stack([(c - base) / _NUDGE for c in columns], axis=1)
        inverse = np.linalg.inv(slopes.T @ slopes + np.diag(spreads**-2.0))
        at = at - inverse @ (slopes.T @ base + (at - values) / spreads**2)
        last = off(at)
    halves = 1.96 * np.sqrt(np.diag(inverse))
    told = tuple(Fitted(n, float(v), float(h)) for n, v, h in zip(names, at, halves, strict=True))
    return Fit(told, _spread(first), _spread(last), count)


def _spread(errors: Mapping[str, Floats]) -> dict[str, float]:
    return {column: _rms(e) for column, e in errors.items()}


def _nudged(at: Floats, n: int) -> Floats:
    found = at.copy()
    found[n] += _NUDGE
    return found


def _rms(errors: Floats) -> float:
    return float(np.sqrt(np.mean(errors**2)))


def _weights(errors: Floats) -> Floats:
    size = np.abs(errors)
    usual = max(_NORMAL * float(np.median(size)), _LEAST)
    far = np.maximum(size / (_FAR * usual), 1.0)
    found: Floats = 1.0 / (usual * np.sqrt(far))
    return found


def _weighed(errors: Mapping[str, Floats], weights: Mapping[str, Floats]) -> Floats:
    return np.concatenate([e * weights[c] for c, e in errors.items()])


def _apart(model: Lookahead, records: Sequence[Record], steps: int) -> dict[str, Floats]:
    """What is foreseen less what was, by column, float64[stretches]."""
    found: dict[str, list[float]] = {}
    for record in records:
        rows = len(next(iter(record.columns.values())))
        for first in range(0, rows - steps, steps):
            told = _stretch(model, record, first, steps)
            if all(np.isfinite(value) for value in told.values()):
                for column, value in told.items():
                    found.setdefault(column, []).append(value)
    return {column: np.array(values) for column, values in found.items()}


def _is_startable(model: Lookahead, start: Mapping[str, float]) -> bool:
    """False for a gap, and where an instrument reads what the model cannot be, as that of a full tank does with its error."""
    limits = model.limits().items()
    is_read = all(np.isfinite(v) for v in start.values())
    return is_read and all(low <= start[n] <= high for n, (low, high) in limits if n in start)


def _stretch(model: Lookahead, record: Record, first: int, steps: int) -> dict[str, float]:
    start = {n: float(c[first]) for n, c in record.columns.items() if n not in record.flows}
    compared = [n for n in start if n not in model.actuators]
    if not _is_startable(model, start):
        return {n: float("nan") for n in (*compared, *record.flows)}
    clock_s = (record.clock_s + first * record.step_s) % _DAY_S
    model.restore({**start, DEMAND: 1.0, CLOCK: clock_s})
    rows = []
    for k in range(first, first + steps + 1):
        told = {a: float(record.columns[a][k]) for a in model.actuators if a in record.columns}
        seconds = record.step_s if k < first + steps else 0.0
        rows.append(model.step(told, seconds, is_sampled=False)[0])
    table = dict(zip(model.columns, np.array(rows).T, strict=True))
    found = {n: float(table[n][-1] - record.columns[n][first + steps]) for n in compared}
    during = slice(first, first + steps)
    for name in record.flows:
        found[name] = float(np.mean(table[name][:-1]) - np.mean(record.columns[name][during]))
    return found
