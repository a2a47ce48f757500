"""Bytes for a reading in the history, of public data sets: through gate 1, event log and `compact`, as they are.

Everything in the chunks counts (times, values, qualities, labels, reasons, digests, names), for readings that are present.
Chunks are those of days, as in life. A data set that is not there is left out, and said so.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from twinvouch.app import wide_csv
from twinvouch.app.bench import history_plant, tep
from twinvouch.app.compaction import compact
from twinvouch.app.wide_csv import Form
from twinvouch.core.errors import CorruptError
from twinvouch.core.table import Table

Say = Callable[[str], None]
SECOND: Final = 10**9
HOUR: Final = 3_600 * SECOND


def run(data: Path | None, say: Say) -> dict[str, Any]:
    """`bytes_per_value_NAME` of each data set that is below `data`."""
    figures: dict[str, Any] = {}
    for name, (read, period_ns, rows) in SETS.items():
        folder = None if data is None else data / name
        if folder is None or not folder.is_dir():
            say(f"{name}: not there, left out (name its folder with --data)")
            continue
        with tempfile.TemporaryDirectory(prefix="twinvouch-bench-") as directory:
            table = read(folder)
            config = history_plant.configured(Path(directory), table, period_ns)
            history_plant.feed(config, table, rows)
            done = compact(config, say)
        present = int(np.count_nonzero(~np.isnan(table.values)))
        if done.readings != present:
            raise CorruptError(f"{name}: {done.readings} of {present} readings are in the history")
        say(f"{name}: {present} readings in {done.chunks} chunks")
        figures[f"bytes_per_value_{name}"] = round(done.size / done.readings, 3)
    return figures


def _batadal(folder: Path) -> Table:
    form = Form(time_format="%d/%m/%y %H", label_column="")
    return _behind_each_other(
        [wide_csv.read(folder / name, form).table for name in ("dataset03.csv", "dataset04.csv")],
        HOUR,
    )


def _skab(folder: Path) -> Table:
    paths = sorted(folder.glob("*/*.csv"))
    return _behind_each_other([wide_csv.read(path, Form()).table for path in paths], SECOND)


def _tep(folder: Path) -> Table:
    return _behind_each_other(
        [tep.read(path) for path in sorted(folder.glob("*.dat"))], 180 * SECOND
    )


def _behind_each_other(tables: list[Table], period_ns: int) -> Table:
    """One table; each begins a period after the end of the one before, where their times overlap."""
    times, end = [], -(1 << 62)
    for table in sorted(tables, key=lambda t: int(t.t_ns[0])):
        shift = max(0, end + period_ns - int(table.t_ns[0]))
        times.append(table.t_ns + shift)
        end = int(times[-1][-1])
    ordered = sorted(tables, key=lambda t: int(t.t_ns[0]))
    return Table(tables[0].ids, np.concatenate(times), np.concatenate([t.values for t in ordered]))


SETS: Final[dict[str, tuple[Callable[[Path], Table], int, int]]] = {
    "batadal": (_batadal, HOUR, 1),  # reader, period, rows a batch
    "skab": (_skab, SECOND, 10),
    "tep": (_tep, 180 * SECOND, 1),
}
