"""C46 of docs/explanation/threat-model.md: modes, who moves them, and that permits end with them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.claims.keyed import Keyed
from tests.claims.site import PLANT, START, Toy, make_site, permits, published, signer
from tests.claims.test_actuator_claims import WORDS_OF_0_6, Hand, sealed
from twinvouch.commands.register import shown as shown_command
from twinvouch.core.event import Announce, EpochOpened, QueryAsked, Tick
from twinvouch.core.inventory import CommandClass, Role
from twinvouch.core.kind import Purpose
from twinvouch.core.mode import ModeRules, Rung
from twinvouch.core.site import SECOND, Site
from twinvouch.core.statement import Verb
from twinvouch.engine import Engine, modes
from twinvouch.engine.out import Out
from twinvouch.wire.cose import seal
from twinvouch.wire.mode import read_mode

RULES = ModeRules(
    dwell_ns=60 * SECOND,
    on_distrust=frozenset({CommandClass.A}),
    return_ns=30 * SECOND,
    down_per_day=2,
    highest={"valve": Rung.AUTONOMOUS, "pump": Rung.AUTONOMOUS},
)


def site() -> Site:
    """The claims plant; ann and cid are engineers, bob is an operator."""
    built = make_site()
    cid = replace(built.plant.principals["cid"], roles=frozenset({Role.ENGINEER}))
    plant = replace(built.plant, principals={**built.plant.principals, "cid": cid})
    return replace(built, plant=plant, modes=RULES)


@pytest.fixture
def moved(tmp_path: Path) -> Toy:
    toy = Toy(tmp_path / "core", site())
    toy.read()
    return toy


@pytest.fixture
def arm(moved: Toy, tmp_path: Path) -> Iterator[Hand]:
    made = Hand(moved, tmp_path / "actuator")
    yield made
    made.journal.close()


def put(toy: Toy, person: str, rung: str, asset: str = "valve", **but: Any) -> Any:
    """Say it, of the mode as it is now; gives the answer's body."""
    digest = modes.shown(asset, toy.memory.mode_of(asset))
    return toy.say(person, Verb(rung), asset, **{"shown": digest, **but})[0]


def rested(toy: Toy, seconds: float = 61.0) -> None:
    toy.wait(seconds)
    toy.read()


def notices(effects: Any) -> list[bytes]:
    content = [e.content for e in effects if isinstance(e, Announce)]
    key = signer("permit")
    return [seal(c, signer=key, plant=PLANT, purpose=Purpose.PERMIT) for c in content]


@pytest.mark.parametrize("rung", ["advisory", "read-only", "isolated"])
def test_c46_one_person_takes_an_asset_down_and_nothing_is_written(moved: Toy, rung: str) -> None:
    _, effects = moved.say("bob", Verb(rung), "valve")
    (told,) = published(effects, "mode")
    assert (told["mode"], told["was"], told["epoch"]) == (rung, "supervised", 1)
    answer, effects = moved.propose("valve/opening", 0.6)
    assert (answer.body["status"], permits(effects)) == ("denied", [])
    moved.core.close()
    moved.open()
    answer, effects = moved.propose("valve/opening", 0.6)
    assert (answer.body["status"], permits(effects)) == ("denied", [])
    assert moved.propose("pump/run", 1.0)[0].body["status"] == "held", "it is about one asset"


def test_c46_a_held_command_is_denied_at_once_and_its_approvals_come_too_late(moved: Toy) -> None:
    ident = str(moved.propose("pump/run", 1.0)[0].body["id"])
    record = moved.memory.records[ident]
    digest = shown_command(record.command, record.decision)
    put(moved, "bob", "read-only", "pump")
    assert moved.memory.records[ident].status.value == "denied"
    for person in ("ann", "cid"):
        answer, effects = moved.say(person, Verb.APPROVE, ident, shown=digest)
        assert (answer.code, permits(effects)) == (403, [])


