from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.claims.site import permits
from tests.unit.engine.ahead import LEVEL, VALVE, questions
from tests.unit.engine.test_rows import everything
from tests.unit.engine.watched import EVERY_S, MODEL, WatchedToy, idle, site
from twinvouch.app.api.views import status
from twinvouch.core.advice import Standing
from twinvouch.core.command import CommandStatus, Input
from twinvouch.core.event import Effect, Started
from twinvouch.core.finding import Severity
from twinvouch.core.mode import Rung
from twinvouch.core.statement import Verb
from twinvouch.core.virtual import StandIn
from twinvouch.core.watchdog import Response, SafeAction
from twinvouch.engine import Engine
from twinvouch.engine.trying import question
from twinvouch.wire.eventlog import read_event
from twinvouch.wire.lookahead import read_question, write_question

LOW, HIGH = 1.3, 5.0  # 45 minutes from the lower limit with the valve shut, and hours


@pytest.fixture
def toy(tmp_path: Path) -> WatchedToy:
    return WatchedToy(tmp_path)


def test_with_a_due_tick_it_asks_what_comes_of_no_command_once_in_its_interval(
    toy: WatchedToy,
) -> None:
    (asked,) = questions(toy.turn(HIGH))
    assert asked.is_idle
    assert dict(asked.state)["speed"].is_exact
    assert read_question(write_question(asked)) == asked
    assert idle(toy.wait(1)) == []
    toy.wait(7)  # it is given up
    assert idle(toy.wait(1)) == []
    (again,) = questions(toy.turn(HIGH))
    assert again.is_idle


def test_far_from_the_limits_it_says_nothing(toy: WatchedToy) -> None:
    for _ in range(3):
        assert permits(toy.answered(HIGH)) == []
    assert toy.told("not_acting") == toy.told("watchdog") == []


def test_near_a_limit_it_tells_once_and_commands_what_two_persons_signed(toy: WatchedToy) -> None:
    effects = toy.answered(LOW)
    (finding,) = toy.told("not_acting")
    assert (finding.severity, finding.subject) == (Severity.HIGH, LEVEL)
    assert dict(finding.evidence)["minutes"] == pytest.approx(45, abs=6)
    (record,) = toy.memory.records.values()
    assert (record.command.principal, record.command.tag, record.command.value) == (
        "core",
        VALVE,
        0.5,
    )
    assert record.status is CommandStatus.HELD  # until look-ahead has answered about it
    (permit,) = permits(toy.answer(effects))
    assert permit.tag == VALVE
    toy.answered(LOW)
    assert len(toy.told("not_acting")) == 1


def test_its_command_rests_on_what_look_ahead_started_from(toy: WatchedToy) -> None:
    toy.answer(toy.answered(LOW))
    (record,) = toy.memory.records.values()
    assert toy.memory.frame.entry(LEVEL) in record.decision.parents
    assert record.decision.approvals_needed == 0


def test_the_finding_ends_when_nothing_leaves_soon_any_more(toy: WatchedToy) -> None:
    toy.answered(LOW)
    toy.answered(LOW + 0.15)  # not near, not far: between
    assert [f.severity for f in toy.told("not_acting")] == [Severity.HIGH]
    for level in (2.2, 3.0):
        toy.answered(level, 0.5)
    assert [f.severity for f in toy.told("not_acting")] == [Severity.HIGH, Severity.INFO]


def test_what_is_so_already_is_not_commanded_again(tmp_path: Path) -> None:
    shut = SafeAction(VALVE, 0.0)
    toy = WatchedToy(tmp_path, site(safe=(shut, SafeAction(VALVE, 0.5))))
    toy.answered(LOW, valve=0.0)
    (record,) = toy.memory.records.values()
    assert record.command.value == 0.5


@pytest.mark.parametrize("safe", [(), (SafeAction(VALVE, 0.5),)])
def test_advice_of_the_core_is_shown_with_the_label_of_what_it_started_from(
    tmp_path: Path, safe: tuple[SafeAction, ...]
) -> None:
    toy = WatchedToy(tmp_path, site(Response.ADVICE, safe=safe))
    assert permits(toy.answered(LOW)) == []
    assert toy.memory.records == {}
    (given,) = toy.memory.advice.values()
    assert (given.advice.principal, given.judged.standing) == ("core", Standing.SHOWN)
    assert given.advice.subject == (VALVE if safe else "valve")
    assert given.advice.value == (0.5 if safe else None)
    assert "leaves its limits" in given.advice.says
    toy.say("ann", Verb.DISTRUST, LEVEL, life_s=3600)
    (given,) = toy.memory.advice.values()
    assert given.is_readable  # it starts from where the level was while it was trusted


