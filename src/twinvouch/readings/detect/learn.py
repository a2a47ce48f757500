"""Learns what normal is from one table of commissioning data; nothing here ever sees the data that is judged later."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.errors import UsageError
from twinvouch.core.table import Table
from twinvouch.readings.detect import (
    columns,
    control,
    design,
    fusion,
    parts,
    regimes,
    repeats,
    runs,
    slow,
    switching,
    tails,
)
from twinvouch.readings.detect.columns import Columns
from twinvouch.readings.detect.learned import CELLS, RARE_CELL, Learned, Part
from twinvouch.readings.detect.regimes import Fitted, Split
from twinvouch.readings.detect.tails import Tails

FEWEST: Final = 100  # rows; six folds of fewer say nothing about tails
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
    """Learn from a training table; `step` float64[K] where the inventory declares it.

    A plant of many tags is learned part by part. Raises UsageError for a table that is too short to say what is normal,
    or in which nothing moves.
    """
    if len(table.t_ns) < FEWEST:
        raise UsageError(
            f"{len(table.t_ns)} rows to learn from, expected at least {FEWEST}: give a longer clean run"
        )
    step = columns.assumed_step(table.values) if step is None else step
    divided = parts.divide(table)
    lessons = [_lesson(parts.of(table, tags), step[tags]) for tags in divided]
    if not any(len(lesson.learned.columns.continuous) for lesson in lessons):
        raise UsageError("nothing to learn: no column has more than two values")
    if len(lessons) == 1:
        return lessons[0].learned
    largest, still = (
        np.max([getattr(lesson, which) for lesson in lessons], axis=0)
        for which in ("largest", "still")
    )
    joined = parts.joined(table.ids, divided, [lesson.learned for lesson in lessons])
    return replace(joined, fusion=fusion.learn(largest), still_fusion=fusion.learn(still))


@dataclass(frozen=True, slots=True, eq=False)
class _Lesson:
    """What one part taught, and the largest surprise of each row of its fast and still errors, float64[R]."""

    learned: Learned
    largest: NDArray[np.float64]
    still: NDArray[np.float64]


def _lesson(table: Table, step: NDArray[np.float64]) -> _Lesson:
    known = columns.survey(table, step)
    values = columns.filled(columns.rounded(table.values, known.step), known.mean)
    follows = design.follows(known, table.t_ns)
    away = design.scaled(known, values)
    rows = _Rows(table.t_ns, away, values, follows, rare_rows(known, values)[follows])
    shape = (int(follows.sum()), len(known.ids))
    errors = _Errors(np.zeros(shape), np.zeros(shape, np.int64), np.zeros(shape))
    made = _part(known, rows, errors)
    q, b = _tails(known, errors)
    at = (errors.cells, np.arange(len(known.ids)))
    u = Tails(q[at], b[at]).surprise(np.abs(errors.fast)).max(axis=1)
    spread = _spread(known, errors)
    still_tails = _still_tails(known, errors, spread)
    still_u = still_tails.surprise(np.abs(errors.still) / spread[at]).max(axis=1)
    averaged = slow.clipped(errors.still / spread[at], errors.fast / q[at])
    longest, ends = runs.learn(values)
    learned = Learned(
        known,
        (made,),
        q,
        b,
        fusion.learn(u),
        control.learn(known, values),
        switching.learn(known, values),
        switching.clocks(known, table.t_ns, values),
        spread,
        still_tails,
        fusion.learn(still_u),
        averaged[slow.ENERGY].mean(axis=0),
        slow.learn(averaged, known.period_ns),
        longest,
        ends,
        repeats.learn(values, known.period_ns),
    )
    return _Lesson(learned, u, still_u)


def rare_rows(
    known: Columns, values: NDArray[np.float64], of: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Which of rows 1 to R-1 have a rare switch (of some) where it hardly ever is, now or one row before."""
    rare, usual = (known.rare, known.usual) if of is None else (known.rare[of], known.usual[of])
    unusual = (known.on(values, rare) != usual).any(axis=1)
    rows: NDArray[np.bool_] = unusual[1:] | unusual[:-1]
    return rows


