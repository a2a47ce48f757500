"""Quotas of the API: who is let in, who waits for how long, and that memory stays bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.app.api.quotas import Buckets, Quotas, Rate, quotas, sender_of
from twinvouch.app.config_model import QuotaSettings

REAL, FORGER = "10.0.0.5", "203.0.113.9"
KEY = bytes(range(8))


def test_a_burst_passes_and_then_the_rate_counts() -> None:
    buckets = Buckets(Rate(10.0, 1e9, 2.0))
    for _ in range(20):
        assert buckets.wait_s("a", 0.0) == 0.0
        buckets.spend("a", 0, 0.0)
    assert buckets.wait_s("a", 0.0) == pytest.approx(0.1)
    assert buckets.wait_s("a", 0.1) == pytest.approx(0.0)
    assert buckets.wait_s("b", 0.0) == 0.0


def test_bytes_count_too_and_one_large_body_is_waited_for_afterwards() -> None:
    buckets = Buckets(Rate(1e6, 100.0, 1.0))
    assert buckets.wait_s("a", 0.0) == 0.0
    buckets.spend("a", 1_100, 0.0)
    assert buckets.wait_s("a", 0.0) == pytest.approx(10.0)


def test_a_forged_flood_from_elsewhere_does_not_starve_the_edge() -> None:
    gate = quotas(QuotaSettings())
    now = 0.0
    for _ in range(200_000):
        if gate.by_peer(FORGER, 1_000, now) or gate.by_key(FORGER, KEY, 1_000, now):
            continue
        gate.failed(FORGER, KEY, now)
        now += 1e-5
    assert gate.by_key(FORGER, KEY, 1_000, now) > 0
    for step in range(100):
        later = now + step / 100
        assert gate.by_peer(REAL, 9_000, later) == gate.by_key(REAL, KEY, 9_000, later) == 0.0


def test_what_names_no_enrolled_key_does_not_touch_an_edge_at_the_same_address() -> None:
    gate = Quotas(Rate(1e6, 1e9, 1.0), Rate(50.0, 1e9, 1.0), 10.0)
    for _ in range(1_000):
        if not gate.by_key(REAL, None, 10, 0.0):
            gate.failed(REAL, None, 0.0)
    assert gate.by_key(REAL, None, 10, 0.0) > 0
    assert gate.by_key(REAL, KEY, 10, 0.0) == 0.0


def test_failures_are_few_before_they_are_waited_for() -> None:
    gate = Quotas(Rate(1e6, 1e9, 1.0), Rate(1e6, 1e9, 1.0), 10.0)
    passed = 0
    while not gate.by_key(FORGER, KEY, 10, 0.0):
        gate.failed(FORGER, KEY, 0.0)
        passed += 1
    assert passed == 10


def test_memory_is_bounded_over_millions_of_addresses() -> None:
    buckets = Buckets(Rate(100.0, 1e9, 1.0), most=64)
    refused = 0
    for number in range(50_000):
        sender, now = f"10.{number}", number * 1e-5
        refused += buckets.wait_s(sender, now) > 0
        buckets.spend(sender, 0, now)
        assert len(buckets) <= 65
    assert refused, "newcomers share one bucket where all are in use"


def test_many_addresses_do_not_crowd_out_one_that_has_proved_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = Quotas(Rate(100.0, 1e9, 1.0), Rate(100.0, 1e9, 1.0), 10.0)
    for table in (gate._strangers, gate._known):
        for buckets in (table.peers, table.edges, table.failures):
            monkeypatch.setattr(buckets, "_most", 64)
    gate.proved(REAL)
    for number in range(20_000):
        peer, now = f"10.{number}", number * 1e-5
        if not gate.by_peer(peer, 10, now) and not gate.by_key(peer, KEY, 10, now):
            gate.failed(peer, KEY, now)
        if number % 2_000 == 0:
            assert gate.by_peer(REAL, 10, now) == gate.by_key(REAL, KEY, 10, now) == 0.0
    assert gate.by_peer("192.0.2.1", 10, now) > 0, "a newcomer waits meanwhile"


def test_the_addresses_of_one_ipv6_network_are_one_sender() -> None:
    assert sender_of("2001:db8::1") == sender_of("2001:db8::ffff:2") == "2001:db8::/64"
    assert sender_of("2001:db8:0:1::1") != sender_of("2001:db8::1")
    assert sender_of("fe80::1%eth0") == "fe80::/64"
    assert sender_of("10.0.0.1") == "10.0.0.1"
    assert sender_of("a:b") == "a:b"


def test_a_bucket_that_filled_up_again_makes_room() -> None:
    buckets = Buckets(Rate(10.0, 1e9, 1.0), most=2)
    for sender, now in (("a", 0.0), ("b", 0.0), ("c", 10.0), ("d", 10.0)):
        assert buckets.wait_s(sender, now) == 0.0
        buckets.spend(sender, 0, now)
    assert len(buckets) == 2


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(0, 5)), max_size=60))
def test_never_more_than_burst_and_rate_pass(steps: list[tuple[float, int]]) -> None:
    buckets = Buckets(Rate(5.0, 1e9, 2.0))
    now, passed = 0.0, 0
    for pause, tries in steps:
        now += pause
        for _ in range(tries):
            if not buckets.wait_s("a", now):
                buckets.spend("a", 0, now)
                passed += 1
    assert passed <= 10 + 5 * now + 1
