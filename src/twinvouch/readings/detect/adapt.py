"""Learning while at work: what a tag's zero seems to have become is followed, a little a day and only so far.

The model stays as it was signed. Once a day, by the readings' own time, the offset of each tag moves towards the mean of
the day's departures from the estimate without own past. `Adapted.by` is how far that has gone from the frozen reference, which is
the model with what people recalibrated: an honest plant hardly ages so far, and who teaches it a lie in small steps has to go the same way.

A row teaches only where the whole plant is quiet: nobody works on it, no tag is called attacked, and there is hardly a suspicion. In a part of the
plant (tags that are estimated from each other) it weighs as much as the least trusted of its readings, now and a row before, since an estimate is no better
than what it is made of. What is missing, doubted by a rule, distrusted by a person, or in alarm has no weight.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.label import FULL
from twinvouch.core.ticket import Work
from twinvouch.readings.detect import candidate, evidence
from twinvouch.readings.detect.context import SETTLE_NS, Ticket
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.score import SETTLING_NS, Scorer
from twinvouch.readings.detect.state import ATTACK, CALM, CHANGE, DRIFT, Scored, State, joined
from twinvouch.readings.detect.state import begin as begin_state

LIMIT: Final = 2.0  # usual errors: how far from the frozen reference at most
TOLD: Final = 0.5  # of the limit, beyond which it is a finding
CLEAR: Final = 0.25  # of the limit, below which it is none any more
TEACHES: Final = 200  # plausibility at which a reading begins to weigh anything
_GAIN: Final = 0.2  # of the mean departure, a day: some days together decide
_FADES: Final = 0.02  # of the distance, a day: of two tags that learned from each other neither keeps what nothing demands any more
_CLIP: Final = 4.0  # usual errors: one row never decides
_QUIET: Final = log(
    0.01 / 0.99
)  # log-odds that something is wrong, at most; at rest it is one in some thousand
DAY_NS: Final = 86_400_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Adapted:
    """How far each of K tags has gone from the frozen reference, and what the present day has said so far.

    `by` float64[K] in scales (part of `State.offset`), on one side since `since_ns` int64[K], `told` bool[K] whose distance is a finding. Of the
    `day` (since 1970) `moved` and `counted` float64[K] are the weighted sums of departures and weights, `taught` float64[K] those of trust;
    `before` float64[K] is what the row before weighs, `suspicion` the log-odds that something is wrong.
    """

    by: NDArray[np.float64]
    since_ns: NDArray[np.int64]
    told: NDArray[np.bool_]
    day: int
    moved: NDArray[np.float64]
    counted: NDArray[np.float64]
    taught: NDArray[np.float64]
    before: NDArray[np.float64]
    suspicion: float


def begin(width: int) -> Adapted:
    """Nothing learned yet of `width` tags."""
    none, no = np.zeros(width), np.zeros(width, np.bool_)
    return Adapted(none, np.zeros(width, np.int64), no, 0, none, none, none, none, evidence.NEW)


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What is left behind by rows that were scored and, where that is on, learned from."""

    state: State
    adapted: Adapted


