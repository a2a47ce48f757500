"""Estimates per regime: which pumps and valves ran, now and one row before.

In rows where a pump switches a level can hardly be known from samples (the moment of switching is not); in rows
where it ran, or stood, all along, the level is nearly determined. One scale for both would be that of the
switching rows, and blind the rest. So each tag is estimated separately by the states, before and now, of at
most two switches, chosen on training data by out-of-fold error.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect.ridge import gram, weights

FOLDS: Final = 6  # contiguous: neighbours in time are alike
CELL_ROWS: Final = 250  # fewer rows of a regime take the estimate of the regime around it
_GAIN: Final = 50.0  # of the criterion below which a split is not worth it
_FLOOR: Final = 0.02  # of a standard deviation: sharper than that is no gain
Split = tuple[int, ...]  # places in `switches`, at most two
Solve = Callable[[NDArray[np.float64], int], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Estimates of one split: `cells` int64[R] of the training rows, `error` float64[R, K] out of fold.

    `weights` float64[C, F, K] by cell.
    """

    cells: NDArray[np.int64]
    error: NDArray[np.float64]
    weights: NDArray[np.float64]


def states(on: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Of R rows of n switches the R-1 pairs (before, now) as 0 to 3, int64[R-1, n]."""
    pairs: NDArray[np.int64] = on[:-1].astype(np.int64) * 2 + on[1:]
    return pairs


def cells_of(split: Split, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """The regime of each row under a split: 0 .. 4**len(split) - 1."""
    cells = np.zeros(len(pairs), np.int64)
    for switch in split:
        cells = cells * 4 + pairs[:, switch]
    return cells


def folds(rows: int) -> NDArray[np.int64]:
    """The fold of each row: contiguous blocks."""
    place: NDArray[np.int64] = np.arange(rows) * FOLDS // max(rows, 1)
    return place


def fit(
    features: NDArray[np.float64],
    tags: int,
    split: Split,
    pairs: NDArray[np.int64],
    around: Fitted | None,
    solve: Solve = weights,
) -> Fitted:
    """Fit all tags under one split by `solve`; cells of few rows are as `around` has them."""
    cells = cells_of(split, pairs)
    error = np.zeros((len(features), tags)) if around is None else around.error.copy()
    made = []
    fold = folds(len(features))
    for cell in range(4 ** len(split)):
        rows = np.flatnonzero(cells == cell)
        if around is not None and len(rows) < CELL_ROWS:
            made.append(around.weights[cell // 4 if len(split) > 1 else 0])
            continue
        part, of = features[rows], fold[rows]
        grams = [gram(part[of == f]) for f in range(FOLDS)]
        whole = np.sum(grams, axis=0)
        for f in range(FOLDS):
            out = part[of == f]
            if len(out):
                error[rows[of == f]] = out[:, :tags] - out @ solve(whole - grams[f], tags)
        made.append(solve(whole, tags))
    return Fitted(cells, error, np.stack(made))


def still(of: NDArray[np.float64], tags: int) -> NDArray[np.float64]:
    """Coefficients float64[F, n] from other tags alone, now and before: no own past, no calendar."""
    used = np.r_[0 : 2 * tags, len(of) - 1]
    found = np.zeros((len(of), tags))
    found[used] = weights(of[np.ix_(used, used)], tags, without_own_past=True)
    return found


def criterion(error: NDArray[np.float64], cells: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much remains unexplained of each tag: the sum over cells of n log(sd + floor), float64[K]."""
    total = np.zeros(error.shape[1])
    for cell in np.unique(cells):
        part = error[cells == cell]
        total += len(part) * np.log(part.std(axis=0) + _FLOOR)
    return total


def choose(
    features: NDArray[np.float64], tags: int, pairs: NDArray[np.int64]
) -> tuple[list[Split], Mapping[Split, Fitted]]:
    """The split of each tag, and the fits of all splits in use (and of what they fall back to)."""
    found = _Choice(fit(features, tags, (), pairs, None), tags)
    switches = range(pairs.shape[1])
    for a in switches:
        found.offer((a,), fit(features, tags, (a,), pairs, found.fits[()]), range(tags))
    found.settle()
    second: dict[Split, list[int]] = {}
    for tag, (first, *_) in ((k, s) for k, s in enumerate(found.chosen) if s):
        for other in switches:
            if other != first:
                second.setdefault((first, other), []).append(tag)
    for split, among in second.items():
        found.offer(split, fit(features, tags, split, pairs, found.fits[split[:1]]), among)
    used = {s[:n] for s in found.chosen for n in range(len(s) + 1)} | {()}
    return found.chosen, {split: found.fits[split] for split in used}


class _Choice:
    """Which split each tag takes, of those offered; fits that no tag needs are let go at once, they are large."""

    def __init__(self, whole: Fitted, tags: int) -> None:
        self.fits: dict[Split, Fitted] = {(): whole}
        self.chosen: list[Split] = [()] * tags
        self._before = criterion(whole.error, whole.cells)
        self._reached = self._before.copy()
        self._settled: set[Split] = {()}

    def offer(self, split: Split, fitted: Fitted, among: "range | list[int]") -> None:
        """Tags that gain enough, and most so far, take it."""
        found = criterion(fitted.error, fitted.cells)
        for tag in among:
            if found[tag] < min(self._before[tag] - _GAIN, self._reached[tag]):
                self._reached[tag], self.chosen[tag] = found[tag], split
        self.fits[split] = fitted
        needed = set(self.chosen) | self._settled
        self.fits = {s: f for s, f in self.fits.items() if s in needed}

    def settle(self) -> None:
        """What was chosen so far is what the next offers are measured against, and stays."""
        self._before = self._reached.copy()
        self._settled |= set(self.chosen)
