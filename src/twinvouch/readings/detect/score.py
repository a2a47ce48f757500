"""Scores rows against what was learned: which tags lie, since when, and what was expected.

A tag that is in alarm, or that people work on, is replaced by its estimate from the other tags wherever it
explains others: one lie is one alarm, the rest of the plant stays watched, and the alarm ends when the tag agrees
with the others again. State goes in and comes out, so that rows may come one at a time or many.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.ticket import Work
from twinvouch.readings.detect import control, design, drift, evidence, repeats, runs, slow, zero
from twinvouch.readings.detect.blame import culprit
from twinvouch.readings.detect.columns import filled, rounded
from twinvouch.readings.detect.context import Ticket, boundary, covered, is_changing
from twinvouch.readings.detect.errors import Errors
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.state import ATTACK, CALM, CHANGE, DRIFT, Scored, State

BROKEN_U: Final = 8.0  # what a broken control rule, a frozen signal or a state never seen says
_SEGMENT: Final = 256  # rows that are looked at together
_BLAME_ROWS: Final = 12.0  # how long a surprise counts when a culprit is looked for
_PAST: Final = 9  # rows over which suspects are tried
_MOST_BLAME: Final = 12.0
_SLOW_U: Final = 5.0  # the surprise that a slow limit is worth where tags are ranked
_MOST_ALARMS: Final = 4  # tags at once; beyond, the rest of the plant follows what these began
SETTLING_NS: Final = 7 * 24 * 3_600_000_000_000  # in which a recalibrated tag's new zero is found


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Rows of one segment with what was computed of them, all float64[R, K]."""

    present: NDArray[np.bool_]
    trust: NDArray[np.float64]
    broken: NDArray[np.bool_]
    away: NDArray[np.float64]
    full: NDArray[np.float64]
    length: NDArray[np.int64]
    fast: NDArray[np.float64]
    moved: NDArray[np.float64]
    counted: NDArray[np.float64]
    again: NDArray[np.float64]
    shares: NDArray[np.float64]
    means: NDArray[np.float64]
    error: NDArray[np.float64]


