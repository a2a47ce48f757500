from dataclasses import replace

import pytest

from tests.unit.commands.world import (
    FLOW,
    GOOD,
    LAMP,
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
    site,
)  # fmt: skip
from twinvouch.core.command import Input, Verdict
from twinvouch.core.context import Arrival, Context
from twinvouch.core.inventory import Limits

DECLARED = (Input(LEVEL, 100),)


def held(decision):
    assert decision.verdict is Verdict.HOLD, decision
    return [r for r in decision.reasons if r.rule == "label"]


def test_where_a_rated_actuator_is_counts_as_a_mandatory_input():
    """Who lies about the position chooses which step is a small one."""
    frame = Board()
    frame.axes[VALVE] = (40, 250, 250, 250)
    (reason,) = held(decide(command(VALVE, 0.6), frame=frame))
    assert reason.sentence == (
        f"identity of what the command came from is 40, set by `{VALVE}`; class B demands 100"
    )
    frame.axes = {**Board().axes, LAMP: (40, 250, 250, 250)}
    decision = decide(command(LAMP, 1.0), frame=frame)
    assert decision.verdict is Verdict.ALLOW, "nothing is compared with where it is"


def arrival(axes=GOOD, group="fast", ago=1, columns=2):
    return Arrival(group, NOW - ago * SECOND, grid((a,) * columns for a in axes))


def test_the_label_is_the_worst_of_declared_and_mandatory_inputs():
    frame = Board()
    frame.axes |= {LEVEL: (210, 250, 240, 250), FLOW: (250, 205, 250, 120)}
    decision = decide(command(inputs=(Input(LEVEL, 100), Input(FLOW, 100))), frame=frame)
    assert decision.verdict is Verdict.ALLOW
    assert decision.axes == (210, 205, 240, 120)
    assert decision.parents == (100,)


def test_mandatory_inputs_count_though_nothing_is_declared_and_identity_is_capped():
    decision = decide(command())
    assert decision.axes == (100, 250, 250, 250)
    assert decision.parents == (100,)
    assert decide(command(inputs=DECLARED)).axes == GOOD


def test_a_token_caps_identity():
    assert decide(command(inputs=DECLARED, signed=False)).axes == (180, 250, 250, 250)


@pytest.mark.parametrize(
    ("axis", "word"), list(enumerate(["identity", "integrity", "plausibility", "calibration"]))
)
def test_a_short_axis_holds_and_says_which_tag_which_number_which_demand(axis, word):
    demand = (100, 200, 200, 100)[axis]
    frame = Board()
    frame.axes[LEVEL] = tuple(demand - 1 if i == axis else 250 for i in range(4))
    (reason,) = held(decide(command(inputs=DECLARED), frame=frame))
    assert (
        f"{word} of what the command came from is {demand - 1}, set by `{LEVEL}`" in reason.sentence
    )
    assert f"class A demands {demand}" in reason.sentence
    assert reason.counterfactual == f"would be allowed if {word} of `{LEVEL}` were >= {demand}"
    frame.axes[LEVEL] = tuple(demand if i == axis else 250 for i in range(4))
    assert decide(command(inputs=DECLARED), frame=frame).verdict is Verdict.ALLOW


def test_the_counterfactual_counts_the_other_short_inputs():
    frame = Board()
    frame.axes |= {LEVEL: (250, 250, 10, 250), FLOW: (250, 250, 20, 250)}
    (reason,) = held(decide(command(inputs=(*DECLARED, Input(FLOW, 100))), frame=frame))
    assert reason.counterfactual.endswith("and of 1 other input were >= 200")


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (Input("tank-9/level", 98), "no tag of this plant"),
        (Input(LEVEL, 101), "the newest is 100"),  # from the future
        (Input(LEVEL, -1), "the newest is 100"),
        (Input(LEVEL, 7), "no recent batch"),
        (Input(LEVEL, 99), "holds other tags"),
        (Input(LEVEL, 97), "6.0 s old, limit is 5 s"),
    ],
)
def test_a_false_declaration_counts_as_zero_and_is_named(declared, said):
    context = Context(arrivals={99: arrival(group="acts", columns=3), 97: arrival(ago=6)})
    decision = decide(command(inputs=(declared,)), context=context)
    assert decision.axes == (0, 0, 0, 0)
    assert len(held(decision)) == 4
    assert all(said in r.sentence and f"`{declared.tag}`" in r.sentence for r in held(decision))
    assert declared.entry not in decision.parents


