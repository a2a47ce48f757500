"""Which registers to ask for, and what the answers mean: the pure half of polling a scan group.

Points that lie side by side on one device, unit and table are read in one request, up to what one Modbus answer
and the controller hold. What lies between points is read only where the device's `max_gap` allows it: a controller
may refuse addresses nobody configured. Then the `pieces` of the block are asked for one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isfinite
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Quality
from twinvouch.core.errors import MalformedError
from twinvouch.core.inventory import Point, ScanGroup, Table
from twinvouch.wire.words import from_words, is_exact, word_count

MAX_REGISTERS: Final = 125  # Modbus application protocol 1.1b3, 6.3
MAX_BITS: Final = 2000  # 6.1
UNREAD: Final = -1  # in place of a word that was not read; no word is negative
_BIT_TABLES = frozenset({Table.COIL, Table.DISCRETE})


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be asked of a device: registers a request, and items nobody wants between two points."""

    max_registers: int = MAX_REGISTERS
    max_gap: int = 0

    def most(self, table: Table) -> int:
        """Items of one request; where registers are few, bits are as many as fit into them."""
        return (
            min(MAX_BITS, 16 * self.max_registers) if table in _BIT_TABLES else self.max_registers
        )


@dataclass(frozen=True, slots=True)
class Block:
    """One read request: `count` registers or bits from `address`.

    `pieces` are its runs `(address, count)` of wanted items, where there are gaps between them; else none.
    """

    device: str
    unit: int
    table: Table
    address: int
    count: int
    pieces: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """Where column `column` lies: from item `at` of the answer to `block`."""

    column: int
    point: Point
    block: Block
    at: int


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """How one scan group is read: requests by device, and where each column is in the answers.

    Columns without a cell have no point; they are always missing.
    """

    columns: int
    blocks: Mapping[str, tuple[Block, ...]]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One scan: source time, and per column (in the group's order) value and quality."""

    t_ns: int
    values: NDArray[np.float64]  # [K]
    quality: NDArray[np.uint8]  # [K]


def plan(group: ScanGroup, reach: Mapping[str, Reach] | None = None) -> ScanPlan:
    """The fewest requests that read every point of `group`, in the order of devices and addresses.

    `reach` by device; a device without one may be asked for whole answers and no gaps.
    """
    known = reach or {}
    points = [(i, t.point) for i, t in enumerate(group.tags) if t.point is not None]
    points.sort(key=lambda p: (*_place(p[1]), p[1].address, word_count(p[1].encoding)))
    cells: list[Cell] = []
    for _, together in groupby(points, key=lambda p: _place(p[1])):
        points_here = list(together)
        cells += _cells(points_here, known.get(points_here[0][1].device, Reach()))
    blocks = list(dict.fromkeys(c.block for c in cells))
    by_device = {
        device: tuple(same) for device, same in groupby(blocks, key=lambda block: block.device)
    }
    return ScanPlan(len(group.tags), by_device, tuple(cells))


def decode(plan: ScanPlan, answers: Mapping[Block, Sequence[int]], t_ns: int) -> Row:
    """The row that `answers` mean: a block without an answer is MISSING, a value not finite BAD.

    A 64-bit integer beyond 2^53, which no double holds exactly, is UNCERTAIN.
    """
    values = np.full(plan.columns, np.nan)
    quality = np.full(plan.columns, Quality.MISSING, dtype=np.uint8)
    for cell in plan.cells:
        words = answers.get(cell.block)
        if words is None:
            continue
        end = cell.at + word_count(cell.point.encoding)
        mine = words[cell.at : end]
        try:
            value = from_words(mine, cell.point)
            sure = Quality.GOOD if is_exact(mine, cell.point) else Quality.UNCERTAIN
        except MalformedError:  # shorter than asked for, or no words: as if there were no answer
            continue
        values[cell.column] = value
        quality[cell.column] = sure if isfinite(value) else Quality.BAD
    return Row(t_ns, values, quality)


def _place(point: Point) -> tuple[str, int, Table]:
    return point.device, point.unit, point.table


def joined(block: Block, pieces: Mapping[int, Sequence[int]]) -> list[int]:
    """The answer to a block from the answers to its pieces, by address; UNREAD where there is none."""
    words = [UNREAD] * block.count
    for address, answer in pieces.items():
        at = address - block.address
        words[at : at + len(answer)] = answer
    return words[: block.count]


def _cells(points: list[tuple[int, Point]], reach: Reach) -> list[Cell]:
    """Cells of points of one table, sorted by address."""
    most = reach.most(points[0][1].table)
    runs: list[list[tuple[int, Point]]] = []
    start = end = -1
    for column, point in points:
        after = point.address + word_count(point.encoding)
        if not runs or point.address > end + reach.max_gap or after - start > most:
            runs.append([])
            start, end = point.address, after
        runs[-1].append((column, point))
        end = max(end, after)
    return [cell for run in runs for cell in _run_cells(run)]


def _run_cells(run: list[tuple[int, Point]]) -> list[Cell]:
    first = run[0][1]
    pieces = _pieces([point for _, point in run])
    count = sum(pieces[-1]) - first.address
    shown = pieces if len(pieces) > 1 else ()
    block = Block(first.device, first.unit, first.table, first.address, count, shown)
    return [Cell(column, point, block, point.address - first.address) for column, point in run]


def _pieces(points: list[Point]) -> tuple[tuple[int, int], ...]:
    """Runs `(address, count)` without gaps, of points sorted by address."""
    pieces: list[tuple[int, int]] = []
    for point in points:
        after = point.address + word_count(point.encoding)
        if pieces and point.address <= sum(pieces[-1]):
            start = pieces[-1][0]
            pieces[-1] = (start, max(after, sum(pieces[-1])) - start)
        else:
            pieces.append((point.address, after - point.address))
    return tuple(pieces)
