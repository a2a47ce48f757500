"""Changes: readings one by one, `t_ns, column, values, quality`, for sources that report by exception.

`t_ns` typed int64 [N], `column` typed uint16 [N] (the place of the tag in its group), `values` typed
float64 [N], `quality` null or typed uint8 [N]. They are pivoted to rows here: a new row begins where the time
differs from that of the reading before, or where the row has that column already; every other cell is
MISSING. So the order of the readings is kept, and what is judged looks like any other batch.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Quality
from twinvouch.core.errors import MalformedError
from twinvouch.wire.cbor import array_at
from twinvouch.wire.columns import Cells

MOST_COLUMNS: Final = 1 << 16
_NULL = 0xF6
_TIME, _PLACE, _DOUBLE, _QUALITY = (np.dtype(d) for d in ("<i8", "<u2", "<f8", "u1"))


class Changes(NamedTuple):
    """N readings in the order they were made: source time, place of the tag in its group, value, quality."""

    t_ns: NDArray[np.int64]
    column: NDArray[np.uint16]
    values: NDArray[np.float64]
    quality: NDArray[np.uint8]


def read_changes(content: bytes, at: int, width: int, max_cells: int) -> Cells:
    """Times [R], values [R, K], qualities [R, K] of the four items at `at`, the last of `content`."""
    t_ns, at = array_at(content, at)
    column, at = array_at(content, at)
    values, at = array_at(content, at)
    if at < len(content) and content[at] == _NULL:
        quality, at = np.zeros(len(t_ns), np.uint8), at + 1
    else:
        quality, at = array_at(content, at)
    found = (t_ns.dtype, column.dtype, values.dtype, quality.dtype)
    if at != len(content) or found != (_TIME, _PLACE, _DOUBLE, _QUALITY):
        raise MalformedError(f"byte {at}: expected int64, uint16, float64 and null or uint8 arrays")
    if not len(t_ns) == len(column) == len(values) == len(quality) > 0:
        raise MalformedError(f"byte {at}: expected four arrays of one length, at least 1")
    if int(column.max()) >= width or int(quality.max()) >= Quality.MISSING:
        raise MalformedError(f"byte {at}: expected columns below {width} and qualities below 3")
    return _pivot(Changes(t_ns, column, values, quality), width, max_cells)


def write_changes(changes: Changes) -> tuple[object, ...]:
    """The four items of these readings, ready for `cbor.encode`."""
    t_ns, column, values, quality = changes
    marks = quality.astype(_QUALITY) if quality.any() else None
    return t_ns.astype(_TIME), column.astype(_PLACE), values.astype(_DOUBLE), marks


def _pivot(changes: Changes, width: int, max_cells: int) -> Cells:
    t_ns, column, values, quality = changes
    row = _rows(t_ns, column)
    rows = int(row[-1]) + 1
    if rows * width > max_cells:
        raise MalformedError(f"changes: {rows} rows of {width} columns, limit is {max_cells} cells")
    times = np.empty(rows, np.int64)
    times[row] = t_ns
    table = np.full((rows, width), np.nan)
    marks = np.full((rows, width), Quality.MISSING, np.uint8)
    table[row, column] = values
    marks[row, column] = quality
    return times, table, marks


def _rows(t_ns: NDArray[np.int64], column: NDArray[np.uint16]) -> NDArray[np.intp]:
    """The row of each reading."""
    begins = np.zeros(len(t_ns), np.intp)
    begins[1:] = t_ns[1:] != t_ns[:-1]
    row: NDArray[np.intp] = begins.cumsum()
    if len(np.unique(row * MOST_COLUMNS + column)) == len(row):
        return row
    taken: set[int] = set()
    for n, (is_new, k) in enumerate(zip(begins.tolist(), column.tolist(), strict=True)):
        if is_new or k in taken:
            begins[n] = n > 0
            taken = set()
        taken.add(k)
    return begins.cumsum()
