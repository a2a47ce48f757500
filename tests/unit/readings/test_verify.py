"""Who sent it, is it unchanged, may it speak for these tags, is it in order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.claims.site import PLANT, make_site, signer, stranger
from tests.unit.readings.sealing import Gate, rules, sealed
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.event import BatchReceived
from twinvouch.core.finding import Finding
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.site import SECOND
from twinvouch.readings.gate import Accepted, Refused, Repeated
from twinvouch.readings.link import Link
from twinvouch.readings.verify import CHAIN_CAP, FULL, Verified, entitled, standing, verify
from twinvouch.wire.batch import Header

SITE = make_site()


def refusal(raw: bytes) -> str:
    got = verify(BatchReceived(bytes(16), "peer", raw), SITE)
    assert isinstance(got, Finding), got
    assert got.subject == "peer", "nothing is known about its sender"
    return got.rule


def test_a_batch_of_an_enrolled_edge_is_verified() -> None:
    content = Gate().content()
    got = verify(BatchReceived(bytes(16), "peer", sealed(content)), SITE)
    assert isinstance(got, Verified)
    assert (got.principal.id, got.sealed.content) == ("edge-1", content)


@pytest.mark.parametrize("raw", [b"", b"\x00", b"GET / HTTP/1.1\r\n\r\n", bytes(1000)])
def test_noise_is_malformed(raw: bytes) -> None:
    assert refusal(raw) == "malformed"


def test_a_key_that_is_not_enrolled_or_not_an_edge_is_unknown() -> None:
    content = Gate().content()
    assert refusal(sealed(content, signer=stranger())) == "unknown_key"
    assert refusal(sealed(content, by="ann")) == "unknown_key", "a person signs no readings"


@pytest.mark.parametrize("but", [{"plant": "other"}, {"purpose": Purpose.COMMAND}])
def test_a_signature_for_something_else_is_bad(but: dict[str, str]) -> None:
    assert refusal(sealed(Gate().content(), **but)) == "bad_signature"


def test_a_stranger_in_the_name_of_the_edge_is_a_bad_signature() -> None:
    raw = sealed(Gate().content(), signer=stranger())
    forged = raw.replace(raw[9:17], sealed(b"")[9:17], 1)
    assert refusal(forged) == "bad_signature"


def test_what_an_edge_signs_may_still_be_no_batch() -> None:
    assert refusal(sealed(b"\x83\x01\x03\x00")) == "malformed"


RAW = sealed(Gate().content())


@given(st.integers(0, len(RAW) - 1), st.integers(1, 255))
def test_no_changed_byte_is_verified(at: int, change: int) -> None:
    changed = RAW[:at] + bytes([RAW[at] ^ change]) + RAW[at + 1 :]
    assert refusal(changed) in {"malformed", "unknown_key", "bad_signature"}


def rule_of(**but: object) -> str:
    got = Gate().take(sealed(Gate().content(**but)))
    assert isinstance(got, Refused), got
    assert got.edge == "edge-1"
    return got.finding.rule


def test_an_edge_speaks_for_itself_its_plant_its_groups_and_the_origin_of_this_engine() -> None:
    assert rule_of(edge="edge-2") == "not_owner"
    assert rule_of(plant="other") == "not_owner"
    assert rule_of(on="slow") == "not_owner"
    for origin in (Origin.REPLAY, Origin.SIMULATED, Origin.SHADOW):
        assert rule_of(origin=origin) == "wrong_origin"


def test_an_unknown_group_or_other_columns_are_refused() -> None:
    header = Header(
        Kind.BATCH, PLANT, Identity("edge-1", 0, 0), bytes(32), Origin.LIVE, "none", bytes(32)
    )
    fast = Gate().content()
    got = verify(BatchReceived(bytes(16), "peer", sealed(fast)), SITE)
    assert isinstance(got, Verified)
    for name, why in (("none", "an unknown scan group"), ("fast", "different columns")):
        changed = Header(
            header.kind, PLANT, header.identity, header.prev, header.origin, name, bytes(32)
        )
        finding = entitled(Verified(got.sealed, changed, got.principal), SITE)
        assert isinstance(finding, Finding)
        assert finding.rule == "unknown_group"
        assert why in finding.sentence


def test_the_next_batch_of_the_chain_is_plain() -> None:
    gate = Gate()
    for _ in range(3):
        assert rules(gate.send()) == []
    assert gate.links["edge-1"].seq == 2


def test_skipped_numbers_are_a_gap_and_late_ones_reorder() -> None:
    gate = Gate()
    first, second, third, fourth = (gate.next() for _ in range(4))
    gate.take(first)
    assert rules(gate.take(fourth)) == ["gap"]
    got = gate.take(third)
    assert rules(got) == ["reorder"]
    assert isinstance(got, Accepted)
    assert not got.admitted.in_live.any()
    assert rules(gate.take(second)) == ["reorder"]
    assert gate.links["edge-1"].missing == ()


def test_sent_again_soon_is_a_duplicate_and_later_a_replay() -> None:
    gate = Gate()
    raw = gate.next()
    gate.take(raw)
    gate.now += 30 * SECOND
    assert rules(gate.take(raw)) == ["duplicate"]
    gate.now += 1
    assert rules(gate.take(raw)) == ["replay"]


def test_a_late_batch_is_late_only_once() -> None:
    gate = Gate()
    first, second, third = (gate.next() for _ in range(3))
    for raw in (first, third, second):
        gate.take(raw)
    assert rules(gate.take(second)) == ["duplicate"]
    gate.now += 3600 * SECOND
    assert rules(gate.take(second)) == ["replay"]


def test_two_batches_with_one_number_are_told_as_two_hands() -> None:
    gate = Gate()
    gate.take(gate.next())
    other = sealed(gate.content(seq=0, prev=bytes(32), values={"tank/level": 6.0}))
    got = gate.take(other)
    assert rules(got) == ["equivocation"]
    assert isinstance(got, Repeated), "the second is not admitted"


def test_a_batch_that_names_another_before_it_breaks_the_chain() -> None:
    gate = Gate()
    gate.send()
    got = gate.send(prev=b"x" * 32)
    assert rules(got) == ["chain"]
    assert got.admitted.label.axes[1].max() == CHAIN_CAP
    assert rules(gate.send()) == [], "and the chain goes on from there"


def test_a_new_epoch_names_the_last_batch_that_came() -> None:
    gate = Gate()
    gate.send()
    assert rules(gate.send(epoch=1, seq=0)) == []
    gate.seq = 0
    assert rules(gate.send(epoch=1)) == []
    got = gate.send(epoch=2, seq=0, prev=b"y" * 32)
    assert rules(got) == ["epoch"]
    assert got.admitted.label.axes[1].max() == CHAIN_CAP
    assert rules(gate.send(epoch=3, seq=5)) == ["gap"]
    gate.now += 3600 * SECOND
    assert rules(gate.take(sealed(gate.content(epoch=0, seq=1)))) == ["replay"]


EDGES = st.tuples(st.integers(0, 2), st.integers(0, 8), st.integers(0, 1), st.integers(0, 40))


@settings(max_examples=60)
@given(st.lists(EDGES, max_size=25))
def test_live_state_moves_forward_only(batches: list[tuple[int, int, int, int]]) -> None:
    """Whatever comes in whatever order: what is live is newer than all before, and nothing is live twice."""
    links: dict[str, Link] = {}
    got = verify(BatchReceived(bytes(16), "p", RAW), SITE)
    assert isinstance(got, Verified)
    newest, live, now = (-1, -1), set(), 0
    for epoch, seq, which, wait in batches:
        now += wait * SECOND
        digest = bytes([epoch, seq, which]) + bytes(29)
        sealed_ = type(got.sealed)(got.sealed.key_id, b"", digest, b"", b"")
        header = Header(
            Kind.BATCH,
            PLANT,
            Identity("edge-1", epoch, seq),
            bytes(32),
            Origin.LIVE,
            "fast",
            bytes(32),
        )
        stands = standing(Verified(sealed_, header, got.principal), links, SITE, now)
        links["edge-1"] = stands.link
        assert stands.integrity in {FULL, CHAIN_CAP}
        if stands.repeated:
            assert len(stands.findings) == 1
            continue
        assert (epoch, seq) not in live
        live.add((epoch, seq))
        if stands.is_live:
            assert (epoch, seq) > newest
            newest = (epoch, seq)
        else:
            assert (epoch, seq) < newest
            assert epoch == newest[0]


def test_the_purpose_of_every_signed_thing_is_its_own() -> None:
    purposes = [v for k, v in vars(Purpose).items() if k.isupper()]
    assert len(set(purposes)) == len(purposes) == 6
    for purpose in set(purposes) - {Purpose.READINGS}:
        assert refusal(sealed(Gate().content(), purpose=purpose)) == "bad_signature"
    assert signer("edge-1").public_key == SITE.plant.principals["edge-1"].key
