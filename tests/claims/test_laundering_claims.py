"""C37 of docs/explanation/threat-model.md: twenty scripted attempts to launder a bad value; none raises a label."""

from dataclasses import replace

import numpy as np
import pytest

from tests.claims.site import PLANT, SECOND, Toy, permits, reply, signer
from twinvouch.core.command import Command, Input
from twinvouch.core.domains import independent
from twinvouch.core.errors import UsageError
from twinvouch.core.event import CommandProposed
from twinvouch.core.graph import fixed, graph
from twinvouch.core.graph import label as over
from twinvouch.core.inventory import Domains
from twinvouch.core.kind import Purpose
from twinvouch.core.label import FULL, NEVER, Label, aged, derive
from twinvouch.core.raised import Endorsement, alternative, endorsed, redundant
from twinvouch.core.trained import Training, trained
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal


def label(*plausibility: int) -> Label:
    axes = np.full((4, len(plausibility)), FULL, np.uint8)
    axes[2] = plausibility
    return Label(axes, np.full(len(plausibility), 1000, np.int64))


def plausible(found: Label) -> int:
    return int(found.axes[2, 0])


BAD, CLEAN = 20, 255
SAME_VALUE = np.array([5.0, 5.0, 5.0])


def apart(n: int, **but: str) -> Domains:
    return replace(Domains(f"edge-{n}", f"zone-{n}", f"vendor-{n}", f"key-{n}", f"time-{n}"), **but)


def together(*domains: Domains) -> int:
    """The plausibility that three equal values of which two are bad earn."""
    return plausible(redundant(SAME_VALUE, label(CLEAN, BAD, BAD), independent(domains), 0.1, 1))


def test_c37_attempt_01_naming_clean_inputs_beside_the_bad_one() -> None:
    assert plausible(derive([label(BAD), *[label(CLEAN)] * 50])) == BAD


def test_c37_attempt_02_many_clean_steps_between() -> None:
    levels = [fixed(np.array([[n, 0]]), n + 1) for n in range(1, 40)]
    assert over(graph(0, 2, levels), label(CLEAN, BAD)).axes[2, 2:].max() == BAD


def test_c37_attempt_03_a_fully_trusted_model() -> None:
    assert plausible(derive([label(BAD)], by=label(CLEAN))) == BAD


def test_c37_attempt_04_a_value_that_rests_on_nothing() -> None:
    assert plausible(derive([], by=label(CLEAN))) == 0


@pytest.mark.parametrize("part", ["edge", "zone", "vendor", "key", "time_source"])
def test_c37_attempt_05_redundant_tags_of_one_domain(part: str) -> None:
    shared = [apart(n, **{part: "one"}) for n in range(3)]
    found = redundant(SAME_VALUE, label(BAD, CLEAN, CLEAN), independent(shared), 0.1, 1)
    assert plausible(found.label) == BAD


def test_c37_attempt_06_domains_that_are_not_declared() -> None:
    unknown = [apart(n, time_source="") for n in range(3)]
    found = redundant(SAME_VALUE, label(BAD, CLEAN, CLEAN), independent(unknown), 0.1, 1)
    assert (plausible(found.label), found.independent) == (BAD, 1)


def test_c37_attempt_07_a_chain_of_shared_domains() -> None:
    """The first shares with the second, the second with the third: all three fail together."""
    chained = [apart(0), apart(1, edge="edge-0"), apart(2, key="key-1")]
    assert independent(chained).tolist() == [0, 0, 0]


def test_c37_attempt_08_two_that_agree() -> None:
    found = redundant(SAME_VALUE[:2], label(BAD, CLEAN), np.array([0, 1]), 0.1, 1)
    assert plausible(found.label) == BAD


def test_c37_attempt_09_two_bad_domains_outvote_the_clean_one() -> None:
    found = redundant(SAME_VALUE, label(CLEAN, BAD, BAD), np.arange(3), 0.1, 1)
    assert plausible(found.label) == BAD


def test_c37_attempt_10_claiming_to_withstand_more_liars_than_a_median_does() -> None:
    found = redundant(SAME_VALUE, label(CLEAN, BAD, BAD), np.arange(3), 0.1, 2)
    assert plausible(found.label) == BAD


def test_c37_attempt_11_clean_redundancy_that_disagrees() -> None:
    values = np.array([5.0, 7.0, 9.0])
    found = redundant(values, label(BAD, CLEAN, CLEAN), np.arange(3), 0.1, 1)
    assert plausible(found.label) == BAD


