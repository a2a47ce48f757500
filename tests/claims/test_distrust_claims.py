"""C43 of docs/explanation/threat-model.md: what a person distrusts counts as nothing, and nothing but evidence or a person's word returns it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.claims.keyed import Keyed
from tests.claims.site import PLANT, Toy, permits, published, reply, signer
from tests.claims.test_adaptation_claims import toy_with
from tests.claims.test_command_claims import digest, held
from tests.claims.trio import FLOW, LEVEL, TAGS, Trio, trio_site
from twinvouch.adapters.keys import SeededSigner
from twinvouch.core.command import Command, CommandStatus
from twinvouch.core.event import Append, CommandProposed, Effect, Event
from twinvouch.core.inventory import key_id
from twinvouch.core.kind import Purpose
from twinvouch.core.label import Axis
from twinvouch.core.site import SECOND, DistrustRules
from twinvouch.core.statement import Verb
from twinvouch.engine import restoring, standing
from twinvouch.ledger.node import node_of
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal

VALVE = "valve/opening"


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


def kid(name: str) -> str:
    return key_id(signer(name).public_key).hex()


def axes(toy: Toy, tag: str) -> list[int]:
    return [int(a) for a in toy.memory.label([tag]).axes[:, 0]]


def reason(toy: Toy, ident: str) -> str:
    return str(toy.memory.records[ident].decision.why)


# what a subject is


@pytest.mark.parametrize("subject", ["edge-1", kid("edge-1")])
def test_c43_an_edge_or_its_key_is_every_tag_of_it_and_no_other(toy: Toy, subject: str) -> None:
    toy.read()
    toy.read("edge-2", "slow")
    ident = held(toy)
    assert toy.say("bob", Verb.DISTRUST, subject)[0].code == 200
    assert all(axes(toy, tag) == [0, 0, 0, 0] for tag in toy.site.plant.groups["fast"].ids)
    assert min(axes(toy, "roof/temperature")[:3]) > 0
    assert toy.memory.records[ident].decision.axes == (0, 0, 0, 0), "judged again at once"
    _, effects = toy.propose(VALVE, 0.6)
    assert permits(effects) == []
    toy.read()
    assert axes(toy, LEVEL) == [0, 0, 0, 0], "new readings do not help"


def test_c43_what_another_key_of_the_edge_signs_after_it_counts(tmp_path: Path) -> None:
    toy, new = Keyed(tmp_path), SeededSigner(b"\x77" * 32)
    toy.read()
    assert toy.say("bob", Verb.DISTRUST, kid("edge-1"), life_s=3600)[0].code == 200
    assert toy.tell(toy.root.trust("edge-1", new)).code == 200
    assert axes(toy, LEVEL) == [0, 0, 0, 0], "its last value is signed with the old one"
    content = toy.content()
    before = toy.memory.frame.entry(LEVEL)
    assert toy.send(toy.sealed(content, new)).body["status"] == "admitted"
    assert min(axes(toy, LEVEL)[:3]) > 0
    command = toy.command(VALVE, 0.55)
    old = replace(command, inputs=(replace(command.inputs[0], entry=before),))
    assert "signed with a key that a person distrusts" in _said_of(toy, old)
    assert permits(toy.propose(VALVE, 0.6)[1])


def _said_of(toy: Toy, command: Command) -> str:
    content = write_command(command, PLANT)
    raw = seal(content, signer=signer("twin"), plant=PLANT, purpose=Purpose.COMMAND)
    answer = reply(toy.core.feed(CommandProposed(toy.salt(), "10.0.0.8", raw, ""), toy.now))
    assert answer.body["status"] == "held"
    return str(answer.body["why"])


def test_c43_commands_and_advice_of_a_distrusted_key_are_held_and_withheld_never_dropped(
    toy: Toy,
) -> None:
    toy.read()
    early = held(toy)
    mine = toy.propose("pump/run", 1.0, principal="ann")[0].body["id"]
    given = toy.advise("pump/run")
    assert given[0].body["status"] == "shown"
    assert toy.say("ann", Verb.DISTRUST, kid("twin"))[0].code == 200
    assert f"set by `{kid('twin')}` (its key is distrusted by a person)" in reason(toy, early)
    assert toy.memory.records[early].decision.axes[Axis.IDENTITY] == 0
    assert toy.memory.records[str(mine)].decision.axes[Axis.IDENTITY] > 0, "another's is not meant"
    assert toy.memory.advice[given[0].body["id"]].judged.standing.value == "withheld"
    answer, effects = toy.propose(VALVE, 0.6)
    assert (answer.body["status"], permits(effects)) == ("held", [])
    assert toy.advise("pump/run")[0].body["status"] == "withheld"
    assert toy.say("ann", Verb.RESTORE, kid("twin"))[0].code == 200
    assert toy.memory.advice[given[0].body["id"]].judged.standing.value == "shown"


def test_c43_approvals_of_a_distrusted_key_do_not_count_and_it_restores_nothing(toy: Toy) -> None:
    toy.read()
    ident = held(toy)
    toy.say("bob", Verb.APPROVE, ident, shown=digest(toy, ident))
    assert len(toy.memory.records[ident].approvals) == 1
    assert toy.say("ann", Verb.DISTRUST, kid("bob"))[0].code == 200
    assert toy.memory.records[ident].approvals == ()
    for verb, subject in ((Verb.APPROVE, ident), (Verb.REJECT, ident), (Verb.DISTRUST, LEVEL)):
        shown = digest(toy, ident) if verb is Verb.APPROVE else b""
        answer, _ = toy.say("bob", verb, subject, shown=shown)
        assert (answer.code, "distrusts key" in str(answer.body["why"])) == (403, True)
    assert toy.say("ann", Verb.DISTRUST, kid("ann"))[0].code == 200
    assert toy.say("ann", Verb.RESTORE, kid("ann"))[0].code == 403, "it restores itself"
    assert toy.memory.records[ident].status is CommandStatus.HELD


def test_c43_without_a_distrusted_model_gate_1_judges_by_its_other_rules_and_says_so(
    tmp_path: Path,
) -> None:
    toy = toy_with(tmp_path)
    assert toy.memory.detector() is not None
    assert toy.say("bob", Verb.DISTRUST, "normal")[0].code == 403, "engineers only"
    assert toy.say("ann", Verb.DISTRUST, "normal", life_s=100)[0].code == 200
    assert toy.memory.detector() is None
    toy.say("ann", Verb.DISTRUST, "normal", life_s=100)
    assert toy.rules().count("model_distrusted") == 1
    assert toy.read()
    toy.wait(101)
    assert toy.memory.detector() is not None
    assert toy.rules().count("model_distrusted") == 2


def test_c43_of_many_pieces_of_advice_none_is_shown_unjudged_and_ticks_judge_the_rest(
    toy: Toy,
) -> None:
    toy.read()
    idents = [toy.advise("pump/run")[0].body["id"] for _ in range(3 * standing.AT_ONCE)]

    def stands() -> int:
        return sum(toy.memory.advice[i].judged.standing.value == "withheld" for i in idents)

    toy.say("bob", Verb.DISTRUST, LEVEL, life_s=600)
    statement = toy.memory.watched[LEVEL].entry
    assert stands() == standing.AT_ONCE
    assert toy.memory.unjudged == dict.fromkeys(idents[standing.AT_ONCE :], (statement,))
    toy.core.close()
    toy.open()
    toy.wait(0.1)
    assert stands() == 2 * standing.AT_ONCE
    toy.ask("ann", "readAdvice")
    assert (stands(), toy.memory.unjudged) == (len(idents), {})
    toy.say("ann", Verb.RESTORE, LEVEL)
    toy.say("bob", Verb.DISTRUST, LEVEL, life_s=600)
    toy.wait(0.1)
    toy.wait(0.1)
    toy.wait(0.1)
    assert (stands(), toy.memory.unjudged) == (len(idents), {})


def test_c43_what_is_no_subject_is_refused_with_what_to_do(toy: Toy) -> None:
    wrong = {
        "nobody": "is no tag, edge, key or model",
        "twin": "is a service: name the key",
        kid("actuator-1"): "the plant root revokes it",
        kid("edge-1").upper(): "write key",
    }
    for subject, why in wrong.items():
        answer, _ = toy.say("ann", Verb.DISTRUST, subject)
        assert (answer.code, why in str(answer.body["why"])) == (403, True), answer.body
    assert toy.memory.distrusted == {}


def test_c43_the_policy_is_asked_of_every_tag_of_an_edge_and_of_the_key(toy: Toy) -> None:
    assert toy.say("cid", Verb.DISTRUST, "edge-1")[0].body["rule"] == "capability"
    assert toy.say("bob", Verb.DISTRUST, kid("twin"))[0].body["rule"] == "capability"
    assert toy.memory.distrusted == {}


def test_c43_the_end_of_a_distrust_is_told_and_judges_held_commands_without_a_permit(
    toy: Toy,
) -> None:
    toy.read()
    toy.say("bob", Verb.DISTRUST, "edge-1", life_s=10)
    ident = str(toy.propose(VALVE, 0.6)[0].body["id"])
    toy.now += 10 * SECOND
    toy.read()
    effects = toy.wait(1)
    assert "distrust_ended" in toy.rules()
    assert permits(effects) == []
    assert [b["id"] for b in published(effects, "command")] == [ident]
    assert "a person releases it" in reason(toy, ident)


def test_c43_it_stays_so_over_a_restart(toy: Toy) -> None:
    toy.read()
    toy.say("bob", Verb.DISTRUST, kid("edge-1"), life_s=600)
    toy.core.close()
    toy.open()
    assert axes(toy, LEVEL) == [0, 0, 0, 0]
    assert toy.memory.watched[kid("edge-1")].entry >= 0
    toy.read()
    assert axes(toy, LEVEL) == [0, 0, 0, 0]


def test_c43_a_tag_in_two_subjects_counts_only_when_both_are_restored(toy: Toy) -> None:
    toy.read()
    toy.say("bob", Verb.DISTRUST, LEVEL, life_s=600)
    toy.say("bob", Verb.DISTRUST, "edge-1", life_s=600)
    answer, _ = toy.say("ann", Verb.RESTORE, LEVEL)
    assert "still counts as nothing while `edge-1` is distrusted" in str(answer.body["why"])
    assert axes(toy, LEVEL) == [0, 0, 0, 0]
    toy.say("ann", Verb.RESTORE, "edge-1")
    assert min(axes(toy, LEVEL)[:3]) > 0


# approvals


@pytest.mark.parametrize(("proposer", "person"), [("twin", "cid"), ("ann", "ann")])
def test_c43_an_approval_of_who_may_not_approve_is_refused_and_changes_nothing(
    toy: Toy, proposer: str, person: str
) -> None:
    """A viewer, and whoever proposed it; also where the command needs no approval."""
    toy.read()
    toy.say("bob", Verb.DISTRUST, LEVEL)
    for tag, value in (("pump/run", 1.0), (VALVE, 0.6)):
        ident = str(toy.propose(tag, value, principal=proposer)[0].body["id"])
        before = toy.memory.records[ident]
        answer, effects = toy.say(person, Verb.APPROVE, ident, shown=digest(toy, ident))
        assert (answer.code, answer.body["rule"], permits(effects)) == (403, "capability", [])
        assert toy.memory.records[ident] == before


# restore by a person


def trio(folder: Path, domains: tuple[int, int, int] = (1, 2, 3), **rules: object) -> Trio:
    toy = Trio(folder, trio_site(DistrustRules(**{"clean_readings": 5, **rules}), domains))  # type: ignore[arg-type]
    toy.all_say(5.0)
    assert toy.say("bob", Verb.DISTRUST, LEVEL, life_s=3600)[0].code == 200
    return toy


def test_c43_a_restore_without_what_was_shown_or_after_it_changed_is_refused(
    tmp_path: Path,
) -> None:
    toy = trio(tmp_path)
    shown = restoring.shown(restoring.known(toy.memory, LEVEL))
    for wrong in (b"", bytes(32)):
        assert toy.say("ann", Verb.RESTORE, LEVEL, shown=wrong)[0].code == 403
    toy.says(LEVEL, 9.0)  # now it disagrees
    answer, _ = toy.say("ann", Verb.RESTORE, LEVEL, shown=shown)
    assert (answer.code, "not what is known now" in str(answer.body["why"])) == (403, True)
    assert LEVEL in toy.memory.distrusted


def test_c43_new_values_that_say_the_same_do_not_void_what_was_shown(tmp_path: Path) -> None:
    toy = trio(tmp_path)
    shown = restoring.shown(restoring.known(toy.memory, LEVEL))
    toy.all_say(5.1)
    answer, _ = toy.say("ann", Verb.RESTORE, LEVEL, shown=shown)
    assert answer.code == 200
    assert "`roof/temperature`, `tank/flow` agree" in str(answer.body["why"])


def test_c43_a_restore_in_front_of_tainted_witnesses_is_refused(tmp_path: Path) -> None:
    """R4: who decides on tainted data endorses the taint."""
    toy = trio(tmp_path)
    toy.says(FLOW, 12.0)  # out of its range: plausibility 20
    answer, _ = toy.say("ann", Verb.RESTORE, LEVEL)
    assert (answer.code, "is itself below" in str(answer.body["why"])) == (403, True)
    toy.say("ann", Verb.DISTRUST, FLOW)
    toy.all_say(5.0)  # what contradicted it speaks again, and now nobody is beside it that counts
    assert toy.say("ann", Verb.RESTORE, LEVEL)[0].code == 200, "what is left vouches for it"


def test_c43_where_nothing_independent_measures_it_a_persons_word_is_enough_and_told(
    toy: Toy,
) -> None:
    toy.read()
    toy.say("bob", Verb.DISTRUST, LEVEL)
    answer, effects = toy.say("ann", Verb.RESTORE, LEVEL)
    assert "by the word of `ann` alone" in str(answer.body["why"])
    (found,) = [b for b in published(effects, "finding") if b["rule"] == "restored"]
    assert "alone" in found["sentence"]


# restore by evidence


def agree(toy: Trio, times: int, tags: Sequence[str] = TAGS) -> None:
    for n in range(times):
        toy.now += SECOND
        for tag in tags:
            toy.says(tag, 5.0 + 0.01 * n)


def test_c43_evidence_offers_a_tag_and_restores_it_only_where_configured(tmp_path: Path) -> None:
    for by_evidence in (False, True):
        toy = trio(tmp_path / str(by_evidence), returns_by_evidence=by_evidence)
        agree(toy, 4)
        assert "restorable" not in toy.rules()
        agree(toy, 3)
        assert (LEVEL in toy.memory.distrusted) is not by_evidence
        assert ("restored" in toy.rules()) is by_evidence
        assert toy.rules().count("restorable") == (not by_evidence)


def test_c43_a_tag_that_returns_by_evidence_releases_no_command(tmp_path: Path) -> None:
    toy = trio(tmp_path, returns_by_evidence=True)
    ident = str(toy.propose("pump/run", 1.0)[0].body["id"])
    agree(toy, 7)
    assert LEVEL not in toy.memory.distrusted
    assert toy.memory.records[ident].status is CommandStatus.HELD


@pytest.mark.parametrize("domains", [(1, 1, 2), (1, 2, 2), (1, 1, 1)])
def test_c43_two_that_fail_together_are_no_evidence(
    tmp_path: Path, domains: tuple[int, int, int]
) -> None:
    toy = trio(tmp_path, domains, returns_by_evidence=True)
    agree(toy, 20)
    assert LEVEL in toy.memory.distrusted
    assert "restorable" not in toy.rules()


def test_c43_time_alone_and_the_sensors_own_word_restore_nothing(tmp_path: Path) -> None:
    toy = trio(tmp_path, returns_by_evidence=True)
    agree(toy, 30, (LEVEL,))
    toy.wait(3000)
    agree(toy, 30, (LEVEL,))
    assert LEVEL in toy.memory.distrusted


def test_c43_one_that_disagrees_begins_the_count_anew(tmp_path: Path) -> None:
    toy = trio(tmp_path, returns_by_evidence=True)
    agree(toy, 4)
    toy.says(LEVEL, 8.0)
    assert toy.memory.watched[LEVEL].clean == 0
    agree(toy, 4)
    assert LEVEL in toy.memory.distrusted


def test_c43_the_entry_of_a_return_by_evidence_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = trio(tmp_path, returns_by_evidence=True)
    statement, effects, feed = toy.memory.watched[LEVEL].entry, list[Effect](), toy.core.feed

    def fed(event: Event, now_ns: int) -> Sequence[Effect]:
        effects.extend(found := feed(event, now_ns))
        return found

    monkeypatch.setattr(toy.core, "feed", fed)
    agree(toy, 7)
    (index,) = [entry for entry, _, f in toy.memory.findings if f.rule == "restored"]
    (raw,) = [e.entry for e in effects if isinstance(e, Append) and e.index == index]
    parents = [p for p, _ in node_of(raw, index).node.rests.parents]
    assert parents[0] == statement
    assert len(parents) == 4, "the statement, and a batch of each of the three"
