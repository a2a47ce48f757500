"""What a rewind costs: the built-in plant's own log, fed once, rewound with nothing left out, and without its level.

The baseline is the same log fed to one engine in the same run, nothing stored and nothing compared: what a start pays
for events that the state has not seen. The log is that of the simulated plant (`demo --simulated`: edge, controller,
actuator and model at work, no attack) over so many minutes, from a seed. CPU time, medians of rounds that alternate.
"""

import logging
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, Final

from twinvouch.adapters import log_reader
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.sqlite_state import SqliteState, open_reader
from twinvouch.app.admitted import Source
from twinvouch.app.disowned import Chosen, Disowned
from twinvouch.app.past import Past
from twinvouch.app.rewind import NEVER, Run
from twinvouch.app.rewind_lineage import Lineage
from twinvouch.app.rewind_start import Start
from twinvouch.app.simulated import Simulation
from twinvouch.core.ports import Group
from twinvouch.engine import Engine
from twinvouch.lab import play, virtual_time
from twinvouch.lab.net3 import LEVEL, PLANT
from twinvouch.lab.virtual_time import VirtualLoop
from twinvouch.wire.eventlog import read_event

SEED: Final = 7
ROUNDS: Final = 3
HOUR_S: Final = 3600.0
_SYNCED: Final = 512  # records of a group
_FROM_NOTHING: Final = Start({}, 0, 0)


def run(minutes: float, say: Callable[[str], None]) -> dict[str, float | int | bool]:
    """CPU seconds an hour of the plant, and how much dearer than feeding its log once."""
    logging.getLogger("twinvouch").addHandler(logging.NullHandler())
    with tempfile.TemporaryDirectory(prefix="twinvouch-bench-") as name:
        say(f"running the plant for {minutes:g} simulated minutes ...")
        directory = Path(name)
        (directory / "plant").mkdir()
        stage = virtual_time.run(lambda loop: _played(loop, directory / "plant", minutes * 60))
        _store(stage, directory / "data")
        with closing(open_reader(directory / "data" / "state.db")) as state:
            of = _Bench(stage, Source(directory / "data", state, None, {}), directory)
            return of.figures(minutes * 60, say)


async def _played(loop: VirtualLoop, directory: Path, seconds: float) -> Simulation:
    stage = Simulation(loop, directory, SEED)
    await stage.start()
    await play.commands(stage)
    await stage.sleep(seconds)
    await stage.finish()
    return stage


def _store(stage: Simulation, data: Path) -> None:
    """What the simulated core kept in memory, as a core has it on disk."""
    log, kept = SegmentLog(data / "log"), stage.core.state
    with closing(log):
        for number, record in stage.core.log.records():
            log.append(record)
            if number % _SYNCED == 0:
                log.sync()
        log.sync()
    rows, end = kept.load()
    with closing(SqliteState(data / "state.db")) as state:
        leaves = list(enumerate(kept.leaves(0, kept.leaf_count())))
        state.commit(Group(dict(rows), [], leaves, end))


class _Bench:
    """One log on disk, and the ways to go through it."""

    def __init__(self, stage: Simulation, source: Source, directory: Path) -> None:
        self._stage, self._source, self._directory = stage, source, directory
        self._end, self._number = source.state.load()[1], 0

    def figures(self, seconds: float, say: Callable[[str], None]) -> dict[str, float | int | bool]:
        """Each way in turn, several times."""
        now_ns = self._stage.core.engine.memory.now_ns
        lie = Chosen((Disowned(LEVEL, now_ns - round(seconds * 1e9), now_ns),), ())
        ways: dict[str, Callable[[], Any]] = {
            "once": self._once,
            "same": lambda: self._rewound(Chosen((), ())),
            "without": lambda: self._rewound(lie),
        }
        spent: dict[str, list[float]] = {name: [] for name in ways}
        last: dict[str, Any] = {}
        for n in range(ROUNDS):
            say(f"round {n + 1} of {ROUNDS} ...")
            for name, way in ways.items():
                began = process_time()
                last[name] = way()
                spent[name].append(process_time() - began)
        took = {name: median(each) for name, each in spent.items()}
        differ = len(last["without"].lineages.differing.otherwise())
        return {
            "records": self._end,
            "once_records_per_cpu_s": self._end / took["once"],
            "rewind_records_per_cpu_s": self._end / took["without"],
            "rewind_vs_once": took["without"] / took["once"],
            "rewind_hour_cpu_s": took["without"] * HOUR_S / seconds,
            "same_is_same": not last["same"].lineages.differing.otherwise(),
            "decisions_different": differ,
        }

    def _once(self) -> None:
        engine = Engine(self._stage.core.engine.memory.site)
        for _, record in log_reader.read_records(self._source.log, 0, self._end):
            event, now_ns = read_event(record)
            engine.feed(event, now_ns)

    def _rewound(self, chosen: Chosen) -> Run:
        self._number += 1
        out = self._directory / str(self._number)
        out.mkdir()
        site = self._stage.core.engine.memory.site
        with closing(Lineage(out, PLANT, self._stage.signer("log"), None)) as lineage:
            run = Run(Past(site), self._source, (_FROM_NOTHING, chosen), lineage)
            run.feed_all(NEVER)
        return run
