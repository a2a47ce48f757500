"""Receipts of the toy plant's real core: what is in them, and that no bit of one can be changed."""

import base64
import random
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.claims.disavowals import Doubting
from tests.claims.keyed import ROOT, Keyed, Root
from tests.claims.site import PLANT, Toy, permits, signer
from twinvouch import verifier
from twinvouch.adapters.witness_store import WitnessStore
from twinvouch.app import receipts
from twinvouch.app.witness_check import check
from twinvouch.commands.register import shown
from twinvouch.core.errors import UsageError
from twinvouch.core.event import Started
from twinvouch.core.inventory import key_id
from twinvouch.core.statement import Verb
from twinvouch.ledger.checkpoint import VerifierKey
from twinvouch.ledger.receipt import About
from twinvouch.verifier import chain
from twinvouch.verifier.rooted import Rooted
from twinvouch.wire.cbor import decode, encode

KEY = VerifierKey(f"{PLANT}/0", signer("log").public_key)
PERSONS = ("ann", "bob")
SIGNERS = [signer(n).public_key for n in ("edge-1", "twin", "actuator-1", "ann", "bob")]


def sources(toy: Toy) -> receipts.Sources:
    return receipts.Sources(
        toy.directory, KEY, toy.core.state, toy.site.plant.groups, toy.core.vault
    )


def executed(toy: Toy, tag: str = "valve/opening", value: float = 0.6) -> str:
    """A command from the newest readings that is permitted and carried out; its id."""

    memory = toy.memory
    toy.core.feed(Started(toy.salt(), toy.site.config_digest, toy.site.policy.digest, "b"), toy.now)
    toy.read()
    toy.read(edge="edge-1")
    answer, effects = toy.propose(tag, value)
    assert answer.code == 200, answer.body
    ident = str(answer.body["id"])
    for person in PERSONS * (memory.records[ident].status.value == "held"):
        record = memory.records[ident]
        what = shown(record.command, record.decision)
        _, effects = toy.say(person, Verb.APPROVE, ident, shown=what)
    [permit] = permits(effects)
    toy.report(permit.nonce)
    return ident


def made(toy: Toy, ident: str, *, readings: bool = True) -> bytes:
    from_ = sources(toy)
    ledger = receipts.head(from_)
    if "@" in ident:
        entries, what = receipts.of_reading(ledger, ident), "reading"
    else:
        entries, what = receipts.of_command(ledger, ident, 0, ledger.head.size), "command"
    about, said = About(PLANT, toy.now, what, ident), receipts.key_entries(ledger)
    return receipts.write(from_, about, entries, said, readings=readings)


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


def test_a_receipt_tells_the_story_from_reading_to_outcome(toy: Toy) -> None:
    found = chain.verify(made(toy, executed(toy)), KEY.text(), signers=SIGNERS)
    assert found.ok, found.fault
    story = "\n".join(found.story)
    for said in (
        "tank/level = 5 (good)",
        "value 0.6 1",
        "decision: allow",
        "as f32 to plc",
        "outcome: executed",
    ):
        assert said in story
    assert story.count("signature by key") == 3
    assert "discloses: signed content" in chain.as_text(found)
    assert "VERIFIED: 6 entries" in chain.as_text(found)


def test_approvals_are_part_of_it(toy: Toy) -> None:
    found = chain.verify(made(toy, executed(toy, "pump/run", 1.0)), KEY.text(), signers=SIGNERS)
    assert found.ok, found.fault
    assert [line.partition(": ")[2] for line in found.story if "says approve" in line] == [
        "ann says approve", "bob says approve",
    ]  # fmt: skip


@pytest.mark.parametrize("subject", ["tank/level", "edge-1"])
def test_what_a_command_was_judged_again_for_is_part_of_it(tmp_path: Path, subject: str) -> None:
    toy = Doubting(tmp_path)
    toy.core.feed(Started(toy.salt(), toy.site.config_digest, toy.site.policy.digest, "b"), toy.now)
    toy.read()
    answer, _ = toy.propose("pump/run", 1.0)
    ident = str(answer.body["id"])
    toy.say("ann", Verb.DISTRUST, "tank/level")
    toy.say("ann", Verb.RESTORE, "tank/level")
    toy.disavow("ann", subject)
    found = chain.verify(made(toy, ident), KEY.text(), signers=SIGNERS)
    assert found.ok, found.fault
    story = "\n".join(found.story)
    for said in ("ann says distrust", "ann says restore", f"ann disavows {subject} from"):
        assert said in story
    assert "disavowal" in story
    assert ": in_effect" in story


