"""CSV text -> records that know the line and column of every cell (RFC 4180, any one delimiter).

Quotes are read only where a cell begins with one; a quoted cell may hold delimiters, doubled
quotes and line ends. Lines end with LF, CR LF or CR.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from twinvouch.app.problems import InvalidConfigError, Place, Problem

MAX_LINE = 1_000_000  # characters
MAX_QUOTED_LINES = 1_000  # lines in one quoted cell


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its first line (from 1), its cells, and where they begin if quotes moved them."""

    line: int
    cells: tuple[str, ...]
    starts: tuple[tuple[int, int], ...] = ()  # (line, column) of each cell; empty: no quotes

    def place(self, file: str, cell: int) -> Place:
        """Where a cell begins; past the last cell, where the record ends."""
        if self.starts:
            return Place(file, *self.starts[min(cell, len(self.starts) - 1)])
        return Place(file, self.line, 1 + sum(len(c) + 1 for c in self.cells[:cell]))


def records(lines: Iterable[str], delimiter: str, file: str) -> Iterator[Record]:
    """The records of `lines` (with their line ends); blank lines are left out.

    Raises InvalidConfigError for a line that is too long and for a quote that never closes.
    """
    numbered = enumerate(lines, start=1)
    for number, line in numbered:
        if len(line) > MAX_LINE:
            raise _problem(file, number, 1, f"line is longer than {MAX_LINE} characters")
        bare = line.rstrip("\r\n")
        if not bare.strip():
            continue
        if '"' not in bare:
            yield Record(number, tuple(bare.split(delimiter)))
        else:
            yield _quoted(number, line, numbered, delimiter, file)


def _quoted(
    number: int, line: str, numbered: Iterator[tuple[int, str]], delimiter: str, file: str
) -> Record:
    """A record with at least one quote in it; takes further lines while a quoted cell is open."""
    cells: list[str] = []
    starts: list[tuple[int, int]] = []
    first, here, at = number, number, 0
    while True:
        starts.append((here, at + 1))
        if at < len(line) and line[at] == '"':
            text, line, here, at = _open_cell(line, here, at + 1, numbered, file)
        else:
            end = line.find(delimiter, at)
            end = len(line.rstrip("\r\n")) if end < 0 else end
            text, at = line[at:end], end
        cells.append(text)
        if at >= len(line.rstrip("\r\n")):
            return Record(first, tuple(cells), tuple(starts))
        if line[at] != delimiter:
            raise _problem(file, here, at + 1, f"after a closing quote, expected {delimiter!r}")
        at += 1


def _open_cell(
    line: str, here: int, at: int, numbered: Iterator[tuple[int, str]], file: str
) -> tuple[str, str, int, int]:
    """The text of a quoted cell from after its quote; and the line, its number, where it goes on."""
    parts: list[str] = []
    opened = (here, at)
    while True:
        end = line.find('"', at)
        if end < 0:
            parts.append(line[at:])
            here, line = next(numbered, (here, ""))
            at = 0
            if not line or here - opened[0] > MAX_QUOTED_LINES or len(line) > MAX_LINE:
                raise _problem(file, *opened, "quote that does not close")
            continue
        parts.append(line[at:end])
        at = end + 1
        if line[at : at + 1] != '"':
            return "".join(parts), line, here, at
        parts.append('"')
        at += 1


def _problem(file: str, line: int, column: int, text: str) -> InvalidConfigError:
    return InvalidConfigError([Problem(Place(file, line, column), text)])
