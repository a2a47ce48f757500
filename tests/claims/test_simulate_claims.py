"""C50 of docs/explanation/threat-model.md."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.claims.site import reply
from tests.unit.engine.ahead import LEVEL, PUMP, TANK, VALVE, AheadToy, foreseen, site
from tests.unit.engine.second import SecondToy
from twinvouch.core.command import Command, Decision
from twinvouch.core.event import Append, Effect, Keep, QueryAsked, Simulate, SimulationDone
from twinvouch.core.lookahead import Foresight, Prediction, Question
from twinvouch.core.safe import Safe
from twinvouch.core.statement import Verb
from twinvouch.engine.foreseeing import answer_of
from twinvouch.engine.trial import begin, conclude, second_asked
from twinvouch.wire.lookahead import read_question, write_question

CASES = {
    "safe": (VALVE, 0.6, {}),
    "over its limits": (VALVE, 1.5, {}),
    "overflows": (VALVE, 1.0, {"values": {LEVEL: 8.8}}),
    "needs persons": (PUMP, 1.0, {}),
    "reads without integrity": (VALVE, 0.6, {"by": "edge-2"}),
    "no actuator": (LEVEL, 1.0, {}),
}


def tried(toy: AheadToy, command: Command) -> Decision:
    trial = begin(toy.memory, command)
    if trial.asking is None:
        return conclude(trial, None)
    raw = foreseen(read_question(trial.asking.raw))
    done = SimulationDone(b"", "any", raw, "", TANK.digest)
    return conclude(trial, *answer_of(trial.asking.raw, done))


def rows(toy: AheadToy) -> dict[str, bytes]:
    """All state that the engine would store."""
    toy.memory.dirty |= {f"frame/{g}" for g in toy.site.plant.groups}
    return {k: v for k, v in toy.core.engine.drain().items() if v is not None}


def query(toy: AheadToy) -> QueryAsked:
    return QueryAsked(toy.salt(), "twin", "simulate", VALVE, "0.6 1: test", (LEVEL,))


@pytest.mark.parametrize("case", CASES)
def test_c50_what_is_simulated_is_what_a_proposal_is_answered(tmp_path: Path, case: str) -> None:
    toy = AheadToy(tmp_path)
    tag, value, but = CASES[case]
    if but.pop("by", "") if (but := dict(but)) else "":
        toy.say("ann", Verb.DISTRUST, LEVEL, life_s=3600)
    toy.read(**but)
    guess = tried(toy, toy.command(tag, value))
    _, effects = toy.propose(tag, value)
    if any(isinstance(e, Simulate) for e in effects):
        toy.answer(effects)
    (record,) = toy.memory.records.values()
    real = record.decision
    assert [r.rule for r in guess.reasons] == [r.rule for r in real.reasons]
    assert (guess.verdict, guess.reasons, guess.axes, guess.parents, guess.basis) == (
        *(real.verdict, real.reasons, real.axes, real.parents, real.basis),
    )


@pytest.mark.parametrize("level", [5.0, 8.8, 9.2])
@pytest.mark.parametrize("said", ["", "distrusted"])
def test_c50_so_is_what_equals_a_listed_safe_action(
    tmp_path: Path, level: float, said: str
) -> None:
    listed = {VALVE: (Safe("valve", VALVE, 1.0, per_hour=2, digest=b"\x11" * 32),)}
    toy = AheadToy(tmp_path, replace(site(), safe=listed))
    toy.read()
    if said:
        toy.say("ann", Verb.DISTRUST, LEVEL, life_s=3600)
    toy.read(values={LEVEL: level})
    guess = tried(toy, toy.command(VALVE, 1.0))
    _, effects = toy.propose(VALVE, 1.0)
    if any(isinstance(e, Simulate) for e in effects):
        toy.answer(effects)
    (record,) = toy.memory.records.values()
    real = record.decision
    assert (guess.verdict, guess.reasons, guess.basis) == (real.verdict, real.reasons, real.basis)


@pytest.mark.parametrize("case", CASES)
def test_c50_a_simulation_leaves_an_engine_as_the_same_question_alone_does(
    tmp_path: Path, case: str
) -> None:
    """Two engines, the same events; one also tries commands. State, entries and effects stay the same."""
    tag, value, but = CASES[case]
    but = {k: v for k, v in but.items() if k != "by"}
    told: list[tuple[dict[str, bytes], list[Effect]]] = []
    for name, tries in (("quiet", False), ("curious", True)):
        (tmp_path / name).mkdir()
        toy = AheadToy(tmp_path / name)
        toy.read(**but)
        command = toy.command(tag, value)
        effects: list[Effect] = list(toy.core.feed(query(toy), toy.now))
        if tries:
            for _ in range(3):
                tried(toy, command)
        told.append((rows(toy), effects))
        assert reply(effects).code == 200
        assert {type(e) for e in effects} <= {Append, Keep, type(reply(effects))}
        assert (toy.memory.records, toy.memory.asked) == ({}, {})
    assert told[0] == told[1]


def test_c50_gate_3_lets_nobody_simulate_who_could_not_propose(tmp_path: Path) -> None:
    toy = AheadToy(tmp_path)
    toy.read()

    def code(who: str, tag: str) -> Any:
        return toy.ask(who, "simulate", (), tag).code

    assert [code(who, VALVE) for who in ("ann", "bob", "twin")] == [200, 200, 200]
    assert [code("ann", PUMP), code("bob", PUMP)] == [200, 403], "class A is for engineers"
    assert [code(who, VALVE) for who in ("cid", "visitor", "actuator-1", "")] == [403] * 4
    assert [code("ann", tag) for tag in (LEVEL, "*", "attic/level")] == [403] * 3


@pytest.mark.parametrize("more", [1.0, 4.0, 0.1])
@pytest.mark.parametrize("level", [5.0, 7.5, 8.9])
def test_c50_a_second_model_is_asked_as_for_a_proposal(
    tmp_path: Path, more: float, level: float
) -> None:
    toy = SecondToy(tmp_path, more)
    toy.read(values={LEVEL: level})
    trial = begin(toy.memory, toy.command(PUMP, 1.0))
    assert trial.asking is not None
    seen, why = answered(trial.asking.raw, foreseen, TANK.digest)
    second, asked = None, second_asked(trial, seen)
    if asked is not None:
        raw = write_question(asked)
        second = Prediction(asked, *answered(raw, toy.foreseen_by_other, toy.other.digest))
    guess = conclude(trial, seen, why, second)
    _, effects = toy.propose(PUMP, 1.0)
    effects = toy.answer(effects)
    assert bool(asked) == any(isinstance(e, Simulate) for e in effects)
    if asked is not None:
        toy.answer_second(effects)
    (record,) = toy.memory.records.values()
    real = record.decision
    assert (guess.verdict, guess.reasons, guess.axes, guess.parents, guess.basis) == (
        *(real.verdict, real.reasons, real.axes, real.parents, real.basis),
    )


def answered(
    raw: bytes, by: Callable[[Question], bytes], digest: bytes
) -> tuple[Foresight | None, str]:
    done = SimulationDone(b"", "any", by(read_question(raw)), "", digest)
    return answer_of(raw, done)
