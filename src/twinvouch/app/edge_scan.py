"""Which registers to ask for, and what the answers mean: the pure half of polling a scan group.

Points that lie side by side on one device, unit and table are read in one request, up to what one
Modbus answer holds. Nothing between points is read: a controller may refuse addresses nobody configured.
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


@dataclass(frozen=True, slots=True)
class Block:
    """One read request: `count` registers or bits from `address`."""

    device: str
    unit: int
    table: Table
    address: int
    count: int


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


def plan(group: ScanGroup) -> ScanPlan:
    """The fewest requests that read every point of `group`, in the order of devices and addresses."""
    points = [(i, t.point) for i, t in enumerate(group.tags) if t.point is not None]
    points.sort(key=lambda p: (*_place(p[1]), p[1].address, word_count(p[1].encoding)))
    cells: list[Cell] = []
    for _, together in groupby(points, key=lambda p: _place(p[1])):
        cells += _cells(list(together))
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


def _cells(points: list[tuple[int, Point]]) -> list[Cell]:
    """Cells of points of one table, sorted by address."""
    most = MAX_BITS if points[0][1].table in {Table.COIL, Table.DISCRETE} else MAX_REGISTERS
    runs: list[list[tuple[int, Point]]] = []
    start = end = -1
    for column, point in points:
        after = point.address + word_count(point.encoding)
        if not runs or point.address > end or after - start > most:
            runs.append([])
            start, end = point.address, after
        runs[-1].append((column, point))
        end = max(end, after)
    return [cell for run in runs for cell in _run_cells(run)]


def _run_cells(run: list[tuple[int, Point]]) -> list[Cell]:
    first = run[0][1]
    end = max(p.address + word_count(p.encoding) for _, p in run)
    block = Block(first.device, first.unit, first.table, first.address, end - first.address)
    return [Cell(column, point, block, point.address - first.address) for column, point in run]
