"""Lineage over the API of a real core, from the files of its ledger, and as a picture."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from tests.unit.app.test_api import COSE, Served, problem, token
from twinvouch.app.cli import cli
from twinvouch.app.lineage import LedgerDirectory, LineageReader
from twinvouch.app.lineage_view import EDGES_MAX, NODES_MAX, picture
from twinvouch.core.errors import UnavailableError, UsageError
from twinvouch.core.kind import Kind
from twinvouch.ledger.lineage import BATCHES, Lineage, Node
from twinvouch.ledger.rests import ALL, Rests
from twinvouch.wire.cbor import encode

COMMAND = {
    "tag": "valve/opening",
    "value": 0.6,
    "unit": "1",
    "inputs": [{"tag": "tank/level", "entry": 1}],
    "reason": "test",
}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.core.stop()


async def commanded(served: Served, client: httpx.AsyncClient) -> dict[str, Any]:
    """A batch and a command that rests on it, and time for the state store to have both."""
    answer = await client.post("/api/v1/ingest", content=served.batch(), headers=COSE)
    batch = answer.json()["entry"]
    inputs = [{"tag": "tank/level", "entry": batch}]
    said = await client.post(
        "/api/v1/commands", json={**COMMAND, "inputs": inputs}, headers=token("twin")
    )
    done = {"batch": batch, **said.json()}
    await asked(client, f"/lineage/{done['id']}")
    return done


async def asked(client: httpx.AsyncClient, path: str, who: str = "ann", **more: Any) -> Any:
    """The answer as soon as the state store has seen what it is about."""
    for _ in range(100):
        await client.get("/api/v1/status", headers=token("ann"))
        answer = await client.get(f"/api/v1{path}", params=more, headers=token(who))
        if answer.status_code == 200:
            return answer.json()
    raise AssertionError(answer.text)


def test_a_command_leads_up_to_its_batch_and_a_tag_down_to_its_command(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        done = await commanded(served, client)
        up = await asked(client, f"/lineage/{done['id']}")
        kinds = {n["entry"]: n["kind"] for n in up["nodes"]}
        assert kinds[done["batch"]] == "batch"
        (edge,) = [e for e in up["edges"] if e["from"] == done["batch"]]
        assert edge["columns"] == ["tank/level"]
        assert kinds[edge["to"]] == "command"
        down = await asked(client, "/lineage/tank/level", direction="down")
        assert [n["kind"] for n in down["nodes"]][:3] == ["batch", "command", "decision"]
        one = await asked(client, "/lineage/tank/level", direction="down", depth=1)
        assert {n["kind"] for n in one["nodes"]} == {"batch", "command", "decision"}
        by_index = await asked(client, f"/lineage/{done['batch']}", direction="down")
        assert by_index["nodes"] == down["nodes"]
        places = [(n["layer"], n["order"]) for n in down["nodes"]]
        assert len(set(places)) == len(places)

    served.talk(said)


def test_the_blast_radius_of_a_tag_an_edge_and_a_key(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        await commanded(served, client)
        tag = await asked(client, "/affected/tank/level")
        assert tag["subject"] == {"kind": "tag", "name": "tank/level"}
        assert (tag["touched"]["command"], tag["counted_whole"]) == (1, 0)
        assert tag["executed"] == [], "nothing was reported as executed"
        other = await asked(client, "/affected/pump/run")
        assert other["touched"] == {"batch": 1}
        edge = await asked(client, "/affected/edge-1")
        assert edge["touched"] == tag["touched"]
        plant = served.core.engine.memory.site.plant
        (kid,) = [k.hex() for k, p in plant.by_key_id.items() if p.id == "edge-1"]
        assert (await asked(client, f"/affected/{kid}"))["touched"] == edge["touched"]
        never = await asked(client, "/affected/tank/level", since=0, until=1)
        assert (never["touched"], never["sources"]) == ({}, 0)

    served.talk(said)


def test_what_is_not_there_is_404_and_gate_3_is_asked_first(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        await commanded(served, client)
        before = served.core.engine.memory.counts["query:denied"]
        for path in ("/lineage/999999", "/lineage/nothing", "/lineage/-1", "/affected/nothing"):
            await problem(await client.get(f"/api/v1{path}", headers=token("ann")), 404)
            await problem(await client.get(f"/api/v1{path}", headers=token("cid")), 403)
        assert served.core.engine.memory.counts["query:denied"] == before + 4
        await problem(
            await client.get("/api/v1/lineage/0?direction=across", headers=token("ann")), 422
        )

    served.talk(said)


def test_a_ledger_directory_answers_without_a_core(tmp_path: Path) -> None:
    served = Served(tmp_path)
    served.talk(lambda client: _ignored(commanded(served, client)))
    ident = next(iter(served.core.engine.memory.records))
    batch = served.core.engine.memory.frame.entry("tank/level")
    served.core.stop()
    arguments = ["lineage", "up", ident, "--ledger", str(tmp_path / "ledger")]
    found = CliRunner().invoke(cli, [*arguments, "--json"])
    assert found.exit_code == 0, found.output
    told = json.loads(found.output)
    assert batch in {n["entry"] for n in told["nodes"]}
    assert [e["columns"] for e in told["edges"] if e["from"] == batch] == [[2]]
    text = CliRunner().invoke(cli, arguments).output
    assert "batch" in text
    assert "edge edge-1" in text
    wrong = CliRunner().invoke(cli, ["lineage", "down", "99999", *arguments[3:]])
    assert isinstance(wrong.exception, UsageError)
    with pytest.raises(UsageError, match="is no ledger"):
        LedgerDirectory(tmp_path)


async def _ignored(work: Any) -> None:
    await work


class Leaves:
    """Entries in memory."""

    def __init__(self, entries: list[bytes]) -> None:
        self.stored = entries

    def leaf_count(self) -> int:
        return len(self.stored)

    def leaves(self, start: int, end: int) -> list[bytes]:
        return self.stored[start:end]

    def close(self) -> None:
        self.stored = []


def batch(n: int) -> bytes:
    return encode(
        [2, 65, "p", n, b"", "e", 0, n, 0, "g", 1, 1, 1, 0, None, None, [], b"12345678", []]
    )


def test_the_reader_takes_what_is_new_and_forgets_the_oldest_beyond_its_limit() -> None:
    leaves = Leaves([batch(n) for n in range(5)])
    reader = LineageReader(lambda: leaves, most=10)
    assert reader.up_to_date().end == 5
    leaves.stored += [batch(n) for n in range(5, 30)]
    assert (reader.up_to_date().first, reader.up_to_date().end) == (20, 30)
    assert reader.entries([29]) == [batch(29)]


def test_who_asks_while_a_large_ledger_is_read_is_told_so() -> None:
    leaves = Leaves([batch(n) for n in range(5000)])
    reader = LineageReader(lambda: leaves)
    with pytest.raises(UnavailableError, match="4096 of 5000 entries"):
        reader.up_to_date(patience_s=-1)
    assert reader.up_to_date(patience_s=-1).end == 5000


def test_a_picture_of_too_much_shows_the_nearest_and_says_how_much_is_left_off() -> None:
    of = Lineage()
    for n in range(NODES_MAX + 50):
        of.append(Node(Kind.ENTRY_BATCH, n, "e", layout=("g", b""), pool=BATCHES))
    for _ in range(30):
        of.append(Node(Kind.ENTRY_COMMAND, 0, "twin", Rests(batches_since=0)))
    start = of.end - 1
    made = picture(of, start, lambda found: [batch(n) for n in found], {}, up=1, depth=0)
    assert made["nodes_left_off"] == 51
    assert len(made["nodes"]) == NODES_MAX  # type: ignore[arg-type]
    entries = [n["entry"] for n in made["nodes"]]  # type: ignore[union-attr,index,call-overload]
    assert entries[-1] == start
    down = picture(of, 40, lambda found: [batch(n) for n in found], {}, up=0, depth=0)
    assert [n["layer"] for n in down["nodes"]] == [0, *[1] * 30]  # type: ignore[union-attr,index,call-overload]
    assert made["edges_left_off"] == 0
    assert EDGES_MAX > NODES_MAX


def test_rows_are_ordered_by_their_parents() -> None:
    of = Lineage()
    for _ in range(3):
        of.append(Node(Kind.ENTRY_BATCH, 0, "e", layout=("g", b""), pool=BATCHES))
    for parent in (2, 1, 0):
        of.append(Node(Kind.ENTRY_COMMAND, 0, "t", Rests(((parent, ALL),))))
    of.append(Node(Kind.ENTRY_DECISION, 0, "", Rests(((3, ALL), (4, ALL), (5, ALL)))))
    made = picture(of, 6, lambda found: [batch(n) for n in found], {}, up=1, depth=0)
    places = [(n["layer"], n["order"]) for n in made["nodes"]]  # type: ignore[union-attr,index,call-overload]
    assert places == [(0, 0), (0, 1), (0, 2), (1, 2), (1, 1), (1, 0), (2, 0)]
