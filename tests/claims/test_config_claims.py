"""C20 of docs/explanation/threat-model.md: what two persons sign, and what happens until they have."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.claims.keyed import PURPOSES, Keyed
from tests.claims.site import PLANT, START, Toy, make_site, permits, reply, signer, stranger
from twinvouch.adapters.keys import SeededSigner
from twinvouch.core.event import EpochOpened, Reply, StatementReceived
from twinvouch.core.keyring import KeyPurpose
from twinvouch.core.kind import Purpose
from twinvouch.core.site import SECOND, Safety
from twinvouch.core.statement import ConfigStatement
from twinvouch.wire.config import write_config
from twinvouch.wire.cose import seal

DAY = 86_400 * SECOND
FIRST, SECOND_PART = b"\x01" * 32, b"\x02" * 32


def safety(digest: bytes = FIRST, signers: tuple[str, ...] = ("ann", "bob")) -> Safety:
    return Safety(digest, {name: signer(name).public_key for name in signers})


def signed(toy: Toy, person: str, by: SeededSigner | None = None, **but: Any) -> Reply:
    said = ConfigStatement(
        but.get("name", person),
        but.get("number", toy.memory.signed.number + 1),
        but.get("digest", toy.site.safety.digest),  # type: ignore[union-attr]
        but.get("made_ns", toy.now),
        but.get("expires_ns", toy.now + 7 * DAY),
    )
    plant, purpose = but.get("plant", PLANT), but.get("purpose", Purpose.CONFIG)
    raw = seal(write_config(said, plant), signer=by or signer(person), plant=plant, purpose=purpose)
    return reply(toy.core.feed(StatementReceived(toy.salt(), "10.0.0.7", raw), toy.now))


def asked(toy: Toy) -> str:
    """What becomes of a command that is inside everything."""
    toy.read()
    answer, effects = toy.propose("valve/opening", 0.6)
    assert bool(permits(effects)) == (answer.body["status"] == "permitted")
    return str(answer.body["status"])


def started(toy: Toy, part: Safety) -> None:
    """A restart with another configuration."""
    toy.core.close()
    toy.site = replace(toy.site, safety=part)
    toy.open()


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path, replace(make_site(), safety=safety()))


def test_c20_no_permit_before_two_persons_have_signed(toy: Toy) -> None:
    assert asked(toy) == "denied"
    assert signed(toy, "ann").body["status"] == "waiting"
    assert asked(toy) == "denied"
    assert signed(toy, "ann").body["signatures"] == 1, "the same person counts once"
    assert asked(toy) == "denied"
    answer = signed(toy, "bob")
    assert (answer.body["status"], answer.body["signatures"]) == ("signed", 2)
    assert asked(toy) == "permitted"
    reasons = next(iter(toy.memory.records.values())).decision.reasons
    assert "twinvouch config sign" in reasons[0].sentence


def test_c20_a_changed_configuration_issues_no_permits_until_it_is_signed(toy: Toy) -> None:
    signed(toy, "ann")
    signed(toy, "bob")
    started(toy, safety(SECOND_PART))
    assert asked(toy) == "denied"
    assert toy.read().body["status"] == "admitted", "everything else goes on"
    started(toy, safety())
    assert asked(toy) == "permitted", "back to what was signed needs nobody"
    started(toy, safety(SECOND_PART))
    signed(toy, "ann")
    assert asked(toy) == "denied"
    started(toy, safety(SECOND_PART))
    signed(toy, "bob")
    assert asked(toy) == "permitted", "a signature outlives a restart"


def test_c20_a_thief_cannot_make_himself_a_signer(toy: Toy) -> None:
    """One stolen person's key, and write access to twin.yaml: the persons of the last signed configuration decide."""
    signed(toy, "ann")
    signed(toy, "bob")
    taken = Safety(SECOND_PART, {"ann": signer("ann").public_key, "cid": signer("cid").public_key})
    started(toy, taken)
    assert signed(toy, "ann").body["status"] == "waiting"
    assert signed(toy, "cid").code == 401
    assert signed(toy, "ann", name="bob").code == 403
    assert signed(toy, "bob", by=signer("ann")).code == 403
    assert asked(toy) == "denied"