def test_an_input_never_seen_is_zero_and_minus_one_is_no_entry():
    frame = Board()
    frame.entries[FLOW], frame.axes[FLOW] = -1, GOOD
    decision = decide(command(inputs=(Input(FLOW, -1),)), frame=frame)
    assert decision.axes == (0, 0, 0, 0)
    assert decision.parents == (100,)


def test_an_older_entry_counts_with_the_worse_of_then_and_now():
    declared = command(inputs=(Input(LEVEL, 98),))
    then = Context(arrivals={98: arrival(axes=(250, 220, 250, 250))})
    frame = Board()
    frame.axes[LEVEL] = (250, 250, 230, 250)
    decision = decide(declared, context=then, frame=frame)
    assert decision.axes == (250, 220, 230, 250)
    assert decision.parents == (98, 100)
    spoofed = Context(arrivals={98: arrival(axes=(250, 250, 0, 250))})
    assert held(decide(declared, context=spoofed))  # though the sensor is fine again


def test_an_older_entry_is_as_old_as_when_the_command_was_asked():
    later = NOW + 60 * SECOND
    context = Context(arrivals={98: arrival(ago=2)})
    declared = command(inputs=(Input(LEVEL, 98),))
    assert decide(declared, context=context, now_ns=later, asked_ns=NOW).verdict is Verdict.ALLOW


def test_what_a_service_read_counts_with_the_worse_of_then_and_now():
    asked = command(principal="twin", inputs=DECLARED)
    assert decide(asked, reads={FLOW: (250, 250, 210, 250)}).axes == (250, 250, 210, 250)
    (reason,) = held(decide(asked, reads={FLOW: (250, 250, 10, 250)}))
    assert "as its reader saw it" in reason.sentence
    frame = Board()
    frame.axes[FLOW] = (250, 10, 250, 250)
    assert held(decide(asked, frame=frame, reads={FLOW: GOOD}))
    assert decide(asked, reads={FLOW: GOOD}).parents == (100,)
    assert decide(asked, reads={VALVE: GOOD}).parents == (100, 101)


def test_what_was_read_and_is_no_tag_any_more_is_zero():
    assert held(decide(command(inputs=DECLARED), reads={"gone/tag": GOOD}))


def test_a_distrusted_input_is_zero_until_the_distrust_expires():
    context = Context(distrusted={LEVEL: NOW + 1})
    decision = decide(command(inputs=DECLARED), context=context)
    assert decision.axes == (0, 0, 0, 0)
    assert "distrusted by a person" in held(decision)[0].sentence
    over = Context(distrusted={LEVEL: NOW})
    assert decide(command(inputs=DECLARED), context=over).verdict is Verdict.ALLOW


def test_distrust_of_something_else_changes_nothing():
    context = Context(distrusted={FLOW: NOW + SECOND})
    assert decide(command(inputs=DECLARED), context=context).verdict is Verdict.ALLOW


def test_stale_inputs_are_not_plausible():
    frame = Board(fresh={FLOW: NOW - 1})
    decision = decide(command(inputs=(*DECLARED, Input(FLOW, 100))), frame=frame)
    assert "not fresh" in held(decision)[0].sentence
    assert decision.axes == (250, 250, 0, 250)


def test_a_command_that_rests_on_no_reading_at_all_is_held():
    built = plant()
    lamp = replace(built.tags[LAMP], limits=Limits(0, 1))
    on = site(plant=plant(tags={**built.tags, LAMP: lamp}))
    decision = decide(command(LAMP, 1.0), on=on)
    assert decision.verdict is Verdict.HOLD
    assert "it rests on no reading" in decision.why


def test_approvals_never_replace_trust():
    frame = Board()
    frame.axes[LEVEL] = (250, 250, 199, 250)
    assert held(decide(command(SPEED), frame=frame, approvals=("emil", "erna", "olga", "otto")))
