"""What is wrong with rows: errors of all estimates and how surprising they are; and estimates in place of what lies."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect import design, tails
from twinvouch.readings.detect.kernel import Kernel
from twinvouch.readings.detect.learn import rare_rows
from twinvouch.readings.detect.learned import Learned, Part

PASSES: Final = 3  # of replacing several tags by estimates from each other
_LEANS: Final = 0.5  # of a tag's spread: what replacing others may move its error
_ROOM: Final = 0.1  # of a tag's span in training: how far an estimate may leave it
_FAST, _STILL = 0, 1
_PER_Q, _STEEP, _SPREAD, _PER_SPREAD = range(4)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What is wrong with R rows, each float64[R, K].

    `fast` is the surprise of the fast error, `part` that error in .98 quantiles and `error` in the tags' units; `still` is
    the still error in robust sd, `expected` its estimate, `spread` that of the estimate.
    """

    fast: NDArray[np.float64]
    part: NDArray[np.float64]
    error: NDArray[np.float64]
    still: NDArray[np.float64]
    expected: NDArray[np.float64]
    spread: NDArray[np.float64]


class Errors:
    """Errors of rows under what was learned; keeps what it has put together, and no state of the plant."""

    def __init__(self, learned: Learned) -> None:
        self._learned = learned
        self.kernels = [Kernel(learned, part) for part in learned.parts]
        self.is_estimated = np.zeros(len(learned.columns.ids), np.bool_)
        self.is_estimated[learned.columns.continuous] = True
        ends = design.scaled(learned.columns, learned.ends)
        room = _ROOM * (ends[1] - ends[0])
        self.reach = ends[0] - room, ends[1] + room
        rare = learned.columns.rare
        self._rare = [np.isin(rare, part.tags) for part in learned.parts]
        self.scale = learned.columns.scale * self.is_estimated
        self._still_q, self._still_steep = 1.0 / learned.still_tails.q, learned.still_tails.steep()
        self._leaning = [_leaning(learned, part) for part in learned.parts]

    def of(
        self,
        t_ns: NDArray[np.int64],
        away: NDArray[np.float64],
        raw: NDArray[np.float64],
        values: NDArray[np.float64],
    ) -> Found:
        """What is wrong with rows 1 to R-1 of scaled `raw` by estimates from `away`, all float64[R, K]."""
        shape = (len(values) - 1, values.shape[1])
        expected, scales = np.empty((2, *shape)), np.empty((4, *shape))
        for kernel, rare in zip(self.kernels, self._rare, strict=True):
            tags, rows = kernel.part.tags, _Alike(self._learned, kernel, rare, values)
            of_part, scaled_by = rows.expected(t_ns, away), rows.scales()
            count = len(tags)
            if count == shape[1]:
                expected, scales = of_part.reshape(-1, 2, count).swapaxes(0, 1), scaled_by
                break
            expected[:, :, tags] = of_part.reshape(-1, 2, count).swapaxes(0, 1)
            scales[:, :, tags] = scaled_by
        error = raw[1:] - expected[_FAST]
        part = error * scales[_PER_Q]
        error *= self.scale
        still = raw[1:] - expected[_STILL]
        still *= scales[_PER_SPREAD]
        fast = tails.surprise(np.abs(part), scales[_STEEP])
        return Found(fast, part, error, still, expected[_STILL], scales[_SPREAD])

    def still_surprise(
        self, still: NDArray[np.float64], tags: slice | NDArray[np.intp] = slice(None)
    ) -> NDArray[np.float64]:
        """The surprise of still errors in robust sd, float64[R, n], of some tags."""
        size = np.abs(still)
        size *= self._still_q[tags]
        return tails.surprise(size, self._still_steep[tags])

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
        if not doubted.any():
            return away
        doubted = np.broadcast_to(doubted, raw[1:].shape)
        for kernel, rare in zip(self.kernels, self._rare, strict=True):
            tags = kernel.part.tags
            own = doubted[:, tags]
            most = np.count_nonzero(own, axis=1).max(initial=0)
            if not most:
                continue
            rows = _Alike(self._learned, kernel, rare, values)
            low, high = (end[tags] for end in self.reach)
            for _ in range(min(int(most), PASSES)):
                estimate = rows.expected(t_ns, away)[:, len(tags) :]
                away[1:, tags] = np.where(own, np.clip(estimate, low, high), away[1:, tags])
        return away


class _Alike:
    """Rows 1 to R-1 of `values` float64[R, K] by the joint state of a part: rows of one are estimated together."""

    def __init__(
        self,
        learned: Learned,
        kernel: Kernel,
        rare_of: NDArray[np.bool_],
        values: NDArray[np.float64],
    ) -> None:
        self._kernel = kernel
        rare = rare_rows(learned.columns, values, rare_of)
        states = kernel.states(values)
        self._order, self._group, ends = _grouped(states, rare)
        # where the rows of each state stand in that order, and its estimates
        self._of = [
            (start, end, kernel.of(states[row], is_rare=bool(rare[row])))
            for start, end, row in zip(
                [0, *ends[:-1]], ends, self._order[np.array(ends) - 1], strict=True
            )
        ]

    def expected(self, t_ns: NDArray[np.int64], away: NDArray[np.float64]) -> NDArray[np.float64]:
        """The estimates float64[R-1, 2n] of the part's n tags, fast ones first."""
        tags = self._kernel.part.tags
        own = away if len(tags) == away.shape[1] else away[:, tags]
        both = np.concatenate((own[1:], own[:-1]), axis=1)
        found = np.empty(both.shape)
        hours = self._kernel.hours(t_ns[1:])
        if len(self._of) == 1:
            _, _, of = self._of[0]
            np.matmul(both, of.weights, out=found)
            found += of.calendar[hours]
            return found
        both, hours = both[self._order], hours[self._order]
        made = np.empty(both.shape)
        for start, end, of in self._of:
            np.matmul(both[start:end], of.weights, out=made[start:end])
            made[start:end] += of.calendar[hours[start:end]]
        found[self._order] = made
        return found

    def scales(self) -> NDArray[np.float64]:
        """What errors are measured by, float64[4, R-1, n]: 1 / q and steepness, spread and 1 / spread."""
        by_state = np.array([(e.per_q, e.steep, e.spread, e.per_spread) for _, _, e in self._of])
        return by_state.swapaxes(0, 1).take(self._group, axis=1)


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


def _grouped(
    pairs: NDArray[np.int64], rare: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.intp], list[int]]:
    """Rows in the order of their joint states, the state of each as a number, and where each state ends in that order.

    Rows with a rare switch are alike whatever the others do.
    """
    if len(pairs) == 1:
        return np.zeros(1, np.intp), np.zeros(1, np.intp), [1]
    keyed = np.where(rare[:, None], np.uint8(4), pairs.astype(np.uint8))
    keyed = np.ascontiguousarray(np.column_stack((keyed, rare)))
    whole = keyed.view(np.dtype((np.void, keyed.shape[1]))).ravel()
    _, group = np.unique(whole, return_inverse=True)
    order = np.argsort(group, kind="stable")
    return order, group, np.cumsum(np.bincount(group)).tolist()