def test_c20_after_a_change_of_signers_the_new_ones_decide(toy: Toy) -> None:
    signed(toy, "ann")
    signed(toy, "bob")
    started(toy, safety(SECOND_PART, ("bob", "cid")))
    signed(toy, "ann")
    signed(toy, "bob")
    assert asked(toy) == "permitted"
    started(toy, safety(FIRST, ("bob", "cid")))
    assert signed(toy, "ann").code == 401
    assert signed(toy, "cid").body["status"] == "waiting"
    assert signed(toy, "bob").body["status"] == "signed"


@pytest.mark.parametrize(
    ("but", "code"),
    [
        ({"number": 2}, 200),  # a place of its own: nobody else has signed that
        ({"number": 1001}, 403),
        ({"digest": SECOND_PART}, 200),
        ({"made_ns": START + DAY, "expires_ns": START + 2 * DAY}, 403),
        ({"made_ns": START - 2 * DAY, "expires_ns": START - DAY}, 403),
        ({"purpose": Purpose.STATEMENT}, 401),
        ({"plant": "other"}, 401),
        ({"by": stranger()}, 401),
        ({"by": signer("modeller")}, 401),
    ],
)
def test_c20_what_does_not_fit_counts_for_nothing(toy: Toy, but: dict, code: int) -> None:
    signed(toy, "bob")
    assert signed(toy, "ann", **but).code == code
    assert asked(toy) == "denied"


def test_c20_an_old_signature_says_nothing_about_a_later_place(toy: Toy) -> None:
    signed(toy, "ann")
    signed(toy, "bob")
    started(toy, safety(SECOND_PART))
    signed(toy, "ann")
    signed(toy, "bob")
    started(toy, safety())
    for person in ("ann", "bob"):
        answer = signed(toy, person, number=1)
        assert (answer.code, answer.body["number"]) == (403, 3)
    assert asked(toy) == "denied"


def test_c20_what_was_signed_before_a_restore_signs_nothing_after_it(toy: Toy) -> None:
    """Its place may have been taken since the backup, by a configuration that the backup does not know."""
    early = toy.now
    assert signed(toy, "ann").body["status"] == "waiting"
    toy.now += SECOND
    restored = EpochOpened(toy.salt(), 1, f"{PLANT}/0", 1, bytes(32), bytes(32))
    assert reply(toy.core.feed(restored, toy.now)).code == 200
    toy.now += SECOND
    late = signed(toy, "ann", made_ns=early)
    assert (late.code, "before a backup was restored" in str(late.body["why"])) == (403, True)
    assert signed(toy, "bob").body["signatures"] == 1, "nor does one that waited"
    assert asked(toy) == "denied"
    assert signed(toy, "ann").body["status"] == "signed"


def test_c20_under_a_root_only_safety_keys_sign_and_a_revoked_one_does_not(tmp_path: Path) -> None:
    toy = Keyed(tmp_path)
    own = {"ann": SeededSigner(b"\xb1" * 32), "bob": SeededSigner(b"\xb2" * 32)}
    for name, key in own.items():
        toy.tell(toy.root.say(purpose=KeyPurpose.SAFETY_SIGNER, principal=name, key=key.public_key))
    started(toy, safety())
    assert PURPOSES["ann"] is KeyPurpose.PERSON
    assert signed(toy, "ann").code == 401, "the key for statements is another one"
    assert signed(toy, "ann", own["ann"]).body["status"] == "waiting"
    gone = toy.root.say(
        verb="revoke", purpose=KeyPurpose.SAFETY_SIGNER, principal="ann",
        key=own["ann"].public_key, reason="stolen",
    )  # fmt: skip
    toy.tell(gone)
    assert signed(toy, "bob", own["bob"]).body["signatures"] == 1, "hers counts no longer"
    assert asked(toy) == "denied"


def test_a_core_that_asks_nobody_takes_no_signature(tmp_path: Path) -> None:
    toy = Toy(tmp_path)
    raw = seal(
        write_config(ConfigStatement("ann", 1, FIRST, START, START + DAY), PLANT),
        signer=signer("ann"), plant=PLANT, purpose=Purpose.CONFIG,
    )  # fmt: skip
    assert reply(toy.core.feed(StatementReceived(toy.salt(), "p", raw), toy.now)).code == 409
    assert asked(toy) == "permitted"
