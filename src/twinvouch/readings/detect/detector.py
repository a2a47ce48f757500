"""A learned model at work in gate 1: rows of scan groups in, alarms, caps and findings out. Fits ports.Detector."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.detection import Known, Rows, Verdict
from twinvouch.core.errors import ConfigError
from twinvouch.core.finding import Finding
from twinvouch.core.inventory import Plant, ScanGroup
from twinvouch.core.memo import Memo
from twinvouch.core.ticket import Work
from twinvouch.readings.detect import blocks, remembered
from twinvouch.readings.detect.blocks import Plan, Source
from twinvouch.readings.detect.context import Ticket
from twinvouch.readings.detect.explain import Explainer, Moment
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.score import Scorer
from twinvouch.readings.detect.state import ATTACK, CALM, CHANGE, DRIFT, Scored, State

BLOCKS: Final = "detection/blocks"
KEYS: Final = frozenset({BLOCKS, remembered.STATE, *remembered.HEARD})
CAP_ATTACK: Final = 40  # below what any command class demands by default
CAP_DRIFT: Final = 60


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What was learned under a name; `digest` is over its files."""

    name: str
    digest: bytes
    learned: Learned


class Detector:
    """One model over one plant; what it remembers comes in and goes out as memos."""

    def __init__(self, model: Model, plant: Plant) -> None:
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
        self._scorer = Scorer(model.learned)
        self._explainer = Explainer(model.learned, tuple(plant.tags[tag].unit for tag in ids))
        self._caps = {ATTACK: CAP_ATTACK, DRIFT: CAP_DRIFT, CHANGE: plant.below_highest}

    def follow(self, rows: Rows, known: Known) -> Verdict:
        """Take rows that became live; blocks that are complete are scored."""
        if rows.group.name not in self._sources or not len(rows.t_ns):
            return Verdict()
        columns, source = self._sources[rows.group.name]
        memo = known.memos.get(BLOCKS)
        opened = self._nothing
        if memo is not None and memo.about == self._about:
            opened = memo.as_value(opened)
        state = remembered.recall(self._about, known.memos, self._scorer.learned)
        values = rows.values if columns is None else rows.values[:, columns]
        opened, t_ns, values = blocks.take(opened, self._plan, source, rows.t_ns, values)
        memos = {BLOCKS: Memo(self._about, value=opened)}
        before = state
        findings: tuple[Finding, ...] = ()
        if len(t_ns):
            state, scored = self._scorer.score(state, t_ns, values, self._tickets(known))
            memos |= remembered.memos(self._about, before, state)
            findings = tuple(self._findings(before, t_ns, values, scored))
        raised = np.flatnonzero(state.shown != CALM).tolist()
        caps = {self.tags[k]: self._caps[int(state.shown[k])] for k in raised}
        begun = frozenset(self.tags[k] for k in raised if state.shown[k] != before.shown[k])
        return Verdict(caps, begun, findings, memos)

    def _tickets(self, known: Known) -> tuple[Ticket, ...]:
        """What was announced, and commands to what never moved in training: set-points."""
        ids, columns = self.tags, self._scorer.learned.columns
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
        t_ns: NDArray[np.int64],
        values: NDArray[np.float64],
        scored: Scored,
    ) -> Iterator[Finding]:
        """Where alarms begin and end, row by row."""
        if not np.count_nonzero(scored.alarm != before.shown):
            return
        was = np.vstack((before.shown, scored.alarm[:-1]))
        lagged = np.vstack((before.values, values))
        for row, k in np.argwhere(scored.alarm != was).tolist():
            now, then = int(scored.alarm[row, k]), int(was[row, k])
            if now == CALM:
                yield self._explainer.ended(k, then, int(t_ns[row]))
                continue
            moment = Moment(int(t_ns[row]), lagged[row], values[row], scored.error[row])
            yield self._explainer.begun(k, now, moment)


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
