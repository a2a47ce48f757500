"""The key ring under random words of the root: order, revocation, replay, and hostile bytes."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.claims.site import PLANT, START, make_site
from twinvouch.adapters.keys import SeededSigner
from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.core.event import Append, Event, KeyStated, Reply
from twinvouch.core.inventory import key_id
from twinvouch.core.keyring import (
    KeyPurpose,
    KeyRefusedError,
    Keyring,
    KeyStatement,
    KeyVerb,
    RootStatement,
)
from twinvouch.core.kind import Purpose
from twinvouch.core.site import SECOND, Site
from twinvouch.engine import Engine
from twinvouch.wire.cose import seal
from twinvouch.wire.keys import open_said, read_ring, seal_rotation, write_key, write_ring

DAY = 86_400 * SECOND
KEYS = [SeededSigner(bytes([n]) * 32) for n in range(1, 5)]
ROOTS = [SeededSigner(bytes([n]) * 32) for n in range(200, 203)]
USES = [Purpose.READINGS, Purpose.COMMAND, Purpose.STATEMENT, Purpose.MODEL, Purpose.PERMIT]
SITE = Site(
    **{f: getattr(make_site(), f) for f in ("plant", "policy", "config_digest")},
    root=ROOTS[0].public_key,
)

said = st.builds(
    lambda verb, purpose, key, principal, begins, days, since: (
        verb, purpose, KEYS[key].public_key, principal, START + begins * DAY, days * DAY, since * DAY,
    ),
    st.sampled_from(KeyVerb),
    st.sampled_from(KeyPurpose),
    st.integers(0, len(KEYS) - 1),
    st.sampled_from(["edge-1", "ann", "twin", "nobody"]),
    st.integers(-3, 3),
    st.integers(0, 5),
    st.integers(0, 5),
)  # fmt: skip


def statements(
    drawn: Sequence[tuple[KeyVerb, KeyPurpose, bytes, str, int, int, int]],
) -> list[KeyStatement]:
    """Serials as the root gives them: one after the other."""
    return [
        KeyStatement(
            serial, verb, purpose, principal, key, begins, begins + days,
            reason="stolen" if verb is KeyVerb.REVOKE else "",
            since_ns=since if verb is KeyVerb.REVOKE else 0,
        )
        for serial, (verb, purpose, key, principal, begins, days, since) in enumerate(drawn, 1)
    ]  # fmt: skip


def ring_of(order: Sequence[KeyStatement]) -> Keyring:
    ring = Keyring(SITE.plant, ROOTS[0].public_key)
    for entry, each in enumerate(order):
        assert not ring.objection(each)
        ring.take(each, each.serial.to_bytes(32, "big"), entry)
    return ring


def answers(ring: Keyring) -> list[str]:
    """What the ring says of every key, use and day."""
    told = []
    for key in KEYS:
        kid = key_id(key.public_key)
        for use in USES:
            for day in range(-4, 9):
                try:
                    ring.expect(kid, use, START + day * DAY)
                    told.append(ring.keys[kid].said.principal)
                except KeyRefusedError as error:
                    told.append(error.rule)
    return told


@settings(max_examples=60)
@given(st.lists(said, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_one_roots_words_does_not_matter(drawn: list, chance: object) -> None:
    first = statements(drawn)
    other = list(first)
    chance.shuffle(other)  # type: ignore[attr-defined]
    assert answers(ring_of(first)) == answers(ring_of(other))
    revoked = [
        {k: (v.revoked.since_ns if v.revoked else None) for k, v in ring_of(o).keys.items()}
        for o in (first, other)
    ]
    assert revoked[0] == revoked[1], "how far back it is doubted does not depend on it either"


@settings(max_examples=60)
@given(st.lists(said, max_size=6), st.lists(said, max_size=6), st.integers(0, 3))
def test_a_revoked_key_never_verifies_anything_later(before: list, after: list, which: int) -> None:
    key = KEYS[which].public_key
    revocation = (KeyVerb.REVOKE, KeyPurpose.EDGE, key, "edge-1", START, DAY, 0)
    whole = statements([*before, revocation, *after])
    ring = Keyring(SITE.plant, ROOTS[0].public_key)
    for entry, each in enumerate(whole):
        ring.take(each, each.serial.to_bytes(32, "big"), entry)
        if each.serial <= len(before):
            continue
        for use in USES:
            for day in range(-4, 9):
                with pytest.raises(KeyRefusedError) as refused:
                    ring.expect(key_id(key), use, START + day * DAY)
                assert refused.value.rule == "revoked_key"


@settings(max_examples=60)
@given(st.lists(said, max_size=8))
def test_a_ring_is_what_its_row_gives_back(drawn: list) -> None:
    ring = ring_of(statements(drawn))
    row = write_ring(ring)
    again = read_ring(Keyring(SITE.plant, ROOTS[0].public_key), row)
    assert write_ring(again) == row
    assert answers(again) == answers(ring)
    elsewhere = read_ring(Keyring(SITE.plant, ROOTS[1].public_key), row)
    assert elsewhere.keys == {}, "under another pin nothing of it counts"


@dataclass
class Log:
    """Events as a log keeps them, and an engine that they are fed to."""

    engine: Engine
    events: list[tuple[Event, int]]

    def tell(self, raw: bytes) -> tuple[int, list[bytes]]:
        now = START + len(self.events) * SECOND
        event = KeyStated(len(self.events).to_bytes(16, "big"), "peer", raw)
        self.events.append((event, now))
        effects = self.engine.feed(event, now)
        code = next(e.code for e in effects if isinstance(e, Reply))
        return code, [e.entry for e in effects if isinstance(e, Append)]


def sealed(each: KeyStatement, by: SeededSigner) -> bytes:
    return seal(write_key(each, PLANT), signer=by, plant=PLANT, purpose=Purpose.KEY)


@settings(max_examples=30)
@given(
    st.lists(st.one_of(said, st.just("rotate"), st.binary(max_size=40)), max_size=10),
    st.lists(st.integers(0, 9), max_size=4),
)
def test_the_ring_equals_its_replay_whatever_was_said(drawn: list, again: list[int]) -> None:
    """True, repeated, hostile words and rotations: rows and a replay of the log give the same ring."""
    log, root, sent = Log(Engine(SITE), []), 0, []
    for serial, each in enumerate(drawn, 1):
        if each == "rotate" and root + 1 < len(ROOTS):
            raw = seal_rotation(serial, PLANT, old=ROOTS[root], new=ROOTS[root + 1])
            root += 1
        elif isinstance(each, tuple):
            (one,) = statements([each])
            raw = sealed(
                KeyStatement(serial, *[getattr(one, f) for f in one.__slots__[1:]]), ROOTS[root]
            )
        else:
            raw = each if isinstance(each, bytes) else b"rotate"
        sent.append(raw)
        code, leaves = log.tell(raw)
        if raw not in {each if isinstance(each, bytes) else b"", b"rotate"}:
            assert (code, len(leaves)) == (200, 1)
    size = len(log.engine.memory.ring.serials)  # type: ignore[union-attr]
    for place in again:
        if place < len(sent):
            log.tell(sent[place])
    assert len(log.engine.memory.ring.serials) == size, "what is known changes nothing"  # type: ignore[union-attr]
    replayed, restored = Engine(SITE), Engine(SITE)
    for event, now in log.events:
        replayed.feed(event, now)
    restored.restore({k: v for k, v in log.engine.drain().items() if v is not None})
    for engine in (replayed, restored):
        assert write_ring(engine.memory.ring) == write_ring(log.engine.memory.ring)  # type: ignore[arg-type]


SEALED = sealed(
    statements([(KeyVerb.TRUST, KeyPurpose.EDGE, KEYS[0].public_key, "edge-1", START, DAY, 0)])[0],
    ROOTS[0],
)
ROTATION = seal_rotation(2, PLANT, old=ROOTS[0], new=ROOTS[1])


@settings(max_examples=200)
@given(st.sampled_from([SEALED, ROTATION]), st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_refused_and_never_raises(raw: bytes, at: int, by: int) -> None:
    changed = bytearray(raw)
    changed[at % len(raw)] ^= by
    with pytest.raises((MalformedError, SignatureError)):
        open_said(bytes(changed), PLANT, ROOTS[0].public_key)
    engine = Engine(SITE)
    code = next(
        e.code
        for e in engine.feed(KeyStated(b"s" * 16, "peer", bytes(changed)), START)
        if isinstance(e, Reply)
    )
    assert code == 401
    assert engine.memory.ring is not None
    assert engine.memory.ring.keys == {}


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_bytes_of_anybody_never_raise(raw: bytes) -> None:
    engine = Engine(SITE)
    for content in (raw, seal(raw, signer=ROOTS[0], plant=PLANT, purpose=Purpose.KEY)):
        effects = engine.feed(KeyStated(b"s" * 16, "peer", content), START)
        assert next(e.code for e in effects if isinstance(e, Reply)) == 401


def test_nobody_hands_over_to_a_root_that_does_not_agree() -> None:
    agreed = open_said(ROTATION, PLANT, ROOTS[0].public_key)[0]
    assert agreed == RootStatement(2, ROOTS[0].public_key, ROOTS[1].public_key)
    from twinvouch.wire import cbor

    alone = cbor.encode([1, 9, PLANT, 3, ROOTS[0].public_key, ROOTS[1].public_key, SEALED])
    with pytest.raises((MalformedError, SignatureError)):
        open_said(
            seal(alone, signer=ROOTS[0], plant=PLANT, purpose=Purpose.KEY),
            PLANT,
            ROOTS[0].public_key,
        )


def test_a_serial_is_used_once_but_for_a_revocation() -> None:
    log = Log(Engine(SITE), [])
    trust = statements(
        [(KeyVerb.TRUST, KeyPurpose.EDGE, KEYS[0].public_key, "edge-1", START, DAY, 0)]
    )
    other = statements(
        [(KeyVerb.TRUST, KeyPurpose.EDGE, KEYS[1].public_key, "edge-1", START, DAY, 0)]
    )
    gone = statements(
        [(KeyVerb.REVOKE, KeyPurpose.EDGE, KEYS[0].public_key, "edge-1", START, DAY, 9)]
    )
    assert log.tell(sealed(trust[0], ROOTS[0]))[0] == 200
    assert log.tell(sealed(other[0], ROOTS[0])) == (409, [])
    assert log.tell(sealed(gone[0], ROOTS[0]))[0] == 200
    assert log.tell(sealed(gone[0], ROOTS[0])) == (200, []), "and is entered once"


def test_a_serial_that_was_kept_back_shows() -> None:
    ring = ring_of(
        [
            s
            for s in statements(
                [
                    (KeyVerb.TRUST, KeyPurpose.EDGE, k.public_key, "edge-1", START, DAY, 0)
                    for k in KEYS
                ]
            )
            if s.serial != 3
        ]
    )
    assert ring.missing == [3]
