"""Distrust and restore over the API: an edge, what is known of it, and a restore of what was shown; and on the command line."""

import json
import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from tests.claims.site import PLANT, signer
from tests.unit.app.test_api import COSE, Served, served, token
from twinvouch.app import client as app_client
from twinvouch.app import statements
from twinvouch.app.cli import restore as cli_restore
from twinvouch.core.inventory import key_id
from twinvouch.core.kind import Purpose
from twinvouch.core.statement import Statement, Verb
from twinvouch.engine.restoring import shown
from twinvouch.wire.cose import seal
from twinvouch.wire.statement import write_statement

HOUR_NS = 3_600_000_000_000
__all__ = ["served"]  # the fixture


def says(person: str, verb: Verb, subject: str, digest: bytes = b"") -> bytes:
    now = time.time_ns()
    said = Statement(person, verb, subject, "test", digest, os.urandom(16), now, now + HOUR_NS)
    content = write_statement(said, PLANT)
    return seal(content, signer=signer(person), plant=PLANT, purpose=Purpose.STATEMENT)


async def post(client: httpx.AsyncClient, raw: bytes) -> httpx.Response:
    return await client.post("/api/v1/statements", content=raw, headers=COSE)


async def get(client: httpx.AsyncClient, path: str, who: str = "ann") -> Any:
    return (await client.get(f"/api/v1{path}", headers=token(who))).json()


def test_an_edge_is_distrusted_shown_looked_at_and_restored(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        await client.post("/api/v1/ingest", content=served.batch(), headers=COSE)
        told = await post(client, says("bob", Verb.DISTRUST, "edge-1"))
        assert (told.status_code, told.json()["subject"]) == (200, "edge-1")
        tags = await get(client, "/tags")
        assert {t["tag"] for t in tags if t["distrusted"]} == {
            "pump/run", "tank/flow", "tank/level", "valve/opening",
        }  # fmt: skip
        assert all(t["headline"] == 0 and set(t["label"].values()) == {0} for t in tags)
        status = await get(client, "/status")
        assert (status["distrusted"], status["distrusted_kinds"]) == (["edge-1"], {"edge": 1})
        (listed,) = await get(client, "/distrusted")
        assert (listed["subject"], listed["kind"], listed["restorable"]) == (
            "edge-1",
            "edge",
            False,
        )
        known = await get(client, "/distrusted/edge-1")
        assert known["entry"] == listed["entry"]
        assert all(t["label"]["integrity"] == 255 for t in known["tags"])
        assert (known["witnesses"], known["findings"]) == ([], [])
        metrics = (await client.get("/metrics", headers=token("ann"))).text
        assert 'twinvouch_distrusted{kind="edge"} 1.0' in metrics
        assert 'twinvouch_advice{standing="shown"} 0.0' in metrics
        assert (await post(client, says("ann", Verb.RESTORE, "edge-1"))).status_code == 403
        told = await post(client, says("ann", Verb.RESTORE, "edge-1", shown(known)))
        assert (told.status_code, "alone" in told.json()["why"]) == (200, True), told.text
        assert not any(t["distrusted"] for t in await get(client, "/tags"))

    served.talk(said)


def test_what_is_not_distrusted_and_who_may_not_look(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        missing = await client.get("/api/v1/distrusted/tank/level", headers=token("ann"))
        assert missing.status_code == 404
        await post(client, says("bob", Verb.DISTRUST, "tank/level"))
        refused = await client.get("/api/v1/distrusted/tank/level", headers=token("cid"))
        assert refused.status_code == 403

    served.talk(said)


def test_the_policys_no_to_an_approval_and_to_the_distrust_of_a_key_is_403(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        await client.post("/api/v1/ingest", content=served.batch(), headers=COSE)
        kid = key_id(signer("twin").public_key).hex()
        refused = await post(client, says("bob", Verb.DISTRUST, kid))
        assert refused.status_code == 403
        proposal = {"tag": "pump/run", "value": 1.0, "unit": "1", "inputs": [], "reason": "test"}
        held = await client.post("/api/v1/commands", json=proposal, headers=token("twin"))
        ident = held.json()["id"]
        row = await get(client, f"/commands/{ident}")
        approval = says("cid", Verb.APPROVE, ident, bytes.fromhex(row["shown"]))
        assert (await post(client, approval)).status_code == 403
        assert await get(client, f"/commands/{ident}") == row

    served.talk(said)


def test_the_command_line_prints_what_is_known_and_signs_that(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = {
        "subject": "tank-1/level", "since_ns": 0, "until_ns": 10**18, "entry": 7, "restorable": True,
        "findings": [{"subject": "tank-1/level", "rule": "range", "severity": 3, "sentence": "\x1b[31mred", "count": 2}],
        "tags": [{"tag": "tank-1/level", "label": dict.fromkeys(("identity", "integrity", "plausibility", "calibration"), 120), "also": ["edge-1"]}],
        "witnesses": [{"redundancy": "level", "tag": "tank-1/level", "by": ["tank-2/level"], "label": {}, "independent": 1, "agrees": False, "reaches": True}],
    }  # fmt: skip
    signed: dict[str, Any] = {}

    class Client:
        def __init__(self, *_: object) -> None:
            pass

        def get(self, path: str, **_: str) -> Any:
            assert path == "/distrusted/tank-1/level"
            return known

    def say(_: object, person: str, verb: Verb, subject: str, **more: Any) -> Any:
        signed.update(more, person=person, verb=verb)
        return {"status": "restore", "subject": subject, "why": "restored"}

    monkeypatch.setattr(app_client, "load", lambda _: None)
    monkeypatch.setattr(app_client, "token_of", lambda *_: "")
    monkeypatch.setattr(app_client, "Client", Client)
    monkeypatch.setattr(statements, "say", say)
    words = [
        "tank-1/level",
        "--person",
        "ann",
        "--reason",
        "x",
        "--config",
        str(tmp_path / "t.yaml"),
    ]
    no = CliRunner().invoke(cli_restore.command, words, input="n\n")
    assert (no.exit_code, signed) == (1, {})
    done = CliRunner().invoke(cli_restore.command, [*words, "--yes"])
    assert done.exit_code == 0, done.output
    assert signed["shown"] == shown(json.loads(json.dumps(known)))
    for text in ("do NOT agree", "still distrusted with edge-1", "2 x range", "\\x1b[31mred"):
        assert text in done.output
