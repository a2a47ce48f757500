"""Advice over the API: given by a token or sealed, read with its standing, withheld without a trace of what it says."""

import json
import time
from typing import Any

import httpx
import pytest

from tests.claims.site import PLANT, signer
from tests.unit.app.test_api import COSE, Served, problem, served, token
from twinvouch.core.advice import Advice
from twinvouch.core.kind import Purpose
from twinvouch.core.statement import Statement, Verb
from twinvouch.wire.advice import write_advice
from twinvouch.wire.cose import seal
from twinvouch.wire.statement import write_statement

HOUR_NS = 3_600_000_000_000
__all__ = ["served"]  # the fixture


def body(**but: Any) -> dict[str, Any]:
    usual = {"subject": "pump/run", "says": "start it", "value": 1.0, "unit": "1"}
    return {**usual, "until_ns": time.time_ns() + HOUR_NS, **but}


def distrusts(tag: str) -> bytes:
    now = time.time_ns()
    said = Statement("bob", Verb.DISTRUST, tag, "test", b"", b"d" * 16, now, now + HOUR_NS)
    content = write_statement(said, PLANT)
    return seal(content, signer=signer("bob"), plant=PLANT, purpose=Purpose.STATEMENT)


def test_advice_is_given_read_and_withheld_when_its_sensor_is_distrusted(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        await client.post("/api/v1/ingest", content=served.batch(), headers=COSE)
        live = served.hub.open(actuator=False)
        assert live is not None
        level = (await client.get("/api/v1/tags/tank/level", headers=token("ann"))).json()
        inputs = [{"tag": "tank/level", "entry": level["entry"]}]
        given = await client.post("/api/v1/advice", json=body(inputs=inputs), headers=token("twin"))
        assert given.json()["status"] == "shown", given.text
        path = f"/api/v1/advice/{given.json()['id']}"
        row = (await client.get(path, headers=token("bob"))).json()
        assert (row["says"], row["value"], row["unit"]) == ("start it", 1.0, "1")
        assert (row["inputs"], row["signed"], row["class"]) == (inputs, False, "A")
        told = await client.post(
            "/api/v1/statements", content=distrusts("tank/level"), headers=COSE
        )
        assert told.json()["status"] == "distrust"
        row = (await client.get(path, headers=token("bob"))).json()
        assert (row["standing"], row["says"], row["value"], row["unit"]) == (
            "withheld", None, None, None,
        )  # fmt: skip
        assert "distrusted by a person" in row["why"]
        listed = (await client.get("/api/v1/advice", headers=token("bob"))).json()
        assert listed == [row]
        shown = await client.get("/api/v1/advice?standing=shown", headers=token("bob"))
        assert shown.json() == []
        messages = []
        async for message in live.events():
            if message.startswith("event: advice"):
                messages.append(json.loads(message.split("data: ")[1]))
            if len(messages) == 2:
                break
        assert [m["standing"] for m in messages] == ["shown", "withheld"]
        assert "start it" not in repr(messages)

    served.talk(said)


def test_sealed_advice_is_signed_and_comes_again_as_it_stands(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        await client.post("/api/v1/ingest", content=served.batch(), headers=COSE)
        now = time.time_ns()
        advice = Advice("ab" * 16, "ann", "tank", "clean it", None, "", now, now + HOUR_NS)
        raw = seal(
            write_advice(advice, PLANT), signer=signer("ann"), plant=PLANT, purpose=Purpose.ADVICE
        )
        first = await client.post("/api/v1/advice", content=raw, headers=COSE)
        again = await client.post("/api/v1/advice", content=raw, headers=COSE)
        assert first.json() == again.json()
        row = (await client.get(f"/api/v1/advice/{'ab' * 16}", headers=token("bob"))).json()
        assert (row["signed"], row["value"], row["says"]) == (True, None, "clean it")
        command = seal(
            write_advice(advice, PLANT), signer=signer("ann"), plant=PLANT, purpose=Purpose.COMMAND
        )
        await problem(await client.post("/api/v1/advice", content=command, headers=COSE), 401)

    served.talk(said)


@pytest.mark.parametrize(
    ("who", "but", "code"),
    [
        ("visitor", {}, 403),
        ("cid", {}, 403),
        ("twin", {"subject": "attic"}, 403),
        ("twin", {"until_ns": 1}, 403),
        ("twin", {"says": ""}, 422),
        ("twin", {"more": 1}, 422),
        ("twin", {"value": "1"}, 422),
        ("twin", {"unit": None}, 422),
    ],
)
def test_what_is_no_advice_or_by_nobody_who_may_is_refused(
    served: Served, who: str, but: dict[str, Any], code: int
) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        answer = await client.post("/api/v1/advice", json=body(**but), headers=token(who))
        told = await problem(answer, code)
        if code == 403:
            assert told["rule"] == ("capability" if who != "twin" else "advice")
        await problem(await client.post("/api/v1/advice", json=body()), 401)

    served.talk(said)
    assert served.core.engine.memory.advice == {}


def test_who_may_not_read_advice_is_told_nothing(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        for path in ("/advice", "/advice/00"):
            await problem(await client.get(f"/api/v1{path}", headers=token("cid")), 403)
        await problem(await client.get("/api/v1/advice/00", headers=token("bob")), 404)

    served.talk(said)