def test_without_readings_no_value_of_a_batch_is_in_it(toy: Toy) -> None:
    raw = made(toy, executed(toy), readings=False)
    found = chain.verify(raw, KEY.text())
    assert found.ok, found.fault
    assert "tank/level = " not in "\n".join(found.story)
    assert "signature not checked" in "\n".join(found.story)
    assert len(raw) < len(made(toy, found.receipt.id))  # type: ignore[union-attr]


def test_a_denied_command_has_a_receipt_too(toy: Toy) -> None:

    toy.core.feed(Started(toy.salt(), toy.site.config_digest, toy.site.policy.digest, "b"), toy.now)
    toy.read()
    answer, _ = toy.propose("valve/opening", 7.0)
    found = chain.verify(made(toy, str(answer.body["id"])), KEY.text())
    assert found.ok, found.fault
    assert "decision: deny" in "\n".join(found.story)


def test_a_reading_has_a_receipt(toy: Toy) -> None:
    executed(toy)
    entry = toy.memory.frame.entry("tank/level")
    found = chain.verify(made(toy, f"tank/level@{entry}"), KEY.text(), signers=SIGNERS)
    assert found.ok, found.fault
    assert "  tank/level = 5 (good)" in "\n".join(found.story)
    other = chain.verify(made(toy, f"roof/temperature@{entry}"), KEY.text())
    assert other.fault is not None
    assert "columns" in other.fault.place


@pytest.mark.parametrize(
    "ident", ["f" * 32, "tank/level@x", "tank/level@0", "@1", "tank/level@999"]
)
def test_what_is_not_there_has_none(toy: Toy, ident: str) -> None:
    executed(toy)
    with pytest.raises(UsageError):
        made(toy, ident)


def test_every_bit_of_a_receipt_counts(toy: Toy) -> None:
    """Each flipped bit is refused, and the place is told."""
    raw = made(toy, f"tank/level@{(executed(toy), toy.memory.frame.entry('tank/level'))[1]}")
    assert chain.verify(raw, KEY.text()).ok
    places = set()
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        fault = chain.verify(bytes(changed), KEY.text()).fault
        assert fault is not None, bit
        places.add(fault.place.partition(" ")[0])
    assert {"entry", "checkpoint", "byte", "form", "disclosed", "digest"} <= places


def test_random_bits_of_a_whole_story_count(toy: Toy) -> None:
    raw = made(toy, executed(toy, "pump/run", 1.0))
    chance = random.Random(5)
    for bit in (chance.randrange(len(raw) * 8) for _ in range(1000)):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        assert not chain.verify(bytes(changed), KEY.text()).ok, bit


def test_a_cut_or_longer_receipt_is_refused(toy: Toy) -> None:
    raw = made(toy, executed(toy))
    for wrong in (b"", raw[:-1], raw + b"\0", raw[:100], raw[1:], b"\x80", b"\xff" * 40):
        assert not chain.verify(wrong, KEY.text()).ok


def test_another_log_another_key_and_a_wrong_signer_are_refused(toy: Toy) -> None:
    raw = made(toy, executed(toy))
    other = VerifierKey(f"{PLANT}/1", signer("log").public_key)
    assert chain.verify(raw, other.text()).fault is not None
    stranger = VerifierKey(f"{PLANT}/0", signer("ann").public_key)
    fault = chain.verify(raw, stranger.text()).fault
    assert fault is not None
    assert fault.place.startswith("checkpoint line")


def rewritten(raw: bytes, change: Callable[[list[Any]], None]) -> bytes:
    """A forger's receipt: anything changed, and the digest made anew."""
    top: Any = decode(raw)
    change(top)
    head = encode([*top[:-1], bytes(32)])[:-32]
    return head + sha256(head).digest()


def _without(kind: int) -> Callable[[list[Any]], None]:
    def change(top: list[Any]) -> None:
        gone = {x[0] for x in top[8] if x[1][2:4] == bytes([0x18, kind])}
        top[8] = [x for x in top[8] if x[0] not in gone]
        top[7] = [each for each in top[7] if each[0] not in gone]

    return change


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (_without(64), "entries"),
        (_without(65), "entry"),
        (_without(67), "entries"),
        (_without(68), "entries"),
        (_without(71), "entry"),
        (lambda top: top.__setitem__(5, "0" * 32), "entry"),
        (lambda top: top.__setitem__(4, "reading"), "entries"),
        (lambda top: top.__setitem__(4, "gift"), "what"),
        (lambda top: top.__setitem__(2, "other"), "plant"),
        (lambda top: top[8].reverse(), "entry"),
        (lambda top: top[8].append(top[8][-1]), "entry"),
        (lambda top: top[7].pop(), "disclosed"),
        (lambda top: top[8][0].__setitem__(2, []), "entry"),
    ],
)
def test_a_forger_without_the_log_key_gets_nowhere(
    toy: Toy, change: Callable[[list[Any]], None], place: str
) -> None:
    raw = made(toy, executed(toy, "pump/run", 1.0))
    assert chain.verify(rewritten(raw, lambda _: None), KEY.text()).ok
    fault = chain.verify(rewritten(raw, change), KEY.text()).fault
    assert fault is not None
    assert fault.place.startswith(place)


