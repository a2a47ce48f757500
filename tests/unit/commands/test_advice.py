"""How advice stands: what a command from the same data would be, shown to people or not."""

from dataclasses import replace

import pytest

from tests.unit.commands.world import (
    A_RULE,
    EDGE,
    FLOW,
    GOOD,
    LAMP,
    LEVEL,
    NOW,
    PRINCIPALS,
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
from twinvouch.commands.advice import LONGEST_NS, counted, forbidden, judge, objection
from twinvouch.commands.given import Judged, worst
from twinvouch.commands.view import Moment
from twinvouch.core.advice import Advice, Standing
from twinvouch.core.command import Input, Verdict
from twinvouch.core.context import Arrival, Context
from twinvouch.core.inventory import CommandClass

HOUR = 3_600 * SECOND
DECLARED = (Input(LEVEL, 100),)
BAD = (250, 250, 20, 250)


def advice(subject=SPEED, **changes):
    unit = {LAMP: "", LEVEL: "m"}.get(subject, "%")
    made = Advice("cd" * 16, "twin", subject, "slow down", 20.0, unit, NOW, NOW + HOUR, DECLARED)
    return replace(made, **changes)


def stands(said, *, on=None, frame=None, context=None, reads=None, now_ns=NOW) -> Judged:
    seen = reads or {}
    at = Moment(on or site(), frame or Board(), context or Context(), worst(seen), now_ns, NOW)
    return judge(said, at, tuple(seen))


def distrust(*tags):
    return Context(distrusted=dict.fromkeys(tags, NOW + HOUR))


@pytest.mark.parametrize("subject", [SPEED, VALVE, LAMP, LEVEL, FLOW, "tank-1", "pump-1"])
def test_from_good_data_it_is_shown(subject):
    judged = stands(advice(subject))
    assert (judged.standing, judged.axes) == (Standing.SHOWN, GOOD)


@pytest.mark.parametrize(
    ("subject", "letter", "standing"),
    [
        (SPEED, "A", Standing.WITHHELD),
        ("pump-1", "A", Standing.WITHHELD),
        (LAMP, "C", Standing.LABELLED),
        (LEVEL, "C", Standing.LABELLED),
        ("tank-1", "C", Standing.LABELLED),
    ],
)
def test_what_rests_on_a_distrusted_tag_is_withheld_or_labelled_by_class(subject, letter, standing):
    judged = stands(advice(subject), context=distrust(LEVEL))
    assert (judged.standing, judged.letter, judged.axes) == (standing, letter, (0, 0, 0, 0))
    assert f"set by `{LEVEL}` (distrusted by a person); class {letter} demands" in judged.why


@pytest.mark.parametrize(
    ("subject", "mandatory"),
    [
        (SPEED, {LEVEL}),
        (VALVE, {FLOW, VALVE}),  # where it is says what a small step is
        (LEVEL, {LEVEL}),
        ("tank-1", {LEVEL, FLOW}),
        ("pump-1", {SPEED, LEVEL}),  # whoever speaks of the asset does not get round the actuator's
    ],
)
def test_every_mandatory_input_counts_though_something_else_is_declared(subject, mandatory):
    said = advice(subject, inputs=(Input(LAMP, 101),))
    assert set(counted(site(), said, ())) == {*mandatory, LAMP}
    for tag in mandatory:
        assert stands(said, context=distrust(tag)).standing is not Standing.SHOWN
    others = set(plant().tags) - mandatory - {LAMP}
    assert stands(said, context=distrust(*others)).standing is Standing.SHOWN


def test_a_declared_input_and_one_that_was_read_count():
    said = advice(LAMP, inputs=(*DECLARED, Input(FLOW, 100)))
    assert stands(said, context=distrust(FLOW)).standing is Standing.LABELLED
    assert stands(advice(LAMP), reads={FLOW: GOOD}).standing is Standing.SHOWN
    assert stands(advice(LAMP), reads={FLOW: GOOD}, context=distrust(FLOW)).axes == (0, 0, 0, 0)


def test_what_was_bad_when_it_was_read_stays_bad_whatever_the_tag_is_now():
    judged = stands(advice(), reads={FLOW: BAD, VALVE: GOOD})
    assert (judged.standing, judged.axes) == (Standing.WITHHELD, BAD)
    assert "as its reader saw it" in judged.why


def test_the_worst_of_what_was_read_limits_as_all_of_it_does():
    reads = {LEVEL: (9, 9, 3, 9), FLOW: (2, 9, 9, 9), SPEED: (8, 9, 9, 9), VALVE: (9, 1, 9, 9)}
    kept = worst(reads)
    assert [min(axis) for axis in zip(*kept.values(), strict=True)] == [2, 1, 3, 9]
    assert set(kept) <= set(reads)
    assert worst({}) == {}


def test_it_ages_with_its_data():
    frame = Board(fresh={LEVEL: NOW - 1})
    assert stands(advice(), frame=frame).standing is Standing.WITHHELD
    assert "not fresh" in stands(advice(), frame=frame).why


def test_an_entry_that_is_none_of_this_plant_raises_nothing():
    frame = Board()
    frame.axes[LEVEL] = BAD
    for entry in (7, 100, 101, 2**40):
        said = advice(inputs=(Input(LEVEL, entry), Input("other/level", entry)))
        assert stands(said, frame=frame).standing is Standing.WITHHELD
        assert min(stands(said, frame=frame).axes) == 0
    alien = Context(arrivals={99: Arrival("acts", NOW, grid([[250] * 3] * 4))})
    assert min(stands(advice(inputs=(Input(LEVEL, 99),)), context=alien).axes) == 0


def test_a_token_and_a_silence_about_inputs_cap_identity_as_for_a_command():
    assert stands(advice(signed=False)).axes == (180, 250, 250, 250)
    assert stands(advice(inputs=())).axes == (100, 250, 250, 250)


@pytest.mark.parametrize("axes", [(99, 250, 250, 250), (250, 199, 250, 250), (250, 250, 200, 99)])
@pytest.mark.parametrize("inputs", [DECLARED, (), (Input(FLOW, 100),), (Input(LEVEL, 3),)])
def test_its_label_is_that_of_a_command_from_the_same_data(axes, inputs):
    frame = Board()
    frame.axes[LEVEL] = axes
    judged = stands(advice(inputs=inputs), frame=frame)
    decision = decide(command(SPEED, inputs=inputs), frame=frame)
    assert (judged.axes, judged.parents) == (decision.axes, decision.parents)
    assert (judged.standing is Standing.SHOWN) == (decision.verdict is Verdict.ALLOW)


def test_which_classes_are_withheld_is_configured():
    rules = replace(site().commands, withhold_advice=frozenset({CommandClass.C}))
    on = site(commands=rules)
    assert stands(advice(), on=on, context=distrust(LEVEL)).standing is Standing.LABELLED
    assert stands(advice(LAMP), on=on, context=distrust(LEVEL)).standing is Standing.WITHHELD


def test_what_the_plant_no_longer_has_is_withheld():
    gone = [
        site(plant=plant(tags={}, assets={})),
        site(plant=plant(principals={})),
        site(plant=plant(classes={CommandClass.C: A_RULE})),
    ]
    assert {stands(advice(), on=on).standing for on in gone} == {Standing.WITHHELD}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (advice("attic/lamp"), "no tag and no asset with tags"),
        (advice(made_ns=NOW - 31 * SECOND), "31.0 s ago, limit is 30 s"),
        (advice(made_ns=NOW + 6 * SECOND), "6.0 s in the future"),
        (advice(until_ns=NOW), "has to end in the future"),
        (advice(until_ns=NOW + LONGEST_NS + 1), "at most 30 days"),
        (advice(unit="rpm"), "unit `rpm` is not `%`, the unit of `pump-1/speed`"),
        (advice(value=None), "unit `%` is of no value"),
        (advice(value=float("nan")), "not a finite number"),
        (advice(inputs=DECLARED * 1001), "1001 inputs are declared, limit is 1000"),
    ],
)
def test_what_is_no_advice_is_said(said, why):
    assert why in objection(said, site(), NOW)


@pytest.mark.parametrize(
    "said",
    [
        advice(),
        advice(value=None, unit=""),
        advice("tank-1", unit="kWh"),
        advice(until_ns=NOW + LONGEST_NS),
    ],
)
def test_what_is_advice_has_nothing_against_it(said):
    assert not objection(said, site(), NOW)


def test_operators_and_engineers_advise_persons_and_services_and_nobody_else():
    allowed = {n for n, p in PRINCIPALS.items() if not forbidden(advice(principal=n), p, site())}
    assert allowed == {"olga", "otto", "olga-too", "eva", "emil", "erna", "twin"}
    assert PRINCIPALS["edge-1"].kind is EDGE  # though it is an engineer by role


def test_the_policy_is_asked_about_every_tag_of_an_asset():
    asked = []

    class Asked:
        digest = bytes(32)

        def decide(self, request):
            asked.append(request.resource)
            return site().policy.decide(request)

    assert not forbidden(advice("tank-1"), PRINCIPALS["eva"], site(policy=Asked()))
    assert asked == [LEVEL, FLOW]
