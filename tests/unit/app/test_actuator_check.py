"""Every reason for which a permit is not carried out, each by itself, and any bytes at all."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.app.permits import (
    CORE,
    FLOW,
    LIMITS,
    NOW,
    OTHER,
    PERMIT,
    SECOND,
    SPEED,
    VALVE,
    permit,
    sealed,
)
from twinvouch.app.actuator_check import Accepted, Refused, judge
from twinvouch.core.inventory import Encoding, Table
from twinvouch.core.kind import Purpose
from twinvouch.wire.cose import seal


class Memory:
    """What an actuator remembers, as given."""

    def __init__(self, *spent: bytes, epoch: int = 0, horizon_ns: int = 0) -> None:
        self.horizon_ns = horizon_ns
        self._spent = spent
        self._epoch = epoch

    def is_spent(self, nonce: bytes) -> bool:
        return nonce in self._spent

    def mode_epoch(self, asset: str) -> int:
        return self._epoch if asset == "pump-1" else 0


def judged(raw: bytes, now: int = NOW, memory: Memory | None = None):
    return judge(raw, now, LIMITS, memory or Memory())


def test_a_good_permit_is_accepted_with_its_value() -> None:
    assert judged(sealed(PERMIT)) == Accepted(PERMIT, SPEED, 1.0)


def test_a_coil_and_a_scaled_register() -> None:
    coil = permit(tag=VALVE.tag, table=Table.COIL, address=3, words=(1,), encoding=Encoding.BIT)
    assert judged(sealed(coil)) == Accepted(coil, VALVE, 1.0)
    flow = permit(
        tag=FLOW.tag,
        device="plc-2",
        unit=2,
        address=20,
        words=(0x10000 - 100,),
        encoding=Encoding.I16,
    )
    assert judged(sealed(flow)) == Accepted(flow, FLOW, -5.0)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"permit",
        sealed(PERMIT)[:-1],
        sealed(PERMIT) + b"\x00",
        sealed(PERMIT, signer=OTHER),
        sealed(PERMIT, plant="net4"),
        sealed(PERMIT, purpose=Purpose.COMMAND),
        seal(b"\x80", signer=CORE, plant="net3", purpose=Purpose.PERMIT),
    ],
)
def test_what_the_permit_key_does_not_vouch_for_is_nobodys_permit(raw: bytes) -> None:
    refused = judged(raw)
    assert isinstance(refused, Refused)
    assert refused.permit is None
    assert not refused.is_final


def test_one_flipped_bit_anywhere_is_refused() -> None:
    good = sealed(PERMIT)
    for at in range(len(good) * 8):
        raw = bytearray(good)
        raw[at // 8] ^= 1 << at % 8
        assert isinstance(judged(bytes(raw)), Refused)


INF, NAN, BIG = (0x7F80, 0), (0x7FC0, 0), (0x3FC0, 1)  # inf, NaN, the next float above 1.5


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"plant": "net4"}, "for plant `net4`"),
        ({"expires_ns": NOW}, "expired"),
        ({"expires_ns": NOW - SECOND}, "expired 1.000 s ago"),
        ({"expires_ns": 1}, "expired"),
        ({"expires_ns": NOW + 10 * SECOND + 1}, "the limit is 10 s"),
        ({"expires_ns": 2**63 - 1}, "the limit is 10 s"),
        ({"tag": "pump-9/speed"}, "not a point"),
        ({"device": "plc-2"}, "lies at plc-1"),
        ({"unit": 2}, "lies at"),
        ({"address": 11}, "lies at"),
        ({"encoding": Encoding.U32}, "lies at"),
        ({"table": Table.COIL, "encoding": Encoding.BIT, "words": (1,)}, "lies at"),
        ({"words": INF}, "outside 0..1.5"),
        ({"words": NAN}, "outside 0..1.5"),
        ({"words": BIG}, "outside 0..1.5"),
        ({"words": (0xBF80, 0)}, "-1 for `pump-1/speed` is outside"),
    ],
)
def test_a_permit_that_breaks_one_limit_is_refused_for_good(changes: dict, why: str) -> None:
    refused = judged(sealed(permit(**changes)))
    assert isinstance(refused, Refused)
    assert why in refused.sentence
    assert refused.is_final
    assert refused.permit is not None


def test_the_limits_themselves_are_allowed() -> None:
    assert isinstance(judged(sealed(permit(words=(0x3FC0, 0)))), Accepted)
    assert isinstance(judged(sealed(permit(words=(0, 0)))), Accepted)
    assert isinstance(judged(sealed(permit(expires_ns=NOW + 1))), Accepted)
    assert isinstance(judged(sealed(permit(expires_ns=NOW + 10 * SECOND))), Accepted)


def test_an_older_mode_epoch_is_refused_for_its_asset_only() -> None:
    memory = Memory(epoch=3)
    assert isinstance(judged(sealed(permit(mode_epoch=3)), memory=memory), Accepted)
    refused = judged(sealed(permit(mode_epoch=2)), memory=memory)
    assert isinstance(refused, Refused)
    assert "epoch 3 has begun" in refused.sentence
    valve = permit(tag=VALVE.tag, table=Table.COIL, address=3, words=(1,), encoding=Encoding.BIT)
    assert isinstance(judged(sealed(valve), memory=memory), Accepted)


def test_a_used_permit_is_not_reported_again() -> None:
    refused = judged(sealed(PERMIT), memory=Memory(PERMIT.nonce))
    assert isinstance(refused, Refused)
    assert "used before" in refused.sentence
    assert not refused.is_final
    expired = replace(PERMIT, expires_ns=NOW - 1)
    assert not judged(sealed(expired), memory=Memory(PERMIT.nonce)).is_final


def test_what_is_older_than_the_memory_counts_as_used_whatever_the_clock_says() -> None:
    memory = Memory(horizon_ns=PERMIT.expires_ns)
    for now in (0, NOW, PERMIT.expires_ns + SECOND):
        refused = judged(sealed(PERMIT), now, memory)
        assert isinstance(refused, Refused)
        assert not refused.is_final


@given(st.binary(max_size=400))
def test_any_content_under_the_right_key_is_judged(content: bytes) -> None:
    raw = seal(content, signer=CORE, plant="net3", purpose=Purpose.PERMIT)
    assert isinstance(judged(raw), Refused)


@given(st.binary(max_size=600))
def test_any_bytes_are_judged(raw: bytes) -> None:
    assert isinstance(judged(raw), Refused)
