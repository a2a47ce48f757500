"""`bench skab`: valve faults of the Skoltech pump testbed, each run judged by what its own first 400 rows are like.

What counts are the rows from the 401st on, one by one, of all runs together: precision, recall and the share of normal rows
that alarm, against the column `anomaly`. No row is adjusted or widened, and nothing is scored before the 401st row.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from twinvouch.app import wide_csv
from twinvouch.app.bench.detect import digest_of_code
from twinvouch.app.bench.faults import KINDS, Judge
from twinvouch.app.wide_csv import Form
from twinvouch.core.errors import UsageError
from twinvouch.core.table import Table
from twinvouch.lab.score import rows

Say = Callable[[str], None]
GROUPS: Final = ("valve1", "valve2")
LEARNED: Final = 400
_FORM: Final = Form(label_column="anomaly")


def run(directory: Path, say: Say) -> dict[str, Any]:
    """F1 and FAR over the rows of all runs, by run too, and the plain ridge beside it."""
    paths = [path for group in GROUPS for path in sorted((directory / group).glob("*.csv"))]
    if not paths:
        raise UsageError(f"`{directory}`: no CSV files in {' or '.join(GROUPS)}")
    say(f"configuration and code {digest_of_code()}; {len(paths)} runs")
    labels, alarms, runs = [], [], []
    for path in paths:
        run_of = wide_csv.read(path, _FORM)
        if run_of.attacked is None or len(run_of.attacked) <= LEARNED:
            raise UsageError(f"`{path}`: expected more than {LEARNED} rows")
        judge = Judge(_part(run_of.table, 0, LEARNED))
        alarm = judge.alarms(_part(run_of.table, LEARNED, len(run_of.attacked)))
        attacked = run_of.attacked[LEARNED:]
        one = rows.score(alarm[""], attacked)
        name = f"{path.parent.name}/{path.stem}"
        runs.append({"run": name, "f1": round(one.f1, 4), "far": round(one.far, 4)})
        say(f"{name}: F1 {one.f1:.3f}, FAR {one.far:.3f}")
        labels.append(attacked)
        alarms.append(alarm)
    figures: dict[str, Any] = {}
    together = np.concatenate(labels)
    for k in KINDS:
        found = rows.score(np.concatenate([alarm[k] for alarm in alarms]), together)
        named = (("f1", found.f1), ("far", found.far), ("precision", found.precision))
        figures |= {f"{k}{key}": round(v, 4) for key, v in (*named, ("recall", found.recall))}
    figures |= {"always_f1": round(rows.score(np.ones_like(together), together).f1, 4)}
    return figures | {"rows": len(together), "runs": runs, "code": digest_of_code()}


def _part(table: Table, first: int, end: int) -> Table:
    return Table(table.ids, table.t_ns[first:end], table.values[first:end])