class Adapter:
    """Scores rows as its scorer does and, by `per_day` of each tag's usual error a day at most, learns from them; keeps no state of the plant."""

    def __init__(self, scorer: Scorer, per_day: float = 0.0) -> None:
        assert scorer.is_learned_from or not per_day
        learned = scorer.learned
        self.scorer = scorer
        self.per_day = per_day
        self.usual = usual(learned)
        self._rows = max(DAY_NS / max(learned.columns.period_ns, 1), 1.0)
        known = learned.columns  # what never moved explains nothing
        moving = np.concatenate((known.continuous, known.switches, known.rare))
        self._inputs = [np.intersect1d(part.tags, moving) for part in learned.parts]

    def begin(self) -> Course:
        """Nothing seen yet."""
        learned = self.scorer.learned
        return Course(begin_state(learned), begin(len(learned.columns.ids)))

    def resumed(self, course: Course) -> Course:
        """As remembered; where learning was switched off since, back at the frozen reference."""
        by = course.adapted.by
        if self.per_day or not by.any():
            return course
        return Course(_shifted(course.state, -by), begin(len(by)))

    def score(
        self,
        course: Course,
        t_ns: NDArray[np.int64],
        values: NDArray[np.float64],
        tickets: Sequence[Ticket] = (),
        trust: NDArray[np.uint8] | None = None,
    ) -> tuple[Course, Scored, NDArray[np.bool_]]:
        """As `Scorer.score`, and of each row bool[R, K] which tags have gone so far that it is a finding.

        `trust` uint8[R, K] is the least plausibility of the readings of each cell; None: all are trusted in full.
        """
        if not self.per_day or not len(t_ns):
            state, scored = self.scorer.score(course.state, t_ns, values, tickets)
            return replace(course, state=state), scored, np.zeros(values.shape, np.bool_)
        made, told = [], []
        for rows in _days(t_ns):
            course = self._turned(course, int(t_ns[rows][0]) // DAY_NS)
            state, part = self.scorer.score(course.state, t_ns[rows], values[rows], tickets)
            settles_ns = np.stack((course.state.settles_ns, state.settles_ns))
            quiet = ~_is_busy(t_ns[rows], tickets, settles_ns)
            if candidate.is_open(state):
                quiet[:] = False
            weight = self._weights(part, values[rows], None if trust is None else trust[rows])
            adapted = _renewed(course.adapted, settles_ns)
            course = Course(state, self._gathered(adapted, part, quiet, weight))
            made.append(part)
            told.append(np.broadcast_to(course.adapted.told, part.alarm.shape))
        return course, joined(made), np.concatenate(told)

    def _weights(
        self, scored: Scored, values: NDArray[np.float64], trust: NDArray[np.uint8] | None
    ) -> NDArray[np.float64]:
        """What the readings of each cell weigh, float64[R, K]: of a part of the plant all as much as the least of them."""
        cells = np.where(np.isfinite(values) & (scored.alarm == CALM), 1.0, 0.0)
        if trust is not None:
            cells *= np.clip((trust - float(TEACHES)) / (FULL - TEACHES), 0.0, 1.0)
        weight = np.zeros(cells.shape)
        for tags in self._inputs:
            weight[:, tags] = cells[:, tags].min(axis=1, initial=1.0, keepdims=True)
        return weight

    def _gathered(
        self,
        adapted: Adapted,
        scored: Scored,
        quiet: NDArray[np.bool_],
        weight: NDArray[np.float64],
    ) -> Adapted:
        """With what rows of one day say."""
        suspicion = evidence.trace(adapted.suspicion, evidence.says(scored.u))
        quiet = quiet & (suspicion <= _QUIET)
        quiet &= ~((scored.alarm == ATTACK) | (scored.alarm == CHANGE)).any(axis=1)
        weight = weight * quiet[:, None]
        both = np.minimum(weight, np.vstack((adapted.before, weight[:-1])))
        counted = both * scored.counted
        moved = np.clip(scored.moved, -_CLIP * self.usual, _CLIP * self.usual)
        return replace(
            adapted,
            moved=adapted.moved + (counted * moved).sum(axis=0),
            counted=adapted.counted + counted.sum(axis=0),
            taught=adapted.taught + (both * (scored.counted > 0)).sum(axis=0),
            before=weight[-1],
            suspicion=float(suspicion[-1]),
        )

    def _turned(self, course: Course, day: int) -> Course:
        """With the first row of another day, what the last one taught is learned."""
        adapted, none = course.adapted, np.zeros(len(self.usual))
        if day == adapted.day:
            return course
        fresh = replace(adapted, day=day, moved=none, counted=none, taught=none)
        if not adapted.counted.any():
            return replace(course, adapted=fresh)
        share = np.minimum(adapted.taught / self._rows, 1.0)
        mean = adapted.moved / np.where(adapted.counted > 0, adapted.counted, 1.0)
        most, end = self.per_day * share * self.usual, LIMIT * self.usual
        step = share * (_GAIN * mean - _FADES * adapted.by)
        by = np.clip(adapted.by + np.clip(step, -most, most), -end, end)
        is_new = (by != 0) & (by * adapted.by <= 0)
        far = np.abs(by)
        told = (far > TOLD * end) | (adapted.told & (far >= CLEAR * end))
        since_ns = np.where(is_new, adapted.day * DAY_NS, adapted.since_ns)
        after = replace(fresh, by=by, since_ns=since_ns, told=told & (end > 0))
        return Course(_shifted(course.state, by - adapted.by), after)


def usual(learned: Learned) -> NDArray[np.float64]:
    """The usual error of each tag's estimate without own past, in scales, float64[K]; 0 of what is not estimated."""
    found = np.zeros(len(learned.columns.ids))
    continuous = learned.columns.continuous
    found[continuous] = np.median(learned.spread[:, continuous], axis=0)
    return found


def drifting(alarm: NDArray[np.uint8], told: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Alarms uint8[R, K] where tags that have gone too far count as drifting, as they do in gate 1."""
    return np.where(told & (alarm == CALM), DRIFT, alarm).astype(np.uint8)


def _shifted(state: State, by: NDArray[np.float64]) -> State:
    return replace(state, offset=state.offset + by, away=state.away - by)


def _renewed(adapted: Adapted, settles_ns: NDArray[np.int64]) -> Adapted:
    """A recalibration that ended says where a tag's zero is: what was learned of it before is nothing."""
    anew = settles_ns[1] != settles_ns[0]
    if not anew.any():
        return adapted
    kept = ~anew
    return replace(
        adapted,
        by=adapted.by * kept,
        since_ns=adapted.since_ns * kept,
        told=adapted.told & kept,
        moved=adapted.moved * kept,
        counted=adapted.counted * kept,
        taught=adapted.taught * kept,
    )


def _is_busy(
    t_ns: NDArray[np.int64], tickets: Sequence[Ticket], settles_ns: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Rows bool[R] at which people work on the plant, it comes to rest after that, or a new zero is still found out.

    `settles_ns` int64[2, K] are those before and after the rows.
    """
    busy = np.zeros(len(t_ns), np.bool_)
    for ticket in tickets:
        rest_ns = 0 if ticket.work is Work.RECALIBRATION else SETTLE_NS
        busy |= (t_ns >= ticket.start_ns) & (t_ns < ticket.end_ns + rest_ns)
    for until_ns in np.unique(settles_ns[settles_ns > t_ns[0]]).tolist():
        busy |= (t_ns >= until_ns - SETTLING_NS) & (t_ns < until_ns)
    return busy


def _days(t_ns: NDArray[np.int64]) -> Iterator[slice]:
    """Rows of one day each, in order."""
    cuts = np.flatnonzero(np.diff(t_ns // DAY_NS)) + 1
    ends = [0, *cuts.tolist(), len(t_ns)]
    for start, end in pairwise(ends):
        yield slice(start, end)
