"""Rules over the past, one by one: a clean case, an attack, what is not known, and what would have been allowed."""

from dataclasses import replace
from math import ceil, inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.commands.world import (
    LAMP,
    LEVEL,
    NOW,
    SECOND,
    VALVE,
    Board,
    command,
    decide,
    plant,
    site,
)
from twinvouch.commands import permitted, sequence
from twinvouch.core.batch import Admitted, Batch, Identity, Origin
from twinvouch.core.command import Verdict
from twinvouch.core.context import NO_WRITES, ActuatorWrite, Context
from twinvouch.core.inventory import Role
from twinvouch.core.label import FULL, Label
from twinvouch.core.past import HOUR_NS, Joint, Past, Steady

HOUR = 3600


def under(past, *, tag=VALVE, **others):
    """A site whose valve (0..1, no rate) or lamp (a bit) has these rules."""
    built = plant()
    tags = dict(built.tags)
    for name, rules in {tag: past, **others}.items():
        limits = replace(tags[name].limits, rate=inf, past=rules)
        tags[name] = replace(tags[name], limits=limits)
    return site(plant=plant(tags=tags))


def written(tag, *steps, **changes):
    """Executed permits: (value, before, seconds ago)."""
    writes = tuple(
        ActuatorWrite(
            tag, value, NOW - ago * SECOND, 0, spent_ns=NOW - ago * SECOND, is_over=True,
            permit=n, before=(before,),
        )
        for n, (value, before, ago) in enumerate(steps)
    )  # fmt: skip
    return Context(writes={tag: writes}, **changes)


def pending(tag, value, *before):
    return ActuatorWrite(tag, value, NOW - SECOND, NOW + 4 * SECOND, permit=900, before=before)


def only(decision, rule):
    assert decision.verdict is Verdict.DENY, decision
    assert [r.rule for r in decision.reasons if r.verdict is Verdict.DENY] == [rule]
    return next(r for r in decision.reasons if r.rule == rule)


def lamp(value, past, context=None, at=0.0):
    frame = Board()
    frame.values[LAMP] = at
    asked = command(LAMP, value)
    return decide(asked, on=under(past, tag=LAMP), frame=frame, context=context, approvals=())


def valve(value, past, context=None, at=0.5):
    frame = Board()
    frame.values[VALVE] = at
    return decide(command(VALVE, value), on=under(past), frame=frame, context=context)


def test_travel_adds_up_all_changes_of_an_hour():
    moves = written(VALVE, (0.9, 0.5, 3000), (0.5, 0.9, 2000))  # 0.8
    assert valve(0.7, Past(travel=1.0), moves).verdict is Verdict.ALLOW
    reason = only(valve(0.75, Past(travel=1.0), moves), "travel")
    assert reason.counterfactual == "would be allowed if >= 0.3 and <= 0.7"
    assert valve(0.75, Past(travel=1.0), written(VALVE, (0.9, 0.5, 3600))).verdict is Verdict.ALLOW


def test_where_travel_is_used_up_it_says_when_it_is_not():
    moves = written(VALVE, (0.9, 0.1, 3000), (0.5, 0.9, 2000))  # 1.2 of 1.0
    reason = only(valve(0.6, Past(travel=1.0), moves), "travel")
    assert reason.counterfactual == "would be allowed in 600 s"
    never = only(valve(1.0, Past(travel=0.2)), "travel")
    assert "if >= 0.3 and <= 0.7" in never.counterfactual


def test_a_permit_on_its_way_and_one_without_a_known_outcome_count_as_moved():
    on_its_way = Context(writes={VALVE: (pending(VALVE, 0.9, 0.5),)})
    assert only(valve(0.5, Past(travel=0.7), on_its_way), "travel")  # 0.4 there, up to 0.4 back
    lost = replace(pending(VALVE, 0.9, 0.5), is_over=True)
    assert only(valve(0.5, Past(travel=0.7), Context(writes={VALVE: (lost,)})), "travel")
    void = replace(lost, is_void=True)
    assert valve(0.5, Past(travel=0.7), Context(writes={VALVE: (void,)})).verdict is Verdict.ALLOW


