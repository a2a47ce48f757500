from pathlib import Path

import numpy as np
import pytest

from tests.claims.site import permits, published
from tests.unit.engine.ahead import LEVEL, PUMP, VALVE, AheadToy, ahead, foreseen, questions, site
from twinvouch.commands.foreseen import read_asked, read_trusted, write_asked, write_trusted
from twinvouch.commands.register import shown
from twinvouch.core.batch import Quality
from twinvouch.core.event import Simulate, Started
from twinvouch.core.lookahead import Interval, Source
from twinvouch.core.statement import Verb
from twinvouch.engine import Engine, trying
from twinvouch.wire.eventlog import read_event, write_event
from twinvouch.wire.lookahead import write_question


@pytest.fixture
def toy(tmp_path: Path) -> AheadToy:
    return AheadToy(tmp_path)


def digest(toy: AheadToy, ident: str) -> bytes:
    record = toy.memory.records[ident]
    return shown(record.command, record.decision)


def test_a_command_with_a_model_is_held_until_the_answer_allows_it(toy: AheadToy) -> None:
    toy.read()
    answer, effects = toy.propose(VALVE, 0.6)
    assert answer.body["status"] == "held"
    assert "being simulated" in str(answer.body["why"])
    (asked,) = questions(effects)
    assert dict(asked.state)["level"] == Interval(4.99, 5.0, 5.01)
    assert (asked.actuator, asked.value) == ("speed", 0.6)
    done = toy.answer(effects)
    (permit,) = permits(done)
    assert permit.tag == VALVE
    record = toy.memory.records[str(answer.body["id"])]
    assert record.decision.reasons[0].rule == "lookahead"
    assert toy.memory.frame.entry(LEVEL) in record.decision.parents


def test_a_command_that_overflows_is_not_executed_and_says_when_and_what_would_do(
    toy: AheadToy,
) -> None:
    toy.read(values={"tank/level": 8.8})
    _, effects = toy.propose(VALVE, 1.0)
    done = toy.answer(effects)
    assert permits(done) == []
    (record,) = toy.memory.records.values()
    (reason,) = record.decision.reasons
    assert (record.status.value, reason.rule) == ("denied", "lookahead")
    assert "leaves its limits in 20 min" in reason.sentence
    assert reason.counterfactual.startswith("would be allowed if <= 0.5")


def test_commands_without_a_model_are_decided_as_ever(toy: AheadToy) -> None:
    toy.core.engine.memory.site = site()
    plain = {tag: a for tag, a in site().ahead.items() if tag != VALVE}
    from dataclasses import replace

    toy.memory.site = replace(toy.memory.site, ahead=plain)
    toy.read()
    answer, effects = toy.propose(VALVE, 0.6)
    assert answer.body["status"] == "permitted"
    assert questions(effects) == []


def test_what_other_rules_deny_is_not_simulated(toy: AheadToy) -> None:
    toy.read()
    _, effects = toy.propose(VALVE, 1.5)
    assert questions(effects) == []


def test_approvals_are_asked_for_after_the_answer_and_simulated_again_at_release(
    toy: AheadToy,
) -> None:
    toy.read()
    answer, effects = toy.propose(PUMP, 1.0)
    ident = str(answer.body["id"])
    early, _ = toy.say("ann", Verb.APPROVE, ident, shown=digest(toy, ident))
    assert "being simulated" in str(early.body["why"])
    toy.answer(effects)
    for person in ("ann", "bob"):
        said, effects = toy.say(person, Verb.APPROVE, ident, shown=digest(toy, ident))
        assert said.body["status"] == "held"
        done = toy.answer(effects)
        assert len(permits(done)) == (person == "bob")


def test_at_release_the_present_state_counts_and_approvals_go_where_it_objects(
    toy: AheadToy,
) -> None:
    toy.read()
    answer, effects = toy.propose(PUMP, 1.0)
    ident = str(answer.body["id"])
    toy.answer(effects)
    _, effects = toy.say("ann", Verb.APPROVE, ident, shown=digest(toy, ident))
    toy.answer(effects)
    for level in (6.0, 7.0, 8.0, 8.9):
        toy.wait(1)
        toy.read(values={"tank/level": level, "valve/opening": 1.0})
    _, effects = toy.say("bob", Verb.APPROVE, ident, shown=digest(toy, ident))
    assert permits(toy.answer(effects)) == []
    assert toy.memory.records[ident].approvals == ()


