"""C08 to C11, C13 and C07 of docs/explanation/threat-model.md."""

import pytest

from tests.claims.site import Toy, permits, signer, stranger
from twinvouch.commands.register import shown
from twinvouch.core.command import OutcomeStatus
from twinvouch.core.kind import Purpose
from twinvouch.core.mode import Mode, Rung
from twinvouch.core.site import SECOND
from twinvouch.core.statement import Verb


def held(toy: Toy, tag: str = "pump/run", value: float = 1.0) -> str:
    answer, _ = toy.propose(tag, value)
    assert answer.body["status"] == "held", answer.body
    return str(answer.body["id"])


def digest(toy: Toy, ident: str) -> bytes:
    record = toy.memory.records[ident]
    return shown(record.command, record.decision)


def test_a_command_inside_everything_becomes_a_permit(toy: Toy) -> None:
    toy.read()
    answer, effects = toy.propose("valve/opening", 0.6)
    assert answer.body["status"] == "permitted", answer.body
    (permit,) = permits(effects)
    assert (permit.tag, permit.device, permit.address) == ("valve/opening", "plc", 10)
    assert permit.expires_ns - toy.now == 5 * SECOND


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("valve/opening", 1.5),
        ("valve/opening", -0.1),
        ("valve/opening", float("1e300")),
        ("tank/level", 5.0),
        ("nothing/here", 1.0),
    ],
)
def test_c08_no_permit_outside_the_limits(toy: Toy, tag: str, value: float) -> None:
    toy.read()
    answer, effects = toy.propose(tag, value, inputs=())
    assert permits(effects) == []
    assert answer.code in {401, 403, 422}


def test_c08_no_permit_while_the_interlock_is_not_true(toy: Toy) -> None:
    toy.read(values={"tank/level": 9.5})
    answer, effects = toy.propose("valve/opening", 0.6)
    assert (answer.body["status"], permits(effects)) == ("denied", [])


def test_c08_no_permit_in_a_mode_that_forbids_it(toy: Toy) -> None:
    toy.read()
    toy.memory.modes["valve"] = Mode(Rung.READ_ONLY, 1)
    answer, effects = toy.propose("valve/opening", 0.6)
    assert (answer.body["status"], permits(effects)) == ("denied", [])


@pytest.mark.parametrize("principal", ["visitor", "cid", "actuator-1"])
def test_c08_no_permit_for_a_principal_without_the_right(toy: Toy, principal: str) -> None:
    toy.read()
    answer, effects = toy.propose("valve/opening", 0.6, principal=principal)
    assert (answer.body["status"], permits(effects)) == ("denied", [])


def test_c08_a_forged_or_misused_signature_is_no_command(toy: Toy) -> None:
    toy.read()
    for but in ({"by": stranger()}, {"by": signer("visitor")}, {"purpose": Purpose.STATEMENT}):
        answer, effects = toy.propose("valve/opening", 0.6, **but)
        assert (answer.code, permits(effects)) == (401, [])


def test_c09_a_lying_input_holds_the_command_and_it_goes_when_trust_returns(toy: Toy) -> None:
    toy.read(values={"tank/level": 12.0})
    answer, effects = toy.propose("valve/opening", 0.6)
    assert permits(effects) == []
    assert answer.body["verdict"] in {"hold", "deny"}


def test_c09_naming_clean_inputs_does_not_help(toy: Toy) -> None:
    toy.read(values={"tank/level": -5.0})
    answer, effects = toy.propose("pump/run", 1.0, inputs=("tank/flow",))
    assert permits(effects) == []
    axes = toy.memory.records[str(answer.body["id"])].decision.axes
    assert axes[2] < 100, "the mandatory input tank/level counts although it was not declared"


def test_c09_what_the_service_read_counts_too(toy: Toy) -> None:
    toy.read()
    toy.read("edge-2", "slow", values={"roof/temperature": 999.0})
    _, effects = toy.propose("valve/opening", 0.6)
    assert len(permits(effects)) == 1, "what it has not read does not count"
    toy.report(permits(effects)[0].nonce)
    assert toy.ask("twin", "readTags", ("roof/temperature",)).code == 200
    toy.wait(10)
    toy.read()
    answer, effects = toy.propose("valve/opening", 0.6)
    assert permits(effects) == []
    assert answer.body["status"] == "held"


def test_c09_what_a_service_saw_pass_on_its_stream_counts_too(toy: Toy) -> None:
    toy.read()
    toy.read("edge-2", "slow")
    assert toy.ask("twin", "stream", tuple(toy.site.plant.tags)).code == 200
    toy.read("edge-2", "slow", values={"roof/temperature": 999.0})
    toy.read("edge-2", "slow")
    toy.read()
    assert toy.memory.frame.label(["roof/temperature"], toy.now).axes[2][0] == 255, "it is over"
    answer, effects = toy.propose("valve/opening", 0.6)
    assert (answer.body["status"], permits(effects)) == ("held", [])
    assert "roof/temperature" in str(answer.body["why"])