def test_a_change_from_nobody_knows_where_counts_as_the_whole_span():
    unknown = replace(written(VALVE, (0.5, 0.5, 60)).writes[VALVE][0], before=())
    assert only(valve(0.6, Past(travel=1.0), Context(writes={VALVE: (unknown,)})), "travel")


def test_writes_and_starts_of_an_hour_are_counted():
    three = written(LAMP, (1.0, 0.0, 3000), (0.0, 1.0, 2000), (1.0, 0.0, 1000), (0.0, 1.0, 900))
    assert lamp(1.0, Past(writes=5), three).verdict is Verdict.ALLOW
    reason = only(lamp(1.0, Past(writes=4), three), "count")
    assert "written to 4 times" in reason.sentence
    assert reason.counterfactual == "would be allowed in 600 s"
    assert lamp(1.0, Past(starts=3), three).verdict is Verdict.ALLOW
    assert "started 2 times" in only(lamp(1.0, Past(starts=2), three), "count").sentence
    assert lamp(0.0, Past(starts=2), three, at=1.0).verdict is Verdict.ALLOW, "stopping is no start"


KEPT = Past(travel=1.0, writes=6, starts=4, reserve=0.5, reserved_for=("panel",))


def spent(who, past, writes, value=1.0):
    """The verdict on the lamp's next write by `who` after so many of the last hour, and the rules that deny it."""
    base = under(past, tag=LAMP)
    also = {**base.plant.principals, "panel": replace(base.plant.principals["script"], id="panel")}
    roles = frozenset({Role.OPERATOR})
    also |= {n: replace(also[n], roles=roles) for n in ("panel", "script")}
    on = replace(base, plant=replace(base.plant, principals=also))
    asked, frame = command(LAMP, value, principal=who), Board()
    found = decide(asked, on=on, frame=frame, context=written(LAMP, *writes), approvals=())
    return found, [r.rule for r in found.reasons if r.verdict is Verdict.DENY]


def toggled(times):
    """Writes of the last hour, every other one a start, each of which moved nothing."""
    return [(float(n % 2 == 0), float(n % 2), 3000 - n) for n in range(times)]


def test_a_reserve_is_kept_from_services_that_are_not_named():
    past = replace(KEPT, travel=inf, starts=0)
    assert spent("script", past, toggled(2))[1] == []
    found, rules = spent("script", past, toggled(3))
    assert rules == ["count"]
    sentence = next(r.sentence for r in found.reasons if r.rule == "count")
    assert "written to 3 times in the last hour, limit is 3: of 6 the rest is kept for" in sentence
    assert "persons and `panel`" in sentence
    for who in ("panel", "eva"):
        assert spent(who, past, toggled(5))[1] == [], "they have what is left of the plant's budget"
        assert spent(who, past, toggled(6))[1] == ["count"], "and no more than that"


def test_a_reserve_counts_starts_and_travel_too():
    starts = replace(KEPT, travel=inf, writes=0)
    assert spent("script", starts, toggled(2))[1] == []
    assert spent("script", starts, toggled(4))[1] == ["count"]
    assert spent("panel", starts, toggled(4))[1] == []
    assert spent("script", starts, toggled(4), value=0.0)[1] == [], "stopping is no start"
    travel = Past(travel=4.0, reserve=0.5)
    moved = [(1.0, 0.0, 3000), (0.0, 1.0, 2000)]
    assert spent("script", travel, moved)[1] == ["travel"]
    assert spent("eva", travel, moved)[1] == []


@given(st.floats(0.01, 0.99), st.integers(1, 12), st.integers(0, 12))
def test_whatever_a_service_does_the_reserve_is_left(reserve, most, done):
    past = Past(writes=most, reserve=reserve)
    may = [spent(who, past, toggled(done))[1] == [] for who in ("script", "eva")]
    assert may == [done < most - ceil(reserve * most - 1e-9), done < most]
    if may[0]:
        left = most - (done + 1)
        assert left >= reserve * most - 1e-9, "what it took is not from what is kept"


