"""The decision as a whole: the strictest reason wins, and less trust never gives more."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.commands.world import (
    A_RULE,
    FLOW,
    GOOD,
    LEVEL,
    NOW,
    SECOND,
    SPEED,
    VALVE,
    Board,
    command,
    decide,
    grid,
    plant,
    policy,
    site,
)
from twinvouch.commands.gate import strictest
from twinvouch.core.command import Input, Reason, Verdict
from twinvouch.core.context import Arrival, Context
from twinvouch.core.mode import Rung

DEMANDS = (A_RULE.identity, A_RULE.integrity, A_RULE.plausibility, A_RULE.calibration)
AXES = st.tuples(*[st.integers(0, 255)] * 4)
SITE = site(plant=plant(), policy=policy())


def test_the_strictest_reason_decides_and_silence_is_denial():
    def said(*verdicts):
        return strictest(tuple(Reason("x", v, "") for v in verdicts))

    assert said(Verdict.ALLOW, Verdict.HOLD) is Verdict.HOLD
    assert said(Verdict.HOLD, Verdict.DENY, Verdict.ALLOW) is Verdict.DENY
    assert said(Verdict.ALLOW) is Verdict.ALLOW
    assert said() is Verdict.DENY


def test_every_stage_that_objects_speaks_and_each_says_what_would_be_allowed():
    frame = Board()
    frame.values[LEVEL], frame.axes[LEVEL] = 1.0, (250, 250, 40, 250)
    decision = decide(command(value=60.0), frame=frame, approvals=())
    assert decision.verdict is Verdict.DENY
    assert [r.rule for r in decision.reasons] == ["limits", "interlock", "label", "approval"]
    assert all(r.counterfactual.startswith("would be allowed") for r in decision.reasons)
    assert decision.why.startswith("60 % is above the limit")


def test_an_allowed_decision_names_what_it_rests_on():
    decision = decide(command(inputs=(Input(LEVEL, 100),)))
    assert decision.verdict is Verdict.ALLOW
    assert decision.axes == GOOD
    assert decision.parents == (100,)
    assert decision.why == (
        "every rule allows it: label 250, 250, 250, 250 from 1 entries, 2 approvals"
    )


@pytest.mark.parametrize("undo", ["distrust", "mode", "limits", "age"])
def test_a_held_command_is_judged_anew_when_it_is_released(undo):
    assert decide(command(), approvals=()).verdict is Verdict.HOLD
    later = {"now_ns": NOW + 30 * SECOND, "asked_ns": NOW}
    assert decide(command(), **later).verdict is Verdict.ALLOW
    frame, context = Board(), Context()
    if undo == "distrust":
        context = Context(distrusted={LEVEL: NOW + 60 * SECOND})
    elif undo == "mode":
        context = Context(
            modes={"pump-1": replace(Context().mode_of("pump-1"), rung=Rung.READ_ONLY)}
        )
    elif undo == "limits":
        frame.values[LEVEL] = 1.0
    else:
        frame.fresh[LEVEL] = NOW + 29 * SECOND
    assert decide(command(), frame=frame, context=context, **later).verdict is not Verdict.ALLOW


@st.composite
def situations(draw):
    frame = Board()
    frame.axes = {tag: draw(st.one_of(st.just(GOOD), AXES)) for tag in frame.axes}
    inputs = draw(
        st.lists(
            st.sampled_from([Input(LEVEL, 100), Input(FLOW, 100), Input(FLOW, 98)]), max_size=3
        )
    )
    then = draw(st.one_of(st.just(GOOD), AXES))
    arrivals = {98: Arrival("fast", NOW - SECOND, grid((a, a) for a in then))}
    reads = draw(st.dictionaries(st.sampled_from([LEVEL, FLOW, VALVE]), AXES, max_size=2))
    asked = command(
        value=draw(st.sampled_from([40.0, 50.0, 50.1])),
        inputs=tuple(inputs),
        signed=draw(st.booleans()),
        principal=draw(st.sampled_from(["eva", "twin", "olga"])),
    )
    approvals = draw(st.sets(st.sampled_from(["emil", "otto", "eva", "olga"])))
    return asked, frame, Context(arrivals=arrivals), reads, tuple(approvals)


def run(asked, frame, context, reads, approvals):
    return decide(asked, on=SITE, frame=frame, context=context, reads=reads, approvals=approvals)


@settings(max_examples=150, deadline=None)
@given(situations(), st.sampled_from([LEVEL, FLOW, SPEED, VALVE]), AXES)
def test_a_worse_label_never_turns_anything_into_an_allow(situation, tag, other):
    asked, frame, context, reads, approvals = situation
    before = run(*situation)
    worse = replace(frame, axes={**frame.axes, tag: tuple(map(min, frame.axes[tag], other))})
    after = run(asked, worse, context, reads, approvals)
    assert not (before.verdict is not Verdict.ALLOW and after.verdict is Verdict.ALLOW)
    assert all(a <= b for a, b in zip(after.axes, before.axes, strict=True))


@settings(max_examples=150, deadline=None)
@given(situations(), st.sampled_from([LEVEL, FLOW, VALVE]), AXES)
def test_something_more_that_was_read_never_turns_anything_into_an_allow(situation, tag, seen):
    asked, frame, context, reads, approvals = situation
    before = run(*situation)
    worst = tuple(map(min, seen, reads.get(tag, seen)))
    after = run(asked, frame, context, {**reads, tag: worst}, approvals)
    assert not (before.verdict is not Verdict.ALLOW and after.verdict is Verdict.ALLOW)
    assert all(a <= b for a, b in zip(after.axes, before.axes, strict=True))


@settings(max_examples=150, deadline=None)
@given(
    situations(),
    st.sampled_from([Input("gone/tag", 3), Input(LEVEL, 5), Input(FLOW, 101), Input(FLOW, 98)]),
)
def test_a_bad_input_more_never_turns_anything_into_an_allow(situation, bad):
    asked, frame, context, reads, approvals = situation
    low = Arrival("fast", NOW - SECOND, grid((d - 1, d - 1) for d in DEMANDS))
    context = replace(context, arrivals={98: low})
    more = replace(asked, inputs=(*asked.inputs, bad))
    assert run(more, frame, context, reads, approvals).verdict is not Verdict.ALLOW


@settings(max_examples=100, deadline=None)
@given(situations())
def test_an_allow_means_that_every_axis_reached_its_demand_and_two_persons_approved(situation):
    decision = run(*situation)
    if decision.verdict is Verdict.ALLOW:
        assert all(a >= d for a, d in zip(decision.axes, DEMANDS, strict=True))
        assert decision.approvals >= decision.approvals_needed == 2
        assert situation[0].value <= 50.0
    assert list(decision.parents) == sorted(set(decision.parents))


@settings(max_examples=100, deadline=None)
@given(
    value=st.floats(),
    tag=st.one_of(st.sampled_from([SPEED, VALVE, LEVEL]), st.text(max_size=20)),
    unit=st.text(max_size=5),
    made_ns=st.integers(-(2**63), 2**63 - 1),
    inputs=st.lists(
        st.builds(Input, st.text(max_size=10), st.integers(-(2**63), 2**63 - 1)), max_size=4
    ),
    principal=st.text(max_size=10),
)
def test_whatever_is_asked_gets_a_decision(value, tag, unit, made_ns, inputs, principal):
    for who in (principal, "eva"):
        for said in (unit, "%"):
            asked = command(
                tag, value, unit=said, made_ns=made_ns, inputs=tuple(inputs), principal=who
            )
            decision = decide(asked, on=SITE)
            assert decision.reasons
            assert decision.why
            assert len(decision.why) < 1000
            fresh = decide(replace(asked, made_ns=NOW), on=SITE)
            assert fresh.verdict is not Verdict.ALLOW or (0 <= value <= 50 and not inputs)