def test_one_rung_down_once_an_episode(tmp_path: Path) -> None:
    toy = WatchedToy(tmp_path, site(Response.STEP_DOWN))
    toy.answered(LOW)
    assert toy.memory.mode_of("valve").rung is Rung.ADVISORY
    epoch = toy.memory.mode_of("valve").epoch
    toy.answered(LOW)
    assert toy.memory.mode_of("valve").epoch == epoch


def test_its_command_is_denied_where_the_mode_lets_nobody_write(toy: WatchedToy) -> None:
    toy.say("ann", Verb.READ_ONLY, "valve")
    effects = toy.answered(LOW)
    assert questions(effects) == []
    (record,) = toy.memory.records.values()
    assert (record.status, record.decision.reasons[0].rule) == (CommandStatus.DENIED, "mode")


def test_a_distrusted_level_widens_the_start_until_the_core_acts(toy: WatchedToy) -> None:
    """The level reads high, is found lying, and the water falls: nobody commands anything."""
    toy.answered(2.0)
    toy.say("ann", Verb.DISTRUST, LEVEL, life_s=24 * 3600)
    acted = []
    for _ in range(200):
        acted = toy.answer(toy.turn(8.0))
        if questions(acted):
            break
    (permit,) = permits(toy.answer(acted))
    assert permit.tag == VALVE
    (finding,) = toy.told("not_acting")
    assert "1 of 5" in finding.sentence or "2 of 5" in finding.sentence


def first_act(toy: WatchedToy, level: float) -> list[Effect]:
    """The level reads this, is distrusted, and nobody knows it: what the core asks about its first act then."""
    toy.answered(level)
    toy.say("ann", Verb.DISTRUST, LEVEL, life_s=48 * 3600)
    turns = (toy.answered(8.0) for _ in range(2_000))
    return next(effects for effects in turns if questions(effects))


def test_what_the_core_does_blind_is_held_to_the_horizon(toy: WatchedToy) -> None:
    (blind,) = questions(first_act(toy, 2.0))
    assert (blind.actuator, blind.tau_s) == ("speed", blind.horizon_s)
    m, (record,) = toy.memory, toy.memory.records.values()
    at = StandIn(LEVEL, 2.0, 1.5, 2.5, (200,) * 4, (), (), (), 0.0, 0.0, "")
    estimated = question(m, record.command, m.now_ns, replace(m.context(), virtual={LEVEL: at}))
    assert estimated is not None
    assert estimated.tau_s == 3_600.0, "an estimate is something to go by"
    follows = replace(record.command, inputs=(Input(LEVEL, 0),))
    reverted = question(m, follows, m.now_ns, m.context())
    assert reverted is not None
    assert reverted.tau_s == 3_600.0, "it is no act of a watchdog"


def test_what_the_core_does_seeing_stands_as_long_as_that_of_anybody(toy: WatchedToy) -> None:
    (asked,) = questions(toy.answered(LOW))
    assert (asked.actuator, asked.tau_s) == ("speed", 3_600.0)


def test_what_somebody_would_have_to_take_back_is_not_done_blind(tmp_path: Path) -> None:
    """Full on for an hour is good for a tank that may be low; for six hours one that may be half full runs over."""
    toy = WatchedToy(tmp_path, site(safe=(SafeAction(VALVE, 1.0),)))
    assert permits(toy.answer(first_act(toy, 4.0))) == []
    record = list(toy.memory.records.values())[-1]
    assert record.status is CommandStatus.HELD
    (reason,) = (r for r in record.decision.reasons if r.rule == "lookahead")
    assert "for 360 min" in reason.sentence


def test_what_the_core_does_waits_for_an_answer_about_a_plant_with_what_others_got_meanwhile(
    toy: WatchedToy,
) -> None:
    """It is on a list of safe actions, as one of somebody is who must not be kept waiting; it is held without an answer anyway."""
    own = toy.answered(LOW)
    assert len(questions(own)) == 1
    _, others = toy.propose(VALVE, 0.3)
    assert len(permits(toy.answer(others))) == 1
    again = toy.answer(own)
    assert permits(again) == []
    assert toy.memory.counts["simulation:overtaken"] == 1


