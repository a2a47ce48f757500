import json
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine.ahead import TANK, ahead, in_place
from tests.unit.twin.test_rollout import question
from twinvouch.app.foresight import Foreseer, in_turn
from twinvouch.app.lookahead_process import answer
from twinvouch.app.model_class import make
from twinvouch.commands.compared import eases, further
from twinvouch.commands.lookahead import is_safe, judge
from twinvouch.core.command import Verdict
from twinvouch.core.lookahead import Branch, Foresight, Interval, Prediction, Question, Source
from twinvouch.core.trusted import reaching

NAN, INF = float("nan"), float("inf")
STRICT = {Verdict.ALLOW: 0, Verdict.HOLD: 1, Verdict.DENY: 2}


def branch(worst: float, at_s: float = 600.0) -> Branch:
    return Branch(worst, at_s, "level")


def seen(commands: list[float], backups: list[float], laws: int = 1, **but: Any) -> Foresight:
    names = tuple(f"law-{n}" for n in range(laws))
    told = Foresight(
        *(bytes(32), TANK.digest, names, tuple(map(branch, commands))),
        *(tuple(map(branch, backups)), 0.0, len(commands)),
    )
    return replace(told, **but)


def verdict(told: Foresight | None, why: str = "", **but: Any) -> Verdict:
    asked = question(**but)
    return judge(ahead(), Prediction(asked, told, why)).verdict


def test_inside_is_allowed_and_says_how_near_it_comes() -> None:
    reason = judge(ahead(), Prediction(question(), seen([-0.2, -0.1], [])))
    assert reason.verdict is Verdict.ALLOW
    assert "by 10.0% of its range" in reason.sentence


def test_one_member_that_only_the_command_drives_out_is_a_hold() -> None:
    assert verdict(seen([-0.2, 0.1], [-0.2, -0.3])) is Verdict.HOLD


def test_all_members_that_only_the_command_drives_out_is_a_denial() -> None:
    assert verdict(seen([0.1, 0.1], [-0.2, -0.3])) is Verdict.DENY


def test_what_leaves_no_further_than_backup_now_is_allowed() -> None:
    assert verdict(seen([0.1, -0.2], [0.1, -0.3])) is Verdict.ALLOW
    assert verdict(seen([0.11, -0.2], [0.1, -0.3])) is Verdict.HOLD


def test_one_backup_law_has_to_do_for_all_members() -> None:
    either = seen([0.1, -0.1, -0.1, 0.1], [-0.2, -0.2, -0.2, -0.2], laws=2)
    assert verdict(either) is Verdict.HOLD
    assert verdict(seen([0.1, -0.1, 0.1, -0.1], [-0.2] * 4, laws=2)) is Verdict.ALLOW


def test_a_command_that_eases_what_no_command_leaves_worse_is_no_reason_to_hold() -> None:
    told = seen([0.1, -0.2], [-0.2, -0.3])
    assert verdict(told) is Verdict.HOLD
    eased = verdict(replace(told, eased=(True, False)))
    assert eased is Verdict.ALLOW
    assert verdict(replace(told, eased=(False, True))) is Verdict.HOLD
    assert verdict(replace(told, eased=(True,))) is Verdict.HOLD, "no whole answer"


def test_it_eases_only_where_no_quantity_is_further_out_whatever_law_follows() -> None:
    def runs(*each: tuple[float, float]) -> tuple[Branch, ...]:
        return tuple(Branch(max(e), 0.0, "a", e) for e in each)

    assert eases(1, runs((0.1, -0.2)), runs((0.2, -0.2))) == (True,)
    assert eases(1, runs((0.1, 0.05)), runs((0.2, -0.2))) == (False,), "another one leaves instead"
    assert eases(1, runs((0.2, -0.2)), runs((0.2, -0.2))) == (False,), "it does nothing"
    assert eases(1, runs((0.1, NAN)), runs((0.2, -0.2))) == (False,)
    assert eases(2, runs((0.1, 0), (0.1, 0)), runs((0.2, 0), (-0.1, 0))) == (False, False)


def run(*path: float | tuple[float, ...]) -> Branch:
    """A run whose quantities are this far out at each step."""
    rows = np.array([p if isinstance(p, tuple) else (p,) for p in path])
    each = tuple(rows.max(axis=0).tolist())
    return Branch(max(each), 0.0, "a", each, rows)


