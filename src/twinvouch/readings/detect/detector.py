"""A learned model at work in gate 1: rows of scan groups in, alarms, caps and findings out. Fits ports.Detector."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.detection import Known, Rows, Verdict
from twinvouch.core.errors import ConfigError
from twinvouch.core.finding import Finding
from twinvouch.core.inventory import Plant, ScanGroup
from twinvouch.core.label import FULL
from twinvouch.core.memo import Memo
from twinvouch.core.ticket import Work
from twinvouch.readings.detect import blocks, remembered, trusted
from twinvouch.readings.detect.adapt import Adapter, Course, begin, drifting
from twinvouch.readings.detect.blocks import Plan, Source
from twinvouch.readings.detect.context import Ticket, is_changing
from twinvouch.readings.detect.explain import Explainer, Moment
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.reasons import Exactly
from twinvouch.readings.detect.score import Scorer
from twinvouch.readings.detect.state import ATTACK, CALM, CHANGE, DRIFT, Scored, State

T = TypeVar("T")
BLOCKS: Final = "detection/blocks"
ADAPTED: Final = "detection/adapted"
PENDING: Final = "detection/pending"  # what open blocks are trusted
KEYS: Final = frozenset({BLOCKS, ADAPTED, PENDING, remembered.STATE, *remembered.HEARD})
CAP_ATTACK: Final = 40  # below what any command class demands by default
CAP_DRIFT: Final = 60


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What was learned under a name; `digest` is over its files."""

    name: str
    digest: bytes
    learned: Learned


