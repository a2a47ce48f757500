"""Replay of a wide CSV, the pure part: rows -> blocks per scan group -> signed batches -> counts.

A block closes when its edge's `gather_s` of source time has passed or `max_rows` are full. The replay
clock follows the file: a batch arrives a moment after its last row was made. Cells that are no
number go in as BAD, empty cells as MISSING, and rows that cannot be sent are counted and named:
nothing is left out in silence.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from math import nan

import numpy as np
from numpy.typing import NDArray

from twinvouch.app.config_model import Config, EdgeSettings, ReplaySettings
from twinvouch.app.config_types import ns
from twinvouch.app.csv_records import Record
from twinvouch.app.csv_table import Table, number, numbers
from twinvouch.app.problems import InvalidConfigError, Problem, named, shown
from twinvouch.app.source_time import SourceClock
from twinvouch.app.yaml_file import suggestion
from twinvouch.core.batch import Identity, Origin, Quality
from twinvouch.core.errors import ConfigError
from twinvouch.core.inventory import Plant, ScanGroup
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.ports import Signer
from twinvouch.wire.batch import Header, write_batch
from twinvouch.wire.cose import seal

DELAY_NS = 50_000_000  # from the last row of a batch to its arrival, on the replay clock
MAX_TOLD = 20  # rows and cells that could not be read and are told one by one


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Rows of one scan group, ready to be signed: `t_ns` int64[R], `values` and `quality` [R, K]."""

    group: ScanGroup
    t_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    quality: NDArray[np.uint8]

    @property
    def arrival_ns(self) -> int:
        """When it arrives, on the replay clock."""
        return int(self.t_ns.max()) + DELAY_NS


@dataclass(slots=True)
class Counts:
    """What a file held: every row is sent or refused; every cell of a sent row is counted once."""

    rows: int = 0
    rows_refused: int = 0  # no readable time, or not as many cells as the head
    cells: int = 0  # of the rows that are sent: rows x tags
    missing: int = 0  # of these: empty
    bad: int = 0  # of these: text where a number belongs
    told: list[Problem] = field(default_factory=list)  # the first rows and cells that are not right

    def tell(self, problem: Problem) -> None:
        """Remember one of the first problems; the counts have them all."""
        if len(self.told) < MAX_TOLD:
            self.told.append(problem)


def settings_of(config: Config) -> ReplaySettings:
    """How this plant's CSV files are written; ConfigError where the configuration does not say."""
    if config.replay is None:
        text = "missing section `replay:` with time_column, time_format and time_zone"
        raise ConfigError(f"{config.path}: {text}; `twinvouch init --from-csv` writes one")
    return config.replay


def layout(table: Table, config: Config, plant: Plant) -> tuple[int, dict[str, list[int]]]:
    """Which column is the time, and per scan group the column of each of its tags.

    Raises InvalidConfigError where a tag has no column, or a column no tag and is not ignored.
    """
    settings = settings_of(config)
    at = {name: n for n, name in enumerate(table.names)}
    tag_columns = {tag: s.column or tag for tag, s in config.tags.items()}
    expected = {settings.time_column, *tag_columns.values()}
    problems = []
    for name in sorted(expected - set(at)):
        text = f"missing column {named(name)}{suggestion(name, at)}"
        problems.append(table.problem(table.head, 0, text))
    for name in table.names:
        if name not in expected and name not in settings.ignore:
            hint = suggestion(name, expected) or "; it is no tag and not in `replay.ignore`"
            problems.append(table.problem(table.head, at[name], f"column {named(name)}{hint}"))
    if problems:
        raise InvalidConfigError(problems)
    columns = {n: [at[tag_columns[t]] for t in g.ids] for n, g in plant.groups.items()}
    return at[settings.time_column], columns


def blocks(table: Table, config: Config, plant: Plant, counts: Counts) -> Iterator[Block]:
    """The file as blocks in the order in which they arrive; fills `counts` on the way."""
    settings = settings_of(config)
    time_column, columns = layout(table, config, plant)
    clock = SourceClock(settings.time_format, settings.time_zone)
    open_blocks = [
        _Gathering(g, columns[n], config.edges[g.edge], table) for n, g in plant.groups.items()
    ]
    for record in table.rows():
        counts.rows += 1
        t_ns = _time(table, record, time_column, clock, counts)
        if t_ns is None:
            counts.rows_refused += 1
            continue
        for gathering in open_blocks:
            if gathering.is_due(t_ns):
                yield gathering.close()
            gathering.add(t_ns, record, counts)
    for gathering in open_blocks:
        if gathering.t_ns:
            yield gathering.close()


def _time(
    table: Table, record: Record, column: int, clock: SourceClock, counts: Counts
) -> int | None:
    """The time of a row that can be sent, else None, said in `counts`."""
    if len(record.cells) != len(table.names):
        text = f"{len(record.cells)} cells, expected {len(table.names)} as in the head"
        counts.tell(table.problem(record, 0, text))
        return None
    try:
        return clock.ns(record.cells[column])
    except ValueError as error:
        counts.tell(table.problem(record, column, str(error)))
        return None


