"""C45 of docs/explanation/threat-model.md: what was permitted before counts, over restarts and for commands together."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.claims.site import START, Toy, make_site, permits
from twinvouch.core.command import OutcomeStatus
from twinvouch.core.event import EpochOpened
from twinvouch.core.inventory import CommandClass, Plant
from twinvouch.core.past import Joint, Past, Steady
from twinvouch.core.site import SECOND, Site

VALVE, PUMP, LEVEL = "valve/opening", "pump/run", "tank/level"
HOUR = 3600


def site(**rules: Past) -> Site:
    """The claims plant; valve and pump are of class C, without a rate, and have these rules."""
    built = make_site()
    tags = dict(built.plant.tags)
    for name, past in {VALVE: rules.get("valve"), PUMP: rules.get("pump")}.items():
        limits = tags[name].limits
        assert limits is not None
        limits = replace(limits, rate=float("inf"), past=past or Past())
        tags[name] = replace(tags[name], limits=limits, command_class=CommandClass.C)
    plant: Plant = replace(built.plant, tags=tags)
    return replace(built, plant=plant)


def toy_of(path: Path, **rules: Past) -> Toy:
    toy = Toy(path, site(**rules))
    toy.read()
    return toy


def again(toy: Toy) -> None:
    """The core ends and begins again."""
    toy.core.close()
    toy.open()


def shows(toy: Toy, **values: float) -> None:
    """A second passes and the plant is read."""
    toy.wait(1.0)
    toy.read(values={VALVE: values.get("valve", 0.5), PUMP: values.get("pump", 0.0)})


def test_c45_two_commands_that_are_safe_alone_are_not_both_permitted(tmp_path: Path) -> None:
    joint = Joint("both", (PUMP,), high_sum=1.5)
    rules = {
        "valve": Past(joints=(joint,)),
        "pump": Past(joints=(replace(joint, others=(VALVE,)),)),
    }
    alone = toy_of(tmp_path / "alone", **rules)
    assert alone.propose(PUMP, 1.0)[0].body["status"] == "permitted"
    toy = toy_of(tmp_path / "both", **rules)
    _, effects = toy.propose(VALVE, 0.9)
    again(toy)  # the reservation is not lost with the process
    answer, none = toy.propose(PUMP, 1.0)
    assert (answer.body["status"], permits(none)) == ("denied", [])
    assert "joint" in [r.rule for r in toy.memory.records[str(answer.body["id"])].decision.reasons]
    toy.report(permits(effects)[0].nonce, OutcomeStatus.REFUSED)
    toy.read()
    assert toy.propose(PUMP, 1.0)[0].body["status"] == "permitted", "it was never carried out"


def test_c45_what_was_permitted_counts_over_restarts(tmp_path: Path) -> None:
    toy = toy_of(tmp_path, pump=Past(starts=2))
    for start in (1.0, 0.0, 1.0, 0.0):
        answer, effects = toy.propose(PUMP, start)
        assert answer.body["status"] == "permitted", answer.body
        toy.report(permits(effects)[0].nonce)
        for _ in range(7):
            shows(toy, pump=start)
        again(toy)
    answer, _ = toy.propose(PUMP, 1.0)
    assert answer.body["status"] == "denied"
    assert "started 2 times" in str(answer.body["why"])
    toy.wait(HOUR)
    toy.read()
    assert toy.propose(PUMP, 1.0)[0].body["status"] == "permitted"


@pytest.mark.parametrize("cause", ["restored", "upgraded"])
def test_c45_a_past_that_is_not_known_denies(tmp_path: Path, cause: str) -> None:
    toy = toy_of(tmp_path, pump=Past(dwell_off_ns=60 * SECOND))
    if cause == "restored":
        event = EpochOpened(toy.salt(), 1, "toy/0", toy.memory.size, b"r" * 32, b"b" * 32)
        toy.core.feed(event, toy.now)
    else:
        rows = dict(toy.core.state.load()[0])
        del rows["forgotten"]  # as a version without these rules left it
        from twinvouch.engine import Engine

        engine = Engine(toy.site)
        engine.restore(rows)
        toy.core.engine = engine
    toy.wait(1.0)
    toy.read()
    answer, effects = toy.propose(PUMP, 1.0)
    assert (answer.body["status"], permits(effects)) == ("denied", [])
    assert "not all remembered" in str(answer.body["why"])
    toy.wait(60.0)
    toy.read()
    assert toy.propose(PUMP, 1.0)[0].body["status"] == "permitted"


def test_c45_small_steps_do_not_add_up(tmp_path: Path) -> None:
    toy = toy_of(tmp_path, valve=Past(ramp=0.2, ramp_ns=600 * SECOND))
    value, denied = 0.5, 0
    for _ in range(20):
        answer, effects = toy.propose(VALVE, value + 0.05)
        if answer.body["status"] == "permitted":
            value += 0.05
            toy.report(permits(effects)[0].nonce)
        else:
            denied += 1
        for _ in range(6):
            shows(toy, valve=value)
    assert value <= 0.7 + 1e-9
    assert denied >= 16


def test_c45_a_pump_waits_for_its_valve_and_for_its_trust(tmp_path: Path) -> None:
    first = Steady("valve-first", VALVE, 0.8, float("inf"), 10 * SECOND)
    toy = toy_of(tmp_path, pump=Past(after=(first,)))

    def ask() -> Any:
        return toy.propose(PUMP, 1.0)[0].body["status"]

    assert ask() == "denied"
    shows(toy, valve=0.9)
    assert ask() == "denied", "not for long enough"
    for _ in range(10):
        shows(toy, valve=0.9)
    again(toy)
    assert ask() == "permitted"
    shows(toy, valve=0.7)
    shows(toy, valve=0.9)
    assert ask() == "denied", "one reading elsewhere begins it anew"
    toy.wait(20.0)
    shows(toy, valve=0.9)
    assert ask() == "denied", "so does silence"


def test_what_is_remembered_is_bounded_and_stored_row_by_row(tmp_path: Path) -> None:
    toy = toy_of(tmp_path)
    for _ in range(40):
        toy.propose(VALVE, 0.5)
        toy.wait(60.0)
        toy.read()
    assert len(toy.memory.past.writes[VALVE]) == 16
    rows = [k for k in toy.core.state.load()[0] if k.startswith("write/")]
    assert len(rows) == 16
    before = toy.memory.past.writes, toy.memory.past.forgotten
    again(toy)
    assert (toy.memory.past.writes, toy.memory.past.forgotten) == before
    assert START < before[1][VALVE] < toy.now