def test_a_move_back_to_where_it_was_in_the_window_is_no_new_ramp():
    past = Past(ramp=0.3, ramp_ns=HOUR_NS)
    moved = written(VALVE, (0.6, 0.8, 1200), (0.5, 0.6, 600))
    assert valve(0.8, past, moved).verdict is Verdict.ALLOW, "all the way back"
    assert only(valve(0.45, past, moved), "ramp"), "and not a step further"
    assert only(valve(0.85, past, moved), "ramp")


def test_what_may_still_switch_it_off_makes_the_next_a_start():
    on = written(LAMP, (1.0, 0.0, 1000))
    going_off = Context(writes={LAMP: (*on.writes[LAMP], pending(LAMP, 0.0, 1.0))})
    assert lamp(1.0, Past(starts=1), on, at=1.0).verdict is Verdict.ALLOW
    assert only(lamp(1.0, Past(starts=1), going_off, at=1.0), "count")


def test_dwell_keeps_on_and_off_apart():
    past = Past(dwell_on_ns=300 * SECOND, dwell_off_ns=600 * SECOND)
    on = written(LAMP, (1.0, 0.0, 100))
    reason = only(lamp(0.0, past, on, at=1.0), "dwell")
    assert reason.counterfactual == "would be allowed in 200 s"
    assert lamp(1.0, past, on, at=1.0).verdict is Verdict.ALLOW, "it stays as it is"
    assert lamp(0.0, past, written(LAMP, (1.0, 0.0, 300)), at=1.0).verdict is Verdict.ALLOW
    off = written(LAMP, (0.0, 1.0, 400))
    assert "would be allowed in 200 s" in only(lamp(1.0, past, off), "dwell").counterfactual
    assert lamp(1.0, replace(past, dwell_off_ns=0), off).verdict is Verdict.ALLOW


def test_a_switch_on_its_way_has_not_begun_to_dwell():
    past = Past(dwell_on_ns=1 * SECOND)
    going = Context(writes={LAMP: (pending(LAMP, 1.0, 0.0),)})
    assert only(lamp(0.0, past, going), "dwell")


def test_many_small_steps_do_not_add_up_over_the_window_of_a_ramp():
    past = Past(ramp=0.2, ramp_ns=900 * SECOND)
    salami = written(VALVE, (0.55, 0.5, 600), (0.6, 0.55, 400), (0.65, 0.6, 200), (0.7, 0.65, 10))
    reason = only(valve(0.75, past, salami, at=0.7), "ramp")
    assert reason.counterfactual == "would be allowed if >= 0.5 and <= 0.7"
    assert valve(0.7, past, salami, at=0.7).verdict is Verdict.ALLOW
    assert valve(0.75, replace(past, ramp_ns=600 * SECOND), salami, at=0.7).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    "past",
    [
        Past(travel=1.0),
        Past(starts=2),
        Past(dwell_off_ns=SECOND),
        Past(ramp=1.0, ramp_ns=SECOND),
        Past(joints=(Joint("j", (VALVE,), high_sum=9.0),)),
    ],
)
@pytest.mark.parametrize("value", [None, nan, inf])
def test_without_a_present_value_nothing_over_the_past_can_be_said(past, value):
    assert "not known" in lamp(1.0, past, at=value).why
    on, frame = under(past, tag=LAMP), Board(fresh={LAMP: NOW - 1})
    first = decide(command(LAMP, 1.0), on=on, frame=frame, approvals=())
    again = decide(command(LAMP, 1.0), on=on, frame=frame, approvals=(), asked_ns=NOW - SECOND)
    assert (first.verdict, again.verdict) == (Verdict.DENY, Verdict.HOLD)


@pytest.mark.parametrize(
    ("past", "window"),
    [
        (Past(travel=1.0), HOUR_NS),
        (Past(writes=5), HOUR_NS),
        (Past(dwell_off_ns=60 * SECOND), 60 * SECOND),
        (Past(ramp=1.0, ramp_ns=60 * SECOND), 60 * SECOND),
        (Past(joints=(Joint("j", (VALVE,), apart_ns=60 * SECOND),)), 60 * SECOND),
    ],
)
def test_what_was_forgotten_denies_until_the_window_is_whole_again(past, window):
    about = VALVE if past.joints else LAMP
    cut = Context(forgotten={about: NOW - window + SECOND})
    assert "not all remembered" in lamp(1.0, past, cut).why
    assert "in 1 s" in next(
        r.counterfactual for r in lamp(1.0, past, cut).reasons if "remembered" in r.sentence
    )
    assert lamp(1.0, past, Context(forgotten={about: NOW - window})).verdict is Verdict.ALLOW
    assert "not all remembered" in lamp(1.0, past, Context(forgotten_ns=NOW - SECOND)).why


