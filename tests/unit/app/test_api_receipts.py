"""Receipts over the API: what gate 3 lets their asker see, and no more."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.claims.site import PLANT, Toy, signer
from tests.unit.app.test_api import COSE, Served, token, with_tokens
from twinvouch.core.inventory import Role
from twinvouch.core.kind import Purpose
from twinvouch.ledger.checkpoint import VerifierKey
from twinvouch.verifier import chain
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal

KEY = VerifierKey(f"{PLANT}/0", signer("log").public_key).text()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    site = with_tokens()
    people = dict(site.plant.principals)
    for name, roles in (("ann", (Role.AUDITOR, Role.ENGINEER)), ("bob", (Role.AUDITOR,))):
        people[name] = replace(people[name], roles=frozenset(roles))
    made = Served(tmp_path, replace(site, plant=replace(site.plant, principals=people)))
    yield made
    made.core.stop()


async def proposed(served: Served, client: httpx.AsyncClient) -> tuple[str, int]:
    """A command that the gate denies is a story too; its id, and the entry of the batch it came from."""
    sent = await client.post("/api/v1/ingest", content=served.batch(), headers=COSE)
    entry = int(sent.json()["entry"])
    toy: Toy = served.toy
    raw = write_command(toy.command("valve/opening", 7.0, inputs=(), made_ns=time.time_ns()), PLANT)
    sealed = seal(raw, signer=signer("twin"), plant=PLANT, purpose=Purpose.COMMAND)
    answer = await client.post("/api/v1/commands", content=sealed, headers=COSE)
    assert answer.status_code == 403, answer.text
    while served.core.tiles_behind:  # the state, and with it the tiles, follow with later events
        served.core.tick()
        await asyncio.sleep(0.1)
    return str(answer.json()["id"]), entry


def test_a_receipt_comes_as_far_as_its_asker_may_see(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        ident, entry = await proposed(served, client)
        for path in (f"/api/v1/receipts/{ident}", f"/api/v1/receipts/tank/level@{entry}"):
            both = await client.get(path, headers=token("ann"))
            assert both.status_code == 200, both.text
            assert both.headers["content-type"] == "application/cbor"
            found = chain.verify(both.content, KEY)
            assert found.ok, found.fault
            assert "tank/level = 5" in "\n".join(found.story)
            asked = {"params": {"readings": 0}, "headers": token("ann")}
            for closed in (
                await client.get(path, **asked),  # type: ignore[arg-type]
                await client.get(path, headers=token("bob")),  # an auditor reads no tags
            ):
                found = chain.verify(closed.content, KEY)
                assert found.ok, found.fault
                assert "tank/level = " not in "\n".join(found.story)
            visitor = await client.get(path, headers=token("visitor"))
            assert visitor.status_code == 403

    served.talk(said)


def test_what_is_not_there_is_told(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        await proposed(served, client)
        for ident in ("f" * 32, "tank/level@9999", "tank/level@x", "tank/level@0", "@"):
            answer = await client.get(f"/api/v1/receipts/{ident}", headers=token("bob"))
            assert answer.status_code == 404, answer.text

    served.talk(said)
