"""`bench detect`: learn from one file, score another, judge by what its label says. No option can tune anything."""

import csv
import time
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.app import wide_csv
from twinvouch.app.wide_csv import Form
from twinvouch.core.table import Table
from twinvouch.lab import plain_ridge
from twinvouch.lab.score import batadal, etapr, events, rows
from twinvouch.readings.detect.learn import learn
from twinvouch.readings.detect.score import Scorer
from twinvouch.readings.detect.state import DRIFT, Scored, begin

Say = Callable[[str], None]
Figures = dict[str, Any]
_CODE: Final = "readings/detect"


def digest_of_code() -> str:
    """SHA-256 over the source files of the detection package: all its settings are in them."""
    package = files("twinvouch").joinpath(_CODE)
    sources = sorted((f.name, f.read_bytes()) for f in package.iterdir() if f.name.endswith(".py"))
    whole = sha256()
    for name, raw in sources:
        whole.update(f"{name} {sha256(raw).hexdigest()}\n".encode())
    return whole.hexdigest()


def run(train: Path, test: Path, form: Form, predictions: Path | None, say: Say) -> Figures:
    """Figures of one training and one test file; everything that decides is fixed before the test file is opened."""
    trained = wide_csv.read(train, form)
    learned = learn(trained.table)
    baseline = plain_ridge.fit(trained.table)
    digest = digest_of_code()
    say(
        f"configuration and code {digest}; learned from {len(trained.table.t_ns)} rows of {train.name}"
    )
    tested = wide_csv.read(test, form)
    table = wide_csv.as_columns_of(trained.table, tested.table, test)
    began = time.perf_counter()
    _, scored = Scorer(learned).score(begin(learned), table.t_ns, table.values)
    took = time.perf_counter() - began
    alarm = np.asarray(scored.is_alarm.any(axis=1))
    if predictions is not None:
        _write(predictions, table, alarm, scored)
    figures: Figures = {"rows": len(table.t_ns), "tags": len(table.ids), "code": digest}
    if tested.attacked is not None:
        drift = (scored.alarm == DRIFT).any(axis=1)
        figures |= judged(alarm, tested.attacked, table.t_ns)
        normal = ~tested.attacked
        figures["drift_share_of_normal"] = (
            round(float(drift[normal].mean()), 5) if normal.any() else 0.0
        )
        plain = plain_ridge.alarms(baseline, table)
        of_plain = judged(plain, tested.attacked, table.t_ns)
        figures |= {f"baseline_{k}": v for k, v in of_plain.items() if k != "delays"}
        figures["odd_labels"] = tested.odd_labels
    figures["alarm_share"] = round(float(alarm.mean()), 5)
    figures["values_per_s"] = round(table.values.size / took)
    return figures


def judged(
    alarm: NDArray[np.bool_], attacked: NDArray[np.bool_], t_ns: NDArray[np.int64]
) -> Figures:
    """All measures of alarms bool[R] against labels bool[R]."""
    of_batadal, of_rows = batadal.score(alarm, attacked), rows.score(alarm, attacked)
    of_ranges, of_events = etapr.score(alarm, attacked), events.score(alarm, attacked, t_ns)
    found: Figures = {
        "S": of_batadal.s,
        "S_TTD": of_batadal.ttd,
        "S_CLF": of_batadal.clf,
        "precision": of_rows.precision,
        "recall": of_rows.recall,
        "f1": of_rows.f1,
        "far": of_rows.far,
        "etaf1": of_ranges.f1,
        "false_alarms_per_30d": of_events.false_alarms_per_30d,
    }
    delays = [round(d, 3) if np.isfinite(d) else None for d in of_events.delays_h]
    counted = {"events": of_events.events, "events_found": of_events.found, "delays": delays}
    return {k: round(v, 4) for k, v in found.items()} | counted


def _write(path: Path, table: Table, alarm: NDArray[np.bool_], scored: Scored) -> None:
    """`time, alarm` and one 0/1 column a tag: named by the alarm."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("time", "alarm", *table.ids))
        named = scored.is_alarm.astype(int).tolist()
        for t_ns, is_up, tags in zip(
            table.t_ns.tolist(), alarm.astype(int).tolist(), named, strict=True
        ):
            moment = datetime.fromtimestamp(t_ns / 1e9, UTC)
            writer.writerow((moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), is_up, *tags))