FIRST = Steady("valve-first", VALVE, 0.5, inf, 30 * SECOND)


def test_an_actuator_waits_for_what_comes_first():
    past = Past(after=(FIRST,))
    there = Context(steady={FIRST.key: NOW - 30 * SECOND})
    assert lamp(1.0, past, there).verdict is Verdict.ALLOW
    reason = only(lamp(1.0, past, Context(steady={FIRST.key: NOW - 20 * SECOND})), "sequence")
    assert reason.counterfactual == "would be allowed in 10 s"
    never = only(lamp(1.0, past), "sequence")
    assert (
        never.counterfactual == f"would be allowed after `{VALVE}` was >= 0.5 and <= inf for 30 s"
    )
    assert lamp(0.0, past, at=1.0).verdict is Verdict.ALLOW, "to 0 it may always go"


def test_what_comes_first_counts_in_the_label():
    frame = Board(axes={**Board().axes, VALVE: (250, 0, 0, 250)})
    there = Context(steady={FIRST.key: NOW - 30 * SECOND})
    on = under(Past(after=(FIRST,)), tag=LAMP)
    decision = decide(command(LAMP, 1.0), on=on, frame=frame, context=there, approvals=())
    assert decision.verdict is Verdict.HOLD
    assert VALVE in decision.why


def rows(*values, quality=None, live=None):
    """A batch of the actuators' group whose valve reads these."""
    acts = plant().groups["acts"]
    k, n = acts.ids.index(VALVE), len(values)
    grid = np.zeros((n, 3))
    grid[:, k] = values
    marks = np.zeros((n, 3), np.uint8)
    marks[:, k] = quality or [0] * n
    batch = Batch(
        "net3", Identity("edge-1", 1, 1), b"", Origin.LIVE, "acts", np.arange(n), grid, marks, b""
    )
    label = Label(np.full((4, n, 3), FULL, np.uint8), np.full((n, 3), NOW))
    return Admitted(batch, label, (), np.array(live or [True] * n))


@pytest.mark.parametrize(
    ("admitted", "before", "since"),
    [
        (rows(0.6), None, NOW),
        (rows(0.6, 0.7), NOW - 9, NOW - 9),
        (rows(0.6, 0.4, 0.7), NOW - 9, NOW),  # one row elsewhere
        (rows(0.6, 0.4), NOW - 9, sequence.NOT),
        (rows(0.6, nan), NOW - 9, sequence.NOT),
        (rows(0.6, 0.6, quality=[0, 2]), NOW - 9, sequence.NOT),
        (rows(0.6, 0.6, quality=[3, 0]), NOW - 9, NOW),
        (rows(0.6, 0.1, live=[True, False]), NOW - 9, NOW - 9),  # what came late is history
        (rows(0.1, live=[False]), NOW - 9, NOW - 9),
    ],
)
def test_since_when_a_tag_is_there(admitted, before, since):
    steady = {} if before is None else {FIRST.key: before}
    group, frame = plant().groups["acts"], Board()
    changed = sequence.follow(steady, (FIRST,), admitted, group, frame, NOW)
    assert {**steady, **changed}[FIRST.key] == since
    silent = Board(fresh={VALVE: NOW - 1})
    after = {**steady, **sequence.follow(steady, (FIRST,), admitted, group, silent, NOW)}
    assert after[FIRST.key] != NOW - 9 or not admitted.in_live.any(), "a gap begins it anew"


TWO = Joint("two", (VALVE,), high_sum=1.5)


def together(value, joint, at=0.0, other=0.5, context=None):
    frame = Board()
    frame.values |= {LAMP: at, VALVE: other}
    on = under(Past(joints=(joint,)), tag=LAMP)
    return decide(command(LAMP, value), on=on, frame=frame, context=context, approvals=())