class Scorer:
    """Scores rows by what was learned; keeps what it has put together, and no state of the plant."""

    def __init__(self, learned: Learned) -> None:
        self.learned = learned
        self._errors = Errors(learned)
        self._usual = np.median(learned.spread, axis=0)
        widest = learned.spread.max(axis=0) * learned.columns.scale
        self._near = runs.near(widest, learned.columns.step, learned.ends)

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
        heard, replayed = repeats.hear(state.heard, self.learned.windows, read)
        made, at = [], 0
        while at < len(t_ns):
            state = self._work(state, tickets, int(t_ns[at]))
            end = min(at + _SEGMENT, at + boundary(tickets, t_ns[at:]))
            rows = self._look(state, t_ns[at:end], read[at:end], replayed[at:end])
            kind = CHANGE if is_changing(tickets, int(t_ns[at])) else ATTACK
            state, part = self._until_change(state, t_ns[at:end], rows, kind)
            made.append(part)
            at += len(part.u)
        fields = (np.concatenate([getattr(m, f) for m in made]) for f in Scored.__slots__)
        return replace(state, heard=heard), Scored(*fields)

    def _work(self, state: State, tickets: Sequence[Ticket], t_ns: int) -> State:
        """Work that begins makes its tags untrusted; a recalibration that ended leaves its offset."""
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

    def _look(
        self,
        state: State,
        t_ns: NDArray[np.int64],
        values: NDArray[np.float64],
        replayed: NDArray[np.bool_],
    ) -> _Rows:
        """Errors and surprises of a segment, under the state's alarms."""
        learned, known = self.learned, self.learned.columns
        before = np.where(np.isfinite(state.values), state.values, known.mean)
        full = filled(values, before)
        at = np.concatenate(([state.t_ns], t_ns))
        lagged = np.vstack((before, full))
        raw = design.scaled(known, lagged) - state.offset
        lies = (state.alarm == ATTACK) | state.at_work
        present = np.isfinite(values)
        doubted = (lies | ~present) & self._errors.is_estimated
        away = self._errors.replaced(at, raw, lagged, doubted, state.away)
        fast, still, again, step, error, expected, spread = self._errors.of(at, away, raw, lagged)
        # the row after a missing value has no past of its own
        was = np.vstack((state.is_present, present[:-1]))
        counts = present & was & design.follows(known, at)[:, None]
        length = runs.lengths(full, state.values, state.run)
        fast = np.where(counts, fast, 0.0)
        broken = self._broken(at, lagged, (length, counts), state)
        broken |= replayed & ~state.at_work
        said = np.where(broken, BROKEN_U, 0.0)
        fast = np.maximum(fast, said)
        again = np.maximum(again * counts, said)
        leans = self._errors.leans(doubted | ~was & self._errors.is_estimated)
        shares, means = self._slow(state, still, step, counts & ~leans)
        trust = said.max(axis=1)
        if lies.any():
            believed = self._errors.of(at, raw, raw, lagged)[2] * counts
            trust = np.maximum(trust, learned.still_fusion.fused(believed.max(axis=1)))
        return _Rows(
            present,
            trust,
            broken,
            away[1:],
            full,
            length,
            fast,
            raw[1:] - expected,
            zero.weights(spread, self._usual) * counts,
            again,
            shares,
            means,
            error,
        )

    def _until_change(
        self, state: State, t_ns: NDArray[np.int64], rows: _Rows, kind: int
    ) -> tuple[State, Scored]:
        """The rows of a segment up to the first one at which an alarm begins or ends, and the state after it.

        `kind` is what an alarm is now: ATTACK, or CHANGE where people work on the plant.
        """
        watched = (state.alarm == CALM) & ~state.at_work
        largest = np.where(watched, rows.fast, 0.0).max(axis=1)
        u = np.where(largest >= BROKEN_U, np.maximum(largest, BROKEN_U), 0.0)
        u = np.maximum(u, self.learned.fusion.fused(largest))
        suspicion = evidence.trace(state.suspicion, evidence.says(u))
        raised = suspicion > evidence.RAISE
        odds, trust, ended = self._ending(state, rows)
        if np.count_nonzero(state.alarm) >= _MOST_ALARMS:
            raised[:] = False
        change = raised | ended.any(axis=1)
        count = int(change.argmax()) + 1 if change.any() else len(u)
        last = count - 1
        blame = slow.means(
            np.minimum(rows.fast[:count], _MOST_BLAME),
            _BLAME_ROWS,
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
        drifts = drift.latched(rows.shares[:, :count], watched, state.drift)
        after = replace(after, drift=drifts[:, last] & (after.alarm == CALM))
        # while a new zero is found out, what leans on that tag drifts a little
        is_settling = (state.settles_ns > t_ns[0]).any()
        small = CHANGE if kind == CHANGE or is_settling else DRIFT
        alarm = np.tile(state.alarm, (count, 1))
        alarm[last] = after.alarm
        alarm = np.where(drifts.any(axis=0) & (alarm == CALM), small, alarm).astype(np.uint8)
        part = rows.shares[:, :count].max(axis=0, initial=0.0)
        blame = np.maximum(blame, _SLOW_U * part)
        fast, error, moved, counted = (
            whole[:count] for whole in (rows.fast, rows.error, rows.moved, rows.counted)
        )
        scored = Scored(alarm, u[:count], fast, part, error, blame, moved, counted)
        return replace(after, shown=alarm[last]), scored

    def _after(self, state: State, t_ns: NDArray[np.int64], rows: _Rows, kind: int) -> State:
        """The state after the first rows of a segment, alarms as they were."""
        count, last = len(t_ns), len(t_ns) - 1
        moved, counted = rows.moved[:count], rows.counted[:count]
        after = replace(
            state,
            t_ns=int(t_ns[last]),
            values=rows.full[last],
            away=rows.away[last],
            run=rows.length[last],
            means=rows.means[:, last],
            is_present=rows.present[last],
            past_ns=np.concatenate((state.past_ns, t_ns))[-_PAST:],
            past=np.vstack((state.past, rows.full[:count]))[-_PAST:],
        )
        if state.at_work.any():
            bias, rows_of = zero.found_out(
                state.work_bias, state.work_rows, moved, counted * state.at_work
            )
            after = replace(after, work_bias=bias, work_rows=rows_of)
        settling = state.settles_ns > t_ns[0]
        # where the plant itself is in doubt nothing is learned
        if not settling.any() or state.alarm.any() or kind == CHANGE:
            return after
        by, rows_of = zero.settled(state.work_rows, moved, counted * settling)
        return replace(after, offset=after.offset + by, away=after.away - by, work_rows=rows_of)

    def _ending(
        self, state: State, rows: _Rows
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
        rows: _Rows,
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
        suspicion = state.suspicion
        begun = np.zeros(len(alarm), np.bool_)
        if is_raised:
            free = (alarm == CALM) & ~state.at_work & ~ended
            suspects = np.where(free, blame, 0.0)
            begun = free & rows.broken[row]
            if not begun.any():
                begun[culprit(self._errors, self.learned, state, suspects)] = True
            begun &= free
            begun &= np.count_nonzero(alarm) < _MOST_ALARMS
            alarm[begun] = kind
            suspicion = evidence.NEW
        odds[begun] = evidence.RAISE
        trust = evidence.RAISE if begun.any() and not state.alarm.any() else state.trust
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
        )

    def _broken(
        self,
        t_ns: NDArray[np.int64],
        lagged: NDArray[np.float64],
        read: tuple[NDArray[np.int64], NDArray[np.bool_]],
        state: State,
    ) -> NDArray[np.bool_]:
        """The cells that break a rule of the control logic, are frozen, or left what never moved."""
        learned, known = self.learned, self.learned.columns
        lagged = rounded(lagged - state.offset * known.scale, known.step)
        values = lagged[1:]
        doubted = state.at_work | (state.alarm > 0)
        length, counts = read
        found = runs.frozen(values, length, learned.runs, learned.ends, self._near)
        found &= self._errors.is_estimated
        for rule, rows in control.broken(learned.rules, known, values):
            # what is doubted already breaks no second rule
            if not doubted[[rule.switch, rule.tag]].any():
                broken = rows & counts[:, rule.tag]
                found[broken, rule.switch] = True
                found[broken, rule.tag] = True
        for point in learned.points:
            if not doubted[[point.switch, point.tag]].any():
                on = known.on(lagged, np.array([point.switch]))[:, 0]
                broken = point.broken(on, lagged) & counts[:, point.tag]
                found[broken, point.switch] = True
                found[broken, point.tag] = True
        for clock in learned.clocks:
            if not doubted[clock.switch]:
                on = known.on(values, np.array([clock.switch]))[:, 0]
                found[clock.broken(on, t_ns[1:]), clock.switch] = True
        still = known.constant[~state.at_work[known.constant]]
        moved = np.abs(values[:, still] - learned.ends[0, still])
        found[:, still] = moved > known.step[still] / 2
        cells: NDArray[np.bool_] = found & counts
        return cells

    def _slow(
        self,
        state: State,
        still: NDArray[np.float64],
        step: NDArray[np.float64],
        counts: NDArray[np.bool_],
    ) -> tuple[NDArray[np.float64], ...]:
        """Of the slow channels the parts of their limits and the means, both float64[C, R, K]."""
        bias, step, energy = slow.clipped(still, step)
        energy = (energy - self.learned.rest) * self._errors.is_estimated
        errors = (bias, step, energy)
        means = np.empty((len(state.means), *bias.shape))
        share = np.empty_like(means)
        for n, channel in enumerate(self.learned.channels):
            means[n] = slow.means(errors[channel.error], channel.rows, state.means[n], counts)
            share[n] = channel.share(means[n])
        return share, means
