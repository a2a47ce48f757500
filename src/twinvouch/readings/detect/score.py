"""Scores rows against what was learned: which tags lie, since when, and what was expected.

A tag that is in alarm, or that people work on, is replaced by its estimate from the other tags wherever it
explains others: one lie is one alarm, the rest of the plant stays watched, and the alarm ends when the tag agrees
with the others again. State goes in and comes out, so that rows may come one at a time or many.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.ticket import Work
from twinvouch.readings.detect import candidate, design, drift, evidence, slow, zero
from twinvouch.readings.detect.blame import tried
from twinvouch.readings.detect.columns import rounded
from twinvouch.readings.detect.context import Ticket, boundary, covered, is_changing
from twinvouch.readings.detect.errors import Errors
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.look import Look, Rows
from twinvouch.readings.detect.quiet import Quiet
from twinvouch.readings.detect.repeats import Ear
from twinvouch.readings.detect.state import (
    ATTACK,
    BLAME_ROWS,
    BROKEN_U,
    CALM,
    CHANGE,
    DRIFT,
    MOST_ALARMS,
    MOST_BLAME,
    PAST,
    SLOW_U,
    Scored,
    State,
    joined,
)

_SEGMENT: Final = 256  # rows that are looked at together at most
_SHORT: Final = 64  # and at first where an alarm of a plant of many tags began or ended: the rest is looked at again
SETTLING_NS: Final = 7 * 24 * 3_600_000_000_000  # in which a recalibrated tag's new zero is found


class Scorer:
    """Scores rows by what was learned; keeps what it has put together, and no state of the plant."""

    def __init__(self, learned: Learned, *, is_learned_from: bool = False) -> None:
        self.learned = learned
        self.is_learned_from = is_learned_from
        self._errors = Errors(learned)
        self._look = Look(learned, self._errors)
        self._quiet = Quiet(learned, self._errors)
        self._ear = Ear(learned.windows)
        self._short = _SHORT if len(learned.parts) > 1 else _SEGMENT
        self._usual = np.median(learned.spread, axis=0)

    def score(
        self,
        state: State,
        t_ns: NDArray[np.int64],
        values: NDArray[np.float64],
        tickets: Sequence[Ticket] = (),
    ) -> tuple[State, Scored]:
        """Score rows `values` float64[R, K] read at `t_ns` int64[R], NaN where nothing was read."""
        if not len(t_ns):
            width = len(self.learned.columns.ids)
            none, wide = np.zeros(0), np.zeros((0, width))
            return state, Scored(wide.astype(np.uint8), none, *[wide] * 6)
        read = rounded(values, self.learned.columns.step)
        heard, replayed = self._ear.hear(state.heard, read)
        if len(t_ns) == 1 and replayed is None and not self.is_learned_from:
            state = self._work(state, tickets, int(t_ns[0]))
            alone = self._quiet.row(state, t_ns, read[0], heard)
            if alone is not None:
                return alone
        state, scored = self.closely(state, t_ns, read, replayed, tickets)
        return replace(state, heard=heard), scored

    def closely(
        self,
        state: State,
        t_ns: NDArray[np.int64],
        read: NDArray[np.float64],
        replayed: NDArray[np.bool_] | None,
        tickets: Sequence[Ticket] = (),
    ) -> tuple[State, Scored]:
        """Score rows float64[R, K], rounded, whatever happens in them; `replayed` bool[R, K] are recordings (None: none is)."""
        made, at, ahead = [], 0, _SEGMENT
        while at < len(t_ns):
            state = self._work(state, tickets, int(t_ns[at]))
            end = min(at + ahead, at + boundary(tickets, t_ns[at:]))
            again = None if replayed is None else replayed[at:end]
            rows = self._look.rows(state, t_ns[at:end], read[at:end], again)
            kind = CHANGE if is_changing(tickets, int(t_ns[at])) else ATTACK
            state, part = self._until_change(state, t_ns[at:end], rows, kind)
            made.append(part)
            ahead = min(2 * ahead, _SEGMENT) if at + len(part.u) == end else self._short
            at += len(part.u)
        return state, joined(made)

    def _work(self, state: State, tickets: Sequence[Ticket], t_ns: int) -> State:
        """Work that begins makes its tags untrusted; a recalibration that ended leaves its offset."""
        if not tickets and not state.at_work.any():
            return state
        now = covered(tickets, t_ns, len(state.alarm))
        if np.array_equal(now, state.at_work):
            return state
        offset, settles = state.offset.copy(), state.settles_ns.copy()
        for ticket in tickets:
            for k in ticket.tags:
                if ticket.work is Work.RECALIBRATION and state.at_work[k] and not now[k]:
                    offset[k] += state.work_bias[k]
                    settles[k] = t_ns + SETTLING_NS
        changed = now != state.at_work
        means = state.means.copy()
        means[:, changed] = 0.0
        return replace(
            state,
            offset=offset,
            settles_ns=settles,
            away=np.where(changed & ~now, self._as_read(state) - offset, state.away),
            at_work=now,
            means=means,
            work_bias=np.where(changed & now, 0.0, state.work_bias),
            work_rows=np.where(changed & now, 0, state.work_rows),
            alarm=np.where(now, CALM, state.alarm).astype(np.uint8),
            blame=np.where(changed, 0.0, state.blame),
        )

    def _as_read(self, state: State) -> NDArray[np.float64]:
        """The last values, scaled, of tags that are believed again: their past is what they said."""
        known = self.learned.columns
        values = np.where(np.isfinite(state.values), state.values, known.mean)
        return design.scaled(known, values)

    def _until_change(
        self, state: State, t_ns: NDArray[np.int64], rows: Rows, kind: int
    ) -> tuple[State, Scored]:
        """The rows of a segment up to the first one at which an alarm begins or ends, and the state after it.

        `kind` is what an alarm is now: ATTACK, or CHANGE where people work on the plant.
        """
        watched = (state.alarm == CALM) & ~state.at_work
        # what is a candidate for a change may lie on top of it
        believed = (state.alarm == CHANGE) & ~state.at_work & (kind == ATTACK)
        seen = np.where(believed, rows.plain, rows.fast) if believed.any() else rows.fast
        largest = (seen * (watched | believed)).max(axis=1)
        u = np.where(largest >= BROKEN_U, np.maximum(largest, BROKEN_U), 0.0)
        u = np.maximum(u, self.learned.fusion.fused(largest))
        suspicion = evidence.trace(state.suspicion, evidence.says(u))
        raised = suspicion > evidence.RAISE
        odds, trust, ended = self._ending(state, rows)
        if np.count_nonzero(state.alarm == kind) >= MOST_ALARMS:
            raised[:] = False
        change = raised | ended.any(axis=1)
        count = int(change.argmax()) + 1 if change.any() else len(u)
        last = count - 1
        blame = slow.means(
            np.minimum(seen[:count], MOST_BLAME),
            BLAME_ROWS,
            state.blame,
            np.ones(count, np.bool_),
        )
        after = replace(
            self._after(state, t_ns[:count], rows, kind),
            suspicion=float(suspicion[last]),
            blame=blame[last],
            odds=odds[last],
            trust=float(trust[last]),
        )
        if change.any():
            after = self._change(after, rows, last, (bool(raised[last]), ended[last]), kind)
        part = rows.shares[:, :count].max(axis=0, initial=0.0)
        after, alarm = self._drifting(state, after, rows.shares[:, :count], part, kind)
        scored = Scored(
            alarm,
            u[:count],
            rows.fast[:count],
            part,
            rows.found.error[:count],
            np.maximum(blame, SLOW_U * part),
            *self._moves(rows, count),
        )
        return replace(after, shown=alarm[last]), scored

    def _drifting(
        self,
        state: State,
        after: State,
        shares: NDArray[np.float64],
        part: NDArray[np.float64],
        kind: int,
    ) -> tuple[State, NDArray[np.uint8]]:
        """With drifts that begin and end in rows: the state after them, and alarms of all kinds uint8[R, K].

        `shares` float64[C, R, K] are parts of limits, `part` float64[R, K] the largest; alarms begin and end in the last row only.
        """
        alarm = np.tile(state.alarm, (len(part), 1))
        alarm[-1] = after.alarm
        if not state.drift.any() and part.max() <= 1:
            return after, alarm
        drifts = drift.latched(shares, (state.alarm == CALM) & ~state.at_work, state.drift)
        after = replace(after, drift=drifts[:, -1] & (after.alarm == CALM))
        small = np.full((len(part), 1), self._small(state, kind), np.uint8)
        small[-1] = self._small(after, kind)
        return after, np.where(drifts.any(axis=0) & (alarm == CALM), small, alarm)

    def _after(self, state: State, t_ns: NDArray[np.int64], rows: Rows, kind: int) -> State:
        """The state after the first rows of a segment, alarms as they were."""
        count, last = len(t_ns), len(t_ns) - 1
        after = replace(
            state,
            t_ns=int(t_ns[last]),
            values=rows.full[last],
            away=rows.away[last],
            run=rows.length[last],
            means=rows.means[:, last].copy(),
            is_present=rows.present[last],
            past_ns=np.concatenate((state.past_ns, t_ns))[-PAST:],
            past=np.concatenate((state.past, rows.full[max(count - PAST, 0) : count]))[-PAST:],
        )
        settling = state.settles_ns > t_ns[0]
        if not state.at_work.any() and not settling.any():
            return after
        moved, counted = self._departures(rows, count)
        if state.at_work.any():
            bias, rows_of = zero.found_out(
                state.work_bias, state.work_rows, moved, counted * state.at_work
            )
            after = replace(after, work_bias=bias, work_rows=rows_of)
        # where the plant itself is in doubt nothing is learned
        if not settling.any() or state.alarm.any() or kind == CHANGE:
            return after
        by, rows_of = zero.settled(state.work_rows, moved, counted * settling)
        return replace(after, offset=after.offset + by, away=after.away - by, work_rows=rows_of)

    def _departures(self, rows: Rows, count: int) -> tuple[NDArray[np.float64], ...]:
        """Of the first rows value minus the estimate without own past, in scales, and how many usual rows that counts as."""
        moved = rows.raw[:count] - rows.found.expected[:count]
        return moved, zero.weights(rows.found.spread[:count], self._usual) * rows.counts[:count]

    def _moves(self, rows: Rows, count: int) -> tuple[NDArray[np.float64], ...]:
        """The same for whoever learns from it."""
        if self.is_learned_from:
            return self._departures(rows, count)
        none = np.zeros((count, 0))
        return none, none

    def _ending(
        self, state: State, rows: Rows
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Odds of each tag in alarm [R, K], those that trusting all is wrong [R], and where alarms end [R, K]."""
        odds = np.tile(state.odds, (len(rows.fast), 1))
        trust = np.full(len(odds), state.trust)
        ended = np.zeros(odds.shape, np.bool_)
        if state.alarm.any():
            # where everything agrees once everything is believed, whoever was blamed is not the liar
            calm = evidence.trace(state.trust, evidence.says(rows.trust))
            trust[:] = calm
            ended[calm <= evidence.RELEASE] = state.alarm > 0
        for k in np.flatnonzero(state.alarm).tolist():
            size = rows.again[:, k] if self._errors.is_estimated[k] else rows.fast[:, k]
            odds[:, k] = evidence.trace(float(state.odds[k]), evidence.says(size))
            ended[:, k] |= odds[:, k] <= evidence.RELEASE
        return odds, trust, ended

    def _change(
        self,
        state: State,
        rows: Rows,
        row: int,
        changes: tuple[bool, NDArray[np.bool_]],
        kind: int,
    ) -> State:
        """Alarms begin and end at a row."""
        is_raised, ended = changes
        alarm, odds, means = state.alarm.copy(), state.odds.copy(), state.means.copy()
        blame = state.blame.copy()
        alarm[ended] = CALM
        means[:, ended] = 0.0
        if ended.any() and not alarm.any():
            means[:] = 0.0
        blame[ended] = 0.0
        suspicion, called = state.suspicion, kind
        begun = np.zeros(len(alarm), np.bool_)
        if is_raised:
            free = ~state.at_work & ~ended & (alarm != ATTACK) & (alarm != kind)
            begun, called = self._begun(state, rows, row, free, kind)
            begun &= alarm != called
            begun &= np.count_nonzero(alarm == called) < MOST_ALARMS
            alarm[begun] = called
            suspicion = evidence.NEW
        odds[begun] = evidence.RAISE
        trust = evidence.RAISE if begun.any() and not (state.alarm == called).any() else state.trust
        away = np.where(ended, self._as_read(state) - state.offset, state.away)
        return replace(
            state,
            away=away,
            trust=trust,
            alarm=alarm,
            odds=odds,
            means=means,
            suspicion=suspicion,
            blame=blame,
            candidate_ns=state.t_ns if called == CHANGE != kind else state.candidate_ns,
        )

    def _begun(
        self, state: State, rows: Rows, row: int, free: NDArray[np.bool_], kind: int
    ) -> tuple[NDArray[np.bool_], int]:
        """Of the tags that are free to be blamed bool[K], those at which an alarm begins; and what it is."""
        calm = free & (state.alarm == CALM)
        signs, logic = calm & rows.signs[row], calm & rows.logic[row]
        suspects = np.where(free, state.blame, 0.0)
        trial = partial(tried, self._errors, self.learned, state, suspects)
        if kind == CHANGE or signs.any():
            found = signs | logic if kind == CHANGE else signs
            if not found.any():
                found[trial().culprit] = True
            return found, kind
        errors = np.where(free, rows.plain[row], 0.0)
        surprise = float(self.learned.fusion.fused(errors.max(keepdims=True))[0])
        return candidate.begun(state, logic, surprise, float(rows.shares[:, row].max()), trial)

    def _small(self, state: State, kind: int) -> int:
        """What a drift is now: while a new zero is found out, what leans on that tag drifts a little."""
        is_settling = bool((state.settles_ns > state.t_ns).any())
        return CHANGE if kind == CHANGE or is_settling or candidate.is_open(state) else DRIFT