def test_a_distrusted_tag_widens_the_start_instead_of_moving_it(toy: AheadToy) -> None:
    toy.read()
    toy.say("ann", Verb.DISTRUST, LEVEL, life_s=3600)
    toy.wait(30)
    toy.read(values={"tank/level": 8.0})
    _, effects = toy.propose(VALVE, 0.6)
    (asked,) = questions(effects)
    start = dict(asked.state)["level"]
    assert 4.9 < start.low < 4.99 < start.high < 5.1


def test_no_command_is_the_reading_and_what_is_on_its_way_and_nothing_where_doubt_is(
    toy: AheadToy,
) -> None:
    toy.read(values={"valve/opening": 0.5})
    _, effects = toy.propose(VALVE, 0.5)
    assert questions(effects)[0].standing == (0.5,)
    assert permits(toy.answer(effects))
    for _ in range(2):
        toy.wait(1)
        _, effects = toy.propose(VALVE, 0.52)
        toy.answer(effects)
    toy.wait(1)
    _, effects = toy.propose(VALVE, 0.54)
    assert questions(effects)[0].standing == (0.5, 0.52)
    toy.read(values={"valve/opening": 0.52})
    toy.say("ann", Verb.DISTRUST, VALVE, life_s=3600)
    toy.wait(1)
    _, effects = toy.propose(VALVE, 0.53)
    assert questions(effects)[-1].standing == ()


def test_a_tag_that_was_never_trusted_may_be_anywhere(toy: AheadToy) -> None:
    toy.say("ann", Verb.DISTRUST, LEVEL, life_s=3600)
    toy.read()
    _, effects = toy.propose(VALVE, 0.6)
    assert dict(questions(effects)[0].state)["level"] == Interval(0.0, 5.0, 10.0)


def test_a_distrust_asks_again_and_an_answer_to_the_old_question_is_none(toy: AheadToy) -> None:
    toy.read()
    _, first = toy.propose(VALVE, 0.6)
    _, second = toy.say("ann", Verb.DISTRUST, LEVEL)
    assert permits(toy.answer(first)) == []
    assert toy.memory.counts["simulation:ignored"] == 1
    done = toy.answer(second)
    assert permits(done) == []  # a person releases what was judged again for a statement
    (record,) = toy.memory.records.values()
    assert record.status.value == "held"


@pytest.mark.parametrize(
    "but",
    [
        {"why": "worker of `net` died", "foresight": b""},
        {"foresight": b""},
        {"foresight": b"\xff" * 100},
        {"digest": bytes(32)},
    ],
)
def test_no_answer_is_a_hold(toy: AheadToy, but: dict[str, object]) -> None:
    toy.read()
    answer, effects = toy.propose(VALVE, 0.6)
    assert permits(toy.answer(effects, **but)) == []
    record = toy.memory.records[str(answer.body["id"])]
    assert record.status.value == "held"
    assert "no look-ahead by model `net`" in record.decision.why


def test_a_question_without_an_answer_is_given_up_and_what_comes_late_changes_nothing(
    toy: AheadToy,
) -> None:
    toy.read()
    _, effects = toy.propose(VALVE, 0.6)
    assert len(published(toy.wait(8), "command")) == 1
    (record,) = toy.memory.records.values()
    assert record.status.value == "held"
    assert any("none came within 7 s" in r.sentence for r in record.decision.reasons)
    assert permits(toy.answer(effects)) == []
    assert toy.memory.asked == {}


def test_an_answer_from_a_tag_that_lost_its_trust_meanwhile_is_asked_for_again(
    toy: AheadToy,
) -> None:
    toy.read()
    _, first = toy.propose(VALVE, 0.6)
    toy.wait(0.1)
    marks = np.zeros((3, 4), np.uint8)
    marks[:, toy.site.plant.groups["fast"].ids.index(LEVEL)] = Quality.MISSING
    toy.read(quality=marks)
    again = toy.answer(first)
    assert permits(again) == []
    (asked,) = questions(again)
    assert dict(asked.state)["level"].high < 5.1
    assert toy.memory.counts["simulation:outdated"] == 1


