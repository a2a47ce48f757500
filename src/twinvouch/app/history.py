"""What this core has admitted, as a table to learn from: the event log, judged once more by gate 1.

A reading teaches only where it became live and nothing doubted it, nor a person did later. The core must be stopped, or the data be a
restored backup: the log has one opener. Segments that were retired (`retention.segments_days`) are not there any more.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.adapters import vault as vaults
from twinvouch.adapters.sealed_state import opened_rows
from twinvouch.adapters.segment_file import PLAIN
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.sqlite_state import open_reader
from twinvouch.adapters.vault import Vault
from twinvouch.app import build
from twinvouch.app.config_model import Config
from twinvouch.core.batch import Quality
from twinvouch.core.disavowal import Stage
from twinvouch.core.errors import UsageError
from twinvouch.core.event import BatchReceived
from twinvouch.core.inventory import Plant, ScanGroup
from twinvouch.core.label import Axis
from twinvouch.core.table import Table
from twinvouch.engine import Engine
from twinvouch.engine.disavowals import Disavowed, read_disavowed
from twinvouch.engine.sources import tags_from
from twinvouch.readings import gate
from twinvouch.readings.detect import blocks
from twinvouch.readings.detect.blocks import Plan, Source
from twinvouch.wire.eventlog import read_event

Say = Callable[[str], None]
Doubt = tuple[frozenset[str], Disavowed]  # tags, and the disavowal that means them
TEACHES: Final = 200  # plausibility of a reading, at least
_SAID: Final = 50_000  # events


@dataclass(frozen=True, slots=True, eq=False)
class _Closed:
    """Blocks of time that are complete, of each tag the mean and the last reading [n, K]."""

    t_ns: list[NDArray[np.int64]]
    mean: list[NDArray[np.float64]]
    last: list[NDArray[np.float64]]


class _Gathering:
    """The readings of all scan groups as blocks; which tags have at most two values is known at the end."""

    def __init__(self, plant: Plant, period_ns: int) -> None:
        self._groups = list(plant.groups.values())
        self.ids = tuple(tag for group in self._groups for tag in group.ids)
        exception = [g.by_exception for g in self._groups]
        ages = [g.max_age_ns for g in self._groups]
        held = [g.max_age_ns if g.by_exception else 0 for g in self._groups for _ in g.ids]
        width = len(self.ids)
        self._plan = Plan(
            period_ns,
            np.zeros(width, np.bool_),
            np.array(exception, np.bool_),
            np.array(ages, np.int64),
            np.array(held, np.int64),
        )
        self._open = blocks.nothing(self._plan)
        self._low, self._high = np.full(width, np.inf), np.full(width, -np.inf)
        self._is_between = np.zeros(width, np.bool_)
        self._closed = _Closed([], [], [])

    def add(self, group: ScanGroup, t_ns: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Take rows float64[L, n] of one scan group, NaN where a reading teaches nothing."""
        place = self._groups.index(group)
        start = sum(len(g.ids) for g in self._groups[:place])
        places = np.arange(start, start + len(group.ids))
        self._survey(places, values)
        source = Source(place, places, 0 if group.by_exception else group.period_ns)
        opened = blocks.add(self._open, self._plan, source, t_ns, values)
        _, _, last = blocks.close(opened, replace(self._plan, takes_last=~self._plan.takes_last))
        self._open, closed, mean = blocks.close(opened, self._plan)
        if len(closed):
            self._closed.t_ns.append(closed)
            self._closed.mean.append(mean)
            self._closed.last.append(last)

    def _survey(self, places: NDArray[np.intp], values: NDArray[np.float64]) -> None:
        """Remember the lowest and highest of each tag, and whether anything lay between them."""
        before = self._low[places], self._high[places]
        low = np.minimum(before[0], np.nanmin(values, axis=0, initial=np.inf))
        high = np.maximum(before[1], np.nanmax(values, axis=0, initial=-np.inf))
        inside = ((values > low) & (values < high)).any(axis=0)
        for end in before:  # what was an end lies between others now
            inside |= np.isfinite(end) & (end > low) & (end < high)
        self._is_between[places] |= inside
        self._low[places], self._high[places] = low, high

    def table(self) -> Table:
        """All blocks that are complete."""
        closed = self._closed
        if not closed.t_ns:
            return Table(self.ids, np.zeros(0, np.int64), np.zeros((0, len(self.ids))))
        mean, last = np.concatenate(closed.mean), np.concatenate(closed.last)
        values = np.where(self._is_between, mean, last)  # of few readings `mean` is the last, too
        return Table(self.ids, np.concatenate(closed.t_ns), values)


def table(config: Config, period_ns: int, say: Say) -> Table:
    """Rows of `period_ns` out of everything in the log; UsageError where nothing was admitted."""
    # the model that is configured may be the one that is to be learned
    site = build.site(config.model_copy(update={"detection": None}))
    engine, gathering = Engine(site), _Gathering(site.plant, period_ns)
    vault = build.core_vault(config, config.data_dir)
    log = SegmentLog(config.data_dir / "log", key_id=PLAIN if vault is None else vault.id)
    doubted = _disavowed(config, engine, vault)
    try:
        for number, record in log.records():
            event, now_ns = read_event(vaults.opened(vault, record, vaults.LOG))
            if isinstance(event, BatchReceived):
                _take(engine, event, now_ns, doubted, gathering)
            engine.feed(event, now_ns)
            engine.drain()
            if number % _SAID == _SAID - 1:
                say(f"{number + 1} events read ...")
    finally:
        log.close()
        if vault is not None:
            vault.close()
    found = gathering.table()
    if not len(found.t_ns):
        raise UsageError(
            f"nothing was admitted yet: the log in `{config.data_dir}` holds no live reading"
        )
    return found


def _disavowed(config: Config, engine: Engine, vault: Vault | None) -> list[Doubt]:
    """What persons said was bad, where it is in effect, with the tags that are meant."""
    path = config.data_dir / "state.db"
    if not path.exists():
        return []
    with closing(open_reader(path)) as state:
        rows, _ = state.load()
    said = {key: raw for key, raw in rows.items() if key.startswith("disavowal/")}
    opened = said if vault is None else opened_rows(vault, said)
    known = [read_disavowed(raw) for raw in opened.values()]
    return [
        (tags_from(engine.memory, d.kind, d.name), d) for d in known if d.stage is Stage.IN_EFFECT
    ]


def _take(
    engine: Engine,
    event: BatchReceived,
    now_ns: int,
    doubted: list[Doubt],
    gathering: _Gathering,
) -> None:
    """What gate 1 admits of a batch, and where nothing casts doubt on it, is gathered."""
    m = engine.memory
    now_ns = max(now_ns, m.now_ns)
    admission = gate.admit(event, m.site, m.links, m.frame, m.context(), now_ns)
    if not isinstance(admission, gate.Accepted) or not admission.admitted.in_live.any():
        return
    admitted = admission.admitted
    batch, rows = admitted.batch, np.flatnonzero(admitted.in_live)
    group = m.site.plant.groups[batch.group]
    sound = admitted.label.axes[Axis.PLAUSIBILITY][rows] >= TEACHES
    sound = sound & (batch.quality[rows] <= Quality.UNCERTAIN) & np.isfinite(batch.values[rows])
    for tags, said in doubted:
        if said.covers(now_ns):
            sound = sound & ~np.isin(group.ids, sorted(tags))
    values = np.where(sound, batch.values[rows], np.nan)
    gathering.add(group, batch.t_ns[rows], values)
