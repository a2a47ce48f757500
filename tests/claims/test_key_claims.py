"""C17 to C20 of docs/explanation/threat-model.md: somebody has stolen a key. docs/explanation/stolen-keys.md tells it in words."""

import asyncio
import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.claims.keyed import DAY, PURPOSES, ROOT, Keyed, key
from tests.claims.site import PLANT, START, Toy, make_site, permits, published, reply, stranger
from tests.claims.test_actuator_claims import VALVE, WORDS_OF_0_6
from tests.claims.test_command_claims import digest, held
from tests.unit.app.permits import Clock, Registers
from twinvouch import verifier
from twinvouch.adapters.actuator_journal import ActuatorJournal
from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.app import key_list
from twinvouch.app.actuator import Actuator
from twinvouch.app.actuator_check import OwnLimits
from twinvouch.core.command import CommandStatus
from twinvouch.core.event import CommandProposed
from twinvouch.core.inventory import Plant
from twinvouch.core.keyring import KeyPurpose, KeyRefusedError, KeyVerb
from twinvouch.core.kind import Purpose
from twinvouch.core.site import SECOND
from twinvouch.core.statement import Verb
from twinvouch.ledger import entry
from twinvouch.ledger.checkpoint import VerifierKey
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal
from twinvouch.wire.permit import write_permit


@pytest.fixture
def toy(tmp_path: Path) -> Keyed:
    return Keyed(tmp_path)


def root_text() -> str:
    return base64.b64encode(ROOT.public_key).decode()


# C17: the edge key


def test_c17_a_stolen_edge_key_lies_until_it_is_revoked_and_then_nothing_is_taken(
    toy: Keyed,
) -> None:
    """Before: not detected by the key. From the revocation on: refused. And what it signed is told."""
    stolen_ns = toy.now
    for _ in range(3):
        assert toy.read().body["status"] == "admitted", "the thief signs what the edge would"
    answer = toy.tell(toy.root.revoke("edge-1", since_ns=stolen_ns))
    assert answer.code == 200
    signed: Any = answer.body["signed_since"]
    assert signed["counts"] == {"batch": 3}
    entries = [toy.memory.size - 4, toy.memory.size - 2]
    assert [signed["first_entry"], signed["last_entry"]] == entries
    refused = toy.read()
    assert (refused.code, refused.body["rule"]) == (401, "revoked_key")
    assert "revoked_key" in toy.rules()
    assert toy.read("edge-2", "slow").body["status"] == "admitted", "others go on"


def test_c17_the_edge_goes_on_with_a_new_key_and_the_old_one_stays_dead(toy: Keyed) -> None:
    toy.read()
    toy.tell(toy.root.revoke("edge-1"))
    new = stranger()
    assert toy.tell(toy.root.trust("edge-1", new)).code == 200
    content = toy.content()
    assert toy.send(toy.sealed(content, new)).body["status"] == "admitted"
    assert toy.tell(toy.root.trust("edge-1")).code == 200, (
        "the root may say so, and it changes nothing"
    )
    assert toy.send(toy.sealed(toy.content(), key("edge-1"))).body["rule"] == "revoked_key"