def test_two_commands_that_are_tried_at_once_are_not_both_let_pass_by_a_plant_without_the_other(
    toy: AheadToy,
) -> None:
    toy.read()
    _, first = toy.propose(VALVE, 0.58)
    _, second = toy.propose(VALVE, 0.54)
    (alone,) = questions(second)
    assert len(permits(toy.answer(first))) == 1
    toy.wait(0.5)  # its rate is for another rule
    again = toy.answer(second)
    assert permits(again) == []
    (asked,) = questions(again)
    assert dict(asked.state)["speed"].high == 0.58 > dict(alone.state)["speed"].high
    assert toy.memory.counts["simulation:overtaken"] == 1
    assert len(permits(toy.answer(again))) == 1


def test_one_that_is_overtaken_by_another_actuator_keeps_its_approvals(toy: AheadToy) -> None:
    toy.read()
    answer, effects = toy.propose(PUMP, 1.0)
    ident = str(answer.body["id"])
    toy.answer(effects)
    for person in ("ann", "bob"):
        _, effects = toy.say(person, Verb.APPROVE, ident, shown=digest(toy, ident))
        if person == "ann":
            toy.answer(effects)
    _, beside = toy.propose(VALVE, 0.6)
    assert len(permits(toy.answer(beside))) == 1
    again = toy.answer(effects)
    assert permits(again) == []
    assert len(permits(toy.answer(again))) == 1


def test_an_answer_for_a_command_that_was_rejected_meanwhile_is_none(toy: AheadToy) -> None:
    toy.read()
    answer, effects = toy.propose(VALVE, 0.6)
    toy.say("ann", Verb.REJECT, str(answer.body["id"]))
    assert permits(toy.answer(effects)) == []


def test_a_start_asks_again(toy: AheadToy) -> None:
    toy.read()
    toy.propose(VALVE, 0.6)
    begun = toy.core.feed(Started(toy.salt(), b"c", b"p", "again"), toy.now)
    assert len(permits(toy.answer(list(begun)))) == 1


def test_state_and_log_lead_to_the_same_memory(tmp_path: Path) -> None:
    toy = AheadToy(tmp_path)
    toy.read()
    _, effects = toy.propose(VALVE, 0.6)
    toy.wait(1)
    again = Engine(toy.site)
    again.restore(toy.core.state.load()[0])
    assert again.memory.asked == toy.memory.asked != {}
    assert again.memory.trusted == toy.memory.trusted != {}
    toy.answer(effects)
    replayed = Engine(toy.site)
    for _, record in toy.core.log.records():
        event, now_ns = read_event(record)
        assert write_event(event, now_ns) == record
        replayed.feed(event, now_ns)
    assert replayed.memory.records == toy.memory.records
    assert replayed.memory.trusted == toy.memory.trusted


def test_too_many_questions_are_holds(toy: AheadToy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "MOST", 3)
    toy.read()
    for _ in range(3):
        toy.propose(VALVE, 0.6)
    _, effects = toy.propose(VALVE, 0.6)
    assert questions(effects) == []
    newest = list(toy.memory.records.values())[-1]
    assert "3 questions wait" in newest.decision.why


def test_a_start_that_is_nowhere_is_a_hold_and_not_asked(tmp_path: Path) -> None:
    nowhere = {**ahead().sources, "level": Source(LEVEL, float("-inf"), float("inf"))}
    toy = AheadToy(tmp_path, site(sources=nowhere))
    toy.say("ann", Verb.DISTRUST, LEVEL)
    toy.read()
    _, effects = toy.propose(VALVE, 0.6)
    assert questions(effects) == []
    (record,) = toy.memory.records.values()
    assert record.status.value == "held"
    assert any("no look-ahead by model `net`" in r.sentence for r in record.decision.reasons)


def test_rows_come_back_as_they_were(toy: AheadToy) -> None:
    toy.read()
    toy.wait(61)
    toy.read()
    toy.propose(VALVE, 0.6)
    (asked,) = toy.memory.asked.values()
    assert read_asked(write_asked(asked)) == asked
    trusted = toy.memory.trusted[LEVEL]
    assert trusted.before is not None
    assert read_trusted(write_trusted(trusted)) == trusted


def test_the_same_events_ask_the_same_question(tmp_path: Path) -> None:
    told = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        toy = AheadToy(tmp_path / name)
        toy.read()
        _, effects = toy.propose(VALVE, 0.6)
        told += [(e.ident, e.question) for e in effects if isinstance(e, Simulate)]
    assert told[0] == told[1]
    (asked,) = questions(effects)
    assert foreseen(asked) == foreseen(asked)
    assert write_question(asked) == told[0][1]
