"""A twin.yaml made from a CSV of readings: what the data shows becomes range, rate and resolution.

A starting point for a person to correct: ranges are what was seen with a margin, units are unknown.
Whatever cannot become a tag (text, an empty column) is refused with its place, or ignored by name.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, inf, isfinite, log10
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from twinvouch.app.csv_records import Record
from twinvouch.app.csv_table import Table, number, open_table, recognised
from twinvouch.app.problems import InvalidConfigError, Problem, named, shown
from twinvouch.app.source_time import SourceClock, zone
from twinvouch.app.yaml_file import suggestion
from twinvouch.core.errors import UsageError

MARGIN = 0.25  # of the span seen, added to both ends
RATE_FACTOR = 2.0  # times the fastest change seen
MAX_RATE = 1e300
MAX_CELLS = 50_000_000
MAX_TOLD = 10  # problems of one column
_UNIT = re.compile(r"(?P<name>.*[^\s\[(])\s*[\[(](?P<unit>[^\[\]()]{1,40})[\])]")


@dataclass(frozen=True, slots=True)
class CsvChoices:
    """What a person says of a file: `time_format` and `time_column` "" are worked out."""

    time_zone: str
    time_format: str = ""
    time_column: str = ""
    ignore: Sequence[str] = ()


@dataclass(slots=True)
class Column:
    """One column as it is read: its numbers, and the most decimals seen."""

    name: str
    index: int
    values: list[float] = field(default_factory=list)
    decimals: int = 0
    empty: int = 0
    told: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A file that was read: its times in ns, int64[R], and its columns of numbers (nan: empty)."""

    table: Table
    time_column: str
    time_format: str
    t_ns: NDArray[np.int64]
    columns: list[Column]

    @property
    def period_s(self) -> float:
        """The usual distance of rows in seconds."""
        steps = np.diff(self.t_ns)
        steps = steps[steps > 0]
        return float(np.median(steps)) / 1e9 if len(steps) else 1.0


def look(path: Path, choices: CsvChoices) -> Seen:
    """Read the whole file; raises InvalidConfigError with every column that cannot become a tag."""
    zone(choices.time_zone)
    table = open_table(path)
    time_column = _time_column(table, choices)
    ignored = {*choices.ignore, time_column}
    columns = [Column(n, i) for i, n in enumerate(table.names) if n not in ignored]
    if not columns:
        raise UsageError(f"{path}: no column is left to become a tag")
    return _read(table, time_column, columns, choices)


def _time_column(table: Table, choices: CsvChoices) -> str:
    for name in (choices.time_column, *choices.ignore):
        if name and name not in table.names:
            raise UsageError(f"column {named(name)} is not there{suggestion(name, table.names)}")
    return choices.time_column or next(n for n in table.names if n not in choices.ignore)


def _read(table: Table, time_column: str, columns: list[Column], choices: CsvChoices) -> Seen:
    at = table.names.index(time_column)
    clock: SourceClock | None = None
    time_format = choices.time_format
    times: list[int] = []
    problems: list[Problem] = []
    for record in table.rows():
        if len(record.cells) != len(table.names):
            text = f"{len(record.cells)} cells, expected {len(table.names)} as in the head"
            problems.append(table.problem(record, 0, text))
            continue
        if clock is None:
            time_format = time_format or recognised(table, record, at)
            clock = SourceClock(time_format, choices.time_zone)
        try:
            times.append(clock.ns(record.cells[at]))
        except ValueError as error:
            problems.append(table.problem(record, at, str(error)))
            continue
        for column in columns:
            _take(table, record, column, problems)
        if len(times) * len(columns) > MAX_CELLS or len(problems) > 1_000:
            break
    problems += _empty_columns(table, columns, len(times))
    if len(times) * len(columns) > MAX_CELLS:
        problems.append(table.problem(table.head, 0, f"more than {MAX_CELLS} cells; give a part"))
    if problems:
        raise InvalidConfigError(problems)
    return Seen(table, time_column, time_format, np.array(times, np.int64), columns)


