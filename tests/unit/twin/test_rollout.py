from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.unit.engine.ahead import TANK
from twinvouch.core.errors import MalformedError
from twinvouch.core.lookahead import CLOCK, DEMAND, Branch, Interval, Question, Trace, members
from twinvouch.twin.rollout import certified, run

EXACT = Interval(1.0, 1.0, 1.0)


def question(low: float = 5.0, high: float = 5.0, **but: Any) -> Question:
    state = (("level", Interval(low, (low + high) / 2, high)), ("run", EXACT), ("speed", EXACT))
    asked = Question(
        *("net", TANK.digest, state, (("level", 1.0, 9.0),), "speed", 0.6, 0.0, 1.0),
        *(6 * 3600.0, 3600.0, 600.0, 0.06, 0.0),
    )
    return replace(asked, **but)


def test_members_are_the_centre_and_all_ends_together_with_less_and_more_demand() -> None:
    told = [(m["level"], m[DEMAND], m[CLOCK]) for m in members(question(4.0, 6.0))]
    assert told == [
        (5.0, 1.0, 0.0),
        (4.0, 0.94, 0.0),
        (4.0, 1.06, 0.0),
        (6.0, 0.94, 0.0),
        (6.0, 1.06, 0.0),
    ]


def test_each_adds_every_uncertain_quantity_alone() -> None:
    state = (("a", Interval(0.0, 1.0, 2.0)), ("b", EXACT), ("c", Interval(3.0, 4.0, 5.0)))
    added = members(question(state=state, is_each=True))[5:]
    assert [(m["a"], m["b"], m["c"]) for m in added] == [
        (0.0, 1.0, 4.0),
        (2.0, 1.0, 4.0),
        (1.0, 1.0, 3.0),
        (1.0, 1.0, 5.0),
    ]


def test_where_an_interval_reaches_over_a_limit_what_is_just_inside_is_tried_too() -> None:
    state = (("a", Interval(0.0, 4.0, 9.5)), ("b", Interval(2.0, 3.0, 5.0)), ("c", EXACT))
    limits = (("a", 1.0, 9.0), ("b", 1.0, 4.0), ("derived", 0.0, 1.0))
    asked = question(state=state, limits=limits)
    told = [(m["a"], m["b"], m[DEMAND]) for m in members(asked)[5:]]
    low, high = told
    assert low == pytest.approx((1.0008, 2.0, 1.06))
    assert high == pytest.approx((8.9992, 3.9997, 0.94))
    assert len(members(replace(asked, limits=(("a", 0.0, 10.0), ("b", 1.0, 6.0))))) == 5
    beyond = (("a", Interval(9.2, 9.5, 9.8)), *state[1:])
    assert [m["a"] for m in members(replace(asked, state=beyond))[5:]] == [9.8]


@pytest.mark.parametrize("is_command", [True, False])
def test_honest_runs_are_certified(*, is_command: bool) -> None:
    asked = question(4.0, 6.0)
    traces = run(TANK.model, asked, is_command=is_command)
    branches, residual = certified(TANK.model, asked, traces, is_command=is_command)
    assert len(branches) == 10
    assert residual < 1e-9


def test_the_command_stands_for_tau_and_then_the_law_does() -> None:
    trace = run(TANK.model, question(4.0, 4.0), is_command=True)[0]
    speeds = trace.rows[:, TANK.model.columns.index("speed")]
    assert speeds[:6].tolist() == [0.6] * 6
    assert speeds[6:].tolist() == [1.0] * 31


def _changed(column: str, row: int, value: float) -> Callable[[list[Trace]], list[Trace]]:
    def change(traces: list[Trace]) -> list[Trace]:
        rows = traces[2].rows.copy()
        rows[row, TANK.model.columns.index(column)] = value
        return [*traces[:2], replace(traces[2], rows=rows), *traces[3:]]

    return change


LIES = {
    "no runs": lambda _: [],
    "one run less": lambda traces: traces[1:],
    "runs of other members": lambda traces: traces[::-1],
    "shorter": lambda traces: [replace(t, rows=t.rows[:-1]) for t in traces],
    "fewer columns": lambda traces: [replace(t, rows=t.rows[:, 1:]) for t in traces],
    "other samples": lambda traces: [replace(t, sampled=(0,)) for t in traces],
    "NaN": _changed("level", 9, float("nan")),
    "infinite": _changed("level", 9, float("inf")),
    "another start": _changed("level", 0, 2.0),
    "another command": _changed("speed", 2, 0.1),
    "another law": _changed("speed", 20, 0.1),
    "another actuator": _changed("run", 2, 0.0),
}


@pytest.mark.parametrize("lie", LIES)
def test_runs_that_are_not_those_that_were_asked_for_are_refused(lie: str) -> None:
    asked = question(4.0, 6.0)
    told = LIES[lie](run(TANK.model, asked, is_command=True))
    with pytest.raises(MalformedError):
        certified(TANK.model, asked, told, is_command=True)


def test_runs_that_break_physics_have_a_residual() -> None:
    asked = question(4.0, 6.0)
    told = _changed("level", 9, 4.9)(run(TANK.model, asked, is_command=True))
    _, residual = certified(TANK.model, asked, told, is_command=True)
    assert residual > 0.1


def test_how_near_a_run_came_is_computed_here() -> None:
    asked = question(8.9, 8.9, value=1.0)
    branches, _ = certified(
        TANK.model, asked, run(TANK.model, asked, is_command=True), is_command=True
    )
    # 0.6 m an hour: 9.0 is passed in the first step after 10 minutes, and 9.5 reached at the end of the hour
    assert branches[0].worst == pytest.approx(0.5 / 8)
    assert (branches[0].at_s, branches[0].quantity) == (1200.0, "level")
    assert np.isfinite([b.worst for b in branches]).all()


def idle(low: float = 4.0, high: float = 4.0) -> Question:
    return replace(question(low, high), actuator="", value=0.0)


def test_without_a_command_all_stays_as_it_is_set_and_each_member_runs_once() -> None:
    asked = idle(4.0, 6.0)
    traces = run(TANK.model, asked, is_command=True)
    branches, residual = certified(TANK.model, asked, traces, is_command=True)
    assert len(traces) == len(branches) == 5
    assert residual < 1e-9
    column = TANK.model.columns.index("speed")
    assert all(len(set(t.rows[:, column].tolist())) == 1 for t in traces)


@pytest.mark.parametrize("name", ["run", "speed"])
def test_a_run_without_a_command_in_which_anything_moves_is_refused(name: str) -> None:
    asked = idle()
    told = run(TANK.model, asked, is_command=True)
    rows = told[0].rows.copy()
    rows[-1, TANK.model.columns.index(name)] += 0.5
    with pytest.raises(MalformedError, match=f"moves `{name}`"):
        certified(TANK.model, asked, [replace(told[0], rows=rows), *told[1:]], is_command=True)


def test_parts_of_a_branch_are_certified_as_the_whole_is() -> None:
    asked = question(4.0, 6.0)
    whole = certified(TANK.model, asked, run(TANK.model, asked, is_command=True), is_command=True)
    found: list[Branch] = []
    for part in (slice(0, 2), slice(2, 5)):
        traces = run(TANK.model, asked, is_command=True, part=part)
        told, _ = certified(TANK.model, asked, traces, is_command=True, part=part)
        found += told
    assert tuple(found) == whole[0]
    with pytest.raises(MalformedError, match="runs"):
        certified(
            TANK.model, asked, run(TANK.model, asked, is_command=True), is_command=True, part=slice(0, 2)
        )  # fmt: skip
