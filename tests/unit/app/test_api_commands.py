"""Commands over the API: the same again is the same command, why one was held, and what would become of one."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.app.test_api import COSE, Served, problem, token, with_tokens
from tests.unit.engine.ahead import TANK, VALVE, ahead, foreseen
from twinvouch.app.cli.commands_shown import print_explained
from twinvouch.core.event import SimulationDone
from twinvouch.core.site import Site
from twinvouch.wire.lookahead import read_question

PROPOSAL = {"tag": VALVE, "value": 0.6, "unit": "1", "reason": "low"}
ONCE = {"Idempotency-Key": "shift-7/valve"}


def with_model() -> Site:
    """The plant of the API tests with a tank model on its valve."""
    return replace(with_tokens(), ahead={VALVE: ahead()})


def answered(question: bytes) -> "Future[SimulationDone]":
    """What a worker would say."""
    done: Future[SimulationDone] = Future()
    raw = foreseen(read_question(question))
    done.set_result(SimulationDone(b"", "", raw, "", TANK.digest))
    return done


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path, with_model())
    made.core.foresee = answered
    yield made
    made.core.stop()


async def post(client: httpx.AsyncClient, path: str, body: Any, **headers: str) -> httpx.Response:
    return await client.post(f"/api/v1{path}", json=body, headers={**token("twin"), **headers})


def test_the_same_key_and_body_are_one_command(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        await client.post("/api/v1/ingest", content=served.batch(), headers=COSE)
        first = await post(client, "/commands", PROPOSAL, **ONCE)
        size = served.core.engine.memory.size
        again = await post(client, "/commands", PROPOSAL, **ONCE)
        assert (first.status_code, again.json()) == (200, first.json())
        assert served.core.engine.memory.size == size, "nothing was entered for it"
        other = await post(client, "/commands", {**PROPOSAL, "value": 0.5}, **ONCE)
        said = await problem(other, 409)
        assert "Idempotency-Key" in said["detail"]
        assert "status" not in said or said["status"] == 409
        free = await post(client, "/commands", PROPOSAL)
        assert free.json()["id"] != first.json()["id"]
        mine = await client.post(
            "/api/v1/commands", json=PROPOSAL, headers={**token("ann"), **ONCE}
        )
        assert mine.json()["id"] != first.json()["id"], "two principals may choose the same key"

    served.talk(said)


def test_a_restart_knows_the_key_again(tmp_path: Path) -> None:
    idents = []
    for name in ("one", "two"):
        served = Served(tmp_path, with_model()) if name == "one" else again(tmp_path)

        async def said(client: httpx.AsyncClient) -> None:
            answer = await post(client, "/commands", PROPOSAL, **ONCE)
            idents.append((answer.status_code, answer.json()["id"], answer.json()["entry"]))

        served.talk(said)
        served.core.stop()
    assert idents[0] == idents[1]


def again(directory: Path) -> Served:
    (directory / "hands").rename(directory / "hands of before")
    return Served(directory, with_model())


@pytest.mark.parametrize("key", ["", "two words", "ü", "x" * 201, "tab\there"])
def test_a_key_that_is_none_is_refused(served: Served, key: str) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        headers = [(b"authorization", b"Bearer twin"), (b"idempotency-key", key.encode())]
        answer = await client.post("/api/v1/commands", json=PROPOSAL, headers=headers)
        await problem(answer, 422)

    served.talk(said)
    assert served.core.engine.memory.records == {}


def test_a_sealed_command_has_its_nonce(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        answer = await client.post("/api/v1/commands", content=b"x", headers={**COSE, **ONCE})
        assert "nonce" in (await problem(answer, 422))["detail"]

    served.talk(said)


def test_why_one_was_held_is_told_with_the_way_to_the_batch(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        await client.post("/api/v1/ingest", content=served.batch(), headers=COSE)
        entry = served.core.engine.memory.frame.entry("tank/level")
        asked = {**PROPOSAL, "inputs": [{"tag": "roof/temperature", "entry": 0}]}
        held = await post(client, "/commands", asked)
        ident = held.json()["id"]
        told = await client.get(f"/api/v1/commands/{ident}/explain", headers=token("bob"))
        row = told.json()
        assert (row["id"], row["class"], row["mode"]) == (ident, "C", "supervised")
        assert row["demands"]["plausibility"] == 100
        (weak,) = [p for p in row["from"] if p["name"] == "roof/temperature" and p["short"]][:1]
        assert set(weak["short"]) == {"identity", "integrity", "plausibility"}
        good = next(p for p in row["from"] if p["name"] == "tank/level")
        assert (good["entry"], good["short"]) == (entry, [])
        paths = {p["axis"]: p for p in row["paths"]}
        assert set(paths) == {"identity", "integrity", "plausibility"}
        steps = paths["plausibility"]["path"]
        assert [s["kind"] for s in steps] == ["command", "decision", "batch"]
        assert steps[1]["entry"] == held.json()["entry"]
        assert (steps[2]["edge"], steps[2]["entry"]) == ("edge-2", None), "it was never read"
        print_explained(row, as_json=False)
        lines = capsys.readouterr().out.splitlines()
        assert "class C demands identity 100, integrity 150, plausibility 100, calibration 0; mode supervised" in lines  # fmt: skip
        assert any(line.startswith("! from `roof/temperature`") for line in lines)
        assert any(line.startswith("  from `tank/level`") for line in lines)
        assert "    batch never read of edge edge-2, group slow" in lines
        assert "foreseen" not in "".join(lines), "it is being simulated"
        await problem(await client.get("/api/v1/commands/00/explain", headers=token("bob")), 404)
        await problem(await client.get(f"/api/v1/commands/{ident}/explain", headers=token("cid")), 403)  # fmt: skip

    served.talk(said)


def test_a_simulation_says_what_would_be_allowed_and_leaves_nothing(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        raw = served.toy.sealed(served.toy.content(values={"tank/level": 8.8}))
        await client.post("/api/v1/ingest", content=raw, headers=COSE)
        memory = served.core.engine.memory
        size, entry = memory.size, memory.frame.entry("tank/level")
        inputs = [{"tag": "tank/level", "entry": entry}]
        asked = {**PROPOSAL, "value": 1.0, "inputs": inputs, "signed": True}
        row = (await post(client, "/commands/simulate", asked)).json()
        assert (row["status"], row["id"], row["verdict"]) == ("simulated", None, "deny")
        seen = row["foreseen"]
        assert (seen["quantity"], seen["members"], seen["leaves_in_min"]) == ("level", 5, 20.0)
        print_explained(row, as_json=False)
        last = capsys.readouterr().out.splitlines()[-1]
        assert last.startswith("foreseen by `net`: `level` passes a limit by ")
        assert last.endswith("of 5 members leaves in 20 min; 0.5625 would be allowed")
        assert seen["margin"] < 0 < seen["allowed"] <= 0.57
        would = {**asked, "value": seen["allowed"]}
        row = (await post(client, "/commands/simulate", would)).json()
        assert (row["verdict"], row["paths"]) == ("allow", [])
        assert row["foreseen"]["margin"] >= 0
        assert (memory.records, memory.asked) == ({}, {})
        assert memory.size == size + 2, "two questions"
        await problem(await post(client, "/commands/simulate", {**asked, "tag": "tank/level"}), 403)
        await problem(await post(client, "/commands/simulate", {**asked, "more": 1}), 422)
        denied = await client.post("/api/v1/commands/simulate", json=asked, headers=token("cid"))
        await problem(denied, 403)
        await problem(await client.post("/api/v1/commands/simulate", json=asked), 401)

    served.talk(said)


def test_without_an_answer_it_would_be_held(served: Served) -> None:
    served.core.foresee = None

    async def said(client: httpx.AsyncClient) -> None:
        await client.post("/api/v1/ingest", content=served.batch(), headers=COSE)
        row = (await post(client, "/commands/simulate", PROPOSAL)).json()
        rules = {r["rule"]: r for r in row["reasons"]}
        assert (rules["lookahead"]["verdict"], row["foreseen"]) == ("hold", None)
        assert "no workers" in rules["lookahead"]["sentence"]

    served.talk(said)


def test_simulations_wait_for_each_other_and_too_many_are_sent_away(served: Served) -> None:
    waiting: list[Future[SimulationDone]] = []

    def slow(question: bytes) -> "Future[SimulationDone]":
        waiting.append(Future())
        questions.append(question)
        return waiting[-1]

    questions: list[bytes] = []
    served.core.foresee = slow

    async def said(client: httpx.AsyncClient) -> None:
        await client.post("/api/v1/ingest", content=served.batch(), headers=COSE)
        asks = [asyncio.create_task(post(client, "/commands/simulate", PROPOSAL)) for _ in range(9)]
        done, _ = await asyncio.wait(asks, return_when=asyncio.FIRST_COMPLETED)
        (refused,) = done
        await problem(refused.result(), 429)
        assert len(waiting) == 1, "one at a time"
        served.core.foresee = answered
        waiting[0].set_result(answered(questions[0]).result())
        codes = [(await ask).status_code for ask in asks]
        assert sorted(codes) == [200] * 8 + [429]

    served.talk(said)
