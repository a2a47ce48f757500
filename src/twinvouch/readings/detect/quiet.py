"""One row in which no alarm begins or ends, in as few steps as it takes; what `score.py` does, where nothing happens.

It goes on from the state in place of looking at it anew, and gives up (None) before it says anything where a row
could change an alarm: a rule is broken, evidence passes a limit, a value is missing, people are at work. Then the row
is scored as all rows are.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect import design, evidence, slow, tails
from twinvouch.readings.detect.columns import rounded
from twinvouch.readings.detect.errors import PASSES, Errors
from twinvouch.readings.detect.fusion import Line
from twinvouch.readings.detect.joint import HIGH, LOW, STEEP, UNITS, Joint, Joints
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.logic import Logic
from twinvouch.readings.detect.repeats import Heard
from twinvouch.readings.detect.state import (
    ATTACK,
    BLAME_ROWS,
    BROKEN_U,
    CALM,
    CHANGE,
    MOST_ALARMS,
    MOST_BLAME,
    PAST,
    SLOW_U,
    Scored,
    State,
)

NOBODY: Final = np.zeros((1, 0))  # learns from it
_DAY_NS: Final = 86_400_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class _Standing:
    """What follows from what hardly ever changes in a state: alarms, drifts, work and offsets, kept beside it.

    `rate` float64[C, K] is how much of a row goes into each mean, `most` float64[K] how many limits a mean may
    reach; `of_part` are the alarms of each part, as bytes.
    """

    alarm: NDArray[np.uint8]
    drift: NDArray[np.bool_]
    at_work: NDArray[np.bool_]
    offset: NDArray[np.float64]
    settles_ns: NDArray[np.int64]
    is_quiet: bool
    settles_until_ns: int
    has_offset: bool
    alarmed: list[int]
    is_lying: bool
    watched: NDArray[np.bool_]
    rate: NDArray[np.float64]
    most: NDArray[np.float64]
    of_part: list[bytes]

    def is_of(self, state: State) -> bool:
        """Whether a state has the very same."""
        return (
            self.alarm is state.alarm
            and self.drift is state.drift
            and self.at_work is state.at_work
            and self.offset is state.offset
            and self.settles_ns is state.settles_ns
        )


class Quiet:
    """Scores rows in which nothing happens; keeps what it has put together, and no state of the plant."""

    def __init__(self, learned: Learned, errors: Errors) -> None:
        known = learned.columns
        self._learned, self._errors = learned, errors
        self._idle = Logic(learned).idle
        self._parts = [Joints(learned, errors, kernel) for kernel in errors.kernels]
        width = len(known.ids)
        # of each part: where its tags stand now and before in one row of both
        self._places = [np.concatenate((p.tags, width + p.tags)) for p in learned.parts]
        self._table = np.zeros((4, width))
        self._shown: list[Joint | None] = [None] * len(self._parts)
        self._standing: _Standing | None = None
        self._fusion, self._still_fusion = Line(learned.fusion), Line(learned.still_fusion)
        rows = np.array([c.rows for c in learned.channels])
        self._rate = np.tile(1 / rows[:, None], (1, width))
        self._error = np.array([c.error for c in learned.channels], np.intp)
        self._per_limit = 1 / np.array([c.limit for c in learned.channels])
        self._rest = learned.rest * errors.is_estimated
        never = np.iinfo(np.int64).max
        self._most_run = np.where(errors.is_estimated, learned.runs, never)
        self._all = np.ones(width, np.bool_)
        self._gap_ns = design.GAP * known.period_ns

    def row(
        self, state: State, at_ns: NDArray[np.int64], row: NDArray[np.float64], heard: Heard
    ) -> tuple[State, Scored] | None:
        """Score one row float64[K], rounded, at a time int64[1]; `heard` is what `repeats` keeps after it.

        None: look at it closely.
        """
        standing, t_ns = self._standing_of(state), int(at_ns[0])
        # hashes go on from the row before where nothing is missing in all of their windows
        if heard.rolled is None or not standing.is_quiet or standing.settles_until_ns > t_ns:
            return None
        if t_ns - state.t_ns > self._gap_ns:
            return None
        joints = self._joints(state, standing, row, t_ns)
        if joints is None:
            return None
        known = self._learned.columns
        raw = (row - known.mean) / known.scale
        if standing.has_offset:
            raw -= state.offset
        both = np.concatenate((raw, state.away))
        found = self._errors_of(joints, both, t_ns)
        length = (row == state.values) * state.run + 1
        if self._breaks_a_rule(standing, state, row, length):
            return None
        return self._scored(
            state, standing, _Row(t_ns, at_ns, row, raw, both, found, length, heard), joints
        )

    def _standing_of(self, state: State) -> _Standing:
        standing = self._standing
        if standing is None or not standing.is_of(state):
            standing = self._standing = self._stand(state)
        return standing

    def _stand(self, state: State) -> _Standing:
        alarm, is_estimated = state.alarm, self._errors.is_estimated
        lies = alarm == ATTACK
        leans = self._errors.leans((lies & is_estimated)[None])[0]
        odd = state.at_work | ((state.offset != 0) & ~is_estimated)
        return _Standing(
            alarm,
            state.drift,
            state.at_work,
            state.offset,
            state.settles_ns,
            # what is a candidate for a change is believed and watched
            not (odd | (alarm == CHANGE)).any() and not state.drift.any(),
            int(state.settles_ns.max(initial=0)),
            bool(state.offset.any()),
            np.flatnonzero(alarm).tolist(),
            bool(lies.any()),
            alarm == CALM,
            self._rate * ~leans,
            np.where(alarm == CALM, 1.0, np.inf),
            [alarm[part.tags].tobytes() for part in self._learned.parts],
        )

    def _joints(
        self, state: State, standing: _Standing, row: NDArray[np.float64], t_ns: int
    ) -> list[Joint] | None:
        """The joint of each part, its table laid into that of all tags; None where one says that something is odd."""
        found = []
        for n, part in enumerate(self._parts):
            joint = part.of(state.values, row, standing.of_part[n])
            if joint is None:
                return None
            if (
                joint.slots is not None
                and not joint.slots[t_ns % _DAY_NS * len(joint.slots) // _DAY_NS]
            ):
                return None
            if joint is not self._shown[n]:
                self._table[:, self._learned.parts[n].tags] = joint.table
                self._shown[n] = joint
            found.append(joint)
        return found

    def _errors_of(
        self, joints: list[Joint], both: NDArray[np.float64], t_ns: int
    ) -> NDArray[np.float64]:
        """Fast errors in .98 quantiles, then still ones in robust sd, float64[2K]; what is doubted in `both` is replaced."""
        hour = design.hour_of(t_ns) if self._learned.columns.has_calendar else 0
        if len(joints) == 1:
            return self._part(0, joints[0], both, hour)
        found = np.empty(len(both))
        for n, (joint, places) in enumerate(zip(joints, self._places, strict=True)):
            own = both.take(places)
            found[places] = self._part(n, joint, own, hour)
            if len(joint.doubted):
                both[places] = own
        return found

    def _part(
        self, n: int, joint: Joint, both: NDArray[np.float64], hour: int
    ) -> NDArray[np.float64]:
        if not len(joint.doubted):
            found: NDArray[np.float64] = both @ joint.weights
            found -= joint.calendar[hour]
            return found
        at = joint.doubted
        low, high = (end[self._learned.parts[n].tags[at]] for end in self._errors.reach)
        raw = both[at]
        for _ in range(min(len(at), PASSES)):
            estimate = both @ joint.stand_in + joint.stand_in_calendar[hour]
            both[at] = np.minimum(np.maximum(estimate, low), high)
        found = both @ joint.weights
        found -= joint.calendar[hour]
        # their own errors are those of what they said
        off = (raw - both[at]) * joint.scale
        found[at] += off[0]
        found[len(found) // 2 + at] += off[1]
        return found

    def _breaks_a_rule(
        self,
        standing: _Standing,
        state: State,
        row: NDArray[np.float64],
        length: NDArray[np.int64],
    ) -> bool:
        """Whether a rule of the control logic is broken, or a signal frozen."""
        known, table = self._learned.columns, self._table
        if standing.has_offset:
            row = rounded(row - state.offset * known.scale, known.step)
        if np.count_nonzero((row < table[LOW]) | (row > table[HIGH])):
            return True
        stands = length > self._most_run
        if not np.count_nonzero(stands):
            return False
        stands &= (row > self._idle[0]) & (row < self._idle[1])
        return bool(np.count_nonzero(stands))

    def _scored(
        self, state: State, standing: _Standing, row: "_Row", joints: list[Joint]
    ) -> tuple[State, Scored] | None:
        """The state after a row that breaks no rule, and what is said of it; None where evidence moves an alarm."""
        width = len(row.values)
        size = np.abs(row.found)
        fast = tails.surprise(size[:width], self._table[STEEP])
        largest = fast * standing.watched if standing.alarmed else fast
        u = self._u(float(np.maximum.reduce(largest)))
        suspicion = evidence.after(state.suspicion, u)
        if suspicion > evidence.RAISE and len(standing.alarmed) < MOST_ALARMS:
            return None
        odds, trust = state.odds, state.trust
        if standing.alarmed:
            evident = self._ends(state, standing, row, joints, (size, fast))
            if evident is None:
                return None
            odds, trust = evident
        means = self._means(state, standing, row.found, size)
        slowly = np.maximum.reduce(np.abs(means) * self._per_limit, axis=0)
        if np.count_nonzero(slowly > standing.most):
            return None
        blame = state.blame + (np.minimum(fast, MOST_BLAME) - state.blame) / BLAME_ROWS
        scored = Scored(
            state.alarm[None],
            np.array([u]),
            fast[None],
            slowly[None],
            (row.found[:width] * self._table[UNITS])[None],
            np.maximum(blame, SLOW_U * slowly)[None],
            NOBODY,
            NOBODY,
        )
        return self._after(state, row, means, (suspicion, blame, odds, trust)), scored

    def _u(self, largest: float) -> float:
        return max(self._fusion.fused(largest), largest if largest >= BROKEN_U else 0.0)

    def _means(
        self,
        state: State,
        standing: _Standing,
        found: NDArray[np.float64],
        size: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The slow means after a row, float64[C, K]."""
        width = len(self._rest)
        errors = np.empty((2, width))
        np.minimum(np.maximum(found[width:], -slow.CLIP), slow.CLIP, out=errors[slow.BIAS])
        np.minimum(size[:width], slow.CLIP_FAST, out=errors[slow.ENERGY])
        errors[slow.ENERGY] -= self._rest
        means = errors.take(self._error, axis=0)
        means -= state.means
        means *= standing.rate
        means += state.means
        return means

    def _ends(
        self,
        state: State,
        standing: _Standing,
        row: "_Row",
        joints: list[Joint],
        surprise: tuple[NDArray[np.float64], NDArray[np.float64]],
    ) -> tuple[NDArray[np.float64], float] | None:
        """Odds of the tags in alarm float64[K], and those that not all can be believed; None where an alarm ends."""
        size, fast = surprise
        width = len(fast)
        believed = self._believed(state, row, joints) if standing.is_lying else 0.0
        trust = evidence.after(state.trust, believed)
        odds = state.odds.copy()
        again = self._errors.still_surprise(size[None, width:])[0]
        for k in standing.alarmed:
            said = again[k] if self._errors.is_estimated[k] else fast[k]
            odds[k] = evidence.after(float(state.odds[k]), float(said))
            if odds[k] <= evidence.RELEASE:
                return None
        return None if trust <= evidence.RELEASE else (odds, trust)

    def _believed(self, state: State, row: "_Row", joints: list[Joint]) -> float:
        """How surprising the row is where everything is believed."""
        known = self._learned.columns
        before = (state.values - known.mean) / known.scale - state.offset
        both = np.concatenate((row.raw, before))
        hour = design.hour_of(row.t_ns) if known.has_calendar else 0
        still = row.found[len(before) :].copy()
        for joint, places in zip(joints, self._places, strict=True):
            own = both.take(places)
            if not np.array_equal(own, row.both.take(places)):
                count = len(own) // 2
                found = own @ joint.weights[:, count:] - joint.calendar[hour, count:]
                still[places[:count]] = found
        largest = self._errors.still_surprise(still[None]).max()
        return self._still_fusion.fused(float(largest))

    def _after(
        self,
        state: State,
        row: "_Row",
        means: NDArray[np.float64],
        evident: tuple[float, NDArray[np.float64], NDArray[np.float64], float],
    ) -> State:
        suspicion, blame, odds, trust = evident
        return State(
            row.t_ns,
            row.values,
            row.both[: len(row.values)],
            row.length,
            self._all,
            np.concatenate((state.past_ns[1 - PAST :], row.at_ns)),
            np.concatenate((state.past[1 - PAST :], row.values[None])),
            means,
            suspicion,
            blame,
            state.alarm,
            odds,
            state.drift,
            state.alarm,
            trust,
            state.offset,
            state.settles_ns,
            state.at_work,
            state.work_bias,
            state.work_rows,
            state.candidate_ns,
            row.heard,
        )


@dataclass(slots=True, eq=False)
class _Row:
    """One row of K tags: as read, scaled, with the row before and estimates in place of what is doubted [2K], its errors [2K]."""

    t_ns: int
    at_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    raw: NDArray[np.float64]
    both: NDArray[np.float64]
    found: NDArray[np.float64]
    length: NDArray[np.int64]
    heard: Heard
