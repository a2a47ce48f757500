"""`bench gate`: how many values a second detection scores on one core, with state carried on and a sentence for every alarm.

A plant of 50 tags (`sections.py`) is learned from 30 days of minutes; then rows of it come one at a time, and 256 at a time,
calm ones and those with a lie of 50 rows in each 1,000. Baselines get the same rows in turn: HalfSpaceTrees of river, scoring and learning each row,
and HBOS of PyOD, the fastest of its detectors that we found (ECOD: 1,000 values/s row by row), fitted once. CPU time of the
process counts, on one thread; the median of the rounds. Preparing rows as each library wants them (dicts between 0 and 1) is not counted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from twinvouch.app.bench import scale
from twinvouch.app.bench.detect import digest_of_code
from twinvouch.app.bench.sections import SEED, sections, with_lies
from twinvouch.app.bench.stream import BATCH, Side, Stream, rates
from twinvouch.core.errors import UsageError
from twinvouch.core.table import Table
from twinvouch.readings.detect.learn import learn

Say = Callable[[str], None]
NEEDED: Final = ("river", "pyod", "threadpoolctl")
_EVERY, _LIE = 1000, 50  # rows


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured: rows learned from, rounds, rows and batches of each; and the large plant."""

    tags: int = 50
    learned: int = 43_200  # 30 days of minutes
    rounds: int = 5
    rows: int = 1000
    batches: int = 16
    many_tags: int = 2000


def run(say: Say, *, with_scale: bool, sizes: Sizes | None = None) -> dict[str, Any]:
    """The figures; UsageError where a baseline is not installed."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the baselines {', '.join(missing)} are not installed: `./dev bench gate` installs"
            " them (requirements/bench.txt, 230 MB); elsewhere: pip install river pyod"
        )
    from threadpoolctl import threadpool_limits

    size = sizes or Sizes()
    say(f"configuration and code {digest_of_code()}")
    with threadpool_limits(1):
        figures = _speed(size, say)
        return figures | (_scale(size, say) if with_scale else {})


def _speed(size: Sizes, say: Say) -> dict[str, Any]:
    """Values a second, ours and theirs."""
    plant = sections(size.tags, SEED)
    training = plant.run(size.learned)
    say(f"learning from {len(training.t_ns)} rows of {size.tags} tags ...")
    learned = learn(training)
    of_rows, of_batches = size.rows, size.batches * BATCH
    rounds = size.rounds + 1  # the first warms up
    calm = plant.run(rounds * max(of_rows, of_batches), size.learned)
    test = with_lies(calm, _EVERY, _LIE, SEED)
    by_row = Stream(learned, test)
    one, one_calm = (partial(s.feed, rows=1) for s in (by_row, Stream(learned, calm)))
    many, many_calm = (partial(Stream(learned, t).feed, rows=BATCH) for t in (test, calm))
    trees, hbos = _half_space_trees(training, test), _hbos(training, test)
    say("scoring rows one at a time ...")
    row = rates((one, trees, partial(hbos, rows=1), one_calm), of_rows, rounds)
    say(f"scoring {BATCH} rows at a time ...")
    batch = rates((many, partial(hbos, rows=BATCH), many_calm), of_batches, rounds)
    row, batch = ([rate * size.tags for rate in rates] for rates in (row, batch))
    return {
        "tags": size.tags,
        "values_per_s_row": round(row[0]),
        "values_per_s_256": round(batch[0]),
        "values_per_s_row_calm": round(row[3]),
        "values_per_s_256_calm": round(batch[2]),
        "vs_river_hst": round(row[0] / row[1], 4),
        "vs_pyod": round(row[0] / row[2], 4),
        "vs_pyod_256": round(batch[0] / batch[1], 4),
        "pyod": "HBOS",
        "river_hst_values_per_s": round(row[1]),
        "pyod_values_per_s_row": round(row[2]),
        "pyod_values_per_s_256": round(batch[1]),
        "rows_alarmed": round(by_row.alarmed / (rounds * of_rows), 4),
        "sentences": by_row.sentences,
    }


def _half_space_trees(training: Table, test: Table) -> Side:
    """River's detector with its defaults: scores and learns every row."""
    from river.anomaly import HalfSpaceTrees

    trees: Any = HalfSpaceTrees(seed=1)
    low, high = training.values.min(axis=0), training.values.max(axis=0)
    between = np.clip((test.values - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    rows = [dict(zip(test.ids, row, strict=True)) for row in between.tolist()]

    def feed(start: int, end: int) -> None:
        for row in rows[start:end]:
            trees.score_one(row)
            trees.learn_one(row)

    return feed


def _hbos(training: Table, test: Table) -> Callable[..., None]:
    """PyOD's histograms, fitted on the training."""
    from pyod.models.hbos import HBOS

    fitted = HBOS().fit(training.values)

    def feed(start: int, end: int, rows: int) -> None:
        for at in range(start, end, rows):
            fitted.decision_function(test.values[at : min(at + rows, end)])

    return feed


def _scale(size: Sizes, say: Say) -> dict[str, Any]:
    """Cost of a value of a large plant against a small one, and what learning the large one takes."""
    say(f"learning from {size.learned} rows of {size.many_tags} tags, in a process of its own ...")
    found = scale.in_child(size.tags, size.many_tags, size.learned)
    if "died" in found:
        say(f"the process that learned ended with {found.pop('died')}")
    return found
