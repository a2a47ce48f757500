"""A first look at rows, under the alarms as they are: errors, surprises, and what the slow means have become."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect import design, runs, slow
from twinvouch.readings.detect.columns import filled
from twinvouch.readings.detect.errors import Errors, Found
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.logic import Logic
from twinvouch.readings.detect.state import ATTACK, BROKEN_U, State


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """R rows with what was computed of them, float64[R, K] where not said otherwise.

    Of each cell whether it was read (`present`), whether it is estimated from a row before (`counts`), is frozen or repeated
    (`signs`), or breaks the control logic (`logic`), all bool; scaled with estimates in place of what is doubted (`away`), as
    read (`full`), how long it has stood (`length` int64); surprises of the fast error alone (`plain`), with what is broken
    (`fast`), and of the still one (`again`). `trust` float64[R] is the largest of these where all is believed, while there is
    an alarm. `means` and the parts of their limits `shares` are float64[C, R, K], and good until the next look.
    """

    present: NDArray[np.bool_]
    counts: NDArray[np.bool_]
    signs: NDArray[np.bool_]
    logic: NDArray[np.bool_]
    away: NDArray[np.float64]
    full: NDArray[np.float64]
    length: NDArray[np.int64]
    plain: NDArray[np.float64]
    fast: NDArray[np.float64]
    again: NDArray[np.float64]
    trust: NDArray[np.float64]
    shares: NDArray[np.float64]
    means: NDArray[np.float64]
    raw: NDArray[np.float64]
    found: Found


class Look:
    """Looks at rows; keeps what it has put together, and no state of the plant."""

    def __init__(self, learned: Learned, errors: Errors) -> None:
        self._learned, self._errors = learned, errors
        self._logic = Logic(learned)
        self._per_limit = np.array([1 / channel.limit for channel in learned.channels])
        self._made = np.empty((2, len(learned.channels), 0, len(learned.columns.ids)))

    def rows(
        self,
        state: State,
        t_ns: NDArray[np.int64],
        values: NDArray[np.float64],
        replayed: NDArray[np.bool_] | None,
    ) -> Rows:
        """Rows `values` float64[R, K] (rounded) at `t_ns` after a state; `replayed` bool[R, K] are recordings."""
        known, errors = self._learned.columns, self._errors
        before = np.where(np.isfinite(state.values), state.values, known.mean)
        full = filled(values, before)
        at = np.concatenate(([state.t_ns], t_ns))
        lagged = np.concatenate((before[None], full))
        raw = design.scaled(known, lagged) - state.offset
        lies = (state.alarm == ATTACK) | state.at_work
        present = np.isfinite(values)
        doubted = (lies | ~present) & errors.is_estimated
        away = errors.replaced(at, raw, lagged, doubted, state.away)
        found = errors.of(at, away, raw, lagged)
        # the row after a missing value has no past of its own
        was = np.concatenate((state.is_present[None], present[:-1]))
        counts = present & was & design.follows(known, at)[:, None]
        length = runs.lengths(full, state.values, state.run)
        signs, logic = self._logic.broken(at, lagged, (length, counts), state)
        if replayed is not None:
            signs |= replayed & ~state.at_work
        said = (signs | logic) * BROKEN_U
        plain = found.fast * counts
        fast = np.maximum(plain, said)
        leans = errors.leans(doubted | ~was & errors.is_estimated)
        shares, means = self._slow(state, found, counts & ~leans)
        again = errors.still_surprise(found.still) * counts if state.alarm.any() else fast
        trust = self._believed(state, (at, raw, lagged), counts, again)
        return Rows(
            present,
            counts,
            signs,
            logic,
            away[1:],
            full,
            length,
            plain,
            fast,
            np.maximum(again, said),
            np.maximum(trust, said.max(axis=1)),
            shares,
            means,
            raw[1:],
            found,
        )

    def _believed(
        self,
        state: State,
        rows: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]],
        counts: NDArray[np.bool_],
        again: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """How surprising rows (times, scaled, as read) are where all is believed, float64[R]; 0 where nothing is in alarm."""
        if not state.alarm.any():
            return np.zeros(len(counts))
        (t_ns, raw, lagged), errors = rows, self._errors
        if ((state.alarm == ATTACK) | state.at_work).any():
            again = errors.still_surprise(errors.of(t_ns, raw, raw, lagged).still) * counts
        return self._learned.still_fusion.fused(again.max(axis=1))

    def _slow(
        self, state: State, found: Found, counts: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], ...]:
        """Of the slow channels the parts of their limits and the means, both float64[C, R, K]."""
        bias, energy = slow.clipped(found.still, found.part)
        energy -= self._learned.rest
        energy *= self._errors.is_estimated
        errors = (bias, energy)
        share, means = self._room(len(bias))
        for n, channel in enumerate(self._learned.channels):
            slow.means(errors[channel.error], channel.rows, state.means[n], counts, means[n])
            np.abs(means[n], out=share[n])
            share[n] *= self._per_limit[n]
        return share, means

    def _room(self, rows: int) -> NDArray[np.float64]:
        """Room float64[2, C, R, K] that the next look uses again: so much new memory costs more than what is done with it."""
        if self._made.shape[2] < rows:
            channels, width = self._per_limit.shape
            self._made = np.empty((2, channels, rows, width))
        return self._made[:, :, :rows]
