"""A labelled wide CSV as a table of numbers and a column of labels that no detector ever sees.

Cells that are empty or no numbers are missing values; times must not fall. Label values other than 0 and 1 (some
files say -999 for "not looked at") count as normal and are told.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.app.csv_table import Table as Csv
from twinvouch.app.csv_table import number, numbers, open_table, recognised
from twinvouch.app.problems import named
from twinvouch.app.source_time import SourceClock
from twinvouch.core.errors import UsageError
from twinvouch.core.table import Table

LABELS: Final = ("att_flag", "attack", "label", "anomaly", "changepoint", "fault")
MAX_CELLS: Final = 200_000_000


@dataclass(frozen=True, slots=True)
class Form:
    """How the files are written; empty: the first column, ISO 8601 times, whatever stands between cells, known labels."""

    time_column: str = ""
    time_format: str = ""
    time_zone: str = "UTC"
    label_column: str = ""
    delimiter: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A table without its label columns, and the labels bool[R] of `label_column` (None: the file has none)."""

    table: Table
    attacked: NDArray[np.bool_] | None
    odd_labels: int


def read(path: Path, form: Form) -> Labelled:
    """Read a file; UsageError or InvalidConfigError say what cannot be read and where."""
    csv = open_table(path, form.delimiter)
    time_name = form.time_column or csv.names[0]
    labels = _labels(csv, form)
    for name in (time_name, *(n for n in (form.label_column,) if n)):
        if name not in csv.names:
            raise UsageError(f"`{path}`: column {named(name)} is not there")
    kept = [n for n, name in enumerate(csv.names) if name != time_name and name not in labels]
    if not kept:
        raise UsageError(f"`{path}`: no column is left beside the time and labels")
    at, label = csv.names.index(time_name), _label_place(csv, form, labels)
    times, rows, marks = _rows(csv, form, (at, label, kept))
    t_ns, values = np.array(times, np.int64), np.array(rows, np.float64).reshape(-1, len(kept))
    fell = np.flatnonzero(np.diff(t_ns) < 0)
    if fell.size:
        raise UsageError(
            f"`{path}`: the time of row {int(fell[0]) + 2} is earlier than the one before"
        )
    found = np.array(marks, np.float64)
    table = Table(tuple(csv.names[n] for n in kept), t_ns, values)
    odd = int(np.count_nonzero(~np.isin(found, (0.0, 1.0))))
    return Labelled(table, None if label < 0 else found == 1.0, odd)


def as_columns_of(trained: Table, test: Table, path: Path) -> Table:
    """The test's columns in the order of the training's; UsageError where one is missing. Further columns are left out."""
    missing = [name for name in trained.ids if name not in test.ids]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise UsageError(
            f"`{path}`: expected the columns of the training file, {', '.join(map(named, missing[:5]))}{more} not there"
        )
    order = [test.ids.index(name) for name in trained.ids]
    return Table(trained.ids, test.t_ns, test.values[:, order])


def _labels(csv: Csv, form: Form) -> set[str]:
    known = {name for name in csv.names if name.lower() in LABELS}
    return known | ({form.label_column} if form.label_column else set())


def _label_place(csv: Csv, form: Form, labels: set[str]) -> int:
    if form.label_column:
        return csv.names.index(form.label_column)
    known = [n for n, name in enumerate(csv.names) if name in labels]
    return known[0] if known else -1


def _rows(
    csv: Csv, form: Form, places: tuple[int, int, list[int]]
) -> tuple[list[int], list[list[float]], list[float]]:
    at, label, kept = places
    clock: SourceClock | None = None
    times: list[int] = []
    rows: list[list[float]] = []
    marks: list[float] = []
    for record in csv.rows():
        if len(record.cells) != len(csv.names):
            place = csv.place(record, 0)
            raise UsageError(f"{place}: {len(record.cells)} cells, expected {len(csv.names)}")
        if clock is None:
            clock = SourceClock(form.time_format or recognised(csv, record, at), form.time_zone)
        try:
            times.append(clock.ns(record.cells[at]))
        except ValueError as error:
            raise UsageError(f"{csv.place(record, at)}: {error}") from None
        cells = [record.cells[n].strip() for n in kept]
        rows.append(numbers(cells) or [_number(cell) for cell in cells])
        marks.append(_number(record.cells[label].strip()) if label >= 0 else 0.0)
        if len(rows) * len(kept) > MAX_CELLS:
            raise UsageError(f"`{csv.path}`: more than {MAX_CELLS} cells; give a part")
    return times, rows, marks


def _number(text: str) -> float:
    value = number(text) if text else None
    return float("nan") if value is None else value
