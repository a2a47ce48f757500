"""What a guard proxy refuses is told to the core: at once, then once a minute, and again where the core was away."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.unit.app.proxy_client import RawClient
from tests.unit.app.test_proxy import play
from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.modbus_sights import PEERS, Sights
from twinvouch.app.bench.proxy_site import ProxySite
from twinvouch.app.proxy_scan import Scans, together
from twinvouch.core.errors import UnavailableError
from twinvouch.core.scan import MOST_SIGHTS, Scan, Sight
from twinvouch.wire.cose import unseal
from twinvouch.wire.modbus_guard import Why
from twinvouch.wire.scan import CODES, read_scan


class Clock:
    """Time by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def wall_ns(self) -> int:
        return round(self.now_s * 1e9)

    def monotonic_ns(self) -> int:
        return round(self.now_s * 1e9)

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Post:
    """The way to a core that may be away."""

    def __init__(self) -> None:
        self.told: list[Scan] = []
        self.answer: tuple[int, dict[str, Any]] | None = (200, {"status": "taken"})

    async def send(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        assert path == "/api/v1/outcomes"
        if self.answer is None:
            raise UnavailableError("away")
        self.told.append(read_scan(unseal(body).content, "toy"))
        return self.answer


class Site:
    """Scans of one socket, with everything in hand."""

    def __init__(self) -> None:
        self.sights, self.post, self.clock = Sights(), Post(), Clock()
        signer = SeededSigner(bytes(32))
        self.scans = Scans("toy", signer, self.post, self.clock, lambda: self.sights.take("plc"))

    def look(self, seconds: float = 1.0) -> bool:
        self.clock.now_s += seconds
        return asyncio.run(self.scans.look())


def test_the_first_is_told_at_once_and_the_rest_of_the_minute_as_one() -> None:
    site = Site()
    assert not site.look(), "nothing was refused"
    site.sights.add(Why.FUNCTION, "10.0.0.9", 90)
    assert site.look()
    for code in range(5):
        site.sights.add(Why.FUNCTION, "10.0.0.8", code)
        assert not site.look()
    assert site.look(60)
    assert [s.count for scan in site.post.told for s in scan.sights] == [1, 5]
    last = site.post.told[1]
    assert (last.sights[0].peer, last.sights[0].codes) == ("10.0.0.8", (0, 1, 2, 3, 4))
    assert last.since_ns == site.post.told[0].at_ns
    assert site.post.told[0].nonce != last.nonce


@pytest.mark.parametrize("answer", [None, (429, {}), (503, {"status": "x"})])
def test_what_the_core_does_not_take_is_told_with_what_comes_after_it(answer: Any) -> None:
    site = Site()
    site.post.answer = answer
    site.sights.add(Why.UNIT, "10.0.0.9", 3)
    assert not site.look()
    site.post.answer, site.post.told = (200, {"status": "taken"}), []
    site.sights.add(Why.UNIT, "10.0.0.9", 4)
    assert site.look(60)
    (scan,) = site.post.told
    assert [(s.count, s.codes) for s in scan.sights] == [(2, (3, 4))]


def test_an_echo_that_was_answered_is_no_refusal() -> None:
    site = Site()
    site.sights.add(Why.ECHO, "10.0.0.9", 8)
    assert not site.look()


def test_nothing_grows_with_who_asks_what() -> None:
    sights = Sights()
    for n in range(10 * PEERS):
        sights.add(Why.FUNCTION, f"10.0.{n // 256}.{n % 256}", n % 256)
    (one,) = sights.take("plc")
    assert (one.count, len(one.codes)) == (10 * PEERS, CODES)
    assert one.peer == "many addresses"
    assert sights.take("plc") == []
    many = [Sight(f"plc-{n}", "unit", n + 1, "", ()) for n in range(3 * MOST_SIGHTS)]
    kept = together([*many, *many])
    assert len(kept) == MOST_SIGHTS
    assert kept[0] == Sight(f"plc-{3 * MOST_SIGHTS - 1}", "unit", 6 * MOST_SIGHTS, "", ())


def test_a_scan_of_a_real_proxy_is_seen_with_its_address(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        for code in (90, 43, 100, 20):
            assert (await asking.told(f"{code:02x} 00 00")).startswith(f"{code | 0x80:02x}")
        assert await asking.told("03 0014 0001", unit=9) == "830a"
        assert (await asking.told("03 0014 0001"))[:2] == "03"
        assert site.proxy.scans is not None
        seen = {s.why: s for s in site.proxy.scans.take()}
        assert seen["unit"].count == 1
        assert seen["function"].peer == "127.0.0.1"
        assert {20, 90, 100} <= set(seen["function"].codes)

    play(tmp_path, story)
