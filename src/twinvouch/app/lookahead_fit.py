"""A look-ahead model fitted to what the plant did: `twinvouch lookahead fit`, and what a plant's own class has to have for it.

A class that can be fitted has `parameters(data)`, by name what the data file says and how far that may be off (one sigma), and
`varied(data, values)`, the data file with others. What comes out is a data file: it is reviewed, signed and run like the one
before, and nothing but that file knows that anything was fitted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from twinvouch.app.config_lookahead import LookaheadSettings
from twinvouch.app.model_class import class_of, make
from twinvouch.core.errors import UsageError
from twinvouch.core.ports import Lookahead
from twinvouch.core.table import Table
from twinvouch.twin.fitting import Fit, Parameter, Record, fit

_DAY_NS: Final = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class FittedData:
    """The data file with what was fitted, and how well it tells what the plant did."""

    data: bytes
    fit: Fit


def fitted_data(
    reference: str,
    of: tuple[bytes, Mapping[str, float]],
    records: Sequence[Record],
    stretch: int,
) -> FittedData:
    """Fit model `module:Class` of this data and these numbers, foreseeing so many steps at a time.

    Raises ConfigError where there is no such class, UsageError where it cannot be fitted or the records hold too little.
    """
    data, numbers = of
    found = class_of(reference)
    if not hasattr(found, "parameters") or not hasattr(found, "varied"):
        raise UsageError(
            f"model `{reference}` cannot be fitted: it has no `parameters` and `varied`"
        )
    make(reference, data, numbers)  # says what is wrong with the data, whatever the class
    given = [Parameter(n, value, spread) for n, (value, spread) in found.parameters(data).items()]

    def varied(values: Mapping[str, float]) -> Lookahead:
        return make(reference, found.varied(data, values), numbers).model

    told = fit(varied, given, records, stretch)
    return FittedData(found.varied(data, {p.name: p.value for p in told.parameters}), told)


def record_of(
    settings: LookaheadSettings, table: Table, flows: Mapping[str, str], step_s: float
) -> Record:
    """A history as what the model's columns were, at even steps; UsageError for what it does not hold.

    `flows`: tags by column of the model, in its unit; what they read is compared and nothing starts from it.
    """
    read = {q: (s.tag, s.factor, s.offset) for q, s in settings.tags.items()}
    read |= {name: (tag, 1.0, 0.0) for tag, name in settings.actuators.items()}
    read |= {column: (tag, 1.0, 0.0) for column, tag in flows.items()}
    if missing := sorted({tag for tag, _, _ in read.values()} - set(table.ids)):
        raise UsageError(
            f"no column of {', '.join(f'`{t}`' for t in missing)}: the model starts from it"
        )
    if len(table.t_ns) < 2:
        raise UsageError(f"{len(table.t_ns)} rows are no history")
    places = np.rint((table.t_ns - table.t_ns[0]) / (step_s * 1e9)).astype(np.int64)
    columns = {}
    for name, (tag, factor, offset) in read.items():
        even = np.full(int(places[-1]) + 1, np.nan)
        even[places] = factor * table.values[:, table.ids.index(tag)] + offset
        columns[name] = even
    clock_s = float(table.t_ns[0] % _DAY_NS) / 1e9
    return Record(step_s, clock_s, columns, tuple(flows))
