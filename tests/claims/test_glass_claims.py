"""C54 of docs/explanation/threat-model.md: break-glass is two persons', for one of them, for minutes, and never quiet."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.claims.keyed import Keyed
from tests.claims.site import PLANT, Toy, make_site, permits, published, signer, stranger
from tests.unit.app.test_receipts import KEY, SIGNERS, made
from twinvouch import verifier
from twinvouch.app.api.glass import glasses
from twinvouch.core.command import Command
from twinvouch.core.event import CommandProposed, EpochOpened, Started
from twinvouch.core.finding import Severity
from twinvouch.core.inventory import Role
from twinvouch.core.kind import Purpose
from twinvouch.core.mode import ModeRules
from twinvouch.core.site import SECOND, Site
from twinvouch.core.statement import Verb
from twinvouch.engine import glass
from twinvouch.verifier import chain
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal

VALVE, PUMP = "valve/opening", "pump/run"


def site(**but: Any) -> Site:
    """ann and cid are engineers, bob is an operator."""
    built = make_site()
    people = built.plant.principals
    cid = replace(people["cid"], roles=frozenset({Role.ENGINEER}))
    return replace(built, plant=replace(built.plant, principals={**people, "cid": cid}), **but)


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    made_ = Toy(tmp_path / "core", site())
    begun = Started(made_.salt(), made_.site.config_digest, made_.site.policy.digest, "test")
    made_.core.feed(begun, made_.now)
    made_.read()
    made_.say("bob", Verb.DISTRUST, "tank/level", life_s=7200)
    return made_


def put(toy: Toy, person: str, subject: str = "valve", **but: Any) -> Any:
    """Ask for it, or agree to what is asked for; gives the answer."""
    known = toy.memory.glasses.get(subject)
    digest = b"" if known is None else glass.shown(known)
    usual = {"shown": digest, "life_s": 900}
    return toy.say(person, Verb.BREAK_GLASS, subject, **{**usual, **but})[0]


def opened(toy: Toy, subject: str = "valve", first: str = "bob", second: str = "ann") -> None:
    assert put(toy, first, subject).body["status"] == "waiting"
    assert put(toy, second, subject).body["status"] == "open"


def write(toy: Toy, person: str = "bob", tag: str = VALVE, value: float = 0.6) -> Any:
    """A command that the person signs; gives the status and the permits."""
    answer, effects = toy.propose(tag, value, principal=person)
    return answer.body.get("status"), permits(effects)


def test_c54_one_person_alone_waives_nothing(toy: Toy) -> None:
    assert write(toy)[0] == "held"
    assert put(toy, "bob").body["status"] == "waiting"
    assert write(toy)[0] == "held"
    assert put(toy, "bob").code == 403
    assert put(toy, "bob", by=signer("ann")).code == 403
    assert write(toy)[0] == "held"


def test_c54_two_open_it_for_the_one_who_asked_and_every_use_is_a_critical_finding(
    toy: Toy,
) -> None:
    opened(toy)
    assert write(toy, "ann")[0] == "held", "ann agreed, she did not ask"
    assert write(toy, "twin")[0] == "held"
    status, issued = write(toy)
    assert (status, len(issued)) == ("permitted", 1)
    used = [f for _, _, f in toy.memory.findings if f.severity is Severity.CRITICAL]
    assert [(f.rule, f.subject) for f in used] == [("break_glass", VALVE)]
    assert "label 0, 0, 0, 0" in used[0].sentence
    (row,) = glasses(toy.memory)
    assert (row["person"], row["second"], row["uses"]) == ("bob", "ann", 1)
    assert toy.memory.counts["break_glass:used"] == 1


def test_c54_limits_rates_and_modes_stay(toy: Toy) -> None:
    opened(toy)
    assert write(toy, value=1.5)[0] == "denied"
    toy.read(values={"tank/level": 9.5})
    assert write(toy)[0] == "denied", "the interlock"
    toy.read(values={"tank/level": 5.0})
    assert write(toy)[0] == "permitted"
    assert write(toy, value=0.0)[0] == "denied", "the rate counts from the last permit"
    toy.say("ann", Verb.READ_ONLY, "valve")
    assert write(toy)[0] == "denied"


def test_c54_who_may_not_agree_does_not_and_class_a_is_engineers_business(toy: Toy) -> None:
    assert put(toy, "bob", "pump").code == 403, "an operator, class A"
    assert put(toy, "cid", "pump").body["status"] == "waiting"
    assert put(toy, "bob", "pump").code == 403
    assert put(toy, "ann", "pump").body["status"] == "open"
    assert write(toy, "cid", PUMP, 1.0)[0] == "permitted", "approvals are waived, too"
    assert write(toy, "bob", PUMP, 0.0)[0] == "denied", "an operator proposes no class A"


def test_c54_what_is_agreed_to_is_what_was_shown(toy: Toy) -> None:
    put(toy, "bob")
    old = glass.shown(toy.memory.glasses["valve"])
    toy.say("bob", Verb.CLOSE_GLASS, "valve")
    toy.now += SECOND
    put(toy, "cid")
    assert put(toy, "ann", shown=old).code == 403
    assert put(toy, "ann", shown=b"").code == 403
    assert put(toy, "ann").code == 200
    assert toy.memory.glasses["valve"].person == "cid"


def test_c54_it_ends_by_itself_and_by_anybodys_word(toy: Toy) -> None:
    opened(toy)
    toy.core.close()
    toy.open()
    effects = toy.wait(899)
    assert published(effects, "break_glass") == []
    (told,) = published(toy.wait(2), "break_glass")
    assert (told["stage"], told["second"]) == ("ended", "ann")
    toy.read()
    assert write(toy)[0] == "held"
    opened(toy)
    assert toy.say("modeller", Verb.CLOSE_GLASS, "valve")[0].code == 200, "a person with no role"
    assert write(toy)[0] == "held"
    assert toy.say("bob", Verb.CLOSE_GLASS, "valve")[0].code == 403
    put(toy, "bob")
    toy.wait(901)
    assert toy.memory.glasses == {}, "what nobody agreed to is forgotten"


def test_c54_no_longer_than_configured_and_not_where_it_is_off(tmp_path: Path, toy: Toy) -> None:
    assert put(toy, "bob", life_s=1801).code == 403
    assert put(toy, "bob", "nowhere").code == 403
    assert put(toy, "bob", "tank/level").code == 403
    off = Toy(tmp_path / "off", site(modes=ModeRules(glass_ns=0)))
    off.read()
    assert "there is no break-glass" in str(put(off, "bob").body["why"])


def test_c54_a_token_breaks_no_glass_and_neither_does_a_distrusted_key(toy: Toy) -> None:
    opened(toy)
    kid = next(k for k, p in toy.site.plant.by_key_id.items() if p.id == "bob").hex()
    assert toy.say("ann", Verb.DISTRUST, kid, life_s=600)[0].code == 200
    assert write(toy)[0] == "held"


def test_c54_one_key_under_two_names_is_one_person(tmp_path: Path) -> None:
    built = site()
    people = built.plant.principals
    twice = {**people, "cid": replace(people["cid"], key=people["ann"].key)}
    toy = Toy(tmp_path, replace(built, plant=replace(built.plant, principals=twice)))
    toy.read()
    put(toy, "ann")
    put(toy, "cid", by=signer("ann"))
    assert not any(g.is_open(toy.now) for g in toy.memory.glasses.values())


def test_c54_a_restored_backup_ends_it(toy: Toy) -> None:
    opened(toy)
    opening = EpochOpened(toy.salt(), 1, bytes(32), "toy/0", 1, bytes(32))
    toy.core.feed(opening, toy.now)
    assert toy.memory.glasses == {}


def test_c54_opening_use_and_closing_are_in_the_ledger_and_in_the_receipt(toy: Toy) -> None:
    opened(toy)
    answer, _ = toy.propose(VALVE, 0.6, principal="bob")
    toy.say("cid", Verb.CLOSE_GLASS, "valve")
    found = chain.verify(made(toy, str(answer.body["id"])), KEY.text(), signers=SIGNERS)
    assert found.ok, found.fault
    assert any("break_glass: break-glass of `valve`" in line for line in found.story), found.story
    assert any("break-glass of valve for bob: opened" in line for line in found.story), found.story
    ledger = toy.directory / "ledger"
    toy.core.close()
    report = verifier.verify(ledger, KEY.text())
    assert report.ok, report.faults
    assert report.contents.kinds["glass"] == 2
    toy.open()
    assert toy.memory.counts["break_glass:closed"] == 1


class Watched(Keyed):
    """A keyed plant that takes an asset down after two misuses of keys in an hour."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.core.close()
        self.site = replace(self.site, modes=ModeRules(misuses=2))
        self.open()
        self.read()

    def rung(self, asset: str = "valve") -> str:
        return str(self.memory.mode_of(asset).rung.label)