class _Gathering:
    """The open block of one scan group."""

    def __init__(
        self, group: ScanGroup, columns: Sequence[int], edge: EdgeSettings, table: Table
    ) -> None:
        self._group, self._columns, self._table = group, columns, table
        self._span_ns, self._max_rows = ns(edge.gather_s), edge.max_rows
        self.t_ns: list[int] = []
        self._good = [int(Quality.GOOD)] * len(columns)
        self._values: list[list[float]] = []
        self._quality: list[list[int]] = []

    def is_due(self, t_ns: int) -> bool:
        """True where a row of this time does not belong in the open block any more."""
        if not self.t_ns:
            return False
        return len(self.t_ns) >= self._max_rows or not (
            self.t_ns[-1] <= t_ns <= self.t_ns[0] + self._span_ns
        )

    def add(self, t_ns: int, record: Record, counts: Counts) -> None:
        """Add one row."""
        texts = [record.cells[column] for column in self._columns]
        values = numbers(texts)
        quality = self._good
        if values is None:
            values, quality = self._one_by_one(texts, record, counts)
        counts.cells += len(values)
        self.t_ns.append(t_ns)
        self._values.append(values)
        self._quality.append(quality)

    def _one_by_one(
        self, texts: Sequence[str], record: Record, counts: Counts
    ) -> tuple[list[float], list[int]]:
        """A row with empty cells or texts: what is no number is MISSING or BAD, and counted."""
        values, quality = [nan] * len(texts), [int(Quality.MISSING)] * len(texts)
        for k, text in enumerate(t.strip() for t in texts):
            value = number(text)
            if value is not None:
                values[k], quality[k] = value, Quality.GOOD
            elif not text:
                counts.missing += 1
            else:
                quality[k] = Quality.BAD
                counts.bad += 1
                name = named(self._table.names[self._columns[k]])
                words = f"{name} is {shown(text)}, no number"
                counts.tell(self._table.problem(record, self._columns[k], words))
        return values, quality

    def close(self) -> Block:
        """The block, and begin the next."""
        block = Block(
            self._group,
            np.array(self.t_ns, np.int64),
            np.array(self._values, np.float64),
            np.array(self._quality, np.uint8),
        )
        self.t_ns, self._values, self._quality = [], [], []
        return block


class Sealer:
    """One edge's signature, chain and sequence over blocks of origin `replay`."""

    def __init__(self, plant: Plant, edge: str, epoch: int, signer: Signer) -> None:
        self._plant, self._signer = plant, signer
        self._identity = Identity(edge, epoch, 0)
        self._prev = bytes(32)

    def seal(self, block: Block) -> bytes:
        """The next signed batch of this edge."""
        group = block.group
        header = Header(
            kind=Kind.BATCH,
            plant=self._plant.id,
            identity=self._identity,
            prev=self._prev,
            origin=Origin.REPLAY,
            group=group.name,
            columns=group.digest,
        )
        content = write_batch(header, group, block.t_ns, block.values, block.quality)
        self._prev = sha256(content).digest()
        self._identity = replace(self._identity, seq=self._identity.seq + 1)
        return seal(content, signer=self._signer, plant=self._plant.id, purpose=Purpose.READINGS)


@dataclass(frozen=True, slots=True)
class Fed:
    """What the core did with one batch: its status, and per rule how often and how many cells."""

    status: str  # admitted, refused, or the rule that found it repeated
    findings: Mapping[str, int] = field(default_factory=dict)
    cells: Mapping[str, int] = field(default_factory=dict)


Feed = Callable[[bytes, int], Fed]


@dataclass(slots=True)
class Report:
    """What became of a file; `admitted` and `refused` count cells, missing ones included."""

    counts: Counts = field(default_factory=Counts)
    batches: Counter[str] = field(default_factory=Counter)  # by status
    admitted: int = 0
    refused: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    cells_named: Counter[str] = field(default_factory=Counter)

    @property
    def whole(self) -> bool:
        """True where every row was sent and every cell came back as admitted or refused."""
        return not self.counts.rows_refused and self.admitted + self.refused == self.counts.cells


def replay(
    table: Table, config: Config, plant: Plant, sealers: Mapping[str, Sealer], feed: Feed
) -> Report:
    """Send a whole file through `feed(raw, now_ns)`, which returns what the core did with a batch."""
    report = Report()
    for block in blocks(table, config, plant, report.counts):
        fed = feed(sealers[block.group.edge].seal(block), block.arrival_ns)
        report.batches[fed.status] += 1
        if fed.status == "admitted":
            report.admitted += block.values.size
        else:
            report.refused += block.values.size
        report.findings.update(fed.findings)
        report.cells_named.update(fed.cells)
    return report
