"""The history of one tag: chunks, and the tail of the event log that is in none yet, as one sequence.

Chunks are opened when their time comes and closed when it is over, so memory holds a page and those chunks that overlap in
time. What retention takes away meanwhile is looked up again; what was shredded is told.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from twinvouch.adapters import log_reader
from twinvouch.adapters.chunk_files import ChunkFile
from twinvouch.adapters.chunk_index import IndexReader, Listed, Reach, open_index
from twinvouch.adapters.key_store import ErasedError
from twinvouch.app import inventory
from twinvouch.app.admitted import Source, Taken, opened_source, read_group
from twinvouch.app.chunk_rows import Gathered, only
from twinvouch.app.compaction import DIRECTORY
from twinvouch.app.config_model import Config
from twinvouch.app.recalled import Cursor, Readings, joined, nothing, of_column
from twinvouch.core.batch import Quality
from twinvouch.core.errors import GoneError
from twinvouch.core.inventory import ScanGroup
from twinvouch.wire.chunk import Clock

EARLIEST: Final = -(1 << 63)
LATEST: Final = (1 << 63) - 1
MOST: Final = 100_000  # readings of one page
_TRIES: Final = 3
Span = tuple[int, int]
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """Readings, where to go on (None: there are no more), and which streams and days among them were shredded."""

    readings: Readings
    next: Cursor | None
    erased: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Recall:
    """Looks the history of tags up in the stores of one core, which may be running; from any thread."""

    config: Config
    data: Path
    groups: Mapping[bytes, ScanGroup]  # of the configuration, by the digest of their columns

    def page(self, tag: str, span: Span, after: Cursor | None = None, limit: int = 1_000) -> Page:
        """The first `limit` readings made in span[0]..span[1] that are behind `after`."""
        limit = max(1, min(limit, MOST))
        span = (span[0] if after is None else max(span[0], after.t_ns), span[1])

        def look(found: "_Look") -> Page:
            kept: list[Readings] = []
            for part in found.merged(span):
                kept.append(part.behind(after))
                if sum(map(len, kept)) > limit:
                    break
            whole = joined(kept)
            next_ = whole.cursor(limit - 1) if len(whole) > limit else None
            return Page(whole.first(limit), next_, found.shredded)

        return self._looked(tag, span, look)

    def last(self, tag: str, count: int, until_ns: int = LATEST) -> Page:
        """The last `count` readings made at `until_ns` or before; of one: the reading as of that time."""
        count, span = max(1, min(count, MOST)), (EARLIEST, until_ns)

        def look(found: "_Look") -> Page:
            best = found.tail.last(count)
            for listed in sorted(found.chunks, key=lambda c: c.last_ns, reverse=True):
                if len(best) == count and listed.last_ns < int(best.clock.t_ns[0]):
                    break
                best = joined([best, found.load(listed).within(span).last(count)]).last(count)
            return Page(best, None, found.shredded)

        return self._looked(tag, span, look)

    def _looked(self, tag: str, span: Span, look: "Callable[[_Look], Found]") -> Found:
        tried = 0
        while True:
            try:
                with ExitStack() as stack:
                    index = open_index(self.data / DIRECTORY)
                    if index is not None:
                        stack.enter_context(closing(index))
                    source = opened_source(self.config, self.groups, self.data)
                    return look(_Look(index, stack.enter_context(source), tag, span))
            except GoneError:
                tried += 1
                if tried == _TRIES:
                    raise


class _Look:
    """One look at the history of a tag: which chunks there are, and the tail behind them."""

    def __init__(self, index: IndexReader | None, source: Source, tag: str, span: Span) -> None:
        self._source, self._tag = source, tag
        self._erased: set[tuple[str, int]] = set()
        self.chunks: list[Listed] = []
        reaches: dict[str, Reach] = {}
        if index is not None:
            with index.moment():
                self.chunks = index.of_tag(tag, *span)
                reaches = index.reaches()
                source.groups = index.groups(tag) | source.groups
        names = {g.name for g in source.groups.values() if tag in g.ids}
        parts = [_tail(source, reaches.get(name), name, tag) for name in sorted(names)]
        self.tail = joined(parts).within(span)

    @property
    def shredded(self) -> tuple[tuple[str, int], ...]:
        """Streams and days that were met and cannot be read any more."""
        return tuple(sorted(self._erased))

    def load(self, listed: Listed) -> Readings:
        """The tag's readings in one chunk; none where its key was shredded."""
        path = self._source.data / DIRECTORY / listed.file
        try:
            with ChunkFile(path, listed.digest, self._source.vault) as file:
                if self._tag not in file.footer.about.ids:
                    return nothing()
                return of_column(file.clock(), file.column(self._tag), *file.reasons())
        except ErasedError:
            self._erased.add((listed.edge, listed.day))
            return nothing()

    def merged(self, span: Span) -> Iterator[Readings]:
        """Everything in the span, piece by piece, in order."""
        waiting = deque(self.chunks)
        live = [self.tail]
        while waiting or any(map(len, live)):
            bound = waiting[0].first_ns if waiting else None
            parts = [part.split(bound) for part in live]
            live = [rest for _, rest in parts if len(rest)]
            yield joined([done for done, _ in parts]).within(span)
            if waiting:
                live.append(self.load(waiting.popleft()))


def recall_of(config: Config) -> Recall:
    """The history of the core of this configuration."""
    groups = {g.digest: g for g in inventory.plant(config).groups.values()}
    return Recall(config, config.data_dir, groups)


def _tail(source: Source, reach: Reach | None, group: str, tag: str) -> Readings:
    """What the log has of a tag behind the chunks of its group."""
    start = reach or Reach(log_reader.first_of(source.log), 0)
    plain: list[Taken] = []  # of which nothing was said: nearly all, so they take the short way
    told: dict[bytes, Gathered] = {}
    for found in read_group(source, start, source.state.load()[1], group):
        if tag not in found.group.ids:
            continue
        taken = only(found, tag) if found.findings else found
        if not taken.findings:
            plain.append(found)
            continue
        gathered = told.setdefault(found.group.digest, Gathered(taken.group, 0, 0, 0))
        gathered.add(taken)
    parts = [of_batches(plain, tag)]
    for each in told.values():
        for ids, rows in each.pieces():
            if ids:
                parts.append(of_column(rows.clock, rows.columns[0], rows.reasons, rows.remarks))
    return joined(parts)


def of_batches(batches: Sequence[Taken], tag: str) -> Readings:
    """The readings of one tag in batches of which nothing was said."""
    cells = [_cells(taken, taken.group.ids.index(tag)) for taken in batches]
    if not cells:
        return nothing()
    t_ns, values, quality, axes, age_ns = (
        np.concatenate(parts, axis=-1) for parts in zip(*cells, strict=True)
    )
    sizes = [len(taken.batch.t_ns) for taken in batches]
    received = np.repeat([taken.now_ns for taken in batches], sizes)
    entry = np.repeat([taken.entry for taken in batches], sizes)
    row = np.concatenate([np.arange(n) for n in sizes])
    whole = Readings(Clock(t_ns, received, entry, row), values, quality, axes, received + age_ns)
    there = whole.take(np.flatnonzero(quality != Quality.MISSING))
    c = there.clock
    return there.take(np.lexsort((c.row, c.entry, c.t_ns)))


def _cells(taken: Taken, k: int) -> tuple[NDArray[Any], ...]:
    batch = taken.batch
    cells = (batch.values[:, k], batch.quality[:, k], taken.axes[:, :, k], taken.age_ns[:, k])
    return batch.t_ns, *cells
