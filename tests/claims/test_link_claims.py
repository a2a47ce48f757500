"""Claims of the links between edge, core and actuator."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.claims.site import Toy, reply, signer, stranger
from tests.unit.app.test_api import COSE, Served, problem
from twinvouch.app.api.quotas import quotas
from twinvouch.app.config_model import QuotaSettings
from twinvouch.core.event import BatchReceived, Priority, QueryAsked
from twinvouch.core.kind import Purpose
from twinvouch.wire.cose import seal, unseal
from twinvouch.wire.eventlog import read_event

KEY = bytes(range(8))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.core.stop()


def logged(served: Served) -> list[str]:
    """The kinds of events in the log, oldest first."""
    log = served.core._stores.log
    return [type(read_event(raw)[0]).__name__ for _, raw in log.records(0)]


def test_c21_what_no_enrolled_key_has_signed_reaches_neither_log_nor_ledger(
    served: Served,
) -> None:
    genuine = served.batch()
    key = unseal(genuine).key_id
    content = unseal(genuine).content
    foreign = seal(content, signer=stranger(), plant="toy", purpose=Purpose.READINGS)
    disguised = foreign.replace(unseal(foreign).key_id, key, 1)
    other_purpose = seal(content, signer=signer("edge-1"), plant="toy", purpose=Purpose.COMMAND)

    async def said(client: httpx.AsyncClient) -> None:
        await client.get("/livez")
        before = (logged(served), served.core.engine.memory.size)
        for raw in (b"", b"junk", foreign, disguised, other_purpose, genuine[:-1]):
            for path in ("ingest", "commands", "statements", "outcomes"):
                if (path, raw) == ("commands", other_purpose):
                    continue
                answer = await client.post(f"/api/v1/{path}", content=raw, headers=COSE)
                body = await problem(answer, 401)
                assert body["rule"] in {"malformed", "unknown_key", "bad_signature"}
        await problem(await client.get("/api/v1/status"), 401)
        assert (logged(served), served.core.engine.memory.size) == before
        assert (await client.post("/api/v1/ingest", content=genuine, headers=COSE)).is_success

    served.talk(said)
    counted = served.door.strangers.due(bytes(16), time.time_ns())
    assert counted is not None
    assert dict(counted.rules) == {
        "malformed": 12,
        "unknown_key": 4,
        "bad_signature": 7,
        "no_token": 1,
    }
    size = served.core.engine.memory.size
    reply = served.core.submit(Priority.STATEMENT, counted).result(10)
    assert (reply.code, served.core.engine.memory.size) == (200, size + 1)


def test_c21_a_flood_in_the_name_of_an_edge_from_elsewhere_does_not_starve_it() -> None:
    gate = quotas(QuotaSettings())
    now = 0.0
    for _ in range(100_000):
        if not gate.by_peer("203.0.113.9", 1_000, now) and not gate.by_key(
            "203.0.113.9", KEY, 1_000, now
        ):
            gate.failed("203.0.113.9", KEY, now)
        now += 1e-5
    assert gate.by_key("203.0.113.9", KEY, 1_000, now) > 0
    for step in range(100):
        later = now + step / 100
        assert gate.by_peer("10.0.0.5", 9_000, later) == 0.0
        assert gate.by_key("10.0.0.5", KEY, 9_000, later) == 0.0


def test_c22_a_batch_over_the_link_of_another_is_refused_and_both_are_named(tmp_path: Path) -> None:
    toy = Toy(tmp_path)
    raw = toy.sealed(toy.content())
    for link in ("edge-2", "actuator-1"):
        crossed = reply(toy.core.feed(BatchReceived(toy.salt(), "p", raw, link=link), toy.now))
        assert (crossed.code, crossed.body["rule"]) == (401, "wrong_link")
    assert "edge-1" not in toy.memory.links
    _, _, found = toy.memory.findings[-1]
    assert "`edge-1`" in found.sentence
    assert "`actuator-1`" in found.sentence
    own = toy.core.feed(BatchReceived(toy.salt(), "p", raw, link="edge-1"), toy.now)
    assert (reply(own).code, reply(own).body["status"]) == (200, "admitted")


def test_c22_permits_over_the_link_of_another_are_refused_and_both_are_named(
    tmp_path: Path,
) -> None:
    toy = Toy(tmp_path)
    asked = QueryAsked(toy.salt(), "actuator-1", "takePermits", "*", "actuation")
    for link, code in (("", 200), ("actuator-1", 200), ("edge-2", 403)):
        event = replace(asked, salt=toy.salt(), link=link)
        assert reply(toy.core.feed(event, toy.now)).code == code, link
    _, _, found = toy.memory.findings[-1]
    assert found.rule == "wrong_link"
    assert "`actuator-1`" in found.sentence
    assert "`edge-2`" in found.sentence
