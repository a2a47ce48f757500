"""The door of the API: quotas answer before a body is read, strangers leave no trace but a number."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.claims.site import signer
from tests.unit.app.test_api import COSE, Served, problem, token
from twinvouch.adapters.keys import SeededSigner
from twinvouch.app.api import door as door_module
from twinvouch.app.api.door import Door
from twinvouch.app.api.problems import StrangerError
from twinvouch.app.api.quotas import quotas
from twinvouch.app.api.server import create_app
from twinvouch.app.api.submission import pack
from twinvouch.app.config_model import QuotaSettings
from twinvouch.core.event import BatchReceived, Priority
from twinvouch.core.keyring import KeyPurpose, Keyring, KeyStatement, KeyVerb
from twinvouch.core.kind import Purpose
from twinvouch.wire.cose import seal, unseal
from twinvouch.wire.eventlog import read_event

STRANGER = SeededSigner(b"\x99" * 32)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.core.stop()


def test_the_engine_is_told_which_key_was_checked_and_checks_the_others_itself(
    served: Served,
) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        assert (
            await client.post("/api/v1/ingest", content=served.batch(), headers=COSE)
        ).is_success

    served.talk(said)
    events = [read_event(raw)[0] for _, raw in served.core._stores.log.records(0)]
    batch = events[-1]
    assert isinstance(batch, BatchReceived)
    assert batch.checked == signer("edge-1").public_key
    envelope = unseal(batch.raw)
    forged = seal(envelope.content, signer=STRANGER, plant="toy", purpose=Purpose.READINGS)
    disguised = forged.replace(unseal(forged).key_id, envelope.key_id, 1)
    for raw, checked in (
        (forged, batch.checked),
        (disguised, STRANGER.public_key),
        (disguised, b""),
    ):
        event = BatchReceived(bytes(16), "p", raw, checked=checked)
        assert served.core.submit(Priority.READING, event).result(10).code == 401


def test_over_quota_is_429_with_retry_after_before_anything_is_kept(served: Served) -> None:
    small = QuotaSettings(edge_requests_per_s=0.001, burst_s=2_000.0)
    door = Door(served.core.engine.memory.site.plant, quotas(small))
    served.app = create_app(served.core, served.hub, ["localhost"], door)

    async def said(client: httpx.AsyncClient) -> None:
        raw = served.batch()
        statuses = []
        for _ in range(5):
            answer = await client.post("/api/v1/ingest", content=raw, headers=COSE)
            statuses.append(answer.status_code)
        assert statuses == [200, 200, 200, 429, 429], "one as a stranger, two once it is known"
        await problem(answer, 429)
        assert 900 < int(answer.headers["retry-after"]) <= 1_000
        shown = await client.get("/api/v1/status", headers=token("bob"))
        assert shown.is_success, "the quota of an edge is not that of its address"

    served.talk(said)
    counted = door.strangers.due(bytes(16), time.time_ns())
    assert counted is not None
    assert dict(counted.rules) == {"quota": 2}


def test_bytes_of_an_address_run_out_too(served: Served) -> None:
    small = QuotaSettings(peer_mib_per_s=0.001, burst_s=1.0)
    door = Door(served.core.engine.memory.site.plant, quotas(small))
    served.app = create_app(served.core, served.hub, ["localhost"], door)

    async def said(client: httpx.AsyncClient) -> None:
        first = await client.post("/api/v1/ingest", content=bytes(100_000), headers=COSE)
        await problem(first, 401)
        second = await client.post("/api/v1/ingest", content=b"x", headers=COSE)
        await problem(second, 429)
        assert 80 < int(second.headers["retry-after"]) < 120

    served.talk(said)


def test_a_body_in_many_small_parts_is_read_whole(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        raw = served.batch()

        async def dripping() -> object:
            for byte in raw:
                yield bytes([byte])

        answer = await client.post("/api/v1/ingest", content=dripping(), headers=COSE)
        assert answer.is_success, answer.text

    served.talk(said)


def few_failures(served: Served) -> Door:
    """A door that lets two failures of one sender pass."""
    small = QuotaSettings(failures_per_s=0.001, burst_s=2_000.0)
    door = Door(served.core.engine.memory.site.plant, quotas(small))
    served.app = create_app(served.core, served.hub, ["localhost"], door)
    return door


@pytest.mark.parametrize("path", ["ingest", "statements", "outcomes", "models"])
@pytest.mark.parametrize("kind", ["application/cose", "application/json", "application/cbor"])
def test_failures_count_whatever_a_body_calls_itself(served: Served, path: str, kind: str) -> None:
    door = few_failures(served)

    async def said(client: httpx.AsyncClient) -> None:
        for code in (401, 401, 429):
            answer = await client.post(
                f"/api/v1/{path}", content=b"junk", headers={"Content-Type": kind}
            )
            await problem(answer, code)

    served.talk(said)
    counted = door.strangers.due(bytes(16), time.time_ns())
    assert counted is not None
    assert dict(counted.rules) == {"malformed": 2, "quota": 1}


def test_a_model_by_nobody_is_held_against_who_sent_it_whatever_key_it_claims(
    served: Served,
) -> None:
    few_failures(served)
    forged = seal(b"x", signer=STRANGER, plant="toy", purpose=Purpose.MODEL)
    claimed = unseal(served.batch()).key_id
    disguised = forged.replace(unseal(forged).key_id, claimed, 1)

    async def said(client: httpx.AsyncClient) -> None:
        for code in (401, 401, 429):
            answer = await client.post("/api/v1/models", content=pack(disguised, {}))
            await problem(answer, code)

    served.talk(said)


def test_a_submission_of_many_values_is_not_taken_apart(served: Served) -> None:
    """Before anybody is known to have sent it: each of them costs the loop that serves everybody."""
    many = 2_000
    body = b"\x82\x99" + many.to_bytes(2, "big") + b"\x01" * many + b"\xa0"

    async def said(client: httpx.AsyncClient) -> None:
        refused = await problem(await client.post("/api/v1/models", content=body), 401)
        assert refused["rule"] == "malformed"
        assert "expected fewer than 2000 values" in refused["detail"]

    served.talk(said)


def test_a_core_whose_ticks_fail_ends(served: Served) -> None:
    """Else time stands still in it: nothing expires, and nobody is revoked."""

    class Broken:
        ends = dict

        def look(self) -> None:
            raise RuntimeError("no such list")

    app = create_app(served.core, served.hub, ["localhost"], served.door, Broken())  # type: ignore[arg-type]

    async def run() -> None:
        async with app.router.lifespan_context(app):
            await asyncio.to_thread(served.core.ended.wait, 10)

    asyncio.run(run())
    assert "no such list" in served.core.fatal


@pytest.mark.parametrize("first", [b"", bytes(40)], ids=["nothing", "a beginning"])
def test_a_body_that_does_not_come_ends_the_request(
    served: Served, monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    """Who dribbles would hold a connection, and what he has sent, for ever; quotas count whole requests only."""
    monkeypatch.setattr(door_module, "BODY_S", 0.05)
    sent = [{"type": "http.request", "body": first, "more_body": True}] if first else []
    told: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if sent:
            return sent.pop()
        await asyncio.sleep(3600)
        raise AssertionError("nobody waits so long")

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/api/v1/ingest", "raw_path": b"/api/v1/ingest", "query_string": b"", "root_path": "",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/cose")], "client": ("127.0.0.1", 9),
        "server": ("localhost", 80), "state": {},
    }  # fmt: skip
    asyncio.run(asyncio.wait_for(served.app(scope, receive, send), 20))
    assert told[0]["status"] == 408
    assert (b"connection", b"close") in told[0]["headers"]


def test_of_a_revoked_key_one_post_a_minute_goes_on_and_the_rest_is_counted(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stole it could else fill the event log at the rate of an edge, each batch refused and kept."""
    plant = served.core.engine.memory.site.plant
    key = signer("edge-1").public_key
    trusted = KeyStatement(1, KeyVerb.TRUST, KeyPurpose.EDGE, "edge-1", key, 0, 2**62)
    ring = Keyring(plant, STRANGER.public_key)
    ring.take(trusted, b"1" * 32)
    door = Door(plant, quotas(QuotaSettings()), ring=ring)
    raw, scope = served.batch(), {"type": "http", "client": ("127.0.0.1", 9), "headers": []}

    def post() -> bytes | str:
        try:
            return asyncio.run(door.known(raw, Purpose.READINGS, scope))
        except StrangerError as error:
            return error.rule

    assert [post() for _ in range(3)] == [key] * 3
    ring.take(replace(trusted, serial=2, verb=KeyVerb.REVOKE, reason="stolen"), b"2" * 32)
    assert [post() for _ in range(3)] == [key, "revoked_key", "revoked_key"]
    monkeypatch.setattr(door_module, "REVOKED_S", 0.0)
    assert post() == key
    counted = door.strangers.due(bytes(16), time.time_ns())
    assert counted is not None
    assert dict(counted.rules) == {"revoked_key": 2}