def test_c17_a_thief_cannot_take_the_last_boot_epoch_there_is(toy: Keyed) -> None:
    """Taken, no later one of the edge's own could follow, whatever its key: no genesis names a later one."""
    toy.read()
    own, here = toy.epoch, (toy.seq["edge-1"], toy.prev["edge-1"])
    for epoch in (2**63 - 1, toy.now // SECOND + 86_401):
        toy.epoch, toy.seq["edge-1"] = epoch, 0
        answer = toy.read()
        assert (answer.code, answer.body["rule"]) == (401, "epoch"), "an edge keeps it"
    toy.tell(toy.root.revoke("edge-1"))
    new = stranger()
    toy.tell(toy.root.trust("edge-1", new))
    toy.epoch, (toy.seq["edge-1"], toy.prev["edge-1"]) = own, here
    assert toy.send(toy.sealed(toy.content(), new)).body["status"] == "admitted"


def test_c17_a_key_is_good_for_one_purpose_and_for_its_time(toy: Keyed) -> None:
    content = toy.content()
    for name, rule in (("ann", "key_purpose"), ("twin", "key_purpose")):
        assert toy.send(toy.sealed(content, key(name))).body["rule"] == rule
    later = stranger()
    toy.tell(toy.root.trust("edge-1", later, not_before_ns=toy.now + DAY))
    assert toy.send(toy.sealed(content, later)).body["rule"] == "expired_key"
    toy.now += 400 * DAY
    assert toy.send(toy.sealed(toy.content(), key("edge-1"))).body["rule"] == "expired_key"


def test_c17_a_key_of_twin_yaml_counts_for_nothing_beside_a_root(tmp_path: Path) -> None:
    toy = Toy(tmp_path, replace(make_site(), root=ROOT.public_key))
    assert toy.site.plant.principals["edge-1"].key, "it stands in the configuration"
    assert toy.read().body["rule"] == "unknown_key"


def test_c17_only_the_root_revokes(toy: Keyed) -> None:
    thief = replace(toy.root, signer=stranger())
    assert toy.tell(thief.revoke("edge-1")).code == 401
    for name in PURPOSES:
        by_a_key = replace(toy.root, signer=key(name))
        assert toy.tell(by_a_key.revoke("edge-1")).code == 401
    assert toy.read().body["status"] == "admitted"


def test_c17_it_holds_over_a_restart(toy: Keyed) -> None:
    toy.tell(toy.root.revoke("edge-1"))
    toy.core.close()
    toy.open()
    assert toy.read().body["rule"] == "revoked_key"


# C18: the permit key


class Plc:
    """The actuator with its own copy of the key list."""

    def __init__(self, toy: Keyed, directory: Path) -> None:
        self.toy, self.plc = toy, Registers()
        self.path = directory / "keys.list"
        self.journal = ActuatorJournal(directory / "actuator", PLANT, toy.now, 10 * SECOND)
        self.plant = Plant(PLANT, {}, {}, (), {}, {}, {}, {}, {})

    def take(self, permit: Any, by: SeededSigner) -> None:
        raw = seal(write_permit(permit), signer=by, plant=PLANT, purpose=Purpose.PERMIT)
        ring = key_list.ring(self.path, self.plant, ROOT.public_key)
        limits = OwnLimits(PLANT, b"", 10 * SECOND, {VALVE.tag: VALVE}, ring)
        own = key("actuator-1")
        actuator = Actuator(
            limits, {"plc": self.plc}, self.journal, own, Clock(self.toy.now), lambda: None
        )
        asyncio.run(actuator.take(raw))


def test_c18_a_stolen_permit_key_writes_inside_the_actuators_limits_until_it_is_revoked(
    toy: Keyed, tmp_path: Path
) -> None:
    """Before: the actuator cannot tell; gate 1 finds the write (C13). After the list: nothing is written."""
    hand = Plc(toy, tmp_path)
    key_list.append(hand.path, [toy.root.trust("permit")])
    toy.read()
    _, effects = toy.propose("valve/opening", 0.6)
    (permit,) = permits(effects)
    hand.take(permit, key("permit"))
    assert hand.plc.writes == [(1, "holding", 10, WORDS_OF_0_6)]
    forged = replace(permit, nonce=b"f" * 16)
    hand.take(forged, key("permit"))
    assert len(hand.plc.writes) == 2, (
        "the thief of this key is inside the actuator's own limits, not stopped"
    )
    revocation = toy.root.revoke("permit")
    key_list.append(hand.path, [revocation])
    hand.take(replace(permit, nonce=b"g" * 16), key("permit"))
    assert len(hand.plc.writes) == 2
    hand.journal.close()


def test_c18_the_core_withholds_permits_under_a_revoked_key_and_goes_on_with_a_new_one(
    toy: Keyed, tmp_path: Path
) -> None:
    toy.read()
    assert toy.tell(toy.root.revoke("permit")).code == 200
    answer, effects = toy.propose("valve/opening", 0.6)
    assert (answer.code, permits(effects)) == (403, [])
    assert "keys rotate permit" in str(answer.body["why"])
    new = stranger()
    toy.tell(toy.root.trust("permit", new))
    toy.core.close()
    toy.site = replace(toy.site, permit_key=new.public_key)
    toy.open()
    toy.read()
    _, effects = toy.propose("valve/opening", 0.6)
    (permit,) = permits(effects)
    hand = Plc(toy, tmp_path)
    key_list.append(hand.path, [toy.root.trust("permit", new)])
    hand.take(permit, key("permit"))
    assert hand.plc.writes == []
    hand.take(permit, new)
    assert hand.plc.writes == [(1, "holding", 10, WORDS_OF_0_6)]
    hand.journal.close()


def test_c18_a_key_for_anything_else_makes_no_permit(toy: Keyed, tmp_path: Path) -> None:
    hand = Plc(toy, tmp_path)
    key_list.append(hand.path, [toy.root.trust(name) for name in PURPOSES])
    toy.read()
    _, effects = toy.propose("valve/opening", 0.6)
    (permit,) = permits(effects)
    for name in PURPOSES:
        if name != "permit":
            hand.take(permit, key(name))
    assert hand.plc.writes == []
    hand.journal.close()


# C19: the log key


def published_with(toy: Keyed, by: SeededSigner, earlier: tuple[bytes, ...] = ()) -> None:
    """What the core does at a restart with a new log key."""
    ledger = LedgerFiles(toy.directory / "ledger", f"{PLANT}/0", by, earlier)
    toy.core.ledger = ledger


def verifier_key(by: SeededSigner) -> str:
    return VerifierKey(f"{PLANT}/0", by.public_key).text()


def test_c19_a_ledger_verifies_across_a_rotation_of_its_key(toy: Keyed) -> None:
    toy.read()
    new, old = stranger(), key("log")
    assert toy.tell(toy.root.trust("log", new)).code == 200
    toy.core.ledger.close()
    published_with(toy, new, (old.public_key,))
    toy.read()
    directory = toy.directory / "ledger"
    assert not verifier.verify(directory, verifier_key(old)).ok, "the old key alone does not tell"
    report = verifier.verify(directory, verifier_key(old), root_text())
    assert report.ok, report.faults
    assert len(report.log_keys) == 2
    assert verifier.verify(directory, verifier_key(new)).ok
    assert (directory / "log.vkey").read_text().strip() == verifier_key(new)


def test_c19_a_checkpoint_under_a_revoked_log_key_is_named(toy: Keyed) -> None:
    toy.tell(toy.root.revoke("log"))
    toy.read()
    directory = toy.directory / "ledger"
    report = verifier.verify(directory, verifier_key(key("log")), root_text())
    assert not report.ok
    assert "the root revoked in entry" in report.faults[0].why


def test_c19_a_revocation_counts_whatever_it_says_the_key_was_for(toy: Keyed) -> None:
    toy.tell(toy.root.trust("log"))
    wrong = toy.root.say(
        verb=KeyVerb.REVOKE, purpose=KeyPurpose.PERMIT, principal="log", key=key("log").public_key
    )
    toy.tell(wrong)
    toy.read()
    directory = toy.directory / "ledger"
    assert not verifier.verify(directory, verifier_key(key("log")), root_text()).ok


def test_serials_that_are_missing_are_told_however_large_one_is(toy: Keyed) -> None:
    toy.tell(toy.root.trust("visitor", stranger(), serial=2**62))
    missing = toy.memory.ring.missing
    assert (len(missing), missing[0]) == (100, len(PURPOSES) + 1)


def test_c19_the_owner_of_the_log_names_no_key_himself(toy: Keyed) -> None:
    """Entries of kind 75 that the root did not sign say nothing, whoever signs the checkpoint over them."""
    thief = replace(toy.root, signer=key("log"))
    forged = thief.trust("log", stranger())
    leaf = entry.key(PLANT, toy.now, forged)
    toy.core.ledger.publish([leaf])
    toy.core.ledger.close()
    published_with(toy, stranger(), (key("log").public_key,))
    toy.core.ledger.publish([leaf])
    report = verifier.verify(toy.directory / "ledger", verifier_key(key("log")), root_text())
    assert not report.ok


def test_c19_not_detected_another_history_under_the_stolen_key(toy: Keyed, tmp_path: Path) -> None:
    """What is not claimed: the thief's ledger without the revocation verifies. A witness or a copy tells them apart."""
    toy.read()
    leaves = list(toy.core.state.leaves(0, toy.core.state.leaf_count()))
    toy.tell(toy.root.revoke("log"))
    other = LedgerFiles(tmp_path / "other", f"{PLANT}/0", key("log"))
    other.publish(leaves)
    other.close()
    assert verifier.verify(tmp_path / "other", verifier_key(key("log")), root_text()).ok


# C20: a person's key


def approve(toy: Keyed, person: str, ident: str) -> str:
    answer, _ = toy.say(person, Verb.APPROVE, ident, shown=digest(toy, ident))
    return str(answer.body.get("status"))


def test_c20_a_stolen_persons_key_approves_once_and_an_approval_dies_with_it(toy: Keyed) -> None:
    toy.read()
    ident = held(toy)
    assert approve(toy, "ann", ident) == "held", "one of two"
    assert toy.memory.records[ident].approvals
    toy.tell(toy.root.revoke("ann"))
    assert toy.memory.records[ident].approvals == ()
    answer, _ = toy.say("ann", Verb.APPROVE, ident, shown=digest(toy, ident))
    assert (answer.code, answer.body["rule"]) == (401, "revoked_key")
    assert approve(toy, "bob", ident) == "held", "still one of two"


def test_c20_a_person_goes_on_with_a_new_key_and_counts_once_with_two(toy: Keyed) -> None:
    toy.read()
    ident = held(toy)
    new = stranger()
    toy.tell(toy.root.trust("ann", new))
    assert approve(toy, "ann", ident) == "held"
    answer, _ = toy.say("ann", Verb.APPROVE, ident, shown=digest(toy, ident), by=new)
    assert answer.body["status"] == "held", "two keys of one person count once"
    assert len(toy.memory.records[ident].approvals) == 1


def test_c20_a_stolen_key_speaks_for_nobody_else(toy: Keyed) -> None:
    toy.read()
    ident = held(toy)
    answer, _ = toy.say("bob", Verb.APPROVE, ident, shown=digest(toy, ident), by=key("ann"))
    assert answer.body["status"] == "refused"
    assert toy.memory.records[ident].approvals == ()


def test_c20_every_other_gate_asks_the_ring_too(toy: Keyed) -> None:
    """Commands of services and reports of the actuator are refused from the revocation on."""
    toy.read()
    _, effects = toy.propose("valve/opening", 0.6)
    (permit,) = permits(effects)
    for name in ("twin", "actuator-1"):
        assert toy.tell(toy.root.revoke(name)).code == 200
    command = toy.command("valve/opening", 0.6)
    raw = seal(
        write_command(command, PLANT), signer=key("twin"), plant=PLANT, purpose=Purpose.COMMAND
    )
    effects = list(toy.core.feed(CommandProposed(toy.salt(), "10.0.0.8", raw, ""), toy.now))
    assert reply(effects).body["rule"] == "revoked_key"
    assert published(effects, "finding")[0]["rule"] == "revoked_key"
    assert toy.report(permit.nonce).body["rule"] == "revoked_key"


def test_c17_a_held_command_of_a_stolen_key_is_released_by_nobody(toy: Keyed) -> None:
    """It was signed before the revocation; a permit for it would come after."""
    toy.read()
    ident, other = held(toy), held(toy)
    toy.tell(toy.root.revoke("visitor"))
    assert approve(toy, "ann", other) == "held", "another service's key is nothing to it"
    toy.tell(toy.root.revoke("twin"))
    for each in (ident, other):
        assert toy.memory.records[each].status is CommandStatus.EXPIRED
        assert "revoked" in toy.memory.records[each].outcome
    for person in ("ann", "bob"):
        assert approve(toy, person, ident) == "refused"


def test_c20_whose_approvals_go_is_what_the_root_said_of_the_key(toy: Keyed) -> None:
    toy.read()
    ident = held(toy)
    assert approve(toy, "ann", ident) == "held"
    wrong = toy.root.say(
        verb=KeyVerb.REVOKE, purpose=KeyPurpose.EDGE, principal="bob", key=key("ann").public_key
    )
    assert toy.tell(wrong).code == 200
    assert toy.memory.records[ident].approvals == ()


def test_the_old_root_speaks_no_longer_once_it_has_handed_over(toy: Keyed) -> None:
    old, new = toy.root.signer, stranger()
    handed = toy.root.hand_over(new)
    assert toy.tell(handed).body["verb"] == "rotate"
    assert toy.tell(handed).body["status"] == "known"
    stale = replace(toy.root, signer=old)
    assert toy.tell(stale.revoke("edge-1")).code == 401
    assert toy.tell(toy.root.revoke("edge-1")).code == 200, "the new one does"
    report = verifier.verify(toy.directory / "ledger", verifier_key(key("log")), root_text())
    assert report.ok


def test_a_position_decides_like_a_time(toy: Keyed) -> None:
    ring = toy.memory.ring
    kid = next(k for k, v in ring.keys.items() if v.said.principal == "edge-1")
    toy.tell(toy.root.revoke("edge-1"))
    at = ring.keys[kid].revoked_entry
    ring.expect(kid, Purpose.READINGS, START, position=at)
    for position in (at + 1, None, 0):
        with pytest.raises(KeyRefusedError):
            ring.expect(kid, Purpose.READINGS, START, position=position)
    assert ring.keys[kid].said.purpose is KeyPurpose.EDGE