def test_c09_a_stream_that_was_closed_shows_nothing_more(toy: Toy) -> None:
    toy.ask("twin", "stream", tuple(toy.site.plant.tags))
    toy.wait(700.0)
    toy.read("edge-2", "slow", values={"roof/temperature": 999.0})
    toy.read()
    _, effects = toy.propose("valve/opening", 0.6)
    assert len(permits(effects)) == 1


def test_c09_distrust_by_one_person_counts_at_once_and_ends(toy: Toy) -> None:
    toy.read()
    answer, _ = toy.say("bob", Verb.DISTRUST, "tank/level", life_s=30)
    assert answer.code == 200
    _, effects = toy.propose("valve/opening", 0.6)
    assert permits(effects) == []
    toy.wait(31)
    toy.read()
    _, effects = toy.propose("valve/opening", 0.6)
    assert len(permits(effects)) == 1


def test_c10_two_persons_release_what_was_shown(toy: Toy) -> None:
    toy.read()
    ident = held(toy)
    answer, effects = toy.say("ann", Verb.APPROVE, ident, shown=digest(toy, ident))
    assert (answer.body["status"], permits(effects)) == ("held", [])
    answer, effects = toy.say("bob", Verb.APPROVE, ident, shown=digest(toy, ident))
    assert answer.body["status"] == "permitted", answer.body
    assert len(permits(effects)) == 1


def test_c10_two_by_one_person_count_once(toy: Toy) -> None:
    toy.read()
    ident = held(toy)
    for _ in range(3):
        answer, effects = toy.say("ann", Verb.APPROVE, ident, shown=digest(toy, ident))
        assert (answer.body["status"], permits(effects)) == ("held", [])


@pytest.mark.parametrize("person", ["cid", "modeller"])
def test_c10_who_may_not_approve_does_not_count(toy: Toy, person: str) -> None:
    toy.read()
    ident = held(toy)
    toy.say("ann", Verb.APPROVE, ident, shown=digest(toy, ident))
    _, effects = toy.say(person, Verb.APPROVE, ident, shown=digest(toy, ident))
    assert permits(effects) == []


def test_c10_an_approval_of_something_else_than_shown_is_refused(toy: Toy) -> None:
    toy.read()
    ident = held(toy)
    answer, _ = toy.say("ann", Verb.APPROVE, ident, shown=b"\0" * 32)
    assert answer.code == 403
    assert toy.memory.records[ident].approvals == ()


def test_c10_a_used_or_expired_statement_is_refused(toy: Toy) -> None:
    toy.read()
    ident = held(toy)
    nonce = b"n" * 16
    assert toy.say("ann", Verb.APPROVE, ident, shown=digest(toy, ident), nonce=nonce)[0].code == 200
    assert toy.say("ann", Verb.APPROVE, ident, shown=digest(toy, ident), nonce=nonce)[0].code == 403
    assert toy.say(
        "bob", Verb.APPROVE, ident, shown=digest(toy, ident), made_ns=toy.now - 100 * SECOND
    )[0].code in {
        401,
        403,
    }


def test_c10_an_approval_counts_only_until_it_expires(toy: Toy) -> None:
    toy.read()
    ident = held(toy)
    toy.say("ann", Verb.APPROVE, ident, shown=digest(toy, ident), life_s=5)
    toy.wait(6)
    toy.read()
    answer, effects = toy.say("bob", Verb.APPROVE, ident, shown=digest(toy, ident))
    assert (answer.body["status"], permits(effects)) == ("held", [])
    _, effects = toy.say("ann", Verb.APPROVE, ident, shown=digest(toy, ident))
    assert len(permits(effects)) == 1


def test_c10_a_statement_in_the_name_of_another_is_refused(toy: Toy) -> None:
    toy.read()
    ident = held(toy)
    answer, _ = toy.say("ann", Verb.APPROVE, ident, shown=digest(toy, ident), by=signer("bob"))
    assert answer.code in {401, 403}


def test_c10_approvals_never_replace_trust(toy: Toy) -> None:
    toy.read()
    ident = held(toy)
    toy.read(values={"tank/level": -4.0})
    for person in ("ann", "bob"):
        _, effects = toy.say(person, Verb.APPROVE, ident, shown=digest(toy, ident))
        assert permits(effects) == []
    assert toy.memory.records[ident].status.value == "held"


def test_a_rejected_or_expired_hold_is_over(toy: Toy) -> None:
    toy.read()
    first, second = held(toy), held(toy)
    assert toy.say("bob", Verb.REJECT, first)[0].body["status"] == "rejected"
    toy.wait(901)
    assert toy.memory.records[second].status.value == "expired"
    assert toy.say("ann", Verb.APPROVE, second, shown=digest(toy, second))[0].code == 403