def _take(table: Table, record: Record, column: Column, problems: list[Problem]) -> None:
    text = record.cells[column.index].strip()
    value = number(text) if text else float("nan")
    column.empty += not text
    if value is None or (text and not isfinite(value)):
        column.told += 1
        if column.told <= MAX_TOLD:
            what = f"{named(column.name)}, expected a number, got {shown(text)}"
            words = f"{what}; or leave the column out with --ignore"
            problems.append(table.problem(record, column.index, words))
        value = float("nan")
    column.values.append(value)
    if "." in text and "e" not in text and "E" not in text:
        column.decimals = max(column.decimals, len(text.rpartition(".")[2]))


def _empty_columns(table: Table, columns: list[Column], rows: int) -> list[Problem]:
    if not rows:
        return [table.problem(table.head, 0, "no rows below the head")]
    return [
        table.problem(table.head, c.index, f"column {named(c.name)} is empty; --ignore it")
        for c in columns
        if c.empty == rows
    ]


def tag_ids(names: Sequence[str], plant: str) -> dict[str, str]:
    """Column names as tag ids: `pump1/flow` and `pump1.flow` have an asset, others get the plant's."""
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        asset, _, tag = bare_name(name).replace(".", "/", 1).partition("/")
        base = f"{_clean(asset)}/{_clean(tag)}" if tag.strip() else f"{plant}/{_clean(asset)}"
        tag_id, again = base, 2
        while tag_id in taken:
            tag_id, again = f"{base}_{again}", again + 1
        taken.add(tag_id)
        ids[name] = tag_id
    return ids


def bare_name(name: str) -> str:
    """A column name without the unit in brackets at its end."""
    found = _UNIT.fullmatch(name)
    return found["name"] if found else name


def unit_of(name: str) -> str:
    """The unit in brackets at the end of a column name; empty where there is none."""
    found = _UNIT.fullmatch(name)
    return found["unit"].strip() if found else ""


def clean_id(text: str) -> str:
    """A text as an id: other characters become `_`; empty becomes `plant`."""
    return _clean(text) if re.search(r"[A-Za-z0-9]", text) else "plant"


def _clean(text: str) -> str:
    cleaned = re.sub(r"[^A-Za-z0-9-]+", "_", text).strip("_-")[:56]
    return cleaned or "x"


def settings(column: Column, t_ns: NDArray[np.int64]) -> dict[str, object]:
    """What the data says of a tag: range, rate in units per second, resolution.

    A column that never changed says nothing of any of them.
    """
    values = np.array(column.values)
    is_there = np.isfinite(values)
    values, t_ns = values[is_there], t_ns[is_there]
    different = set(np.unique(values).tolist())
    if len(different) == 1:
        return {}
    if different == {0.0, 1.0}:
        return {"range": [0, 1], "resolution": 1}
    low, high = _range(float(values.min()), float(values.max()))
    found: dict[str, object] = {"range": [low, high]} if isfinite(high - low) else {}
    steps_s = np.diff(t_ns) / 1e9
    with np.errstate(over="ignore"):
        change = np.abs(np.diff(values))[steps_s > 0] / steps_s[steps_s > 0]
    if change.size and 0 < change.max() < MAX_RATE:
        found["rate"] = _outward(RATE_FACTOR * float(change.max()), float(change.max()), ceil)
    found["resolution"] = float(f"1e-{column.decimals}") if column.decimals else 1
    return found


def _range(low: float, high: float) -> tuple[float, float]:
    """What was seen and a margin; what was never negative stays so."""
    margin = MARGIN * (high - low) or max(1.0, MARGIN * abs(high))
    if not isfinite(margin) or margin > MAX_RATE:
        return -inf, inf
    bottom = 0 if 0 <= low <= margin else _outward(low - margin, margin, floor)
    return bottom, _outward(high + margin, margin, ceil)


def _outward(value: float, scale: float, away: Callable[[float], int]) -> float:
    """`value` rounded away to three significant digits of `scale`, or left where that is no help."""
    step = 10.0 ** (floor(log10(scale)) - 2)
    rounded = away(value / step) * step if step > 0 and abs(value / step) < 1e15 else value
    rounded = float(f"{rounded:.12g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 1e15 else rounded