def test_c46_a_permit_of_before_is_void_once_the_actuator_was_told(moved: Toy, arm: Hand) -> None:
    _, effects = moved.propose("valve/opening", 0.6)
    (permit,) = permits(effects)
    _, effects = moved.say("bob", Verb.READ_ONLY, "valve")
    for notice in notices(effects):
        arm.take(notice)
    arm.restart()
    arm.take(sealed(permit))
    assert arm.plc.writes == []
    assert arm.report() == ["refused"]


def test_c46_a_notice_is_believed_from_the_permit_key_only_and_never_goes_back(
    moved: Toy, arm: Hand
) -> None:
    _, effects = moved.say("bob", Verb.READ_ONLY, "valve")
    (content,) = (e.content for e in effects if isinstance(e, Announce))
    assert read_mode(content, PLANT) == ("valve", 1, Rung.READ_ONLY)
    arm.take(seal(content, signer=signer("log"), plant=PLANT, purpose=Purpose.PERMIT))
    arm.take(seal(content, signer=signer("permit"), plant=PLANT, purpose=Purpose.OUTCOME))
    assert arm.journal.mode_epoch("valve") == 0
    (first,) = notices(effects)
    rested(moved)
    digest = modes.shown("valve", moved.memory.mode_of("valve"))
    _, effects = moved.say("ann", Verb.SUPERVISED, "valve", shown=digest)
    for notice in (*notices(effects), first):
        arm.take(notice)
    assert arm.journal.mode_epoch("valve") == 2
    moved.read()
    _, effects = moved.propose("valve/opening", 0.6)
    arm.take(sealed(permits(effects)[0]))
    assert arm.plc.writes == [(1, "holding", 10, WORDS_OF_0_6)]


def test_c46_up_goes_an_engineer_with_a_reason_after_a_dwell_from_what_was_shown(
    moved: Toy,
) -> None:
    old = modes.shown("valve", moved.memory.mode_of("valve"))
    put(moved, "bob", "read-only")
    assert put(moved, "ann", "supervised").code == 403, "too soon"
    rested(moved)
    assert put(moved, "bob", "supervised").code == 403, "an operator"
    assert put(moved, "ann", "supervised", shown=old).code == 403, "shown another epoch"
    assert put(moved, "ann", "supervised", shown=b"").code == 403
    assert put(moved, "ann", "supervised").code == 200
    assert put(moved, "ann", "supervised").code == 403, "it is so already"
    assert put(moved, "ann", "read-only", "nowhere").code == 403
    assert moved.memory.mode_of("valve").epoch == 2


def test_c46_nothing_goes_above_what_was_configured(moved: Toy) -> None:
    built = moved.site
    moved.core.close()
    highest = {"valve": Rung.ADVISORY}
    moved.site = replace(built, modes=replace(RULES, highest=highest))
    moved.open()
    assert moved.propose("valve/opening", 0.6)[0].body["status"] == "denied"
    assert "no higher than advisory" in str(put(moved, "ann", "supervised").body["why"])
    assert "no higher than supervised" in str(put(moved, "ann", "autonomous", "pump").body["why"])


def test_c46_autonomy_takes_two_persons_and_ends(moved: Toy) -> None:
    assert put(moved, "ann", "autonomous", life_s=3600).body["status"] == "waiting"
    assert put(moved, "ann", "autonomous", life_s=3600).code == 403
    moved.core.close()
    moved.open()
    assert moved.memory.mode_of("valve").rung is Rung.SUPERVISED
    assert put(moved, "cid", "autonomous", life_s=13 * 3600).code == 403, (
        "longer than autonomy lasts"
    )
    assert put(moved, "cid", "autonomous", life_s=1800).body["status"] == "set"
    moved.read()
    _, effects = moved.propose("valve/opening", 0.6)
    assert permits(effects)[0].mode_epoch == 1
    effects = moved.wait(1801)
    (told,) = published(effects, "mode")
    assert (told["mode"], told["cause"]) == ("supervised", "time")