@pytest.mark.parametrize("other", [5.5, np.nan, np.inf])
def test_c37_attempt_12_an_alternative_that_disagrees(other: float) -> None:
    both = np.array([True, True])
    assert plausible(alternative(np.array([5.0, other]), label(BAD, CLEAN), both, 0.1, 0)) == BAD


@pytest.mark.parametrize("registered", [(True, False), (False, True), (False, False)])
def test_c37_attempt_13_an_alternative_that_nobody_registered(registered: tuple[bool, ...]) -> None:
    values, known = np.array([5.0, 5.0]), np.array(registered)
    assert plausible(alternative(values, label(BAD, CLEAN), known, 0.1, 0)) == BAD


FULLY, NONE = (FULL,) * 4, (0,) * 4


def test_c37_attempt_14_endorsing_what_was_seen_on_a_tainted_screen() -> None:
    found, counts = endorsed(label(BAD), Endorsement(FULLY, FULLY, FULLY, (255, 255, BAD, 255)))
    assert (plausible(found), counts) == (BAD, False)


def test_c37_attempt_15_endorsing_past_evidence_or_authority() -> None:
    past = Endorsement(FULLY, (255, 255, BAD, 255), FULLY, FULLY)
    assert plausible(endorsed(label(BAD), past)[0]) == BAD
    nobody = Endorsement(NONE, FULLY, FULLY, FULLY)
    assert plausible(endorsed(label(BAD), nobody)[0]) == BAD


def test_c37_attempt_16_drowning_bad_training_data_in_weights() -> None:
    trainer = label(CLEAN)
    mixed = label(BAD, CLEAN)
    assert plausible(trained(Training(mixed, np.array([1, 10**6]), 0), trainer, trainer)) == BAD
    with pytest.raises(UsageError):
        trained(Training(mixed, np.array([-1, 2]), 0), trainer, trainer)
    with pytest.raises(UsageError):
        trained(Training(mixed, np.array([2**62, 2**62]), 0), trainer, trainer)


def test_c37_attempt_17_waiting_until_it_is_forgotten() -> None:
    due = np.full((4, 1), NEVER)
    due[2] = 0
    for now in (10, 10**9, 2**62):
        assert plausible(aged(label(CLEAN), due, (0, 0, BAD, 0), 5, now)) == BAD


def axes(toy: Toy, command: Command, plant: str = PLANT) -> tuple[int, ...]:
    """The label that gate 4 of the real engine gives a command."""
    raw = seal(
        write_command(command, plant), signer=signer("twin"), plant=plant, purpose=Purpose.COMMAND
    )
    answer = reply(effects := toy.core.feed(CommandProposed(toy.salt(), "peer", raw, ""), toy.now))
    assert permits(effects) == []
    if command.id not in toy.memory.records:
        assert answer.code == 401, answer
        return (0, 0, 0, 0)
    return tuple(toy.memory.records[command.id].decision.axes)


def test_c37_attempt_18_declaring_the_entry_from_before_it_went_bad(toy: Toy) -> None:
    clean = toy.read().body["entry"]
    toy.wait(1)
    toy.read(values={"tank/level": -5.0})
    command = replace(
        toy.command("valve/opening", 0.6, inputs=()), inputs=(Input("tank/level", clean),)
    )
    assert axes(toy, command)[2] <= BAD


def test_c37_attempt_19_declaring_what_is_nobodys_reading(toy: Toy) -> None:
    """An old entry, another group's, one that is no batch, one that does not exist yet."""
    old = toy.read().body["entry"]
    toy.wait(100)
    other = toy.read("edge-2", "slow").body["entry"]
    now = toy.read().body["entry"]
    assert toy.ask("twin", "readStatus").code == 200
    for entry in (old, other, now + 1, now + 1000):
        command = replace(
            toy.command("valve/opening", 0.6, inputs=()), inputs=(Input("tank/level", entry),)
        )
        assert axes(toy, command)[2] == 0, entry


def test_c37_attempt_20_another_plants_tags_entries_and_commands(toy: Toy) -> None:
    toy.read()
    theirs = replace(
        toy.command("valve/opening", 0.6, inputs=()), inputs=(Input("other/level", 0),)
    )
    assert axes(toy, theirs) == (0, 0, 0, 0)
    abroad = toy.command("valve/opening", 0.6)
    assert axes(toy, abroad, "another") == (0, 0, 0, 0)
    assert toy.now > SECOND
