"""C49 of docs/explanation/threat-model.md."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.claims.site import permits
from tests.unit.app.test_receipts import KEY, SIGNERS, made
from tests.unit.engine.ahead import LEVEL, TANK, VALVE, foreseen, questions
from tests.unit.engine.watched import WatchedToy, idle, site
from twinvouch.core.command import CORE, Command
from twinvouch.core.declared import Declarations, Redundancy, by_group
from twinvouch.core.event import CommandProposed, SimulationDone, Started
from twinvouch.core.inventory import Edge
from twinvouch.core.mode import Mode, Rung, Stepped
from twinvouch.core.statement import Verb
from twinvouch.core.watchdog import SafeAction
from twinvouch.verifier import chain
from twinvouch.wire.cbor import decode, encode
from twinvouch.wire.command import write_command
from twinvouch.wire.lookahead import read_question

LOW = 1.3
ANYTHING = st.one_of(
    st.floats(),
    st.sampled_from([float("nan"), float("inf"), -1.0, 0.0, 1e300, None, "", b"", 0, 1, []]),
)


@pytest.fixture
def toy(tmp_path: Path) -> WatchedToy:
    return WatchedToy(tmp_path)


def test_c49_water_that_falls_while_nobody_commands_is_seen_and_stopped(toy: WatchedToy) -> None:
    """Nobody sends a command; the tank runs from 3 m towards its limit at 1 m, a quarter of an hour a turn."""
    level, opened, at = 3.0, 0.0, []
    for _ in range(22):
        effects = toy.answered(level, opened)
        for permit in permits(toy.answer(effects)) if questions(effects) else []:
            assert permit.tag == VALVE
            opened = 0.5
            at.append(level)
        level += 0.25 * (opened - 0.4)  # as the model has it: 100 m3/h in, 40 out, 100 m2
    assert len(at) == 1
    assert 1.0 < at[0] < 1.5
    assert level > 1.0


def test_c49_a_command_of_the_core_passes_the_rules_that_any_other_passes(toy: WatchedToy) -> None:
    """Its own look-ahead, mode and limits; nothing of it without its answer."""
    effects = toy.answered(LOW)
    assert permits(effects) == []
    (asked,) = questions(effects)
    assert (asked.actuator, asked.value) == ("speed", 0.5)
    assert permits(toy.answer(effects, why="the worker died", foresight=b"")) == []
    toy.say("ann", Verb.ADVISORY, "valve")
    effects = toy.answered(LOW)
    assert questions(effects) == []
    assert [r.status.value for r in toy.memory.records.values()] == ["denied", "denied"]


def test_c49_a_step_down_for_want_of_trust_does_not_keep_the_core_from_acting(
    toy: WatchedToy,
) -> None:
    """A lie that takes an asset down would else have the plant left as it is; what is on no list stays refused."""
    down = Mode(Rung.ADVISORY, epoch=1, stepped=Stepped(Rung.SUPERVISED, (LEVEL,)))
    toy.memory.modes["valve"] = down
    effects = toy.answered(LOW)
    (asked,) = questions(effects)
    (permit,) = permits(toy.answer(effects))
    assert (permit.tag, asked.value) == (VALVE, 0.5)
    toy.say("ann", Verb.READ_ONLY, "valve")
    assert questions(toy.answered(LOW)) == []


@pytest.mark.parametrize("token", ["twin", "ann"])
def test_c49_nobody_else_speaks_for_the_core(toy: WatchedToy, token: str) -> None:
    toy.answered(5.0)
    command = Command("ab" * 16, CORE, VALVE, 0.5, "1", toy.now)
    raw = write_command(command, toy.site.plant.id)
    effects = toy.core.feed(CommandProposed(toy.salt(), "", raw, token), toy.now)
    assert permits(effects) == questions(effects) == []
    assert toy.memory.records == {}


def test_c49_the_core_commands_nothing_that_two_persons_did_not_sign(tmp_path: Path) -> None:
    from twinvouch.engine import own
    from twinvouch.engine.out import Out

    toy = WatchedToy(tmp_path, site(safe=(SafeAction(VALVE, 0.5),)))
    toy.answered(5.0)
    out = Out(toy.memory, toy.salt())
    own.propose(toy.memory, out, SafeAction(VALVE, 0.6), "because")
    (record,) = toy.memory.records.values()
    assert (record.status.value, record.decision.reasons[0].rule) == ("denied", "own")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_c49_an_answer_with_anything_in_it_moves_nothing_by_itself(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """At most it makes the core ask about its own command, whose answer counts."""
    toy = WatchedToy(tmp_path_factory.mktemp("toy"))
    effects = toy.turn(5.0)
    (asked,) = idle(effects)
    content: Any = decode(foreseen(read_question(asked.question)))
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(ANYTHING)
    raw = data.draw(st.one_of(st.just(encode(content)), st.binary(max_size=50)))
    done = SimulationDone(toy.salt(), asked.ident, raw, "", TANK.digest)
    assert permits(toy.core.feed(done, toy.now)) == []
    assert toy.memory.records == {}


@pytest.mark.parametrize("lie", [0.0, 1.1, 8.0, 9.9])
def test_c49_what_a_distrusted_tag_says_changes_no_question(tmp_path: Path, lie: float) -> None:
    told = []
    for name, said in (("honest", 3.0), ("lying", lie)):
        (tmp_path / name).mkdir()
        toy = WatchedToy(tmp_path / name)
        toy.answered(3.0)
        toy.say("ann", Verb.DISTRUST, LEVEL, life_s=3600)
        told += [read_question(e.question) for e in idle(toy.turn(said))]
    assert told[0] == told[1]


def test_c49_a_lie_of_low_trust_that_casts_doubt_on_a_trusted_tag_moves_nothing(
    tmp_path: Path,
) -> None:
    """A source that falls short of the demands says otherwise for long enough: both are doubted, the start is wide, nobody acts."""
    of = site()
    plant = of.plant
    told = Declarations(redundancy=(Redundancy("same", (LEVEL, "roof/temperature"), 0.5),))
    declared = by_group({n: g.ids for n, g in plant.groups.items()}, told)
    edges = {**plant.edges, "edge-2": Edge("edge-2", ("slow",), 10)}
    plant = replace(plant, declared=declared, edges=edges)
    toy = WatchedToy(tmp_path, replace(of, plant=plant))
    toy.answered(2.0)
    wide = toy.memory
    from twinvouch.commands.view import Moment
    from twinvouch.commands.watching import may_act

    toy.read("edge-2", "slow", values={"roof/temperature": 290.0})
    ahead = toy.site.watchdogs["net"].ahead
    at = Moment(wide.site, wide.frame, wide.context(), {}, wide.now_ns, wide.now_ns)
    assert may_act(at, plant, ahead)  # the level itself counts
    toy.wait(6)  # it is stale, so that only where it was counts
    at = Moment(wide.site, wide.frame, wide.context(), {}, wide.now_ns, wide.now_ns)
    assert not may_act(at, plant, ahead)


def test_c49_a_receipt_tells_the_whole_story_of_a_command_of_the_core(toy: WatchedToy) -> None:
    begun = Started(toy.salt(), toy.site.config_digest, toy.site.policy.digest, "test")
    toy.core.feed(begun, toy.now)
    toy.answer(toy.answered(LOW))
    (ident,) = toy.memory.records
    found = chain.verify(made(toy, ident), KEY.text(), signers=SIGNERS)
    assert found.ok, found.fault
    assert any("of core on valve/opening" in line for line in found.story)
    assert any("leaves its limits" in line for line in found.story)
