"""Reports of what a guard proxy refused: findings of the plant's actuator process, once, and not for ever."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.claims.site import PLANT, Toy, reply, signer
from twinvouch.core.event import OutcomeReported, Reply
from twinvouch.core.finding import Finding
from twinvouch.core.kind import Purpose
from twinvouch.core.scan import Scan, Sight
from twinvouch.core.site import SECOND
from twinvouch.wire.cbor import encode
from twinvouch.wire.cose import seal
from twinvouch.wire.scan import write_scan

SIGHT = Sight("plc", "function", 300, "10.0.0.9", (43, 90, 100))


def tell(toy: Toy, *sights: Sight, by: str = "actuator-1", **but: Any) -> Reply:
    usual = Scan(toy.salt(), toy.now - 60 * SECOND, toy.now, sights or (SIGHT,))
    content = write_scan(replace(usual, **but), PLANT)
    raw = seal(content, signer=signer(by), plant=PLANT, purpose=Purpose.OUTCOME)
    return reply(toy.core.feed(OutcomeReported(toy.salt(), "10.0.0.6", raw), toy.now))


def found(toy: Toy) -> list[Finding]:
    return [f for _, _, f in toy.memory.findings if f.rule == "proxy_scan"]


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


def test_a_scan_is_a_finding_with_an_entry(toy: Toy) -> None:
    size = toy.memory.size
    said = tell(toy)
    assert (said.code, said.body["status"], said.body["entry"]) == (200, "taken", size)
    (one,) = found(toy)
    assert (one.subject, one.technique, one.severity.name) == ("plc", "T0846", "HIGH")
    assert "refused 300 requests of functions that it does not pass within 60 s" in one.sentence
    assert "10.0.0.9 (function codes 43, 90, 100)" in one.sentence
    assert toy.memory.size == size + 1


def test_it_counts_once_over_a_restart_too(toy: Toy) -> None:
    nonce = bytes(16)
    tell(toy, nonce=nonce)
    size = toy.memory.size
    assert tell(toy, nonce=nonce).body["status"] == "duplicate"
    toy.core.close()
    toy.open()
    assert tell(toy, nonce=nonce).body["status"] == "duplicate"
    assert toy.memory.size == size


def test_a_minute_of_the_same_is_one_entry_and_a_count(toy: Toy) -> None:
    size = toy.memory.size
    for _ in range(5):
        tell(toy)
    tell(toy, replace(SIGHT, why="unit"))
    assert toy.memory.size == size + 2, "another reason is another first word"
    assert len(found(toy)) == 2
    assert toy.memory.counts["refusal:proxy_scan"] == 6


@pytest.mark.parametrize(
    ("by", "but"),
    [("edge-1", {}), ("twin", {}), ("actuator-1", {"at_ns": 1}), ("actuator-1", {"at_ns": 2**62})],
)
def test_only_the_actuator_of_this_plant_tells_and_of_now(
    toy: Toy, by: str, but: dict[str, int]
) -> None:
    since = {"since_ns": 0} if but else {}
    assert tell(toy, by=by, **but, **since).code == 422
    assert found(toy) == []
    assert toy.rules() == ["outcome"]


def test_one_request_is_told_as_one(toy: Toy) -> None:
    tell(toy, Sight("plc", "unit", 1, "", (3,)))
    (one,) = found(toy)
    assert "refused 1 request to units that are not behind it" in one.sentence
    assert "most from nobody known" in one.sentence
    assert one.severity.name == "MEDIUM"


def test_an_address_that_is_none_cannot_break_a_line(toy: Toy) -> None:
    tell(toy, Sight("plc", "unit", 1, "\x1b[2J\n", (3,)))
    (one,) = found(toy)
    assert one.sentence.isprintable()


def test_bytes_that_are_none_are_malformed(toy: Toy) -> None:
    raw = seal(encode([1, 20, PLANT, 7]), signer=signer("actuator-1"), plant=PLANT, purpose=Purpose.OUTCOME)  # fmt: skip
    said = reply(toy.core.feed(OutcomeReported(toy.salt(), "10.0.0.6", raw), toy.now))
    assert (said.code, said.body["rule"], found(toy)) == (401, "malformed", [])