def test_c08_a_reading_that_is_missing_when_a_person_approves_neither_permits_nor_ends_it(
    toy: Toy,
) -> None:
    toy.read()
    toy.say("bob", Verb.DISTRUST, "tank/level", life_s=600)
    ident = held(toy, "valve/opening", 0.6)
    toy.say("ann", Verb.RESTORE, "tank/level")
    toy.wait(10)  # nothing comes from the edge: the interlock's tag is not fresh
    answer, effects = toy.say("ann", Verb.APPROVE, ident, shown=digest(toy, ident))
    assert (answer.body["status"], permits(effects)) == ("held", [])
    reasons = toy.memory.records[ident].decision.reasons
    assert {r.rule for r in reasons if "known" in r.sentence} == {"rate", "interlock"}
    toy.read()
    answer, effects = toy.say("ann", Verb.APPROVE, ident, shown=digest(toy, ident))
    assert (answer.body["status"], len(permits(effects))) == ("permitted", 1)


def test_c08_a_hold_on_a_reading_that_never_comes_expires(toy: Toy) -> None:
    toy.read()
    toy.say("bob", Verb.DISTRUST, "tank/level", life_s=600)
    ident = held(toy, "valve/opening", 0.6)
    toy.wait(10)
    toy.say("ann", Verb.APPROVE, ident, shown=digest(toy, ident))
    toy.wait(301)
    assert toy.memory.records[ident].status.value == "expired"


def test_the_policys_no_to_a_statement_is_told_apart_from_other_refusals(toy: Toy) -> None:
    toy.read()
    first, _ = toy.say("cid", Verb.DISTRUST, "tank/level")
    other, _ = toy.say("ann", Verb.DISTRUST, "no/such")
    assert (first.code, first.body["rule"]) == (403, "capability")
    assert (other.code, other.body["rule"]) == (403, "statement")


def test_the_same_command_twice_is_answered_and_not_carried_out_twice(toy: Toy) -> None:
    from twinvouch.core.event import CommandProposed
    from twinvouch.wire.command import write_command
    from twinvouch.wire.cose import seal

    toy.read()
    command = toy.command("valve/opening", 0.6)
    raw = seal(
        write_command(command, "toy"), signer=signer("twin"), plant="toy", purpose=Purpose.COMMAND
    )
    first = toy.core.feed(CommandProposed(toy.salt(), "p", raw, ""), toy.now)
    again = toy.core.feed(CommandProposed(toy.salt(), "p", raw, ""), toy.now)
    assert (len(permits(first)), len(permits(again))) == (1, 0)


def test_c13_a_change_without_a_permit_is_a_finding(toy: Toy) -> None:
    toy.read()
    toy.read(values={"pump/run": 1.0})
    assert "unpermitted_actuation" in toy.rules()


def test_c13_a_change_with_a_spent_permit_is_none(toy: Toy) -> None:
    toy.read()
    _, effects = toy.propose("valve/opening", 0.6)
    toy.report(permits(effects)[0].nonce)
    toy.read(values={"valve/opening": 0.6})
    toy.wait(60)
    assert "unpermitted_actuation" not in toy.rules()


def test_c13_a_permit_for_another_value_explains_nothing(toy: Toy) -> None:
    toy.read()
    _, effects = toy.propose("valve/opening", 0.6)
    toy.report(permits(effects)[0].nonce)
    toy.read(values={"valve/opening": 0.9})
    toy.wait(60)
    assert "unpermitted_actuation" in toy.rules()


def test_an_outcome_counts_only_from_the_actuator_and_once(toy: Toy) -> None:
    toy.read()
    answer, effects = toy.propose("valve/opening", 0.6)
    nonce = permits(effects)[0].nonce
    assert toy.report(nonce, by="twin").code == 422
    assert toy.report(b"x" * 16).code == 422
    assert toy.report(nonce).body["status"] == "executed"
    assert toy.report(nonce, OutcomeStatus.REFUSED).body["status"] == "duplicate"
    assert toy.memory.records[str(answer.body["id"])].status.value == "executed"


def test_a_permit_nobody_reports_on_is_unknown_and_never_sent_again(toy: Toy) -> None:
    toy.read()
    answer, _ = toy.propose("valve/opening", 0.6)
    effects = toy.wait(60)
    assert toy.memory.records[str(answer.body["id"])].status.value == "unknown"
    assert permits(effects) == []
    assert "no_outcome" in toy.rules()


@pytest.mark.parametrize(
    "action",
    [
        "readTags",
        "readFindings",
        "readStatus",
        "readLedger",
        "readCommands",
        "stream",
        "takePermits",
    ],
)
def test_c07_anonymous_reading_is_denied_and_entered(toy: Toy, action: str) -> None:
    before = toy.memory.size
    assert toy.ask("", action).code == 403
    assert toy.memory.size == before + 1


def test_c07_only_the_actuator_process_takes_permits(toy: Toy) -> None:
    assert toy.ask("actuator-1", "takePermits").code == 200
    assert [toy.ask(p, "takePermits").code for p in ("twin", "ann", "visitor")] == [403, 403, 403]