class Detector:
    """One model over one plant; what it remembers comes in and goes out as memos.

    It learns while at work by `per_day` of each tag's usual error a day at most; 0: nothing.
    """

    def __init__(self, model: Model, plant: Plant, per_day: float = 0.0) -> None:
        ids = model.learned.columns.ids
        strangers = [tag for tag in ids if tag not in plant.tags]
        if strangers:
            raise ConfigError(
                f"model `{model.name}` was learned with {len(strangers)} tags that plant `{plant.id}` does not have, "
                f"`{strangers[0]}` first: learn again, or name another model"
            )
        self.model = model.name
        self.digest = model.digest
        self.tags = ids
        self._about = model.digest.hex()
        place = {tag: k for k, tag in enumerate(ids)}
        groups = [g for g in plant.groups.values() if place.keys() & set(g.ids)]
        # of each scan group: columns that the model knows, and where they stand in it
        self._sources = {g.name: _source(n, g, place) for n, g in enumerate(groups)}
        of_tag = [plant.groups[plant.tags[tag].group] for tag in ids]
        still = np.ones(len(ids), np.bool_)
        still[model.learned.columns.continuous] = False
        self._plan = Plan(
            model.learned.columns.period_ns,
            still,
            np.array([g.by_exception for g in groups], np.bool_),
            np.array([g.max_age_ns for g in groups], np.int64),
            np.array([g.max_age_ns if g.by_exception else 0 for g in of_tag], np.int64),
        )
        self._nothing = blocks.nothing(self._plan)
        self._adapter = Adapter(Scorer(model.learned, is_learned_from=bool(per_day)), per_day)
        self._explainer = Explainer(model.learned, tuple(plant.tags[tag].unit for tag in ids))
        self._caps = {ATTACK: CAP_ATTACK, DRIFT: CAP_DRIFT, CHANGE: plant.below_highest}

    def follow(self, rows: Rows, known: Known) -> Verdict:
        """Take rows that became live; blocks that are complete are scored."""
        if rows.group.name not in self._sources or not len(rows.t_ns):
            return Verdict()
        columns, source = self._sources[rows.group.name]
        opened = self._kept(known, BLOCKS, self._nothing)
        before = self._course(known)
        values = rows.values if columns is None else rows.values[:, columns]
        opened, t_ns, closed = blocks.take(opened, self._plan, source, rows.t_ns, values)
        memos = {BLOCKS: Memo(self._about, value=opened)}
        trust, pending = self._trust(rows, known, t_ns)
        memos |= pending
        after = before
        findings: tuple[Finding, ...] = ()
        if len(t_ns):
            tickets = self._tickets(known)
            after, scored, told = self._adapter.score(before, t_ns, closed, tickets, trust)
            memos |= remembered.memos(self._about, before.state, after.state)
            kept = known.memos.get(ADAPTED)
            is_on = bool(self._adapter.per_day) or kept is not None
            if is_on and (kept is None or kept.value is not after.adapted):
                memos[ADAPTED] = Memo(self._about, value=after.adapted)
            begun = self._findings(before.state, (t_ns, closed), scored, tickets)
            findings = (*begun, *self._divergences(before, after, t_ns, told))
        return self._verdict(before, after, findings, memos)

    def _verdict(
        self,
        before: Course,
        after: Course,
        findings: tuple[Finding, ...],
        memos: Mapping[str, Memo],
    ) -> Verdict:
        """With caps of all tags that are in alarm, or went too far, now."""
        was, shown = (drifting(c.state.shown, c.adapted.told) for c in (before, after))
        raised = np.flatnonzero(shown != CALM).tolist()
        caps = {self.tags[k]: self._caps[int(shown[k])] for k in raised}
        begun = frozenset(self.tags[k] for k in raised if shown[k] != was[k])
        return Verdict(caps, begun, findings, memos)

    def _kept(self, known: Known, key: str, fresh: T) -> T:
        """What is remembered under `key` of this model, else `fresh`."""
        memo = known.memos.get(key)
        return memo.as_value(fresh) if memo is not None and memo.about == self._about else fresh

    def _course(self, known: Known) -> Course:
        state = remembered.recall(self._about, known.memos, self._adapter.scorer.learned)
        adapted = self._kept(known, ADAPTED, begin(len(self.tags)))
        return self._adapter.resumed(Course(state, adapted))

    def _trust(
        self, rows: Rows, known: Known, closed_ns: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8] | None, dict[str, Memo]]:
        """How far the readings of closed blocks were believed; and the memo, where that changed."""
        if not self._adapter.per_day:
            return None, {}
        columns, source = self._sources[rows.group.name]
        before = self._kept(known, PENDING, trusted.nothing(len(self.tags)))
        cells = np.int16(FULL) if rows.trust is None else rows.trust.astype(np.int16)
        told = np.where(np.isfinite(rows.values), cells, np.int16(-1))
        told = told if columns is None else told[:, columns]
        after = trusted.add(before, self._plan, source, rows.t_ns, told)
        after, trust = trusted.take(after, self._plan, closed_ns)
        return trust, {} if after is before else {PENDING: Memo(self._about, value=after)}

    def _tickets(self, known: Known) -> tuple[Ticket, ...]:
        """What was announced, and commands to what never moved in training: set-points."""
        ids, columns = self.tags, self._adapter.scorer.learned.columns
        said = [
            Ticket(
                t.work, tuple(ids.index(tag) for tag in t.tags if tag in ids), t.start_ns, t.end_ns
            )
            for t in known.tickets
        ]
        still = {ids[k]: k for k in columns.constant.tolist()}
        moved = [
            Ticket(Work.SETPOINT, (still[tag],), t_ns, t_ns + 2 * columns.period_ns)
            for tag, t_ns in known.written
            if tag in still
        ]
        return (*said, *moved)

    def _findings(
        self,
        before: State,
        rows: tuple[NDArray[np.int64], NDArray[np.float64]],
        scored: Scored,
        tickets: Sequence[Ticket],
    ) -> Iterator[Finding]:
        """Where alarms begin and end in rows (times, values), row by row."""
        t_ns, values = rows
        if not np.count_nonzero(scored.alarm != before.shown):
            return
        was = np.vstack((before.shown, scored.alarm[:-1]))
        changed = np.argwhere(scored.alarm != was).tolist()
        settles_ns = int(before.settles_ns.max())
        lagged = np.vstack((before.values, values))
        exactly = Exactly(self._adapter.scorer.learned, before, t_ns, values)
        for row, k in changed:
            now, then = int(scored.alarm[row, k]), int(was[row, k])
            if now == CALM:
                yield self._explainer.ended(k, then, int(t_ns[row]))
                continue
            moment = Moment(lagged[row], values[row], scored.error[row], exactly.at(row))
            is_announced = settles_ns > t_ns[row] or is_changing(tickets, int(t_ns[row]))
            yield self._explainer.begun(k, now, moment, is_announced=is_announced)

    def _divergences(
        self, before: Course, after: Course, t_ns: NDArray[np.int64], told: NDArray[np.bool_]
    ) -> Iterator[Finding]:
        """Where tags go too far from the frozen reference, and come back, row by row."""
        was = np.vstack((before.adapted.told, told[:-1]))
        for row, k in np.argwhere(told != was).tolist():
            yield self._explainer.diverged(
                k, after.adapted, int(t_ns[row]), is_far=bool(told[row, k])
            )


def _source(
    number: int, group: ScanGroup, place: Mapping[str, int]
) -> tuple[NDArray[np.intp] | None, Source]:
    """The columns of a scan group that a model knows (None: all, in its order), and how they come; `place` by tag."""
    columns = [n for n, tag in enumerate(group.ids) if tag in place]
    places = np.array([place[group.ids[n]] for n in columns], np.intp)
    every_ns = 0 if group.by_exception else group.period_ns
    is_all = places.tolist() == list(range(len(group.ids))) and len(place) == len(places)
    source = Source(number, places, every_ns, is_in_order=is_all)
    return None if is_all else np.array(columns, np.intp), source