def test_a_sum_is_what_both_come_to():
    assert together(1.0, TWO).verdict is Verdict.ALLOW
    reason = only(together(1.0, TWO, other=0.6), "joint")
    assert reason.counterfactual == "would be allowed if <= 0.9"
    assert together(0.0, TWO, at=1.0, other=1.9).verdict is Verdict.ALLOW, "it brings it nearer"
    least = Joint("two", (VALVE,), low_sum=0.4)
    assert only(together(0.0, least, at=1.0, other=0.3), "joint")
    assert together(0.0, least, at=1.0, other=0.4).verdict is Verdict.ALLOW


def test_two_commands_that_are_safe_alone_are_not_both_permitted():
    on_its_way = Context(writes={VALVE: (pending(VALVE, 0.9, 0.5),)})
    reason = only(together(1.0, TWO, context=on_its_way), "joint")
    assert "1 commands on their way" in reason.sentence
    downwards = Context(writes={VALVE: (pending(VALVE, 0.1, 0.5),)})
    assert together(1.0, TWO, context=downwards).verdict is Verdict.ALLOW
    assert only(together(1.0, TWO, other=0.6, context=downwards), "joint"), (
        "the old value counts too"
    )
    done = replace(pending(VALVE, 0.9, 0.5), is_over=True, spent_ns=NOW - 5 * SECOND)
    assert only(together(1.0, TWO, context=Context(writes={VALVE: (done,)})), "joint")
    shown = replace(done, spent_ns=NOW - 5 * SECOND - 1)  # any fresh reading is younger
    assert together(1.0, TWO, context=Context(writes={VALVE: (shown,)})).verdict is Verdict.ALLOW


def test_how_far_two_are_apart():
    near = Joint("two", (VALVE,), difference=0.5)
    assert together(1.0, near).verdict is Verdict.ALLOW
    assert only(together(1.0, near, other=0.4), "joint")
    assert together(0.0, near, at=1.0, other=0.5).verdict is Verdict.ALLOW
    assert together(1.0, near, at=0.0, other=2.0).verdict is Verdict.ALLOW, "nearer than before"


def test_two_do_not_start_together():
    apart = Joint("two", (VALVE,), apart_ns=60 * SECOND)
    started = written(VALVE, (0.5, 0.0, 50))
    assert only(together(1.0, apart, context=started), "joint").counterfactual == (
        "would be allowed in 10 s"
    )
    assert together(1.0, apart, context=written(VALVE, (0.5, 0.0, 60))).verdict is Verdict.ALLOW
    assert together(1.0, apart, context=written(VALVE, (0.5, 0.3, 5))).verdict is Verdict.ALLOW
    assert together(0.0, apart, at=1.0, context=started).verdict is Verdict.ALLOW


def test_permits_are_remembered_for_the_longest_window_and_never_silently_forgotten():
    writes, gone = NO_WRITES, []
    for n in range(permitted.MOST + 40):
        new = ActuatorWrite(VALVE, 0.5, n, n, n or 1, is_over=True, permit=n)
        writes, forgotten = permitted.remembered(writes, new, HOUR_NS, n)
        gone.append(forgotten)
    assert len(writes.rows) == permitted.MOST
    assert (gone[-1], gone[permitted.MOST - 1]) == (39, -1)
    kept, forgotten = permitted.remembered(writes, replace(new, permit=9999), 100, 10 * HOUR_NS)
    assert len(kept.rows) == permitted.FEWEST
    assert forgotten == permitted.MOST + 40 - permitted.FEWEST


def test_how_long_permits_are_remembered_follows_from_the_rules():
    rules = Past(travel=1.0, joints=(Joint("j", (VALVE,), apart_ns=2 * HOUR_NS),))
    found = permitted.windows(under(rules, tag=LAMP).plant, site().commands)
    assert (found[LAMP], found[VALVE]) == (HOUR_NS, 2 * HOUR_NS)
    assert found["pump-1/speed"] == (5 + 30 + 5) * SECOND
    assert LEVEL not in found
