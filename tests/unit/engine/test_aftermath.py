"""What a write brings about at the plant, and what becomes of a command that waits too long."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import pytest

from tests.claims.site import Toy, make_site, permits
from tests.unit.engine.ahead import AheadToy
from tests.unit.engine.ahead import site as ahead_site
from twinvouch.core.aftermath import Aftermath, Expected, OnFailure
from twinvouch.core.command import CORE, CommandStatus, OutcomeStatus
from twinvouch.core.event import Effect
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import CommandClass
from twinvouch.core.mode import Rung
from twinvouch.core.site import SECOND, Site
from twinvouch.core.statement import Verb

VALVE, PUMP, FLOW, LEVEL = "valve/opening", "pump/run", "tank/flow", "tank/level"
USUAL = Expected(FLOW, tolerance=0.2, within_ns=10 * SECOND, factor=2.0)


def site(on_failure: OnFailure = OnFailure.NONE, **but: Any) -> Site:
    """Twice the opening of the valve is to flow within 10 s; the pump, class A, has a deadline."""
    valve = Aftermath(replace(USUAL, on_failure=on_failure), 0.25)
    pump = Aftermath(None, 0.0, 30 * SECOND, is_default_taken=True)
    return replace(make_site(), aftermaths={VALVE: valve, PUMP: replace(pump, **but)})


def written(toy: Toy, value: float = 0.6, flow: float = 1.0) -> str:
    """A command to the valve that was permitted and carried out."""
    toy.read(values={FLOW: flow})
    answer, effects = toy.propose(VALVE, value, inputs=(LEVEL, FLOW))
    (permit,) = permits(effects)
    toy.report(permit.nonce)
    return str(answer.body["id"])


def told(toy: Toy, rule: str) -> list[Finding]:
    return [f for _, _, f in toy.memory.findings if f.rule == rule]


def own(toy: Toy) -> list[tuple[str, float, str]]:
    mine = (r for r in toy.memory.records.values() if r.command.principal == CORE)
    return [(r.command.tag, r.command.value, r.status.value) for r in mine]


def after(toy: Toy, seconds: int, flow: float, **but: Any) -> list[Effect]:
    """Readings once a second; all effects."""
    found: list[Effect] = []
    for _ in range(seconds):
        found += toy.wait(0.9)
        toy.read(values={FLOW: flow, VALVE: 0.6}, **but)
    return [*found, *toy.wait(0.1)]


def response(toy: Toy, ident: str) -> str:
    return str(toy.memory.records[ident].response)


def test_a_plant_that_responds_is_confirmed_and_nobody_is_told(tmp_path: Path) -> None:
    toy = Toy(tmp_path, site(OnFailure.ROLL_BACK))
    ident = written(toy)
    assert response(toy, ident) == "awaited"
    after(toy, 3, 0.9)
    assert response(toy, ident) == "awaited", "too little flows still"
    after(toy, 1, 1.15)
    assert (response(toy, ident), told(toy, "response"), own(toy)) == ("confirmed", [], [])
    assert toy.memory.awaited == {}
    after(toy, 20, 5.0)
    assert told(toy, "response") == []


def test_a_reading_from_before_the_write_confirms_nothing(tmp_path: Path) -> None:
    toy = Toy(tmp_path, site())
    ident = written(toy, flow=1.2)
    toy.wait(1)
    assert response(toy, ident) == "awaited"


@pytest.mark.parametrize(
    ("action", "value"),
    [(OnFailure.NONE, None), (OnFailure.ROLL_BACK, 0.5), (OnFailure.FALL_BACK, 0.25)],
)
def test_a_plant_that_does_not_respond_is_told_and_what_was_signed_follows(
    tmp_path: Path, action: OnFailure, value: float | None
) -> None:
    toy = Toy(tmp_path, site(action))
    ident = written(toy)
    effects = after(toy, 12, 0.0)
    assert response(toy, ident) == "missing"
    (found,) = told(toy, "response")
    assert (found.severity, found.subject) == (Severity.HIGH, VALVE)
    assert "to come to 1.2 within 0.2, at the latest in 10 s; it is 0" in found.sentence
    expected = [] if value is None else [(VALVE, value, "permitted")]
    assert own(toy) == expected
    assert [p.tag for p in permits(effects)] == [tag for tag, _, _ in expected]


def test_what_the_core_wrote_itself_is_followed_by_nothing_more(tmp_path: Path) -> None:
    toy = Toy(tmp_path, site(OnFailure.ROLL_BACK))
    written(toy)
    effects = after(toy, 12, 0.0)
    (permit,) = permits(effects)
    toy.report(permit.nonce)
    after(toy, 15, 0.0)
    assert len(told(toy, "response")) == 2
    assert own(toy) == [(VALVE, 0.5, "executed")]
    (mine,) = (r for r in toy.memory.records.values() if r.command.principal == CORE)
    assert mine.response == "missing"


@pytest.mark.parametrize(("step", "status"), [(0.1, "permitted"), (0.6, "denied")])
def test_what_follows_is_judged_by_all_rules(tmp_path: Path, step: float, status: str) -> None:
    """The interlock of the valve wants a level below 9: the core's way back is denied as anybody's is."""
    toy = Toy(tmp_path, site(OnFailure.ROLL_BACK))
    written(toy)
    for n in range(12):
        toy.wait(1)
        toy.read(values={FLOW: 0.0, VALVE: 0.6, LEVEL: min(9.6, 5.0 + step * n)})
    assert own(toy) == [(VALVE, 0.5, status)]


@pytest.mark.parametrize("flow", [0.0, 1.2, 9.0])
def test_a_source_of_low_trust_neither_confirms_nor_brings_anything_about(
    tmp_path: Path, flow: float
) -> None:
    toy = Toy(tmp_path, site(OnFailure.FALL_BACK))
    ident = written(toy)
    toy.say("ann", Verb.DISTRUST, FLOW, life_s=3600)
    after(toy, 12, flow)
    assert (response(toy, ident), own(toy)) == ("unknown", [])
    (found,) = told(toy, "response")
    assert found.severity is Severity.MEDIUM
    assert "no reading that is trusted says so" in found.sentence


@pytest.mark.parametrize(("flow", "ends"), [(1.2, "unknown"), (0.7, "missing")])
def test_who_casts_doubt_on_the_response_brings_no_way_back_about(
    tmp_path: Path, flow: float, ends: str
) -> None:
    """The plant responds while its reading is doubted, and is elsewhere when it counts again: found by thinking of NI-2."""
    toy = Toy(tmp_path, site(OnFailure.ROLL_BACK))
    ident = written(toy)
    toy.say("ann", Verb.DISTRUST, FLOW)
    after(toy, 2, flow)
    after(toy, 1, 0.0)
    toy.say("ann", Verb.RESTORE, FLOW)
    assert response(toy, ident) == "awaited"
    after(toy, 10, 0.0)
    assert response(toy, ident) == ends
    assert len(own(toy)) == (ends == "missing"), "only where nothing that fits was doubted"
    (found,) = told(toy, "response")
    assert found.severity == (Severity.HIGH if ends == "missing" else Severity.MEDIUM)


def test_nobody_knows_a_way_back_where_the_position_was_not_trusted(tmp_path: Path) -> None:
    of = site(OnFailure.ROLL_BACK)
    valve = of.plant.tags[VALVE]
    assert valve.limits is not None
    free = replace(valve, limits=replace(valve.limits, rate=inf))  # its position decides nothing
    plant = replace(of.plant, tags={**of.plant.tags, VALVE: free})
    toy = Toy(tmp_path, replace(of, plant=plant))
    toy.say("ann", Verb.DISTRUST, VALVE, life_s=3600)
    ident = written(toy)
    after(toy, 12, 0.0)
    assert (response(toy, ident), own(toy)) == ("missing", [])
    assert "where it was before is not known" in told(toy, "response")[0].sentence


def test_a_later_write_takes_the_place_of_one_that_waits(tmp_path: Path) -> None:
    toy = Toy(tmp_path, site())
    first = written(toy)
    after(toy, 8, 0.0)
    second = written(toy, 0.8)
    assert (response(toy, first), response(toy, second)) == ("superseded", "awaited")
    after(toy, 8, 0.0)
    assert response(toy, second) == "awaited", "another value has its own time"
    after(toy, 4, 0.0)
    assert len(told(toy, "response")) == 1


def test_the_same_again_puts_no_response_off(tmp_path: Path) -> None:
    """Who replays readings and writes again and again would else never be found out."""
    toy = Toy(tmp_path, site())
    first = written(toy)
    after(toy, 6, 0.0)
    second = written(toy, flow=0.0)
    assert (response(toy, first), response(toy, second)) == ("superseded", "awaited")
    after(toy, 6, 0.0)
    assert response(toy, second) == "missing"


def test_less_may_be_done_to_what_does_not_show_what_was_written(tmp_path: Path) -> None:
    toy = Toy(tmp_path, site(OnFailure.STEP_DOWN))
    written(toy)
    effects = after(toy, 12, 0.0)
    mode = toy.memory.mode_of("valve")
    assert (mode.rung, mode.by) == (Rung.ADVISORY, "rule")
    assert (own(toy), permits(effects)) == ([], [])
    answer, effects = toy.propose(VALVE, 0.7, inputs=(LEVEL, FLOW))
    assert (answer.body["rule"], permits(effects)) == ("mode", [])
    for _ in range(15):  # it counts all the time: nothing gives the mode back but a person
        toy.wait(60)
        toy.read(values={FLOW: 0.0})
    assert toy.memory.mode_of("valve").rung is Rung.ADVISORY


@pytest.mark.parametrize("status", [OutcomeStatus.REFUSED, OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN])  # fmt: skip
def test_what_was_not_carried_out_is_not_waited_for(tmp_path: Path, status: OutcomeStatus) -> None:
    toy = Toy(tmp_path, site(OnFailure.FALL_BACK))
    toy.read()
    _, effects = toy.propose(VALVE, 0.6)
    toy.report(permits(effects)[0].nonce, status)
    assert toy.memory.awaited == {}
    after(toy, 12, 0.0)
    assert (told(toy, "response"), own(toy)) == ([], [])


def asked(toy: Toy, seconds: int, **but: Any) -> list[Effect]:
    """A class A command to the pump that nobody approves."""
    toy.read(**but)
    toy.propose(PUMP, 1.0)
    found: list[Effect] = []
    for _ in range(seconds):
        toy.read(**but)
        found += toy.wait(0.9)
    return found


def test_past_its_deadline_a_command_is_over_and_the_declared_default_is_proposed(
    tmp_path: Path,
) -> None:
    toy = Toy(tmp_path, site())
    assert own_of(asked(toy, 29), toy) == []
    effects = asked_on(toy, 3)
    first = next(iter(toy.memory.records.values()))
    assert first.status is CommandStatus.EXPIRED
    assert "its declared default 0 is proposed instead" in first.outcome
    assert [(p.tag, p.words) for p in permits(effects)] == [(PUMP, (0,))]
    assert own(toy) == [(PUMP, 0.0, "permitted")]
    assert len(told(toy, "deadline")) == 1


def own_of(effects: Sequence[Effect], toy: Toy) -> list[tuple[str, float, str]]:
    assert permits(effects) == []
    return own(toy)


def asked_on(toy: Toy, seconds: int, **but: Any) -> list[Effect]:
    found: list[Effect] = []
    for _ in range(seconds):
        toy.read(**but)
        found += toy.wait(0.9)
    return found


def test_without_a_default_all_stays_as_it_is(tmp_path: Path) -> None:
    toy = Toy(tmp_path, site(is_default_taken=False))
    asked(toy, 40)
    assert next(iter(toy.memory.records.values())).status is CommandStatus.EXPIRED
    assert (own(toy), told(toy, "deadline")[0].sentence[-19:]) == ([], "; it stays as it is")


def test_what_readings_hold_brings_no_default_about(tmp_path: Path) -> None:
    """Whoever lies to a sensor could else choose the moment of it."""
    toy = Toy(tmp_path, site())
    toy.say("ann", Verb.DISTRUST, LEVEL, life_s=3600)
    asked(toy, 40)
    assert next(iter(toy.memory.records.values())).status is CommandStatus.EXPIRED
    assert own(toy) == []
    assert "(approval, label)" in told(toy, "deadline")[0].sentence


def test_no_answer_of_the_model_in_time_is_a_deadline_too(tmp_path: Path) -> None:
    late = Aftermath(None, 0.5, 3 * SECOND, is_default_taken=True)
    toy = AheadToy(tmp_path, replace(ahead_site(), aftermaths={VALVE: late}))
    toy.read()
    _, effects = toy.propose(VALVE, 0.6)
    assert permits(effects) == []
    effects = [*toy.wait(2), *toy.wait(2)]
    assert [s for *_, s in own(toy)] == ["held"], "it asks the model itself"
    assert len(permits(toy.answer(effects))) == 1


def test_a_command_of_the_core_that_is_held_too_long_is_followed_by_nothing(tmp_path: Path) -> None:
    late = Aftermath(None, 0.5, 3 * SECOND, is_default_taken=True)
    toy = AheadToy(tmp_path, replace(ahead_site(), aftermaths={VALVE: late}))
    toy.read()
    toy.propose(VALVE, 0.6)
    for _ in range(10):
        toy.wait(1)
    assert [s for *_, s in own(toy)] == ["expired"]
    assert len(toy.memory.records) == 2


def test_a_restart_goes_on_waiting(tmp_path: Path) -> None:
    toy = Toy(tmp_path, site(OnFailure.FALL_BACK))
    ident = written(toy)
    after(toy, 2, 0.0)
    waiting = dict(toy.memory.awaited)
    toy.core.close()
    toy.open()
    assert toy.memory.awaited == waiting != {}
    after(toy, 10, 0.0)
    assert (response(toy, ident), len(own(toy))) == ("missing", 1)


def test_a_class_that_asks_for_approvals_does_not_for_what_was_signed(tmp_path: Path) -> None:
    toy = Toy(tmp_path, site())
    asked(toy, 40)
    assert toy.site.plant.tags[PUMP].command_class is CommandClass.A
    (mine,) = (r for r in toy.memory.records.values() if r.command.principal == CORE)
    assert mine.decision.approvals_needed == 0
