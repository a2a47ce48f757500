"""Wide CSV files: one time column, one column a tag, one row a moment.

The file is read once, row by row, whatever its size. What cannot be read as a time or a number
is reported with its line and column, never guessed; empty cells are missing values.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from twinvouch.app.csv_records import MAX_LINE, Record, records
from twinvouch.app.problems import InvalidConfigError, Place, Problem, named
from twinvouch.app.source_time import recognise
from twinvouch.core.errors import UsageError

DELIMITERS = (",", ";", "\t", "|")
MAX_COLUMNS = 10_000


@dataclass(frozen=True, slots=True)
class Table:
    """The head of a wide CSV: its column names without spaces around them, and where they stand."""

    path: Path
    delimiter: str
    names: tuple[str, ...]
    head: Record

    def place(self, record: Record, column: int) -> Place:
        """Where a cell stands."""
        return record.place(str(self.path), column)

    def problem(self, record: Record, column: int, text: str) -> Problem:
        """A problem of a cell."""
        return Problem(self.place(record, column), text)

    def rows(self) -> Iterator[Record]:
        """The rows below the head; a row may have more or fewer cells than the head."""
        with self.path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            rows = records(_lines(file), self.delimiter, str(self.path))
            next(rows)
            yield from rows


def open_table(path: Path, delimiter: str = "") -> Table:
    """The head of a CSV; `delimiter` "" takes what stands most often in the first line.

    Raises InvalidConfigError for a file that cannot be read, has no head, or has columns without
    a name, with a name that cannot be printed, or with the name of another one.
    """
    if not path.is_file():
        raise _refused(path, "no such file")
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            delimiter = delimiter or _delimiter(file)
            file.seek(0)
            head = next(records(_lines(file), delimiter, str(path)), None)
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror}") from None
    if head is None:
        raise _refused(path, "the file is empty, expected a head with column names")
    if len(head.cells) > MAX_COLUMNS:
        raise _refused(path, f"{len(head.cells)} columns, expected at most {MAX_COLUMNS}")
    names = tuple(c.strip() for c in head.cells)
    table = Table(path, delimiter, names, head)
    problems = [table.problem(head, n, text) for n, text in _bad_names(names)]
    if problems:
        raise InvalidConfigError(problems)
    return table


def recognised(table: Table, record: Record, column: int) -> str:
    """The format of the time in a cell; UsageError names the cell and what it could be."""
    try:
        return recognise(record.cells[column])
    except UsageError as error:
        raise UsageError(f"{table.place(record, column)}: {error}") from None


def number(text: str) -> float | None:
    """A cell without spaces around it as a number (nan and inf are such); None where it is text."""
    if not text.isascii() or "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def numbers(cells: Sequence[str]) -> list[float] | None:
    """All cells as numbers, as `number` reads them; None where one is empty or text."""
    together = "".join(cells)
    if not together.isascii() or "_" in together:
        return None
    try:
        return [float(cell) for cell in cells]
    except ValueError:
        return None


def _bad_names(names: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    seen: dict[str, int] = {}
    for n, name in enumerate(names):
        if not name:
            yield n, f"column {n + 1} has no name"
        elif not name.isprintable() or "\ufffd" in name:
            yield n, f"column {n + 1} has a name that cannot be printed; save the file as UTF-8"
        elif len(name) > 200:
            yield n, f"column {n + 1} has a name of {len(name)} characters, expected at most 200"
        elif seen.setdefault(name, n) != n:
            yield n, f"duplicate column {named(name)}, first is column {seen[name] + 1}"


def _delimiter(file: TextIO) -> str:
    line = file.readline(MAX_LINE)
    return max(DELIMITERS, key=line.count)


def _lines(file: TextIO) -> Iterator[str]:
    """Lines, none of which is read whole when it is too long."""
    while line := file.readline(MAX_LINE + 1):
        yield line


def _refused(path: Path, text: str) -> InvalidConfigError:
    return InvalidConfigError([Problem(Place(str(path), 1, 1), text)])