def test_what_is_at_no_step_further_out_in_any_member_is_no_reason_to_hold() -> None:
    out, inside = run(0.2, 0.3, 0.3), run(-0.2, -0.3, -0.2)
    assert eases(1, (out, inside), (out, inside)) == (True, True)
    longer = run(0.2, 0.3, 0.31)
    assert eases(1, (longer, inside), (out, inside)) == (False, False), "further out"
    longer = run(0.3, 0.3, 0.3)
    assert eases(1, (longer, inside), (out, inside)) == (False, False), "as far, and sooner"
    leaves = run(-0.2, -0.2, 0.01)
    assert eases(1, (out, leaves), (out, inside)) == (False, False), "a member that it drives out"
    moved, hardly = run(-0.2, -0.2, -0.1), run(0.2, 0.2999, 0.3)
    assert eases(1, (hardly, moved), (out, inside)) == (True, True), "nobody is worse off"
    assert eases(1, (run(0.2, NAN),), (run(0.2, NAN),)) == (False,)
    assert eases(1, (branch(0.2),), (branch(0.2),)) == (False,), "nobody saw how it went"


def test_what_is_out_whatever_is_done_hides_nothing_else() -> None:
    """A tank that reads too little would let another one run over."""
    low, best = (0.06, -0.3), run((0.06, -0.1), (0.06, -0.3))
    assert further(1, (run(low, (0.02, -0.2)),), (best,)) == (False,)
    assert further(1, (run(low, (0.02, 0.05)),), (best,)) == (True,)
    assert further(2, (run(low, (0.02, 0.05)),) * 2, (run((0.06, 0.2)), best)) == (True, True)
    assert further(1, (run((0.06, NAN)),), (best,)) == (True,)
    seen = Foresight(bytes(32), b"", ("a",), (branch(0.06),), (branch(0.06),), 0.0, 2)
    assert is_safe(seen)
    assert not is_safe(replace(seen, further=(True,)))


def on_the_slack(actuator: str, value: float, *out: str) -> Verdict:
    """Of a grid whose line carries too much if loads are what a wide start says; the other end is the slack's. `out`: lines."""
    told = {
        "buses": ["a", "b"],
        "lines": {n: {"from": "a", "to": "b", "x": 0.1, "rate_mw": 40.0} for n in ("1", "2")},
        "generators": {g: {"bus": g, "high_mw": 100.0} for g in "ab"},
    }
    made = make("twinvouch.twin.grid:Grid", json.dumps(told).encode(), {})
    state = (
        *((f"gen:{g}", Interval(50.0, 50.0, 50.0)) for g in "ab"),
        *((f"line:{n}", Interval(s, s, s)) for n in "12" for s in [float(n not in out)]),
        ("load:a", Interval(0.0, 0.0, 0.0)),
        ("load:b", Interval(0.0, 80.0, 160.0)),
    )
    limits, times = (("loading", -1.0, 1.0),), (3_600.0, 1_800.0, 300.0, 0.05, 0.0)
    look = replace(ahead(), digest=made.digest, limits={"loading": (-1.0, 1.0)})
    asked = Question("net", made.digest, state, limits, actuator, value, 0.0, 100.0, *times)
    asked = replace(asked, standing=(dict(state)[actuator].centre,))
    seer = Foreseer(made.model, in_turn(partial(answer, made.model)), is_searching=False)
    return judge(look, Prediction(asked, seer.foresee(asked, INF))).verdict


def test_a_generator_that_no_line_feels_is_free_while_loads_are_doubted_and_one_that_lines_feel_is_not() -> (
    None
):
    assert on_the_slack("gen:a", 60.0) is Verdict.ALLOW
    assert on_the_slack("gen:b", 0.0) is Verdict.HOLD


def test_a_grid_in_pieces_is_joined_again_and_not_taken_further_apart() -> None:
    assert on_the_slack("line:1", 1.0, "1", "2") is Verdict.ALLOW
    assert on_the_slack("line:2", 0.0, "1") is Verdict.DENY


def test_a_command_that_is_what_is_so_already_is_not_let_through_for_that() -> None:
    assert on_the_slack("gen:a", 50.0) is Verdict.HOLD


