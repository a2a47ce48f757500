"""C53 of docs/explanation/threat-model.md: what is clamped is what limits, rate and look-ahead allow of what was asked, and what people were shown."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.claims.site import Toy, make_site, permits
from tests.unit.app.test_receipts import KEY, SIGNERS, made
from tests.unit.engine.ahead import LEVEL, TANK, AheadToy, foreseen, questions
from tests.unit.engine.ahead import site as ahead_site
from twinvouch.app.api.views import command as view
from twinvouch.app.cli.commands import _digest
from twinvouch.commands.register import shown
from twinvouch.core.command import Clamp, Verdict
from twinvouch.core.event import Started
from twinvouch.core.inventory import CommandClass
from twinvouch.core.site import Site
from twinvouch.core.statement import Verb
from twinvouch.engine import trial
from twinvouch.verifier import chain
from twinvouch.wire.lookahead import read_foresight, write_foresight
from twinvouch.wire.words import from_words

VALVE = "valve/opening"


def clamping(of: Site, letter: CommandClass = CommandClass.C, **but: Any) -> Site:
    """The claims plant with a valve that is clamped."""
    valve = of.plant.tags[VALVE]
    assert valve.limits is not None
    limits = replace(valve.limits, **{"clamps": True, **but})
    changed = replace(valve, limits=limits, command_class=letter)
    plant = replace(of.plant, tags={**of.plant.tags, VALVE: changed})
    return replace(of, plant=plant)


def begun(tmp_path: Path, **but: Any) -> Toy:
    toy = Toy(tmp_path / "core", clamping(make_site(), **but))
    started = Started(toy.salt(), toy.site.config_digest, toy.site.policy.digest, "test")
    toy.core.feed(started, toy.now)
    toy.read()
    return toy


def written(toy: Toy, permit: Any) -> float:
    point = toy.site.plant.tags[VALVE].point
    assert point is not None
    return from_words(permit.words, point)


def test_c53_the_limit_is_permitted_and_everybody_is_told_both_values(tmp_path: Path) -> None:
    toy = begun(tmp_path)
    answer, effects = toy.propose(VALVE, 3.0)
    (permit,) = permits(effects)
    assert written(toy, permit) == 1.0
    assert (answer.body["verdict"], answer.body["clamped_to"]) == ("clamp", 1.0)
    ident = str(answer.body["id"])
    told: Any = view(toy.memory.records[ident])
    assert (told["value"], told["clamped_to"], told["clamped_by"]) == (3.0, 1.0, ["limits"])
    toy.report(permit.nonce)
    assert toy.memory.past.writes[VALVE][-1].value == 1.0, "its past has what was written"
    toy.core.close()
    toy.open()
    assert toy.memory.records[ident].value == 1.0
    found = chain.verify(made(toy, ident), KEY.text(), signers=SIGNERS)
    assert found.ok, found.fault
    assert any("decision: clamp" in line for line in found.story)
    assert any("3 1 was proposed" in line and "1 1 is the nearest" in line for line in found.story)


@pytest.mark.parametrize("letter", [CommandClass.A, CommandClass.C])
def test_c53_a_class_a_command_or_one_from_a_doubtful_position_is_refused(
    tmp_path: Path, letter: CommandClass
) -> None:
    toy = begun(tmp_path, letter=letter)
    if letter is CommandClass.C:
        toy.say("bob", Verb.DISTRUST, VALVE, life_s=600)
    answer, effects = toy.propose(VALVE, 3.0)
    assert (answer.body["status"], permits(effects)) == ("denied", [])
    assert "clamped_to" not in answer.body


def test_c53_what_is_approved_is_the_clamped_value_that_was_shown(tmp_path: Path) -> None:
    toy = begun(tmp_path, letter=CommandClass.B)
    answer, effects = toy.propose(VALVE, 3.0)
    assert (answer.body["status"], permits(effects)) == ("held", [])
    ident = str(answer.body["id"])
    record = toy.memory.records[ident]
    unclamped = replace(record.decision, clamp=None)
    blind = shown(record.command, unclamped)
    refused, effects = toy.say("bob", Verb.APPROVE, ident, shown=blind)
    assert (refused.code, permits(effects)) == (403, [])
    row: Any = view(record)
    assert _digest(row) == bytes.fromhex(row["shown"]), "what the command line computes by itself"
    _, effects = toy.say("bob", Verb.APPROVE, ident, shown=_digest(row))
    assert [written(toy, p) for p in permits(effects)] == [1.0]


def test_c53_an_approval_of_one_value_releases_no_other(tmp_path: Path) -> None:
    """Between the showing and the approval the valve moved: its rate allows another step now."""
    toy = begun(tmp_path, letter=CommandClass.B, rate=0.005)  # 0.3 in a minute of rest
    answer, _ = toy.propose(VALVE, 3.0)
    ident = str(answer.body["id"])
    record = toy.memory.records[ident]
    assert record.decision.clamp == Clamp(3.0, record.value, ("limits", "rate"))
    assert record.value == pytest.approx(0.8)
    toy.now += 10**9
    toy.read(values={VALVE: 0.2})
    _, effects = toy.say("bob", Verb.APPROVE, ident, shown=shown(record.command, record.decision))
    again = toy.memory.records[ident]
    assert permits(effects) == []
    assert (again.status.value, again.approvals) == ("held", ())
    assert again.value == pytest.approx(0.5)
    _, effects = toy.say("bob", Verb.APPROVE, ident, shown=shown(again.command, again.decision))
    assert [written(toy, p) for p in permits(effects)] == [again.value]


def modelled(tmp_path: Path) -> AheadToy:
    toy = AheadToy(tmp_path / "ahead", clamping(ahead_site()))
    toy.read(values={LEVEL: 8.8})
    return toy


def test_c53_look_ahead_clamps_and_is_asked_again_about_the_clamped_value(tmp_path: Path) -> None:
    toy = modelled(tmp_path)
    answer, effects = toy.propose(VALVE, 3.0)
    (first,) = questions(effects)
    assert (answer.body["status"], first.value) == ("held", 1.0), "limits first"
    answered = toy.answer(effects)
    assert permits(answered) == []
    (second,) = questions(answered)
    record = toy.memory.records[str(answer.body["id"])]
    assert 0.5 < second.value < 1.0
    assert record.decision.clamp == Clamp(3.0, second.value, ("limits", "lookahead"))
    (permit,) = permits(toy.answer(answered))
    assert written(toy, permit) == second.value


def test_c53_an_answer_about_the_value_before_counts_no_more(tmp_path: Path) -> None:
    toy = modelled(tmp_path)
    _, effects = toy.propose(VALVE, 1.0)
    old = foreseen(questions(effects)[0])
    answered = toy.answer(effects)
    assert permits(toy.answer(answered, foresight=old)) == []


def test_c53_a_model_that_moves_its_answer_on_and_on_is_not_followed(tmp_path: Path) -> None:
    toy = modelled(tmp_path)
    _, effects = toy.propose(VALVE, 1.0)
    answered = toy.answer(effects)
    (second,) = questions(answered)
    seen = read_foresight(foreseen(second))
    worse = tuple(replace(b, worst=0.5) for b in seen.commands)
    inside = tuple(replace(b, worst=-0.5) for b in seen.commands)
    told = replace(seen, commands=worse, backups=inside, allowed=0.55)
    last = toy.answer(answered, foresight=write_foresight(told), digest=TANK.digest)
    assert (permits(last), questions(last)) == ([], [])


def test_c53_a_trial_says_what_a_proposal_would_be_clamped_to(tmp_path: Path) -> None:
    toy = AheadToy(tmp_path / "ahead", clamping(ahead_site()))
    toy.read()
    tried = trial.begin(toy.memory, toy.command(VALVE, 3.0))
    assert tried.asking is not None
    assert tried.asking.question.value == 1.0, "the model is asked about the clamped value"
    told = trial.conclude(tried, read_foresight(foreseen(tried.asking.question)))
    answer, effects = toy.propose(VALVE, 3.0)
    toy.answer(effects)
    record = toy.memory.records[str(answer.body["id"])]
    assert (told.verdict, told.clamp) == (record.decision.verdict, record.decision.clamp)
    assert told.verdict is Verdict.CLAMP