def test_c46_commands_of_a_revoked_key_take_their_asset_down_and_only_a_person_raises_it(
    tmp_path: Path,
) -> None:
    toy = Watched(tmp_path)
    toy.tell(toy.root.revoke("twin"))
    for _ in range(2):
        assert toy.propose(VALVE, 0.6)[0].code == 401
    assert toy.rung() == "supervised"
    _, effects = toy.propose(VALVE, 0.7)
    (told,) = published(effects, "mode")
    assert (told["mode"], told["cause"]) == ("advisory", "rule")
    assert toy.rung("pump") == "supervised", "it is about the asset that they were for"
    for _ in range(40):
        toy.wait(60)
        toy.read()
    assert toy.rung() == "advisory", "no evidence gives it back"


def proposed(toy: Toy, command: Command, by: str) -> CommandProposed:
    content = write_command(command, PLANT)
    raw = seal(content, signer=signer(by), plant=PLANT, purpose=Purpose.COMMAND)
    return CommandProposed(toy.salt(), "10.0.0.8", raw, "")


@pytest.mark.parametrize("how", ["owner", "id"])
def test_c46_another_name_and_another_command_under_one_id_count_too(
    tmp_path: Path, how: str
) -> None:
    toy = Watched(tmp_path)
    ident = str(toy.propose(VALVE, 0.6)[0].body["id"])
    for n in range(3):
        assert toy.rung() == "supervised"
        if how == "owner":
            toy.propose(VALVE, 0.5, by=signer("visitor"))
        else:
            other = replace(toy.command(VALVE, 0.51 + n / 100), id=ident)
            assert toy.core.feed(proposed(toy, other, "twin"), toy.now)
    assert toy.rung() == "advisory", toy.memory.counts


def test_c46_what_anybody_on_the_network_can_send_takes_nothing_down(tmp_path: Path) -> None:
    """Strangers, broken seals, old commands and the same command again: none needs an enrolled key."""
    toy = Watched(tmp_path)
    good = proposed(toy, toy.command(VALVE, 0.6), "twin").raw
    forged = proposed(toy, toy.command(VALVE, 0.6), "visitor").raw
    old = toy.command(VALVE, 0.6, made_ns=toy.now - 31 * SECOND)
    late = proposed(toy, old, "visitor").raw
    broken = good[:-1] + bytes([good[-1] ^ 1])
    flipped = bytearray(good)
    flipped[60] ^= 1  # the signature, under a known key id
    for raw in (good, late, broken, bytes(flipped), forged):
        for _ in range(6):
            toy.core.feed(CommandProposed(toy.salt(), "10.0.0.66", raw, ""), toy.now)
    for _ in range(6):
        toy.propose(VALVE, 0.6, by=stranger())
    assert toy.rung() == "supervised"
    assert toy.memory.counts["key_misuse:not_owner"] == 1, "the forged one counts, and once"
    toy.core.close()
    toy.open()
    assert len(toy.memory.misuses["valve"]) == 1