def test_nothing_is_asked_about_a_start_of_which_nothing_is_known(tmp_path: Path) -> None:
    toy = WatchedToy(tmp_path)
    for _ in range(4):
        assert questions(toy.wait(EVERY_S)) == []
    (finding,) = toy.told("watchdog")
    assert "3 questions" in finding.sentence
    assert "was never trusted" in finding.sentence
    toy.answered(HIGH)
    assert [f.severity for f in toy.told("watchdog")] == [Severity.MEDIUM, Severity.INFO]


@pytest.mark.parametrize(
    "lie", [{"foresight": b"\0"}, {"why": "the worker died", "foresight": b""}, {"digest": b"x"}]
)
def test_no_answer_of_the_model_moves_nothing_and_is_told_after_several(
    toy: WatchedToy, lie: dict[str, object]
) -> None:
    for _ in range(3):
        assert toy.memory.records == {}
        toy.answer(toy.turn(LOW), **lie)
    assert toy.memory.records == {}
    (finding,) = toy.told("watchdog")
    assert finding.severity is Severity.MEDIUM


def test_an_answer_that_never_comes_is_given_up(toy: WatchedToy) -> None:
    toy.turn(LOW)
    toy.wait(8)
    assert toy.memory.watching[MODEL].asked is None
    assert toy.memory.watching[MODEL].missing == 1


def test_an_answer_from_a_reading_that_is_not_trusted_any_more_counts_for_nothing(
    toy: WatchedToy,
) -> None:
    effects = toy.turn(LOW)
    toy.say("ann", Verb.DISTRUST, LEVEL, life_s=3600)
    toy.answer(effects)
    assert toy.memory.records == {}
    assert toy.told("not_acting") == []


def test_a_restart_asks_the_same_question_again_and_state_is_what_was_stored(
    toy: WatchedToy,
) -> None:
    effects = toy.turn(LOW)
    stored = everything(toy.memory)
    engine = Engine(toy.site)
    engine.restore(stored)
    assert engine.memory.watching == toy.memory.watching
    again = engine.feed(Started(toy.salt(), b"c" * 32, b"p" * 32, "test"), toy.now)
    assert idle(again) == idle(effects)


def test_a_replay_of_the_log_gives_the_same_state(toy: WatchedToy) -> None:
    toy.answer(toy.answered(LOW))
    toy.answered(3.0, 0.5)
    toy.turn(3.0, 0.5)
    replayed = Engine(toy.site)
    for _, record in toy.core.log.records():
        event, now_ns = read_event(record)
        replayed.feed(event, now_ns)
    assert everything(replayed.memory) == everything(toy.memory)


def test_what_is_not_configured_any_more_is_forgotten_at_a_start(toy: WatchedToy) -> None:
    toy.turn(LOW)
    engine = Engine(replace(toy.site, watchdogs={}))
    engine.restore(everything(toy.memory))
    engine.feed(Started(toy.salt(), b"c" * 32, b"p" * 32, "test"), toy.now)
    assert engine.memory.watching == {}
    assert engine.drain()[f"watching/{MODEL}"] is None


def test_a_command_of_the_core_that_had_no_answer_is_tried_again(toy: WatchedToy) -> None:
    toy.answer(toy.answered(LOW), why="the worker died", foresight=b"")
    (permit,) = permits(toy.answer(toy.answered(LOW)))
    assert permit.tag == VALVE
    assert len(toy.memory.records) == 1


def test_the_status_says_how_a_watchdog_stands(toy: WatchedToy) -> None:
    toy.answered(HIGH)
    assert status(toy.memory)["watchdogs"] == {
        MODEL: {
            "action": "safe_action",
            "every_s": 60.0,
            "warn_s": 3600.0,
            "near_since_ns": None,
            "subject": "",
            "entry": None,
            "unanswered": 0,
            "asked": False,
        }
    }
    toy.answered(LOW)
    told: Any = status(toy.memory)["watchdogs"]
    assert (told[MODEL]["subject"], told[MODEL]["near_since_ns"]) == (LEVEL, toy.now)
    assert told[MODEL]["entry"] == toy.memory.watching[MODEL].entry
