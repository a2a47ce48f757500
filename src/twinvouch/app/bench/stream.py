"""Detection fed from a table as it would be from a plant: state carried on, a sentence for each alarm; and what it costs."""

from collections.abc import Callable, Iterator
from statistics import median
from time import process_time_ns
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.table import Table
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.score import Scorer
from twinvouch.readings.detect.state import CALM, Scored, begin

Side = Callable[[int, int], None]  # rows from, to
BATCH: Final = 256


class Stream:
    """A detector with its state, given rows of one table in order."""

    def __init__(self, learned: Learned, table: Table) -> None:
        self._scorer, self._state = Scorer(learned), begin(learned)
        self._table = table
        self.sentences, self.alarmed = 0, 0

    def feed(self, start: int, end: int, rows: int) -> None:
        """Score rows `start` to before `end`, so many at a time, and say a sentence for each alarm of each row."""
        table = self._table
        for at in range(start, end, rows):
            values = table.values[at : min(at + rows, end)]
            self._state, scored = self._scorer.score(
                self._state, table.t_ns[at : at + len(values)], values
            )
            told = list(sentences(table.ids, values, scored))
            self.sentences += len(told)
            self.alarmed += int(np.count_nonzero(scored.alarm.any(axis=1))) if told else 0


def sentences(ids: tuple[str, ...], values: NDArray[np.float64], scored: Scored) -> Iterator[str]:
    """Of each tag in alarm what it is, what was expected, and how surprising that is: all that scoring gives today."""
    for row, tag in zip(*(at.tolist() for at in np.nonzero(scored.alarm != CALM)), strict=True):
        value, error = float(values[row, tag]), float(scored.error[row, tag])
        yield (
            f"`{ids[tag]}` is {value:.6g}, expected {value - error:.6g} from the other tags:"
            f" chance 1e-{scored.fast[row, tag]:.1f}, {scored.slow[row, tag]:.2f} of its limit for drift"
        )


def rates(sides: tuple[Side, ...], rows: int, rounds: int) -> list[float]:
    """Rows a second of CPU of each side, rounds in turn."""
    taken: list[list[int]] = [[] for _ in sides]
    for n in range(rounds):
        for side, times in zip(sides, taken, strict=True):
            began = process_time_ns()
            side(n * rows, (n + 1) * rows)
            times.append(process_time_ns() - began)
    return [rows / median(times[1:]) * 1e9 for times in taken]
