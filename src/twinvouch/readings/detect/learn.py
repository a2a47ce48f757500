"""Learns what normal is from one table of commissioning data; nothing here ever sees the data that is judged later."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.table import Table
from twinvouch.readings.detect import (
    columns,
    control,
    design,
    fusion,
    parts,
    regimes,
    runs,
    slow,
    tails,
)
from twinvouch.readings.detect.columns import Columns
from twinvouch.readings.detect.learned import CELLS, RARE_CELL, Learned, Part
from twinvouch.readings.detect.regimes import FOLDS
from twinvouch.readings.detect.ridge import gram, weights
from twinvouch.readings.detect.tails import Tails

_MAD: Final = 1.4826  # of a normal distribution


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Training rows 1 to R-1 that follow the one before: values, what they follow from, and where they are unusual."""

    t_ns: NDArray[np.int64]
    away: NDArray[np.float64]
    values: NDArray[np.float64]
    follows: NDArray[np.bool_]
    rare: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Errors:
    """Out-of-fold errors float64[R, K] of all tags: `fast` with the regime of each cell, and `still`."""

    fast: NDArray[np.float64]
    cells: NDArray[np.int64]
    still: NDArray[np.float64]


def learn(table: Table, step: NDArray[np.float64] | None = None) -> Learned:
    """Learn from a training table; `step` float64[K] where the inventory declares it."""
    known = columns.survey(table, step)
    values = columns.filled(columns.rounded(table.values, known.step), known.mean)
    follows = design.follows(known, table.t_ns)
    away = design.scaled(known, values)
    rows = _Rows(table.t_ns, away, values, follows, rare_rows(known, values)[follows])
    shape = (int(follows.sum()), len(known.ids))
    errors = _Errors(np.zeros(shape), np.zeros(shape, np.int64), np.zeros(shape))
    made = tuple(_part(known, rows, tags, errors) for tags in parts.divide(away))
    q, b = _tails(known, errors)
    k = np.arange(len(known.ids))
    at = (errors.cells, k)
    u = Tails(q[at], b[at]).surprise(np.abs(errors.fast))
    spread = _MAD * np.median(np.abs(errors.still), axis=0)
    spread = np.maximum(spread, known.step / known.scale)
    averaged = slow.clipped(errors.still / spread, np.abs(errors.fast) / q[at])
    longest, ends = runs.learn(values)
    return Learned(
        known,
        made,
        q,
        b,
        fusion.learn(u.max(axis=1)),
        control.learn(known, values),
        spread,
        averaged[slow.ENERGY].mean(axis=0),
        slow.learn(averaged, known.period_ns),
        longest,
        ends,
    )


def rare_rows(known: Columns, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of rows 1 to R-1 have a rare switch where it hardly ever is, now or one row before."""
    unusual = (known.on(values, known.rare) != known.usual).any(axis=1)
    rows: NDArray[np.bool_] = unusual[1:] | unusual[:-1]
    return rows


def _part(known: Columns, rows: _Rows, tags: NDArray[np.intp], errors: _Errors) -> Part:
    """The estimates of one part; its out-of-fold errors go into `errors`."""
    features = design.features(known, rows.t_ns, rows.away, tags)[rows.follows]
    switches = np.intersect1d(known.switches, tags)
    pairs = regimes.states(known.on(rows.values, switches))[rows.follows]
    splits, fits = regimes.choose(features, len(tags), pairs)
    error, still = _still(features, len(tags))
    for n, k in enumerate(tags.tolist()):
        if k in known.continuous:
            fit = fits[splits[n]]
            errors.fast[:, k] = np.where(rows.rare, fits[()].error[:, n], fit.error[:, n])
            errors.cells[:, k] = np.where(rows.rare, RARE_CELL, fit.cells)
            errors.still[:, k] = error[:, n]
    kept = {split: fit.weights for split, fit in fits.items()}
    return Part(tags, switches, tuple(splits), kept, still)


def _tails(known: Columns, errors: _Errors) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Q and b float64[CELLS, K]; infinite where nothing is estimated."""
    q = np.full((CELLS, len(known.ids)), np.inf)
    b = np.ones((CELLS, len(known.ids)))
    for k in known.continuous.tolist():
        step = float(known.step[k] / known.scale[k])
        q[:, k], b[:, k] = tails.learn(errors.fast[:, k], errors.cells[:, k], CELLS, step)
    return q, b


def _still(
    features: NDArray[np.float64], tags: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Out-of-fold error float64[R, n] and weights of estimates from other tags alone, now and before."""
    used = np.r_[0 : 2 * tags, features.shape[1] - 1]
    part, of = features[:, used], regimes.folds(len(features))
    grams = [gram(part[of == f]) for f in range(FOLDS)]
    whole = np.sum(grams, axis=0)
    error = np.zeros((len(part), tags))
    for f in range(FOLDS):
        out = part[of == f]
        error[of == f] = out[:, :tags] - out @ weights(
            whole - grams[f], tags, without_own_past=True
        )
    found = np.zeros((features.shape[1], tags))
    found[used] = weights(whole, tags, without_own_past=True)
    return error, found