def test_the_outcome_of_another_command_does_not_fit(toy: Toy) -> None:
    first = executed(toy)
    toy.wait(5)
    second = executed(toy, value=0.7)
    a, b = (decode(made(toy, i)) for i in (first, second))
    other = b[8][-1]  # type: ignore[index,call-overload]

    def change(top: list[Any]) -> None:
        top[8][-1] = other
        top[7] = [[x[0], o[0]] for x in top[8] for o in x[3]]
        top[6] = b[6]  # type: ignore[index,call-overload]

    assert a != b
    assert not chain.verify(rewritten(made(toy, first), change), KEY.text()).ok


def test_encrypted_data_is_bound_by_signatures(tmp_path: Path) -> None:
    """The ledger commits to encrypted records: contents are shown under their signatures, and that is said."""
    (tmp_path / "d").mkdir()
    toy = Toy(tmp_path / "d", kek=tmp_path / "kek")
    found = chain.verify(made(toy, executed(toy)), KEY.text(), signers=SIGNERS)
    assert found.ok, found.fault
    story = "\n".join(found.story)
    assert "tank/level = 5 (good)" in story
    assert story.count("bound by that alone") == 3
    assert "as f32 to plc" in story  # a permit is bound as ever


def test_a_receipt_under_a_witnessed_head(toy: Toy, tmp_path: Path) -> None:

    ident = executed(toy)
    store = WitnessStore(tmp_path / "w", "w1", signer("cid"))
    check(toy.directory / "ledger", KEY, store, tmp_path)
    toy.read()
    asked = verifier.witness_policy([store.key.text()], 1)
    found = chain.verify(made(toy, ident), KEY.text(), asked)
    assert found.ok, found.fault
    assert found.receipt is not None
    assert [name for name, _ in found.receipt.witnessed] == ["w1"]
    newer = chain.verify(
        made(toy, f"tank/level@{toy.memory.frame.entry('tank/level')}"), KEY.text(), asked
    )
    assert newer.fault is not None
    assert newer.fault.why == "cosigned by 0 of the 1 witnesses that it needs"
    store.close()


def test_with_the_root_key_a_stranger_needs_no_other(tmp_path: Path) -> None:
    """The key statements that the signatures need are in the receipt; later revocations are told, and change nothing."""
    toy = Keyed(tmp_path)
    raw = made(toy, executed(toy, "pump/run", 1.0))
    root = base64.b64encode(ROOT.public_key).decode()
    found = chain.verify(raw, KEY.text(), root=root)
    assert found.ok, found.fault
    assert "not checked" not in "\n".join(found.story)
    assert sum("a statement about keys" in line for line in found.story) == 5
    toy.tell(toy.root.revoke("twin"))
    again = chain.verify(made(toy, found.receipt.id), KEY.text(), root=root)  # type: ignore[union-attr]
    assert again.ok, again.fault
    other = chain.verify(raw, KEY.text(), root=base64.b64encode(signer("ann").public_key).decode())
    assert other.ok  # that root said nothing here
    assert "not checked" in "\n".join(other.story)


def test_what_the_root_did_not_allow_is_a_fault() -> None:
    """The rule itself, since no engine enters such things: another purpose, revoked before, unknown."""
    rooted, hand = Rooted(ROOT.public_key, PLANT), Root()
    said = [hand.trust("edge-1"), hand.trust("twin"), hand.revoke("twin"), b"junk"]
    rooted.take((at, [1, 75, PLANT, 0, b"", raw]) for at, raw in enumerate(said))
    edge, twin = (key_id(signer(n).public_key) for n in ("edge-1", "twin"))
    assert rooted.key_of(edge, "readings", 9)[0] == signer("edge-1").public_key
    assert "is for edge" in rooted.key_of(edge, "command", 9)[1]
    assert rooted.key_of(twin, "command", 2)[0]
    assert "revoked in entry 2" in rooted.key_of(twin, "command", 3)[1]
    assert rooted.key_of(key_id(b"x"), "command", 3) == (b"", "")
