"""The table that a model is learned from: a CSV, or what this core has admitted, in the plant's own tags."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.app import history, wide_csv
from twinvouch.app.config_model import Config
from twinvouch.app.wide_csv import Form
from twinvouch.core.errors import UsageError
from twinvouch.core.table import Table
from twinvouch.readings.detect import blocks, columns

Say = Callable[[str], None]
HISTORY: Final = "history"
_LONGER: Final = 1.5  # than the file's own interval, before rows are averaged


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a CSV is written where `replay:` does not say it, and the period of a row (None: as it comes)."""

    time_format: str = ""
    label_column: str = ""
    period_s: float | None = None


def table(
    source: str, config: Config, wanted: Wanted, say: Say
) -> tuple[Table, NDArray[np.float64]]:
    """Rows at the period of detection, and the step of each tag: declared, or what the values suggest."""
    period_ns = int(wanted.period_s * 1e9) if wanted.period_s else _slowest_ns(config)
    if source == HISTORY:
        if not period_ns:
            raise UsageError("`--period-s` is needed: no scan group has a period")
        read = history.table(config, period_ns, say)
    else:
        read = _csv(Path(source), config, wanted)
        own_ns = int(np.median(np.diff(read.t_ns))) if len(read.t_ns) > 1 else 0
        period_ns = period_ns or own_ns
        if period_ns > _LONGER * own_ns:
            say(f"averaging rows of {own_ns / 1e9:g} s over {period_ns / 1e9:g} s")
            read = blocks.averaged(read, period_ns)
    step = columns.assumed_step(read.values)
    for k, tag in enumerate(read.ids):
        # a file may hold more digits than live readings have: only what is declared as `step` is finer
        step[k] = config.tags[tag].step or max(config.tags[tag].resolution, step[k])
    return read, step


def _slowest_ns(config: Config) -> int:
    return int(max((g.period_s or 0.0 for g in config.groups.values()), default=0.0) * 1e9)


def _csv(path: Path, config: Config, wanted: Wanted) -> Table:
    """The tags that the file has, by column name or tag; the others are not learned."""
    written = config.replay
    form = Form(label_column=wanted.label_column, time_format=wanted.time_format)
    if written is not None:
        form = Form(
            written.time_column,
            wanted.time_format or written.time_format,
            written.time_zone,
            wanted.label_column,
            written.delimiter,
        )
    read = wide_csv.read(path, form).table
    tags = {settings.column or tag: tag for tag, settings in config.tags.items()}
    known = [k for k, name in enumerate(read.ids) if name in tags]
    if not known:
        raise UsageError(f"`{path}`: none of its columns is a tag of plant `{config.plant.id}`")
    ids = tuple(tags[read.ids[k]] for k in known)
    return Table(ids, read.t_ns, read.values[:, known])
