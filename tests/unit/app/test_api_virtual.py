"""Virtual sensors over the API: beside the reading, for control, on metrics; and who may not look."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from tests.unit.app.test_api import COSE, Served, token, with_tokens
from tests.unit.app.test_api_distrust import get, says
from tests.unit.app.test_metrics import value
from tests.unit.engine.virtual import FLOW, LEVEL, TANK
from twinvouch.core.site import SECOND
from twinvouch.core.statement import Verb
from twinvouch.engine.episode import Episode

QUICK = replace(TANK, window_ns=SECOND // 100, settle_ns=10 * SECOND)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path, replace(with_tokens(), virtual={LEVEL: QUICK}))
    yield made
    made.core.stop()


async def ingest(served: Served, client: httpx.AsyncClient) -> None:
    """Two batches, with more than a window between them."""
    for _ in range(2):
        served.toy.now += SECOND // 2
        content = served.toy.content(t_ns=[served.toy.now], rows=1)
        raw = served.toy.sealed(content)
        served.toy.seq["edge-1"] = served.toy.seq.get("edge-1", -1) + 1
        served.toy.prev["edge-1"] = sha256(content).digest()
        answer = await client.post("/api/v1/ingest", content=raw, headers=COSE)
        assert answer.status_code == 200, answer.text
        await asyncio.sleep(0.02)


def test_it_is_shown_beside_the_reading_and_given_for_control(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        await ingest(served, client)
        counting = await get(client, f"/virtual/{LEVEL}", "twin")
        tag = await get(client, f"/tags/{LEVEL}")
        assert (counting["value"], counting["entry"]) == (5.0, tag["entry"])
        assert (tag["virtual"]["state"], tag["virtual"]["value"]) == ("counts", None)
        assert (await get(client, f"/tags/{FLOW}"))["virtual"] is None
        await client.post("/api/v1/statements", content=says("bob", Verb.DISTRUST, LEVEL), headers=COSE)  # fmt: skip
        tag = await get(client, f"/tags/{LEVEL}")
        assert tag["value"] == 5.0, "the raw value is kept and shown"
        assert tag["distrusted"]
        told = tag["virtual"]
        assert (told["state"], told["sources"], told["lost"]) == ("stands_in", [FLOW], [])
        assert told["low"] < told["value"] < told["high"]
        assert 0 < told["time_to_blind_s"] <= 8 * 3600
        control = await get(client, f"/virtual/{LEVEL}", "twin")
        assert control["value"] == pytest.approx(told["value"], abs=0.1)

    served.talk(said)


def test_who_may_not_look_and_what_has_none(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        missing = await client.get(f"/api/v1/virtual/{FLOW}", headers=token("ann"))
        assert (missing.status_code, "no virtual sensor" in missing.text) == (404, True)
        unknown = await client.get("/api/v1/virtual/no/tag", headers=token("ann"))
        assert unknown.status_code == 403
        assert (await client.get(f"/api/v1/virtual/{LEVEL}")).status_code == 401

    served.talk(said)


def test_metrics_count_what_stands_in_and_say_for_how_long(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        text = (await client.get("/metrics")).text
        assert value(text, "twinvouch_virtual_sensors", state="standing_in") == 0
        assert value(text, "twinvouch_virtual_time_to_blind_seconds") == float("inf")
        episodes = served.core.engine.memory.episodes
        episodes[LEVEL] = Episode(1, 1, 1, blind_ns=time.time_ns() + 3600 * SECOND)
        episodes[FLOW] = Episode(1, 1, 1, is_blind=True)
        text = (await client.get("/metrics")).text
        assert value(text, "twinvouch_virtual_sensors", state="standing_in") == 1
        assert value(text, "twinvouch_virtual_sensors", state="blind") == 1
        assert 3000 < value(text, "twinvouch_virtual_time_to_blind_seconds") <= 3600

    served.talk(said)