def _part(known: Columns, rows: _Rows, errors: _Errors) -> Part:
    """The estimates of all tags from each other; their out-of-fold errors go into `errors`."""
    tags = np.arange(len(known.ids))
    features = design.features(known, rows.t_ns, rows.away, tags)[rows.follows]
    switches = known.switches
    pairs = regimes.states(known.on(rows.values, switches))[rows.follows]
    splits, fits = regimes.choose(features, len(tags), pairs)
    still = _still(features, len(tags), pairs, fits)
    for k in known.continuous.tolist():
        fit = fits[splits[k]]
        errors.fast[:, k] = np.where(rows.rare, fits[()].error[:, k], fit.error[:, k])
        errors.cells[:, k] = np.where(rows.rare, RARE_CELL, fit.cells)
        fit = still[splits[k]]
        errors.still[:, k] = np.where(rows.rare, still[()].error[:, k], fit.error[:, k])
    kept, beside = (_kept(of, splits) for of in (fits, still))
    return Part(tags, switches, tuple(splits), kept, beside)


def _kept(fits: Mapping[Split, Fitted], splits: list[Split]) -> dict[Split, NDArray[np.float64]]:
    """Weights of each split for the tags that have it; of the split of none, which all fall back to, for all tags."""
    found: dict[Split, NDArray[np.float64]] = {(): fits[()].weights}
    for split in dict.fromkeys(s for s in splits if s):
        of = [n for n, s in enumerate(splits) if s == split]
        found[split] = np.ascontiguousarray(fits[split].weights[:, :, of])
    return found


def _tails(known: Columns, errors: _Errors) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Q and b float64[CELLS, K]; infinite where nothing is estimated."""
    q = np.full((CELLS, len(known.ids)), np.inf)
    b = np.ones((CELLS, len(known.ids)))
    for k in known.continuous.tolist():
        step = float(known.step[k] / known.scale[k])
        q[:, k], b[:, k] = tails.learn(errors.fast[:, k], errors.cells[:, k], CELLS, step)
    return q, b


def _still(
    features: NDArray[np.float64],
    tags: int,
    pairs: NDArray[np.int64],
    fits: Mapping[Split, Fitted],
) -> dict[Split, Fitted]:
    """Estimates from other tags alone, under the splits that were chosen."""
    found: dict[Split, Fitted] = {}
    for split in sorted(fits, key=len):
        around = found[split[:-1]] if split else None
        found[split] = regimes.fit(features, tags, split, pairs, around, regimes.still)
    return found


def _spread(known: Columns, errors: _Errors) -> NDArray[np.float64]:
    """Robust sd of the still error by regime, float64[CELLS, K]; of thin regimes that of all rows."""
    step = known.step / known.scale
    whole = np.maximum(_MAD * np.median(np.abs(errors.still), axis=0), step)
    found = np.tile(whole, (CELLS, 1))
    for k in known.continuous.tolist():
        for cell in np.unique(errors.cells[:, k]):
            size = np.abs(errors.still[errors.cells[:, k] == cell, k])
            if len(size) >= tails.FEW:
                found[cell, k] = max(_MAD * float(np.median(size)), float(step[k]))
            else:
                found[cell, k] = max(float(whole[k]), float(size.max()))
    return found


def _still_tails(known: Columns, errors: _Errors, spread: NDArray[np.float64]) -> Tails:
    """Tails of the still error of each tag in robust sd; infinite where nothing is estimated."""
    q, b = np.full(len(known.ids), np.inf), np.ones(len(known.ids))
    size = np.abs(errors.still) / spread[errors.cells, np.arange(len(known.ids))]
    for k in known.continuous.tolist():
        q[k], b[k] = tails.tail(size[:, k], 0.0)
    return Tails(q, b)
