"""The plant's own control logic, learned: at which values of one tag a pump or valve switches.

A rule says: beyond `limit` of `tag` the switch is in one state. It is learned where training shows a sharp edge:
of the rows with the switch in the other state the most extreme value of the tag is `limit`, many rows lie
beyond it, and the switch has such an edge on the tag's other side too. A switch outside its limits and a
switch that should have happened and did not both break a rule. Where a set-point tag shows the limit, the
rule moves with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.readings.detect.columns import Columns

_BEYOND: Final = 0.004  # of all rows must lie beyond a limit
_EDGE: Final = 0.0023  # of all rows, in the other state, must come near the limit
_LEAST: Final = 5  # rows
_SHARP: Final = 0.015  # of the tag's range
_MARGIN_STEPS: Final = 3.0
_MARGIN: Final = 0.005  # of the tag's range
_SETPOINT: Final = 0.05  # of the tag's range: how far a switch overshoots its set-point at most


@dataclass(frozen=True, slots=True)
class ControlRule:
    """Where `tag` is above (`is_upper`) or below its limit, `switch` is `is_on`; all are places of columns.

    The limit is `limit`, or what the tag at `setpoint` shows plus `limit`; -1: no tag shows it. `margin` is in the
    tag's unit.
    """

    switch: int
    tag: int
    is_upper: bool
    is_on: bool
    limit: float
    margin: float
    setpoint: int = -1

    def limits(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The limit at each row, float64[R]."""
        if self.setpoint < 0:
            return np.full(len(values), self.limit)
        shown: NDArray[np.float64] = values[:, self.setpoint] + self.limit
        return shown

    def broken(self, columns: Columns, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Rows where the tag is beyond its limit and the switch is in the other state, bool[R]."""
        limit, level = self.limits(values), values[:, self.tag]
        beyond = level > limit + self.margin if self.is_upper else level < limit - self.margin
        other = columns.on(values, np.array([self.switch]))[:, 0] != self.is_on
        found: NDArray[np.bool_] = beyond & other
        return found


def learn(columns: Columns, values: NDArray[np.float64]) -> tuple[ControlRule, ...]:
    """All rules that training values float64[R, K] (filled, rounded) show."""
    span = np.ptp(values, axis=0)
    found = []
    for switch in columns.switches.tolist():
        on = columns.on(values, np.array([switch]))[:, 0]
        for tag in columns.continuous.tolist():
            for fills in (True, False):  # a pump that fills is off when the level is high
                rules = [
                    _rule(
                        columns, values, on, (switch, tag, is_upper, is_upper != fills), span[tag]
                    )
                    for is_upper in (True, False)
                ]
                upper, lower = rules
                # a band, or it is what the switch does to the tag, not what the tag does to the switch
                if upper is not None and lower is not None and upper.limit > lower.limit:
                    found += [upper, lower]
    return tuple(_with_setpoint(columns, values, rule, span[rule.tag]) for rule in found)


def _rule(
    columns: Columns,
    values: NDArray[np.float64],
    on: NDArray[np.bool_],
    form: tuple[int, int, bool, bool],
    span: float,
) -> ControlRule | None:
    """The rule of one form, where its edge is sharp and enough rows lie beyond."""
    switch, tag, is_upper, is_on = form
    sign = 1.0 if is_upper else -1.0
    level = values[:, tag] * sign
    other, same = level[on != is_on], level[on == is_on]
    edge = max(int(_EDGE * len(level)), _LEAST)
    if len(other) < edge:
        return None
    limit = float(other.max())
    near = float(np.partition(other, len(other) - edge)[len(other) - edge])
    if (
        np.count_nonzero(same > limit) < max(_BEYOND * len(level), _LEAST)
        or limit - near > _SHARP * span
    ):
        return None
    margin = max(_MARGIN_STEPS * float(columns.step[tag]), _MARGIN * span)
    return ControlRule(switch, tag, is_upper, is_on, limit * sign, margin)


def _with_setpoint(
    columns: Columns, values: NDArray[np.float64], rule: ControlRule, span: float
) -> ControlRule:
    """The rule tied to the tag that shows its limit: a tag that stood still at nearly that value, of the same asset."""
    assets = [name.rpartition("/")[0] for name in columns.ids]
    near = {
        k: rule.limit - float(values[-1, k])
        for k in columns.constant.tolist()
        if assets[k]
        and assets[k] in {assets[rule.tag], assets[rule.switch]}
        and values[-1, k] not in {0.0, 1.0}  # a pump that never moved
        and abs(rule.limit - values[-1, k]) <= _SETPOINT * span
    }
    if not near:
        return rule
    shown = min(near, key=lambda k: abs(near[k]))
    return ControlRule(
        rule.switch, rule.tag, rule.is_upper, rule.is_on, near[shown], rule.margin, shown
    )


def broken(
    rules: tuple[ControlRule, ...], columns: Columns, values: NDArray[np.float64]
) -> Iterator[tuple[ControlRule, NDArray[np.bool_]]]:
    """Each rule that is broken at some row, with the rows."""
    for rule in rules:
        rows = rule.broken(columns, values)
        if rows.any():
            yield rule, rows
