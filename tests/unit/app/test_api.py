"""The API over a real core: who is let in, what is answered, and that nothing is shown unasked."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Request

from tests.claims.site import PLANT, Toy, make_site, signer
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.reserve import Reserve
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.sqlite_state import SqliteState
from twinvouch.app.api import server
from twinvouch.app.api.desk import Desk
from twinvouch.app.api.door import Door
from twinvouch.app.api.hub import Hub
from twinvouch.app.api.quotas import quotas
from twinvouch.app.api.server import create_app
from twinvouch.app.config_model import QuotaSettings
from twinvouch.app.core import Core, Stores
from twinvouch.app.disk_watch import DiskWatch
from twinvouch.app.inbox import Inbox
from twinvouch.core.errors import UnavailableError
from twinvouch.core.event import Priority
from twinvouch.core.kind import Purpose
from twinvouch.core.site import Site
from twinvouch.engine import Engine
from twinvouch.wire.cose import check, seal, unseal
from twinvouch.wire.permit import read_permit

Talk = Callable[[httpx.AsyncClient], Awaitable[None]]
READS = [
    "/status",
    "/tags",
    "/tags/tank/level",
    "/virtual/tank/level",
    "/findings",
    "/commands",
    "/commands/0000",
    "/advice",
    "/advice/0000",
    "/models",
    "/keys",
    "/receipts/0000",
    "/receipts/tank/level@0",
    "/lineage/0",
    "/affected/tank/level",
    "/disavowals",
    "/disavowals/0",
    "/stream",
    "/permits/stream",
]


def with_tokens() -> Site:
    """The claims plant whose principals have their own names as tokens."""
    site = make_site()
    principals = {
        name: replace(p, token_sha256=sha256(name.encode()).digest())
        for name, p in site.plant.principals.items()
    }
    return replace(site, plant=replace(site.plant, principals=principals))


class Served:
    """A running core and its API, and hands that sign for it."""

    def __init__(self, directory: Path, site: Site | None = None) -> None:
        state = SqliteState(directory / "state.db")
        ledger = LedgerFiles(directory / "ledger", f"{PLANT}/0", signer("log"))
        stores = Stores(
            SegmentLog(directory / "log"),
            state,
            ledger,
            state.reader(),
            state.reader,
            data=directory,
        )
        self.hub = Hub(PLANT, signer("permit"), 5_000_000_000)
        self.core = Core(
            Engine(site or with_tokens()), stores, self.hub.leave, directory / "models"
        )
        self.core.start()
        plant = self.core.engine.memory.site.plant
        self.door = Door(plant, quotas(QuotaSettings()))
        self.app = create_app(self.core, self.hub, ["localhost"], self.door)
        (directory / "hands").mkdir()
        self.toy = Toy(directory / "hands")
        self.toy.now = time.time_ns()

    def batch(self) -> bytes:
        return self.toy.sealed(self.toy.content())

    def talk(self, said: Talk) -> None:
        async def run() -> None:
            self.hub.attach(asyncio.get_running_loop())
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost"
            ) as client:
                await said(client)

        asyncio.run(asyncio.wait_for(run(), 20))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.core.stop()


def token(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


def test_time_passes_for_as_long_as_the_api_is_served(served: Served) -> None:
    """What expires, falls silent or is forgotten does so by ticks: three different ones must arrive."""
    seen: set[int] = set()

    async def run() -> None:
        async with served.app.router.lifespan_context(served.app):
            while len(seen) < 3:
                ticked = served.core.engine.memory.ticked
                seen.update(() if ticked is None else (ticked.monotonic_ns,))
                await asyncio.sleep(0.05)

    asyncio.run(asyncio.wait_for(run(), 60))
    assert len(seen) == 3


COSE = {"Content-Type": "application/cose"}


async def problem(answer: httpx.Response, code: int) -> Any:
    assert answer.status_code == code, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["title"]
    assert body["detail"]
    return body


def test_c07_nothing_is_read_without_a_known_token(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        for path in READS:
            for headers in ({}, token("nobody"), {"Authorization": "Basic Ym9iOmJvYg=="}):
                answer = await client.get(f"/api/v1{path}", headers=headers)
                await problem(answer, 401)
                assert answer.headers["www-authenticate"] == "Bearer"
            answer = await client.get(f"/api/v1{path}?token=bob&access_token=bob")
            assert answer.status_code == 401, "a token in a URL is none"

    served.talk(said)
    assert served.core.engine.memory.counts["query:allowed"] == 0


def test_pages_of_other_hosts_and_origins_are_refused(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        for host in ("evil.example", "evil.example:8710", "localhost.evil.example", ""):
            answer = await client.get("/api/v1/status", headers={**token("bob"), "Host": host})
            await problem(answer, 421)
        for origin in ("http://evil.example", "null"):
            answer = await client.get("/api/v1/status", headers={**token("bob"), "Origin": origin})
            await problem(answer, 403)
        answer = await client.get("/livez")
        assert answer.json()["status"] == "alive"
        assert answer.headers["cache-control"] == "no-store"
        assert (await client.get("/readyz")).json() == {"status": "ready"}

    served.talk(said)


def test_a_batch_comes_in_and_is_shown_with_its_label(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        raw = served.batch()
        answer = await client.post("/api/v1/ingest", content=raw, headers=COSE)
        assert (answer.status_code, answer.json()["status"]) == (200, "admitted")
        again = await client.post("/api/v1/ingest", content=raw, headers=COSE)
        assert (again.status_code, again.json()["status"]) == (200, "duplicate")
        changed = await client.post("/api/v1/ingest", content=raw[:-1] + b"\0", headers=COSE)
        body = await problem(changed, 401)
        assert (body["status"], body["rule"]) == ("refused", "malformed")
        shown = (await client.get("/api/v1/tags/tank/level", headers=token("bob"))).json()
        assert (shown["value"], shown["label"]["identity"]) == (5.0, 120)
        assert shown["entry"] == answer.json()["entry"]
        listed = (await client.get("/api/v1/tags", headers=token("bob"))).json()
        assert shown["tag"] in {row["tag"] for row in listed}
        await problem(await client.get("/api/v1/tags/no/such", headers=token("bob")), 403)
        counted = served.door.strangers.due(bytes(16), time.time_ns())
        assert counted is not None
        assert counted.rules == (("malformed", 1),)
        served.core.submit(Priority.STATEMENT, counted).result(10)
        found = (await client.get("/api/v1/findings", headers=token("bob"))).json()
        assert [f["rule"] for f in found] == ["malformed"]
        status = (await client.get("/api/v1/status", headers=token("cid"))).json()
        assert status["edges"]["edge-1"]["seq"] == 0

    served.talk(said)


def test_a_command_becomes_a_permit_that_only_the_actuator_gets(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        await client.post("/api/v1/ingest", content=served.batch(), headers=COSE)
        shown = (await client.get("/api/v1/tags/tank/level", headers=token("twin"))).json()
        proposal = {
            "tag": "valve/opening",
            "value": 0.6,
            "unit": "1",
            "inputs": [{"tag": "tank/level", "entry": shown["entry"]}],
        }
        await problem(await client.post("/api/v1/commands", json=proposal), 401)
        denied = await client.post("/api/v1/commands", json=proposal, headers=token("visitor"))
        assert (await problem(denied, 403))["verdict"] == "deny"
        unfit = await client.post(
            "/api/v1/commands", json={**proposal, "more": 1}, headers=token("twin")
        )
        await problem(unfit, 422)
        subscriber = served.hub.open(actuator=True)
        assert subscriber is not None
        done = await client.post("/api/v1/commands", json=proposal, headers=token("twin"))
        assert done.json()["status"] == "permitted", done.text
        event = await anext(subscriber.events())
        assert event.startswith("event: permit\ndata: ")
        sealed = unseal(base64.b64decode(event.split("data: ")[1].strip()))
        check(sealed, signer("permit").public_key, plant=PLANT, purpose=Purpose.PERMIT)
        assert read_permit(sealed.content).command == done.json()["id"]
        one = await client.get(f"/api/v1/commands/{done.json()['id']}", headers=token("bob"))
        assert (one.json()["signed"], one.json()["axes"][0]) == (False, 120)
        await problem(await client.get("/api/v1/commands/00", headers=token("bob")), 404)
        await problem(await client.get("/api/v1/permits/stream", headers=token("twin")), 403)

    served.talk(said)


def test_a_body_beyond_the_limit_is_not_read_to_its_end(served: Served) -> None:
    async def endless() -> Any:
        for _ in range(400):
            yield bytes(65_536)

    async def said(client: httpx.AsyncClient) -> None:
        for path in ("ingest", "commands", "statements", "outcomes", "models"):
            await problem(
                await client.post(f"/api/v1/{path}", content=endless(), headers=COSE), 413
            )

    served.talk(said)


@pytest.mark.parametrize("path", ["ingest", "commands", "statements", "outcomes", "models"])
@pytest.mark.parametrize("body", [b"", b"\xff" * 40, b"{}", b"[1, 2"])
def test_nothing_that_is_posted_is_a_bug(served: Served, path: str, body: bytes) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        for headers in (COSE, token("twin"), {**token("twin"), "Content-Type": "application/json"}):
            answer = await client.post(f"/api/v1/{path}", content=body, headers=headers)
            assert 400 <= answer.status_code < 500, (headers, answer.text)
            assert answer.json()["detail"]

    served.talk(said)


def test_a_full_inbox_says_when_to_come_back(served: Served, monkeypatch: Any) -> None:
    def full(*_: Any) -> None:
        raise UnavailableError("4096 events are waiting, the limit is 4096: try again in 1 s")

    monkeypatch.setattr(Inbox, "put", full)

    async def said(client: httpx.AsyncClient) -> None:
        answer = await client.post("/api/v1/ingest", content=served.batch(), headers=COSE)
        await problem(answer, 429)
        assert answer.headers["retry-after"] == "1"

    served.talk(said)
    monkeypatch.undo()


def test_a_full_disk_refuses_readings_and_says_when_to_come_back(served: Served) -> None:
    served.core._disk = DiskWatch(Reserve(served.core.model_directory.parent, 0), 5.0, is_full=True)

    async def said(client: httpx.AsyncClient) -> None:
        answer = await client.post("/api/v1/ingest", content=served.batch(), headers=COSE)
        await problem(answer, 507)
        assert answer.headers["retry-after"] == "10"
        answer = await client.post("/api/v1/statements", content=b"x", headers=COSE)
        assert answer.status_code == 401, "statements are taken, and judged"

    served.talk(said)
    assert served.core._disk.refused == 1


def test_a_statement_in_the_open_counts_once(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        from twinvouch.core.statement import Statement, Verb
        from twinvouch.wire.statement import write_statement

        now = time.time_ns()
        said_ = Statement(
            "bob", Verb.DISTRUST, "tank/level", "test", b"", bytes(16), now, now + 10**10
        )
        raw = seal(
            write_statement(said_, PLANT),
            signer=signer("bob"),
            plant=PLANT,
            purpose=Purpose.STATEMENT,
        )
        first = await client.post("/api/v1/statements", content=raw, headers=COSE)
        assert first.json()["status"] == "distrust"
        await problem(await client.post("/api/v1/statements", content=raw, headers=COSE), 403)
        shown = (await client.get("/api/v1/tags/tank/level", headers=token("bob"))).json()
        assert (shown["distrusted"], shown["headline"]) == (True, 0)

    served.talk(said)


@pytest.mark.parametrize(("counted_s", "shown"), [(120, 1), (-1, 0)])
def test_what_waited_longer_than_a_stream_counts_as_read_is_not_shown(
    served: Served, monkeypatch: pytest.MonkeyPatch, counted_s: int, shown: int
) -> None:
    """R7: a service that stalls its stream would read what the engine does not know that it has read."""
    monkeypatch.setattr(server, "STREAM_NS", counted_s * 1_000_000_000)

    async def said(_: httpx.AsyncClient) -> None:
        subscriber = served.hub.open(actuator=False)
        assert subscriber is not None
        subscriber.push("event: labels\n\n")
        request = Request({"type": "http", "headers": []})
        desk = Desk(served.core, served.hub, served.door)
        stream = server._until_denied(desk, request, "stream", (), subscriber)
        got = [m for m in [await anext(stream, "")] if m]
        assert len(got) == shown

    served.talk(said)


def test_a_core_whose_ticks_fail_ends_instead_of_standing_still(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise OSError(5, "input/output error")

    monkeypatch.setattr(served.core, "tick", broken)

    async def live() -> None:
        async with served.app.router.lifespan_context(served.app):
            await asyncio.to_thread(served.core.ended.wait, 10)

    asyncio.run(live())
    assert "input/output error" in served.core.fatal
