"""`twinvouch compact`: the event log's readings as chunks of the history, beside the core or without it.

A pass reads the log from where the chunks of each scan group end. A chunk holds one group and one day of receipt: it is
closed when that day is over, when it is full, or when a pass ends and it is worth its file. Files are durable before one
transaction enters them with the place that they reach, so a pass that was killed is done again, to the same names.
"""

import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from twinvouch.adapters import deeds, log_reader
from twinvouch.adapters.chunk_files import leftovers, write_file
from twinvouch.adapters.chunk_index import ChunkIndex, Listed, Reach, name_of
from twinvouch.adapters.key_store import ErasedError
from twinvouch.adapters.vault import Vault
from twinvouch.app import inventory
from twinvouch.app.admitted import Passed, Source, Taken, opened_source, read_admitted
from twinvouch.app.chunk_rows import Gathered
from twinvouch.app.config_model import Config
from twinvouch.core.errors import UnavailableError, UsageError
from twinvouch.wire import chunk
from twinvouch.wire.chunk import About
from twinvouch.wire.encrypted import DAY_NS

DIRECTORY: Final = "history"
MOST_OPEN: Final = 1 << 21  # readings gathered at once, of all scan groups
WORTH: Final = 1 << 18  # readings that are worth a file before their day is over,
WORTH_ROWS: Final = 2_048  # and rows: what is in no file yet is looked up in the log
Say = Callable[[str], None]


@dataclass(slots=True)
class Done:
    """What a pass did; `strange` are scan groups with rows of columns that no configuration is known to have had."""

    chunks: int = 0
    readings: int = 0
    size: int = 0
    record: int = 0  # the log is in chunks up to here
    strange: tuple[str, ...] = ()


@dataclass(slots=True)
class _Pass:
    config: Config
    directory: Path
    index: ChunkIndex
    vault: Vault | None
    reaches: dict[str, Reach]
    worth_rows: int = WORTH_ROWS
    gathered: dict[str, Gathered] = field(default_factory=dict)
    done: Done = field(default_factory=Done)

    def wants(self, group: str, record: int) -> bool:
        reach = self.reaches.get(group)
        return reach is None or record >= reach.record

    def take(self, taken: Taken) -> None:
        name, day = taken.group.name, taken.now_ns // DAY_NS
        at = Reach(taken.record, taken.entry)
        open_ = self.gathered.get(name)
        if open_ is not None and (
            open_.day != day or open_.is_full or open_.group.digest != taken.group.digest
        ):
            self.close(name, at)
            open_ = None
        if open_ is None:
            open_ = self.gathered[name] = Gathered(taken.group, day, at.record, at.leaf)
        open_.add(taken)
        if sum(g.present for g in self.gathered.values()) > MOST_OPEN:
            most = max(self.gathered, key=lambda g: self.gathered[g].present)
            self.close(most, Reach(taken.record + 1, taken.entry))

    def close(self, name: str, reach: Reach) -> None:
        """Write what was gathered of a group; the next of it begins at `reach`."""
        open_ = self.gathered.pop(name)
        try:
            listed = self._written(name, open_)
        except ErasedError:
            listed = []  # shredded since it was read
        self.done.chunks += len(listed)
        self.done.readings += sum(c.present for c in listed)
        self.done.size += sum(c.size for c in listed)
        for each in listed:
            told = deeds.Deed("written", name, each.day, each.present, each.digest)
            deeds.note(self.config.data_dir, told, time.time_ns())
        self.reaches[name] = reach
        self.index.enter(listed, {name: reach})

    def _written(self, name: str, open_: Gathered) -> list[Listed]:
        """The files of what was gathered of a group, durable."""
        listed = []
        for piece, (ids, rows) in enumerate(open_.pieces()):
            about = About(self.config.plant.id, name, open_.group.edge, open_.day, ids)
            salt = os.urandom(chunk.SALT)
            raw, digest = chunk.write_chunk(about, rows, salt, self.sealing(about))
            file = f"{name}/{name_of(open_.group.digest, open_.day, open_.record, piece)}"
            self._expect_room(len(raw))
            write_file(self.directory / file, raw)
            present = sum(len(c.rows) for c in rows.columns)
            t_ns, entry = rows.clock.t_ns, rows.clock.entry
            listed.append(
                Listed(
                    file, name, about.edge, open_.group.digest, open_.day,
                    int(t_ns[0]), int(t_ns[-1]), int(entry.min()), int(entry.max()),
                    len(t_ns), present, len(raw), digest,
                )
            )  # fmt: skip
        return listed

    def sealing(self, about: About) -> chunk.Seal:
        """Under the key of the edge and day, as the log has it."""
        vault = self.vault
        if vault is None:
            return bytes
        return lambda plain: vault.seal(about.edge, about.day * DAY_NS, plain, chunk.PLACE)

    def finish(self, passed: Passed) -> None:
        """At the end of the log: close what is over or worth it; all other groups have nothing before here."""
        end, today = Reach(passed.record, passed.leaf), passed.now_ns // DAY_NS
        for name, open_ in sorted(self.gathered.items()):
            if open_.day < today or open_.present >= WORTH or open_.rows >= self.worth_rows:
                self.close(name, end)
        idle = {g for g in self.reaches if g not in self.gathered}
        idle |= {g for g in self.config.groups if g not in self.gathered}
        now = dict.fromkeys(idle, end)
        now |= {name: Reach(g.record, g.leaf) for name, g in self.gathered.items()}
        self.reaches |= now
        self.index.enter([], now)

    def _expect_room(self, size: int) -> None:
        """What is kept free for decisions and statements is not for the history."""
        found = os.statvfs(self.directory)
        kept = found.f_blocks * found.f_frsize * self.config.disk.reserve_percent / 100
        if found.f_bavail * found.f_frsize - size < kept:
            raise UnavailableError(
                f"`{self.directory}`: the disk is full up to its reserve: the history waits in the log"
            )


def compact(config: Config, say: Say, worth_rows: int = WORTH_ROWS) -> Done:
    """One pass; UnavailableError where another one runs, or where there is no room. Fewer rows wait for their day."""
    data = config.data_dir
    if not (data / "state.db").exists():
        raise UsageError(f"`{data}` has no state: nothing to write into a history yet")
    directory = data / DIRECTORY
    with closing(ChunkIndex(directory)) as index:
        index.know(inventory.plant(config).groups.values())
        for path in list(leftovers(directory, {c.file for c in index.all()})):
            path.unlink()
        with opened_source(config, index.groups()) as source:
            reaches = index.reaches()
            work = _Pass(config, directory, index, source.vault, reaches, worth_rows)
            return _passed(source, work, say)


def _passed(source: Source, work: _Pass, say: Say) -> Done:
    first, end = log_reader.first_of(source.log), source.state.load()[1]
    known = [work.reaches.get(group, Reach(first, 0)) for group in work.config.groups]
    start = min(known, key=lambda reach: reach.record, default=Reach(first, 0))
    if start.record < first:
        say(f"records {start.record} to {first - 1} of the log are gone and in no chunk")
        start = Reach(first, start.leaf)
    for found in read_admitted(source, start, end, work.wants):
        if isinstance(found, Taken):
            work.take(found)
        elif found.record >= end:
            work.done.strange = tuple(sorted(source.strange))
            work.finish(found)
        else:
            say(f"{found.record} of {end} records read ...")
    reached = [work.reaches.get(g, start).record for g in work.config.groups]
    work.done.record = min(reached, default=end)
    return work.done
