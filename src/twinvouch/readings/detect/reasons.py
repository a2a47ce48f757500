"""Which exact thing a tag broke, in words with numbers: the control logic, or digits that stood still or came again.

What is surprising without being a matter of degree (a switch elsewhere, a recording) is found by `control.py`, `switching.py`, `runs.py` and `repeats.py`;
here the row at which an alarm begins is looked at once more, to say which of them it was.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect import control, runs
from twinvouch.readings.detect.columns import filled, rounded
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.rolling import Hasher
from twinvouch.readings.detect.state import State
from twinvouch.readings.detect.switching import Point
from twinvouch.readings.wording import date

_DAY_NS: Final = 86_400_000_000_000
_MINUTE_NS: Final = 60_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Exact:
    """Of one row at `t_ns`: values of the row before and its own float64[2, K], without offsets and gaps, as rules see them.

    `run` int64[K] is for how many rows each value has stood, `ago` int64[K] how many rows before a stretch was heard that ends
    with it; 0: never.
    """

    t_ns: int
    rows: NDArray[np.float64]
    run: NDArray[np.int64]
    ago: NDArray[np.int64]


class Exactly:
    """The rows of a batch as `Exact`; `before` is the state before them."""

    def __init__(
        self,
        learned: Learned,
        before: State,
        t_ns: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> None:
        known = learned.columns
        read = rounded(values, known.step)
        start = np.where(np.isfinite(before.values), before.values, known.mean)
        full = filled(read, start)
        self._t_ns = t_ns
        self._full = rounded(np.vstack((start, full)) - before.offset * known.scale, known.step)
        self._run = runs.lengths(full, before.values, before.run)
        heard = before.heard
        made = Hasher(learned.windows.rows).of(np.vstack((heard.tail[1:], read)))
        self._hashes = np.vstack((heard.last(), made))
        self._memory = learned.windows.memory

    def at(self, row: int) -> Exact:
        """One of the rows."""
        end = len(self._hashes) - len(self._t_ns) + row
        past = self._hashes[max(end - self._memory, 0) : end]
        same = (past == self._hashes[end]) & (past != 0)
        # the newest row that is the same
        ago = np.where(same.any(axis=0), same[::-1].argmax(axis=0) + 1, 0)
        return Exact(int(self._t_ns[row]), self._full[row : row + 2], self._run[row], ago)


def reason(learned: Learned, units: tuple[str, ...], k: int, e: Exact) -> str:
    """What the tag at place `k` broke first; empty where nothing exact. `units` stand behind a space."""
    said = (_rules, _points, _clocks, _digits)
    return next((words for of in said for words in of(learned, units, k, e)), "")


def _rules(learned: Learned, units: tuple[str, ...], k: int, e: Exact) -> Iterator[str]:
    ids = learned.columns.ids
    for rule, found in control.broken(learned.rules, learned.columns, e.rows[1:]):
        if found[0] and k in {rule.switch, rule.tag}:
            side = "above" if rule.is_upper else "below"
            limit, unit = float(rule.limits(e.rows[1:])[0]), units[rule.tag]
            state, other = ("on", "off") if rule.is_on else ("off", "on")
            yield (
                f"breaks the control logic: `{ids[rule.tag]}` is {e.rows[1, rule.tag]:.6g}{unit}, {side} "
                f"{limit:.6g}{unit} where `{ids[rule.switch]}` has always been {state}, and `{ids[rule.switch]}` is {other}"
            )


def _points(learned: Learned, units: tuple[str, ...], k: int, e: Exact) -> Iterator[str]:
    known = learned.columns
    for point in learned.points:
        if k not in {point.switch, point.tag}:
            continue
        on = known.on(e.rows, np.array([point.switch]))[:, 0]
        if point.broken(on, e.rows)[0]:
            words = _switched(point, on, e.rows[1], float(known.step[point.tag]))
            yield "breaks the control logic: " + words.format(
                switch=f"`{known.ids[point.switch]}`",
                tag=f"`{known.ids[point.tag]}`",
                value=f"{e.rows[1, point.tag]:.6g}{units[point.tag]}",
                unit=units[point.tag],
            )


def _switched(point: Point, on: NDArray[np.bool_], row: NDArray[np.float64], step: float) -> str:
    """The sentence of a point that is broken, names left open."""
    if on[0] != on[1]:
        low, high = point.seen(int(on[1]), row, step)
        way = "on" if on[1] else "off"
        return f"{{switch}} switched {way} where {{tag}} is {{value}}, in training always between {low:.6g} and {high:.6g}{{unit}}"
    low, high = point.seen(int(not on[1]), row, step)
    state, way = ("on", "off") if on[1] else ("off", "on")
    return (
        f"{{switch}} is still {state} where {{tag}} is {{value}}, in training it always switched {way} between {low:.6g} and "
        f"{high:.6g}{{unit}}"
    )


def _clocks(learned: Learned, _units: tuple[str, ...], k: int, e: Exact) -> Iterator[str]:
    known = learned.columns
    for clock in learned.clocks:
        on = known.on(e.rows[1:], np.array([clock.switch]))[:, 0]
        if k == clock.switch and clock.broken(on, np.array([e.t_ns]))[0]:
            minutes = e.t_ns % _DAY_NS // _MINUTE_NS
            state, other = ("on", "off") if on[0] else ("off", "on")
            yield (
                f"breaks the control logic: it is {state} at {minutes // 60:02}:{minutes % 60:02} UTC, in training always "
                f"{other} at that time of the day"
            )


def _digits(learned: Learned, units: tuple[str, ...], k: int, e: Exact) -> Iterator[str]:
    if k not in learned.columns.continuous:
        return
    ago, run, most = int(e.ago[k]), int(e.run[k]), int(learned.runs[k])
    if ago:
        period_ns = learned.columns.period_ns
        yield (
            f"repeats to the last digit what it read {ago} rows before, {date(e.t_ns - ago * period_ns)} where none was missing: "
            f"{int(learned.windows.rows[k])} rows alike, which its training never showed"
        )
    at, known = np.array([k]), learned.columns
    widest = learned.spread[:, at].max(axis=0) * known.scale[at]
    ends, value = learned.ends[:, at], e.rows[1:, at]
    idle = runs.idle(widest, known.step[at], ends)
    if runs.frozen(value, e.run[None, at], learned.runs[at], idle)[0, 0]:
        yield (
            f"has stood still at {float(value[0, 0]):.6g}{units[k]} for {run} rows; by its training more than {most} are no chance"
        )
