"""C39 of docs/explanation/threat-model.md: what people are advised is trusted as what the plant is commanded."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.claims.keyed import Keyed
from tests.claims.site import PLANT, Toy, make_site, permits, published, reply, signer, stranger
from tests.unit.engine.tape import leaves
from twinvouch.app.api import views
from twinvouch.commands.register import shown
from twinvouch.core.advice import Standing
from twinvouch.core.command import Command, CommandStatus
from twinvouch.core.event import AdviceGiven, CommandProposed, Deliver, Effect, EpochOpened
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.mode import Mode, Rung
from twinvouch.core.statement import Verb
from twinvouch.engine import again
from twinvouch.ledger.node import node_of
from twinvouch.verifier.entry import read_heading
from twinvouch.wire.advice import write_advice
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal

STANDINGS = {"pump/run": "withheld", "valve/opening": "labelled", "tank": "labelled"}


def stands(toy: Toy, ident: object) -> Standing:
    standing: Standing = toy.memory.advice[str(ident)].judged.standing
    return standing


def told(effects: Sequence[Effect]) -> list[tuple[str, str]]:
    return [(b["id"], b["standing"]) for b in published(effects, "advice")]


def held(toy: Toy, tag: str = "pump/run") -> Command:
    answer, _ = toy.propose(tag, 1.0)
    record = toy.memory.records[str(answer.body["id"])]
    assert record.status is CommandStatus.HELD
    return record.command


def approve(toy: Toy, person: str, ident: str) -> list[Effect]:
    record = toy.memory.records[ident]
    return toy.say(person, Verb.APPROVE, ident, shown=shown(record.command, record.decision))[1]


@pytest.mark.parametrize("subject", STANDINGS)
def test_c39_advice_that_rests_on_a_distrusted_sensor_is_withheld_or_labelled_by_class(
    toy: Toy, subject: str
) -> None:
    toy.read()
    toy.say("bob", Verb.DISTRUST, "tank/level")
    answer, effects = toy.advise(subject)
    assert (answer.code, answer.body["status"]) == (200, STANDINGS[subject])
    assert told(effects) == [(answer.body["id"], STANDINGS[subject])]
    assert "distrusted by a person" in str(answer.body["why"])


@pytest.mark.parametrize("subject", STANDINGS)
def test_c39_it_stands_otherwise_from_the_distrust_on_and_again_when_it_is_restored(
    toy: Toy, subject: str
) -> None:
    toy.read()
    ident = toy.advise(subject)[0].body["id"]
    assert stands(toy, ident) is Standing.SHOWN
    first = toy.memory.advice[ident].entry
    _, effects = toy.say("bob", Verb.DISTRUST, "tank/level")
    assert told(effects) == [(ident, STANDINGS[subject])]
    node = node_of(leaves(effects)[-1], toy.memory.size - 1)
    heading = read_heading(leaves(effects)[-1])
    assert heading is not None
    assert heading.name == "advice"
    statement = toy.memory.size - 2
    assert (node.name, [p for p, _ in node.node.rests.parents][:2]) == (ident, [first, statement])
    _, effects = toy.say("ann", Verb.RESTORE, "tank/level")
    assert told(effects) == [(ident, "shown")]


def test_c39_a_distrust_of_what_it_does_not_rest_on_changes_nothing(toy: Toy) -> None:
    toy.read()
    toy.read("edge-2", "slow")
    toy.advise("pump/run")
    _, effects = toy.say("bob", Verb.DISTRUST, "roof/temperature")
    assert told(effects) == []
    assert len(leaves(effects)) == 1


def test_c39_withheld_advice_shows_neither_value_nor_sentence(toy: Toy) -> None:
    toy.read()
    ident = str(toy.advise("pump/run", says="start the pump at 0.75", value=0.75)[0].body["id"])
    whole = views.advice(toy.memory.advice[ident])
    assert (whole["value"], whole["says"]) == (0.75, "start the pump at 0.75")
    _, effects = toy.say("bob", Verb.DISTRUST, "tank/level")
    row = views.advice(toy.memory.advice[ident])
    assert {k: row[k] for k in ("principal", "subject", "standing", "value", "says")} == {
        "principal": "twin", "subject": "pump/run", "standing": "withheld", "value": None, "says": None,
    }  # fmt: skip
    assert row["since_ns"] == toy.now
    for text in ("0.75", "start the pump"):
        assert text not in repr(row)
        assert text not in repr(published(effects, "advice"))
    toy.wait(3601)
    assert stands(toy, ident) is Standing.EXPIRED
    assert "start the pump" not in repr(views.advice(toy.memory.advice[ident]))


def test_c39_the_stream_never_carries_what_it_says(toy: Toy) -> None:
    toy.read()
    _, effects = toy.advise("tank", says="drain the tank", value=0.123)
    (body,) = published(effects, "advice")
    assert set(body) == {"id", "principal", "subject", "standing", "why", "entry"}


def test_c39_what_has_aged_out_is_withheld_before_it_is_shown(toy: Toy) -> None:
    toy.read()
    ident = toy.advise("pump/run")[0].body["id"]
    toy.now += 30 * 1_000_000_000
    assert stands(toy, ident) is Standing.SHOWN
    assert toy.ask("bob", "readAdvice").code == 200
    assert stands(toy, ident) is Standing.WITHHELD
    assert "not fresh" in toy.memory.advice[ident].judged.why
    toy.read()
    toy.ask("bob", "readAdvice", resource=str(ident))
    assert stands(toy, ident) is Standing.SHOWN


def test_c39_a_read_of_something_else_or_by_nobody_judges_nothing(toy: Toy) -> None:
    toy.read()
    ident = toy.advise("pump/run")[0].body["id"]
    toy.now += 30 * 1_000_000_000
    toy.ask("bob", "readCommands")
    toy.ask("bob", "readAdvice", resource="another")
    assert toy.ask("cid", "readAdvice").code == toy.ask("", "readAdvice").code == 403
    assert stands(toy, ident) is Standing.SHOWN


def test_c39_it_is_over_when_its_time_is_and_when_a_distrust_ends_it_is_judged_again(
    toy: Toy,
) -> None:
    toy.read()
    short = toy.advise("tank", life_s=20)[0].body["id"]
    ident = toy.advise("pump/run")[0].body["id"]
    toy.say("bob", Verb.DISTRUST, "tank/level", life_s=30)
    assert told(toy.wait(21)) == [(short, "expired")]
    toy.now += 9 * 1_000_000_000
    toy.read()
    assert told(toy.wait(1)) == [(ident, "shown")]
    assert told(toy.wait(3600)) == [(ident, "expired")]
    assert told(toy.say("bob", Verb.DISTRUST, "tank/level")[1]) == []


def test_c39_it_holds_over_a_restart(toy: Toy) -> None:
    toy.read()
    ident = toy.advise("pump/run")[0].body["id"]
    toy.say("bob", Verb.DISTRUST, "tank/level")
    before = toy.memory.advice
    toy.core.close()
    toy.open()
    assert toy.memory.advice == before
    assert told(toy.say("ann", Verb.RESTORE, "tank/level")[1]) == [(ident, "shown")]


def test_c39_a_service_that_read_a_bad_tag_does_not_launder_it_through_advice(toy: Toy) -> None:
    toy.read()
    toy.read("edge-2", "slow")
    toy.say("bob", Verb.DISTRUST, "roof/temperature", life_s=5)
    toy.ask("twin", "readTags", ("roof/temperature",))
    toy.wait(6)
    toy.read()
    ident = toy.advise("pump/run")[0].body["id"]
    assert stands(toy, ident) is Standing.WITHHELD
    toy.wait(700)  # longer than what it read is remembered for its commands
    toy.read()
    toy.read("edge-2", "slow")
    toy.ask("bob", "readAdvice")
    assert stands(toy, ident) is Standing.WITHHELD


def test_c39_a_service_that_reads_advice_has_read_what_it_rests_on(toy: Toy) -> None:
    toy.read()
    toy.read("edge-2", "slow")
    toy.advise("roof/temperature", principal="ann", inputs=("roof/temperature",))
    assert toy.ask("twin", "readAdvice").code == 200
    assert "roof/temperature" in toy.memory.seen["twin"]
    toy.say("bob", Verb.DISTRUST, "roof/temperature")
    answer, effects = toy.propose("valve/opening", 0.6)
    assert answer.body["status"] == "held"
    assert permits(effects) == []


def test_c39_it_has_read_it_no_better_than_the_advice_is(toy: Toy) -> None:
    """The advice rests on a reading that was bad; that its tag is well now does not make the advice so."""
    toy.read(values={"tank/level": 12.0})
    old = ("tank/level",)
    toy.advise("valve/opening", principal="ann", inputs=old)
    toy.now += 61 * 1_000_000_000
    toy.read()
    toy.ask("twin", "readAdvice")
    (seen,) = toy.memory.seen["twin"]["tank/level"]
    given = next(iter(toy.memory.advice.values()))
    assert seen[1] == given.judged.axes
    assert min(seen[1]) < 100


@pytest.mark.parametrize("subject", ["pump/run", "valve/opening"])
def test_c39_no_permit_ever_comes_of_advice(toy: Toy, subject: str) -> None:
    toy.memory.modes = {a: Mode(Rung.AUTONOMOUS) for a in toy.site.plant.assets}
    toy.read()
    answer, effects = toy.advise(subject)
    ident = str(answer.body["id"])
    assert stands(toy, ident) is Standing.SHOWN
    for person in ("ann", "bob"):
        for verb in Verb:
            said, more = toy.say(person, verb, ident, shown=bytes(32))
            assert said.code == 403
            effects += more
    effects += [*toy.wait(1), *toy.say("bob", Verb.DISTRUST, "tank/level")[1]]
    effects += [*toy.say("ann", Verb.RESTORE, "tank/level")[1], *toy.wait(3601)]
    assert not [e for e in effects if isinstance(e, Deliver)]


def test_c39_advice_does_not_pass_as_a_command_nor_a_command_as_advice(toy: Toy) -> None:
    toy.read()
    contents = {
        AdviceGiven: write_advice(toy.advice("valve/opening"), PLANT),
        CommandProposed: write_command(toy.command("valve/opening", 0.6), PLANT),
    }
    for own, content in contents.items():
        other = CommandProposed if own is AdviceGiven else AdviceGiven
        assert reply(toy.core.feed(other(toy.salt(), "p", content, "twin"), toy.now)).code == 401
        for purpose in (Purpose.ADVICE, Purpose.COMMAND):
            raw = seal(content, signer=signer("twin"), plant=PLANT, purpose=purpose)
            assert reply(toy.core.feed(other(toy.salt(), "p", raw, ""), toy.now)).code == 401
    assert toy.memory.advice == toy.memory.records == {}


def test_c39_who_may_not_advise_is_refused_and_it_is_entered(toy: Toy) -> None:
    toy.read()
    for who in ("visitor", "cid", "edge-1", "modeller"):
        answer, effects = toy.advise("tank", principal=who)
        assert (answer.code, answer.body["rule"]) == (403, "capability")
        assert len(leaves(effects)) == 1
    assert toy.advise("tank", by=stranger())[0].code == 401
    assert toy.advise("tank", principal="twin", by=signer("ann"))[0].code == 401
    assert toy.advise("attic")[0].body["rule"] == "advice"
    assert toy.memory.advice == {}


def test_c39_the_same_again_is_known_and_another_under_its_id_is_not_taken(toy: Toy) -> None:
    toy.read()
    ident = toy.salt().hex()
    made = toy.now
    first, _ = toy.advise("tank", id=ident, made_ns=made)
    again, effects = toy.advise("tank", id=ident, made_ns=made)
    assert (again.code, again.body, leaves(effects)) == (200, first.body, [])
    other, effects = toy.advise("tank", id=ident, made_ns=made, says="something else")
    assert (other.code, leaves(effects)) == (409, [])


def test_c39_a_token_vouches_for_less(toy: Toy) -> None:
    toy.read()
    answer, _ = toy.advise("tank", token="twin")
    given = toy.memory.advice[answer.body["id"]]
    assert not given.advice.signed
    assert given.judged.axes[0] <= 180
    assert toy.advise("tank", token="visitor", principal="visitor")[0].code == 403
    assert toy.advise("tank", token="nobody", principal="nobody")[0].code == 401


def test_c39_nobody_floods_people_with_advice(toy: Toy) -> None:
    toy.read()
    for _ in range(100):
        assert toy.advise("tank", life_s=60)[0].code == 200
    answer, _ = toy.advise("tank")
    assert answer.code == 403
    assert "100 open already" in str(answer.body["why"])
    assert toy.advise("tank", principal="ann")[0].code == 200
    toy.wait(61)
    assert toy.advise("tank")[0].code == 200


def test_c39_what_is_over_is_remembered_a_thousand_times_at_most(toy: Toy) -> None:
    toy.read()
    for _ in range(11):
        for _ in range(100):
            toy.advise("tank", life_s=60)
        toy.wait(61)
    over = [g for g in toy.memory.advice.values() if not g.is_open]
    assert len(over) == 1000
    toy.core.close()
    toy.open()
    assert list(toy.memory.advice.values()) == over


def test_c39_advice_of_before_a_restored_backup_is_over(toy: Toy) -> None:
    toy.read()
    ident = toy.advise("tank")[0].body["id"]
    opened = EpochOpened(toy.salt(), 1, f"{PLANT}/0", toy.memory.size, bytes(32), bytes(32))
    effects = toy.core.feed(opened, toy.now)
    assert told(effects) == [(ident, "expired")]
    assert toy.advise("tank", made_ns=toy.now)[0].code == 401


def test_c39_a_held_command_is_decided_on_again_at_once(toy: Toy) -> None:
    toy.read()
    command = held(toy)
    before = toy.memory.records[command.id]
    assert "persons have approved" in before.decision.why
    _, effects = toy.say("bob", Verb.DISTRUST, "tank/level")
    after = toy.memory.records[command.id]
    assert after.decision_entry > before.decision_entry
    assert after.decision.axes == (0, 0, 0, 0)
    (body,) = published(effects, "command")
    assert (body["id"], body["status"]) == (command.id, "held")
    assert "distrusted by a person" in body["why"]
    statement, decision = toy.memory.size - 2, toy.memory.size - 1
    node = node_of(leaves(effects)[-1], decision).node
    assert node.kind == Kind.ENTRY_DECISION
    assert [p for p, _ in node.rests.parents][:2] == [before.entry, statement]


def test_c39_a_distrust_of_what_it_does_not_rest_on_leaves_its_decision(toy: Toy) -> None:
    toy.read()
    command = held(toy)
    before = toy.memory.records[command.id]
    toy.say("bob", Verb.DISTRUST, "tank/flow")
    assert toy.memory.records[command.id] == before


def test_c39_a_held_command_rests_on_what_its_service_has_read(toy: Toy) -> None:
    toy.read()
    toy.read("edge-2", "slow")
    toy.ask("twin", "readTags", ("roof/temperature",))
    command = held(toy)
    other = toy.propose("pump/run", 1.0, principal="ann")[0].body["id"]
    _, effects = toy.say("bob", Verb.DISTRUST, "roof/temperature")
    assert [b["id"] for b in published(effects, "command")] == [command.id]
    assert toy.memory.records[str(other)].status is CommandStatus.HELD


def test_c39_approvals_of_what_was_shown_before_do_not_carry_over(toy: Toy) -> None:
    toy.read()
    command = held(toy)
    approve(toy, "ann", command.id)
    assert len(toy.memory.records[command.id].approvals) == 1
    stale = shown(command, toy.memory.records[command.id].decision)
    effects = toy.say("bob", Verb.DISTRUST, "tank/level")[1]
    assert toy.memory.records[command.id].approvals == ()
    assert toy.say("bob", Verb.APPROVE, command.id, shown=stale)[0].code == 403
    toy.read()
    effects += toy.say("ann", Verb.RESTORE, "tank/level")[1]
    assert toy.memory.records[command.id].approvals == ()
    assert permits(effects) == []
    effects = approve(toy, "ann", command.id)
    assert permits(effects) == []
    assert len(permits([*effects, *approve(toy, "bob", command.id)])) == 1


def test_c39_with_all_approvals_there_a_restored_tag_releases_nothing(toy: Toy) -> None:
    toy.read()
    toy.say("bob", Verb.DISTRUST, "tank/level")
    command = held(toy)
    effects = [*approve(toy, "ann", command.id), *approve(toy, "bob", command.id)]
    assert len(toy.memory.records[command.id].approvals) == 2
    effects += toy.say("ann", Verb.RESTORE, "tank/level")[1]
    assert permits(effects) == []
    assert toy.memory.records[command.id].status is CommandStatus.HELD


@pytest.mark.parametrize("rung", [Rung.SUPERVISED, Rung.AUTONOMOUS])
def test_c39_where_no_approval_is_needed_it_still_waits_for_a_person(toy: Toy, rung: Rung) -> None:
    toy.memory.modes = {"valve": Mode(rung)}
    toy.read()
    toy.say("bob", Verb.DISTRUST, "tank/level")
    answer, effects = toy.propose("valve/opening", 0.6)
    ident = str(answer.body["id"])
    toy.read()
    effects += toy.say("ann", Verb.RESTORE, "tank/level")[1]
    record = toy.memory.records[ident]
    assert (record.status, permits(effects)) == (CommandStatus.HELD, [])
    assert "a person releases it" in record.decision.why
    assert len(permits(approve(toy, "bob", ident))) == 1


def test_c39_beyond_a_hundred_held_commands_approvals_are_gone_and_an_approval_judges(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(again, "AT_ONCE", 2)
    toy.read()
    commands = [held(toy).id for _ in range(4)]
    approve(toy, "ann", commands[0])
    before = {ident: toy.memory.records[ident] for ident in commands}
    effects = toy.say("bob", Verb.DISTRUST, "tank/level")[1]
    assert [b["id"] for b in published(effects, "command")] == commands[2:]
    assert toy.memory.records[commands[0]].approvals == ()
    assert toy.memory.records[commands[1]] == before[commands[1]]
    assert permits(approve(toy, "bob", commands[1])) == []
    assert toy.memory.records[commands[1]].decision.axes == (0, 0, 0, 0)


def test_c39_a_distrust_that_runs_out_releases_no_command(toy: Toy) -> None:
    toy.read()
    toy.say("bob", Verb.DISTRUST, "tank/level", life_s=10)
    toy.propose("valve/opening", 0.6)
    toy.now += 10 * 1_000_000_000
    toy.read()
    assert permits(toy.wait(1)) == []


def test_c39_an_issued_permit_is_not_recalled(toy: Toy) -> None:
    """It lives five seconds; what it did stays explained."""
    toy.read()
    answer, effects = toy.propose("valve/opening", 0.6)
    (permit,) = permits(effects)
    toy.say("bob", Verb.DISTRUST, "tank/level")
    assert toy.memory.records[answer.body["id"]].status is CommandStatus.PERMITTED
    assert toy.report(permit.nonce).body["status"] == "executed"


def test_c39_what_a_revoked_key_advised_is_over(tmp_path: Path) -> None:
    keyed = Keyed(tmp_path)
    keyed.read()
    ident = keyed.advise("tank")[0].body["id"]
    mine = keyed.advise("tank", principal="ann")[0].body["id"]
    assert keyed.tell(keyed.root.revoke("twin")).code == 200
    assert stands(keyed, ident) is Standing.EXPIRED
    assert stands(keyed, mine) is Standing.SHOWN
    assert keyed.advise("tank")[0].code == 401


def test_c39_on_a_full_disk_there_is_no_room_for_it(toy: Toy) -> None:
    toy.read()
    toy.memory.is_disk_full = True
    answer, _ = toy.advise("tank")
    assert (answer.code, answer.body["rule"]) == (403, "advice")


def test_c39_a_plant_that_withholds_nothing_labels(tmp_path: Path) -> None:
    site = make_site()
    rules = replace(site.commands, withhold_advice=frozenset())
    toy = Toy(tmp_path, replace(site, commands=rules))
    toy.read()
    toy.say("bob", Verb.DISTRUST, "tank/level")
    assert toy.advise("pump/run")[0].body["status"] == "labelled"
