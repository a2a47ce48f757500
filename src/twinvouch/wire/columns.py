"""Columns: the cells of a batch as typed arrays, `t_ns, [arrays], quality`.

`t_ns` is a typed int64 array of R times. The arrays hold the cells, one array per distinct dtype of
the K columns in order of first appearance, each row-major R x (columns of that dtype). `quality` is
null where every cell is GOOD, else typed uint8 of R x K, row-major. The value of a MISSING cell means
nothing on the wire and is NaN in memory. Doubles that lie aligned in the content are a view on it; else
they are copied once, which costs less than one comparison of unaligned ones.
"""

from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Quality
from twinvouch.core.errors import MalformedError
from twinvouch.wire.cbor import array_at, head_at

Cells: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.uint8]]
Columns: TypeAlias = "slice | NDArray[np.intp]"

_TIME = np.dtype("<i8")
_QUALITY = np.dtype("u1")
_DOUBLE = np.dtype("<f8")
_NULL = 0xF6


def read_columns(content: bytes, at: int, dtypes: tuple[str, ...], max_cells: int) -> Cells:
    """Times [R], values [R, K], qualities [R, K] of the three items at `at`, the last of `content`."""
    t_ns, at = array_at(content, at)
    rows, width = len(t_ns), len(dtypes)
    if t_ns.dtype != _TIME or not 0 < rows * width <= max_cells:
        raise MalformedError(f"byte {at}: expected 1..{max_cells} cells and int64 times")
    values, at = _values_at(content, at, rows, dtypes)
    if at < len(content) and content[at] == _NULL:
        quality, at = np.zeros((rows, width), _QUALITY), at + 1
    else:
        quality, at = _quality_at(content, at, (rows, width))
        values = _without_missing(values, quality)
    if at != len(content):
        raise MalformedError(f"byte {at}: expected the end, got {len(content) - at} more")
    return t_ns, values, quality


def write_columns(dtypes: tuple[str, ...], cells: Cells) -> tuple[object, ...]:
    """The three items of these cells, ready for `cbor.encode`."""
    t_ns, values, quality = cells
    quality = quality.astype(_QUALITY)  # a copy: `_to_wire` marks in it
    arrays = []
    for dtype, columns, _ in _layout(dtypes):
        cast, misfits = _to_wire(values[:, columns], quality[:, columns] == Quality.MISSING, dtype)
        arrays.append(cast.ravel())
        if misfits is not None:
            quality[:, columns] = np.where(misfits, np.uint8(Quality.BAD), quality[:, columns])
    return t_ns.astype(_TIME), arrays, quality.ravel() if quality.any() else None


@lru_cache(maxsize=256)
def _layout(dtypes: tuple[str, ...]) -> tuple[tuple[np.dtype[Any], Columns, int], ...]:
    """Per distinct dtype, in order of first appearance: its columns (a slice where they adjoin)."""
    layout = []
    for name in dict.fromkeys(dtypes):
        places = [k for k, dtype in enumerate(dtypes) if dtype == name]
        columns: Columns = np.array(places, dtype=np.intp)
        if places[-1] - places[0] == len(places) - 1:
            columns = slice(places[0], places[-1] + 1)
        layout.append((np.dtype(name).newbyteorder("<"), columns, len(places)))
    return tuple(layout)


def _values_at(
    content: bytes, at: int, rows: int, dtypes: tuple[str, ...]
) -> tuple[NDArray[np.float64], int]:
    layout = _layout(dtypes)
    major, count, at = head_at(content, at)
    if major != 4 or count != len(layout):
        raise MalformedError(f"byte {at}: expected an array of {len(layout)} typed arrays")
    if count == 1 and layout[0][0] == _DOUBLE:
        cells, at = _cells_at(content, at, _DOUBLE, (rows, len(dtypes)))
        return cells if cells.flags.aligned else cells.copy(), at
    values = np.empty((rows, len(dtypes)), np.float64)
    with np.errstate(invalid="ignore"):  # a signalling NaN is a reading like others
        for dtype, columns, width in layout:
            values[:, columns], at = _cells_at(content, at, dtype, (rows, width))
    return values, at


def _cells_at(
    content: bytes, at: int, dtype: np.dtype[Any], shape: tuple[int, int]
) -> tuple[NDArray[Any], int]:
    cells, end = array_at(content, at)
    if cells.dtype != dtype or len(cells) != shape[0] * shape[1]:
        raise MalformedError(f"byte {at}: expected {shape[0]} x {shape[1]} cells of {dtype}")
    return cells.reshape(shape), end


def _quality_at(content: bytes, at: int, shape: tuple[int, int]) -> tuple[NDArray[np.uint8], int]:
    quality, end = _cells_at(content, at, _QUALITY, shape)
    if quality.max() > Quality.MISSING:
        raise MalformedError(f"byte {at}: expected qualities 0..{Quality.MISSING}")
    return quality, end


def _without_missing(
    values: NDArray[np.float64], quality: NDArray[np.uint8]
) -> NDArray[np.float64]:
    missing = quality == Quality.MISSING
    return np.where(missing, np.nan, values) if missing.any() else values


def _to_wire(
    values: NDArray[np.float64], missing: NDArray[np.bool_], dtype: np.dtype[Any]
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """The cells as `dtype`, MISSING ones 0, and which of the others an integer dtype cannot hold."""
    values = np.where(missing, 0.0, values)
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # beyond float32 is infinity: gate 1 finds it
        if dtype.kind == "f":
            return values.astype(dtype), None
        whole = np.rint(values)
    limits = np.iinfo(dtype)
    held = np.clip(np.nan_to_num(whole, nan=0.0), limits.min, limits.max)
    return held.astype(dtype), held != whole
