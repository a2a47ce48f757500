"""Readings as a Parquet file (extra `lake`: pyarrow): one row group a page, so that memory holds one page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

_TEXT: Final = pa.dictionary(pa.int32(), pa.string())
SCHEMA: Final = pa.schema(
    [
        ("tag", _TEXT),
        ("time", pa.timestamp("ns", tz="UTC")),
        ("value", pa.float64()),
        ("quality", _TEXT),
        *((axis, pa.uint8()) for axis in ("identity", "integrity", "plausibility", "calibration")),
        ("fresh_until", pa.timestamp("ns", tz="UTC")),
        ("received", pa.timestamp("ns", tz="UTC")),
        ("entry", pa.int64()),
        ("row", pa.int64()),
        ("reasons", pa.string()),
    ]
)
_NAMES: Final = {"time": "t_ns", "fresh_until": "fresh_until_ns", "received": "received_ns"}


class ParquetFile:
    """Writes columns of readings to `path`; readable once closed."""

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, SCHEMA, compression="zstd")

    def add(self, tag: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """One page of a tag, as the export route has it."""
        given = {**columns, "tag": [tag] * len(columns["t_ns"])}
        arrays = [_array(f, given[_NAMES.get(f.name, f.name)]) for f in SCHEMA]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA))

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()


def _array(field: pa.Field, cells: Sequence[Any]) -> pa.Array:
    if pa.types.is_dictionary(field.type):
        return pa.array(cells, pa.string()).dictionary_encode()
    return pa.array(cells, field.type)
