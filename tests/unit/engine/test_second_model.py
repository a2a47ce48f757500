from pathlib import Path
from typing import Any

import pytest

from tests.claims.site import permits
from tests.unit.engine.ahead import LEVEL, PUMP, VALVE, questions
from tests.unit.engine.second import SecondToy
from tests.unit.engine.test_foreseeing import digest
from tests.unit.engine.test_rows import everything
from twinvouch.core.command import CommandStatus, Verdict
from twinvouch.core.statement import Verb
from twinvouch.engine import Engine
from twinvouch.wire.eventlog import read_event


@pytest.fixture
def toy(tmp_path: Path) -> SecondToy:
    return SecondToy(tmp_path)


def proposed(toy: SecondToy, level: float = 5.0) -> tuple[str, list[Any]]:
    toy.read(values={LEVEL: level})
    answer, effects = toy.propose(PUMP, 1.0)
    return str(answer.body["id"]), effects


def test_both_models_are_asked_one_after_the_other_and_both_are_told(toy: SecondToy) -> None:
    ident, effects = proposed(toy)
    (first,) = questions(effects)
    assert first.model == "net"
    effects = toy.answer(effects)
    (second,) = questions(effects)
    assert second.model == "other"
    assert (second.state, second.value, second.actuator) == (first.state, 1.0, "run")
    toy.answer_second(effects)
    decision = toy.memory.records[ident].decision
    told = {r.rule: r.verdict for r in decision.reasons}
    assert told["lookahead"] is told["second_model"] is Verdict.ALLOW
    assert decision.verdict is Verdict.HOLD  # for approvals


def test_where_both_allow_it_is_released_by_approvals_and_both_are_asked_again(
    toy: SecondToy,
) -> None:
    ident, effects = proposed(toy)
    toy.answer_second(toy.answer(effects))
    for person in ("ann", "bob"):
        _, effects = toy.say(person, Verb.APPROVE, ident, shown=digest(toy, ident))
        assert permits(effects) == []
        effects = toy.answer(effects)
        assert permits(effects) == []
        done = toy.answer_second(effects)
        assert len(permits(done)) == (person == "bob")


def test_models_that_do_not_agree_hold_with_both_sentences(tmp_path: Path) -> None:
    """The second thinks that the pump gives four times as much: an hour of it is too much."""
    toy = SecondToy(tmp_path, more=4.0)
    ident, effects = proposed(toy, 7.5)
    toy.answer_second(toy.answer(effects))
    record = toy.memory.records[ident]
    (reason,) = (r for r in record.decision.reasons if r.rule == "second_model")
    assert (record.status, reason.verdict) == (CommandStatus.HELD, Verdict.HOLD)
    assert "`net`: look-ahead: `level` stays inside" in reason.sentence
    assert "`other`: look-ahead: with 1 for 60 min" in reason.sentence
    for person in ("ann", "bob"):
        _, effects = toy.say(person, Verb.APPROVE, ident, shown=digest(toy, ident))
        assert permits(toy.answer_second(toy.answer(effects))) == []
    assert record.approvals == ()


def test_what_the_first_objects_to_is_not_asked_of_the_second(toy: SecondToy) -> None:
    ident, effects = proposed(toy, 8.9)
    assert questions(toy.answer(effects)) == []
    told = {r.rule: r.verdict for r in toy.memory.records[ident].decision.reasons}
    assert told["lookahead"] is Verdict.HOLD
    assert "second_model" not in told


@pytest.mark.parametrize(
    "lie", [{"why": "the worker died", "foresight": b""}, {"foresight": b"\0"}, {"digest": b"x"}]
)
def test_without_the_answer_of_either_it_is_held(toy: SecondToy, lie: dict[str, Any]) -> None:
    ident, effects = proposed(toy)
    toy.answer_second(toy.answer(effects), **lie)
    assert toy.memory.records[ident].decision.verdict is Verdict.HOLD
    (reason,) = (r for r in toy.memory.records[ident].decision.reasons if r.rule == "second_model")
    assert "no look-ahead by model `other`" in reason.sentence
    other, effects = proposed(toy)
    toy.answer(effects, **lie)
    assert toy.memory.records[other].decision.verdict is Verdict.HOLD


def test_an_answer_of_the_second_that_never_comes_is_given_up(toy: SecondToy) -> None:
    ident, effects = proposed(toy)
    toy.answer(effects)
    toy.wait(8)
    assert toy.memory.asked == {}
    decision = toy.memory.records[ident].decision
    (reason,) = (r for r in decision.reasons if r.rule == "second_model")
    assert "`other`: none came within 7 s" in reason.sentence.replace("model `other`", "`other`")


def test_a_start_that_lost_its_trust_between_the_two_is_asked_anew(toy: SecondToy) -> None:
    _, effects = proposed(toy)
    effects = toy.answer(effects)
    _, again = toy.say("ann", Verb.DISTRUST, LEVEL, life_s=3600)
    (asked,) = questions(again)
    assert asked.model == "net"
    assert permits(toy.answer_second(effects)) == []  # an answer that nobody waits for


def test_other_classes_have_one_model(toy: SecondToy) -> None:
    toy.read()
    _, effects = toy.propose(VALVE, 0.6)
    assert len(permits(toy.answer(effects))) == 1


def test_what_was_asked_of_the_second_is_stored_and_a_replay_comes_to_the_same(
    toy: SecondToy,
) -> None:
    _, effects = proposed(toy)
    toy.answer(effects)
    engine = Engine(toy.site)
    engine.restore(everything(toy.memory))
    assert engine.memory.asked == toy.memory.asked
    replayed = Engine(toy.site)
    for _, record in toy.core.log.records():
        event, now_ns = read_event(record)
        replayed.feed(event, now_ns)
    assert everything(replayed.memory) == everything(toy.memory)
