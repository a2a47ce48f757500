"""Claims of the links between edge, core and actuator."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.claims.site import PLANT, Toy, reply, signer, stranger
from tests.unit.app.test_api import COSE, Served, problem
from twinvouch.app.api.quotas import quotas
from twinvouch.app.config_model import QuotaSettings
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.event import (
    BatchReceived,
    EpochOpened,
    Priority,
    QueryAsked,
    Reply,
    StatementReceived,
)
from twinvouch.core.genesis import Genesis
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.report import Report, Told
from twinvouch.engine import Engine
from twinvouch.wire.batch import Header, write_report
from twinvouch.wire.cose import seal, unseal
from twinvouch.wire.eventlog import read_event
from twinvouch.wire.genesis import write_genesis

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


def wiped(toy: Toy, epoch: int) -> None:
    """The edge lost its spool: a new epoch whose first batch names nothing."""
    toy.epoch = epoch
    toy.seq.pop("edge-1", None)
    toy.prev.pop("edge-1", None)


def integrity(toy: Toy) -> int:
    return int(toy.memory.label(("tank/level",)).axes[1, 0])


def vouch(toy: Toy, person: str, **but: Any) -> Reply:
    known = toy.memory.beginnings.get("edge-1")
    link = toy.memory.links["edge-1"]
    said = Genesis(
        principal=but.get("principal", person),
        edge=but.get("edge", "edge-1"),
        epoch=but.get("epoch", toy.epoch),
        last=but.get("last", known.last if known and not known.is_founded else link.digest),
        reason="new disk",
        nonce=but.get("nonce", toy.salt()),
        made_ns=but.get("made_ns", toy.now),
        expires_ns=toy.now + 60_000_000_000,
    )
    raw = seal(
        write_genesis(said, PLANT), signer=signer(person), plant=PLANT, purpose=Purpose.STATEMENT
    )
    return reply(toy.core.feed(StatementReceived(toy.salt(), "10.0.0.7", raw), toy.now))


def test_c23_a_new_chain_stays_capped_until_a_person_vouches_for_it(tmp_path: Path) -> None:
    toy = Toy(tmp_path)
    toy.read()
    assert integrity(toy) == 255
    wiped(toy, 7)
    for _ in range(3):
        assert toy.read().code == 200
        assert integrity(toy) == 60, "however long the new chain has become"
    assert toy.rules().count("epoch") == 1
    wiped(toy, 8)
    toy.read()
    assert integrity(toy) == 60, "nor does another start help"
    assert vouch(toy, "ann").body["status"] == "founded"
    toy.read()
    assert integrity(toy) == 255


def test_c23_leaving_the_first_batch_out_does_not_help(tmp_path: Path) -> None:
    toy = Toy(tmp_path)
    toy.read()
    end = toy.prev["edge-1"]
    wiped(toy, 7)
    toy.prev["edge-1"] = end
    first = toy.sealed(toy.content())
    toy.seq["edge-1"] = 0
    toy.prev["edge-1"] = unseal(first).digest
    for _ in range(2):
        toy.read()
        assert integrity(toy) == 60
    assert toy.send(first).code == 200, "it comes late, and names the good chain"
    toy.read()
    assert integrity(toy) == 255


def test_c23_a_genesis_signed_before_the_edge_comes_makes_its_first_batch_legitimate(
    tmp_path: Path,
) -> None:
    toy = Toy(tmp_path)
    toy.read()
    wiped(toy, 7)
    assert vouch(toy, "ann").code == 200
    toy.read()
    assert (integrity(toy), "epoch" in toy.rules()) == (255, False)
    wiped(toy, 8)
    toy.read()
    assert integrity(toy) == 60, "it was for one epoch"


def test_c23_a_genesis_from_before_a_restore_vouches_for_nothing(tmp_path: Path) -> None:
    """It may have been used already, and the backup does not know."""
    toy = Toy(tmp_path)
    toy.read()
    wiped(toy, 7)
    toy.read()
    early = toy.now
    toy.now += 1_000_000_000
    toy.core.feed(EpochOpened(toy.salt(), 1, f"{PLANT}/0", 1, bytes(32), bytes(32)), toy.now)
    toy.now += 1_000_000_000
    refused = vouch(toy, "ann", made_ns=early)
    assert (refused.code, "before a backup" in str(refused.body["why"])) == (403, True)
    assert vouch(toy, "ann").body["status"] == "founded"


def test_c23_an_edge_that_restarted_after_a_backup_was_made_is_vouched_for_too(
    tmp_path: Path,
) -> None:
    """The core of a restored backup does not know how its chain went on: docs/how-to/back-up-and-restore.md says so."""
    toy = Toy(tmp_path)
    toy.read()
    toy.core.feed(EpochOpened(toy.salt(), 1, f"{PLANT}/0", 1, bytes(32), bytes(32)), toy.now)
    toy.epoch, toy.seq["edge-1"], toy.prev["edge-1"] = 7, 0, b"u" * 32  # a batch after the backup
    for _ in range(2):
        toy.now += 1_000_000_000
        toy.read()
        assert integrity(toy) == 60
    assert vouch(toy, "ann").body["status"] == "founded"
    toy.read()
    assert integrity(toy) == 255


def test_c23_only_an_engineer_or_admin_and_only_for_what_the_core_knows(tmp_path: Path) -> None:
    toy = Toy(tmp_path)
    toy.read()
    wiped(toy, 7)
    toy.read()
    for person, but in (
        ("bob", {}),
        ("visitor", {}),
        ("edge-1", {}),
        ("ann", {"principal": "bob"}),
        ("ann", {"edge": "edge-9"}),
        ("ann", {"epoch": 8}),
        ("ann", {"last": b""}),
        ("ann", {"last": bytes(32)}),
    ):
        assert vouch(toy, person, **but).code == 403, (person, but)
        toy.read()
        assert integrity(toy) == 60


def test_c23_a_genesis_is_used_once(tmp_path: Path) -> None:
    toy = Toy(tmp_path)
    toy.read()
    wiped(toy, 7)
    toy.read()
    nonce = toy.salt()
    assert vouch(toy, "ann", nonce=nonce).code == 200
    wiped(toy, 8)
    toy.read()
    again = vouch(toy, "ann", nonce=nonce)
    assert (again.code, "used before" in str(again.body["why"])) == (403, True)
    assert integrity(toy) == 60


def test_c23_what_is_known_of_a_chain_outlives_a_restart(tmp_path: Path) -> None:
    toy = Toy(tmp_path)
    toy.read()
    wiped(toy, 7)
    toy.read()
    later = Engine(toy.site)
    later.restore(toy.core.state.load()[0])
    assert later.memory.beginnings == toy.memory.beginnings != {}


def test_a_hole_that_an_edge_tells_is_a_finding_and_shows_nothing_live(tmp_path: Path) -> None:
    toy = Toy(tmp_path)
    toy.read()
    group = toy.site.plant.groups["fast"]
    before = toy.memory.frame.last("tank/level")
    hole = Report(Told.NOT_KEPT, "fast", toy.now, numbers=(("rows", 120.0), ("seconds", 11.9)))
    header = Header(
        Kind.SOURCE_REPORT,
        PLANT,
        Identity("edge-1", 0, 1),
        toy.prev["edge-1"],
        Origin.LIVE,
        "fast",
        group.digest,
    )
    answer = toy.send(toy.sealed(write_report(header, group, [hole])))
    assert (answer.code, answer.body["status"]) == (200, "admitted")
    _, _, found = toy.memory.findings[-1]
    assert found.rule == "not_kept"
    assert "`fast` behind `edge-1` has a hole of 120 rows over 11.9 s" in found.sentence
    assert toy.memory.frame.last("tank/level") == before