def test_c46_one_key_under_two_names_is_one_person(moved: Toy) -> None:
    people = moved.site.plant.principals
    twice = {**people, "cid": replace(people["cid"], key=people["ann"].key)}
    moved.core.close()
    moved.site = replace(moved.site, plant=replace(moved.site.plant, principals=twice))
    moved.open()
    put(moved, "ann", "autonomous", life_s=3600)
    put(moved, "cid", "autonomous", life_s=3600, by=signer("ann"))
    assert moved.memory.mode_of("valve").rung is Rung.SUPERVISED


def test_c46_a_rule_lowers_within_a_budget_and_gives_back_by_evidence_only(moved: Toy) -> None:
    for _ in range(RULES.down_per_day):
        _, effects = moved.say("bob", Verb.DISTRUST, "tank/level", life_s=10)
        (told,) = published(effects, "mode")
        assert (told["asset"], told["mode"], told["cause"]) == ("pump", "advisory", "rule")
        moved.wait(11)  # the distrust is over, nobody has seen the tag since
        moved.wait(40)
        assert moved.memory.mode_of("pump").rung is Rung.ADVISORY, "time alone raises nothing"
        for _second in range(35):
            moved.wait(1)
            moved.read()
        assert moved.memory.mode_of("pump").rung is Rung.SUPERVISED
    _, effects = moved.say("bob", Verb.DISTRUST, "tank/level", life_s=10)
    assert published(effects, "mode") == []
    moved.wait(5)
    assert moved.rules().count("mode_budget") == 1
    assert moved.memory.mode_of("valve").epoch == 0, "its class is not followed"


def test_c46_nobody_raises_what_is_still_without_its_inputs(moved: Toy) -> None:
    moved.say("bob", Verb.DISTRUST, "tank/level", life_s=3600)
    rested(moved)
    assert "restore it first" in str(put(moved, "ann", "supervised", "pump").body["why"])
    moved.say("ann", Verb.RESTORE, "tank/level")
    assert put(moved, "ann", "supervised", "pump").code == 200


def test_c46_without_causes_only_a_person_raises() -> None:
    engine = Engine(site())
    m = engine.memory
    m.now_ns = START
    assert modes.step_down(m, Out(m, b"s" * 16), "valve", "a key was misused")
    assert not modes.step_down(m, Out(m, b"s" * 16), "valve", "again"), "advisory is low enough"
    for second in range(100):
        engine.feed(Tick(b"t" * 16), START + second * SECOND)
    assert m.mode_of("valve").rung is Rung.ADVISORY


def test_c46_a_restored_backup_ends_autonomy_and_voids_what_was_permitted(
    moved: Toy, arm: Hand
) -> None:
    put(moved, "ann", "autonomous", life_s=3600)
    put(moved, "cid", "autonomous", life_s=3600)
    moved.read()
    _, effects = moved.propose("valve/opening", 0.6)
    (permit,) = permits(effects)
    event = EpochOpened(moved.salt(), 1, "toy/0", moved.memory.size, b"r" * 32, b"b" * 32)
    effects = list(moved.core.feed(event, moved.now))
    assert moved.memory.mode_of("valve").rung is Rung.SUPERVISED
    for notice in notices(effects):
        arm.take(notice)
    arm.take(sealed(permit))
    assert arm.plc.writes == []
    moved.wait(1)
    moved.read()
    _, effects = moved.propose("valve/opening", 0.6)
    assert permits(effects)[0].mode_epoch >> 32 == 1


def test_an_actuator_that_connects_is_told_what_is_new(moved: Toy) -> None:
    put(moved, "bob", "read-only")

    def connect() -> list[Any]:
        asked = QueryAsked(moved.salt(), "actuator-1", "takePermits", "*", "permits")
        return [e for e in moved.core.feed(asked, moved.now) if isinstance(e, Announce)]

    assert len(connect()) == 1
    moved.wait(121)
    assert connect() == []


def test_c46_a_first_word_dies_with_the_key_that_signed_it(tmp_path: Path) -> None:
    toy = Keyed(tmp_path)
    toy.memory.site = replace(toy.memory.site, modes=RULES)
    assert put(toy, "ann", "autonomous", life_s=3600).body["status"] == "waiting"
    toy.tell(toy.root.revoke("ann"))
    assert toy.memory.mode_of("valve").asked is None
