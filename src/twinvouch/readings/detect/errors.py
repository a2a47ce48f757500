"""What is wrong with rows: errors of all estimates and how surprising they are; and estimates in place of what lies."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect import design, tails
from twinvouch.readings.detect.kernel import Estimates, Kernel
from twinvouch.readings.detect.learn import rare_rows
from twinvouch.readings.detect.learned import Learned, Part

_PASSES: Final = 3  # of replacing several tags by estimates from each other
_LEANS: Final = 0.5  # of a tag's spread: what replacing others may move its error
_ROOM: Final = 0.1  # of a tag's span in training: how far an estimate may leave it


class Errors:
    """Errors of rows under what was learned; keeps what it has put together, and no state of the plant."""

    def __init__(self, learned: Learned) -> None:
        self._learned = learned
        self._kernels = [Kernel(learned, part) for part in learned.parts]
        self.is_estimated = np.zeros(len(learned.columns.ids), np.bool_)
        self.is_estimated[learned.columns.continuous] = True
        ends = design.scaled(learned.columns, learned.ends)
        room = _ROOM * (ends[1] - ends[0])
        self._reach = ends[0] - room, ends[1] + room
        rare = learned.columns.rare
        self._rare = [np.isin(rare, part.tags) for part in learned.parts]
        self._scale = learned.columns.scale * self.is_estimated
        self._still_q, self._still_steep = 1.0 / learned.still_tails.q, learned.still_tails.steep()
        self._leaning = [_leaning(learned, part) for part in learned.parts]

    def of(
        self,
        t_ns: NDArray[np.int64],
        away: NDArray[np.float64],
        raw: NDArray[np.float64],
        values: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], ...]:
        """What is wrong with rows 1 to R-1, each float64[R-1, K].

        Surprise of the fast error, still error in robust sd and its surprise, fast error in .98 quantiles, fast error in units, still estimate, its spread.
        """
        known = self._learned.columns
        made = np.empty((7, len(values) - 1, values.shape[1]))
        for kernel, rare_of in zip(self._kernels, self._rare, strict=True):
            rare = rare_rows(known, values, rare_of)
            tags = kernel.part.tags
            is_all = len(tags) == values.shape[1]
            both = np.concatenate((away[1:, tags], away[:-1, tags]), axis=1)
            read = raw[1:] if is_all else raw[1:, tags]
            hours = kernel.hours(t_ns[1:])
            states = kernel.states(values)
            groups = _alike(states, rare)
            for rows in groups:
                estimates = kernel.of(states[rows[0]], is_rare=bool(rare[rows[0]]))
                at: slice | NDArray[np.intp] = slice(None) if len(groups) == 1 else rows
                found = _errors(estimates, both[at], read[at], hours[at], self._still(kernel))
                place = at if is_all else np.ix_(np.arange(len(read))[at], tags)
                for n, error in enumerate(found):
                    made[n][place] = error
        made[4] *= self._scale
        return tuple(made)

    def _still(self, kernel: Kernel) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """1 / q and steepness of the still errors of a part."""
        return self._still_q[kernel.part.tags], self._still_steep[kernel.part.tags]

    def leans(self, doubted: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which tags lean on what is doubted so much that their small departures say nothing, bool[R, K]."""
        found = np.zeros(doubted.shape, np.bool_)
        if doubted.any():
            for part, leaning in zip(self._learned.parts, self._leaning, strict=True):
                found[:, part.tags] = doubted[:, part.tags] @ leaning > _LEANS**2
        return found

    def replaced(
        self,
        t_ns: NDArray[np.int64],
        raw: NDArray[np.float64],
        values: NDArray[np.float64],
        doubted: NDArray[np.bool_],  # [R-1, K], or [K] for all rows
        first: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Scaled rows float64[R, K] with estimates in place of the doubted tags, in all rows but the first (`first`)."""
        away = raw.copy()
        if first is not None:
            away[0] = first
        most = np.count_nonzero(np.broadcast_to(doubted, raw[1:].shape), axis=1).max(initial=0)
        for _ in range(min(int(most), _PASSES)):
            estimate = self.of(t_ns, away, raw, values)[5]
            away[1:] = np.where(doubted, np.clip(estimate, *self._reach), away[1:])
        return away


def _errors(
    of: Estimates,
    both: NDArray[np.float64],
    read: NDArray[np.float64],
    hours: NDArray[np.int64],
    still_tails: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], ...]:
    """As `Errors.of`, of rows in one joint state: tags now and before `both` float64[R, 2n], `read` float64[R, n]."""
    expected = both @ of.weights
    expected += of.calendar[hours]
    count = read.shape[1]
    fast = read - expected[:, :count]
    part = fast * of.per_q
    still = (read - expected[:, count:]) * of.per_spread
    per_q, steep = still_tails
    return (
        tails.surprise(np.abs(part), of.steep),
        still,
        tails.surprise(np.abs(still) * per_q, steep),
        part,
        fast,
        expected[:, count:],
        np.broadcast_to(of.spread, fast.shape),
    )


def _leaning(learned: Learned, part: Part) -> NDArray[np.float64]:
    """How far the still error of tag j of a part moves where tag i is replaced by its estimate, squared, float64[n, n].

    In parts of j's own spread: i is then off by its own spread.
    """
    count = len(part.tags)
    spread = np.median(learned.spread[:, part.tags], axis=0)
    weights = part.still[()][0]
    moved = (weights[:count] + weights[count : 2 * count]) * spread[:, None] / spread
    squared: NDArray[np.float64] = moved**2
    return squared


def _alike(pairs: NDArray[np.int64], rare: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Rows by joint state; rows with a rare switch are alike whatever the others do."""
    if len(pairs) == 1:
        return [np.zeros(1, np.intp)]
    keyed = np.where(rare[:, None], -1, pairs)
    _, of = np.unique(np.column_stack((keyed, rare)), axis=0, return_inverse=True)
    order = np.argsort(of, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(of[order])) + 1)