def test_with_heat_off_elsewhere_a_correction_is_allowed_and_its_opposite_is_not() -> None:
    told = json.dumps(
        {
            "zones": {z: {"capacity_kwh_k": 2.0, "gain_kw": 0.0} for z in "ab"},
            "walls": [["a", "b", 0.2]],
            "outside": {"a": 0.2, "b": 0.2},
            "heaters": {z: {"zone": z, "kw": 8.0} for z in "ab"},
        }
    )
    made = make("twinvouch.twin.building:Building", told.encode(), {"target_c": 20.0})
    state = (
        *((f"heater:{z}", Interval(0.0, 0.0, 0.0)) for z in "ab"),
        ("outside", Interval(-10.0, -10.0, -10.0)),
        *((f"zone:{z}", Interval(18.2, 18.2, 18.2)) for z in "ab"),
    )
    limits = tuple((f"zone:{z}", 18.0, 24.0) for z in "ab")
    times = (2 * 3600.0, 1800.0, 300.0, 0.05, 0.0)
    look = replace(ahead(), digest=made.digest, limits={n: (a, b) for n, a, b in limits})

    def judged(value: float) -> Verdict:
        asked = Question("net", made.digest, state, limits, "heater:a", value, 0.0, 1.0, *times)
        asked = replace(asked, standing=(0.0,))
        seer = Foreseer(made.model, in_turn(partial(answer, made.model)), is_searching=False)
        return judge(look, Prediction(asked, seer.foresee(asked, INF))).verdict

    assert judged(1.0) is Verdict.ALLOW
    assert judged(0.0) is Verdict.DENY


@pytest.mark.parametrize("value", [NAN, INF])
@pytest.mark.parametrize("place", ["command", "backup", "time", "residual", "allowed"])
def test_what_is_no_number_anywhere_is_a_hold(place: str, value: float) -> None:
    told = seen([0.1, -0.1], [0.2, -0.2])
    bad = {
        "command": {"commands": (branch(-0.5), branch(value))},
        "backup": {"backups": (branch(value), branch(-0.5))},
        "time": {"commands": (branch(-0.5), branch(-0.5, value))},
        "residual": {"residual": value},
        "allowed": {"allowed": value},
    }[place]
    assert verdict(told) is Verdict.ALLOW
    assert verdict(replace(told, **bad)) is Verdict.HOLD  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "told",
    [
        None,
        seen([], []),
        seen([-0.1], [], laws=2),
        seen([-0.1, -0.1], [-0.1]),
        seen([0.1], []),
        seen([-0.1], [], residual=1e-3),
        seen([-0.1], [], residual=-1.0),
        seen([-0.1], [], model=bytes(32)),
        seen([-0.1], [], laws=0),
    ],
)
def test_what_is_no_whole_certified_answer_is_a_hold(told: Foresight | None) -> None:
    assert verdict(told) is Verdict.HOLD


def test_a_question_to_another_model_is_a_hold() -> None:
    assert verdict(seen([-0.1], []), digest=bytes(32)) is Verdict.HOLD


def test_why_there_is_no_answer_is_said() -> None:
    reason = judge(ahead(), Prediction(question(), None, "worker of `net` died"))
    assert reason.verdict is Verdict.HOLD
    assert "worker of `net` died" in reason.sentence


def test_an_actuator_may_also_be_where_a_command_that_passed_will_have_it() -> None:
    source = Source("pump/run", 0.0, 1.0)
    reads = Interval(1.0, 1.0, 1.0)
    assert reaching(source, reads, ()) == reads
    assert reaching(source, reads, (0.0,)) == Interval(0.0, 0.0, 1.0)
    assert reaching(source, reads, (0.0, 1.0)) == Interval(0.0, 1.0, 1.0)
    assert reaching(source, reads, (7.0,)) == reads, "within what it can be"


FINITE = st.floats(-2, 2)
MEMBER = st.tuples(FINITE, FINITE, FINITE, FINITE)


@given(st.lists(MEMBER, min_size=1, max_size=6), st.lists(MEMBER, min_size=1, max_size=3))
def test_more_members_never_turn_a_hold_into_an_allow(
    few: list[tuple[float, ...]], more: list[tuple[float, ...]]
) -> None:
    def told(members: list[tuple[float, ...]]) -> Foresight:
        commands, backups = [v for m in members for v in m[:2]], [v for m in members for v in m[2:]]
        return seen(commands, backups, laws=2)

    if is_safe(told([*few, *more])):
        assert is_safe(told(few))


def _judged(asked: Question) -> Verdict:
    return judge(
        ahead(), Prediction(asked, Foreseer(TANK.model, in_place).foresee(asked, INF))
    ).verdict


@given(st.floats(0.5, 9.5), st.floats(0, 2), st.floats(0, 2), st.sampled_from([0.0, 0.3, 0.6, 1.0]))
def test_a_wider_interval_never_turns_a_hold_into_an_allow(
    centre: float, half: float, wider: float, value: float
) -> None:
    narrow = question(max(centre - half, 0), min(centre + half, 10), value=value)
    wide = question(max(centre - half - wider, 0), min(centre + half + wider, 10), value=value)
    if _judged(wide) is Verdict.ALLOW:
        assert _judged(narrow) is Verdict.ALLOW
