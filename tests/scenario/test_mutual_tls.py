"""Mutual TLS between real processes: good, none, another's, revoked while connected; and quotas over it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.scenario.tls_plant import COSE, TlsPlant, run_edge, token

pytestmark = pytest.mark.slow


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[TlsPlant]:
    made = TlsPlant(tmp_path)
    made.start()
    yield made
    made.stop()


def until(true: Callable[[], Any]) -> Any:
    """What `true` gives once it gives something; a busy machine only makes this slower."""
    for _ in range(600):
        found = true()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it never happened")


def ingest(plant: TlsPlant, link: str, signer: str) -> httpx.Response:
    with plant.client(link) as client:
        return client.post("/api/v1/ingest", content=plant.batch(signer), headers=COSE)


def test_c22_an_edge_gets_in_with_its_own_certificate_only(plant: TlsPlant) -> None:
    good = ingest(plant, "edge-1", "edge-1")
    assert (good.status_code, good.json()["status"]) == (200, "admitted")
    bare = ingest(plant, "nobody", "edge-1")
    assert (bare.status_code, bare.json()["rule"]) == (401, "no_certificate")
    crossed = ingest(plant, "edge-2", "edge-1")
    assert (crossed.status_code, crossed.json()["rule"]) == (401, "wrong_link")
    said = next(f for f in plant.findings() if f["rule"] == "wrong_link")
    assert "`edge-1`" in said["sentence"]
    assert "`edge-2`" in said["sentence"]


def test_c22_permits_go_to_the_certificate_of_the_actuator_only(plant: TlsPlant) -> None:
    with (
        plant.client("actuator-1") as client,
        client.stream("GET", "/api/v1/permits/stream", headers=token("actuator-1")) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["twinvouch-principal"] == "actuator-1"
    with plant.client("edge-2") as client:
        stolen = client.get("/api/v1/permits/stream", headers=token("actuator-1"))
        assert stolen.status_code == 403, "a stolen token over another's certificate"
        outcome = client.post("/api/v1/outcomes", content=b"x", headers=COSE)
        assert outcome.status_code == 403
    with plant.client("nobody") as client:
        bare = client.get("/api/v1/permits/stream", headers=token("actuator-1"))
        assert (bare.status_code, bare.json()["rule"]) == (401, "no_certificate")
    said = next(f for f in plant.findings() if f["rule"] == "wrong_link")
    assert "`actuator-1`" in said["sentence"]
    assert "`edge-2`" in said["sentence"]


def test_c22_a_revoked_certificate_ends_open_streams_and_opens_no_new_ones(
    plant: TlsPlant,
) -> None:
    with (
        plant.client("actuator-1") as client,
        client.stream("GET", "/api/v1/permits/stream", headers=token("actuator-1")) as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines) == ": twinvouch"
        plant.revoke("actuator-1")
        with pytest.raises(httpx.TransportError):
            list(lines)
    with plant.client("actuator-1") as client, pytest.raises(httpx.TransportError):
        client.get("/livez")
    plant.certify("actuator-1")
    with plant.client("actuator-1") as client:
        assert client.get("/livez").status_code == 200
    assert until(lambda: [f for f in plant.findings() if f["rule"] == "tls"])


def test_the_edge_process_ships_over_tls_and_waits_when_it_is_revoked(plant: TlsPlant) -> None:
    edge = run_edge(plant, "edge-1")
    try:

        def seq() -> int:
            with plant.client("nobody") as client:
                shown = client.get("/api/v1/status", headers=token("alice")).json()
            return int(shown["edges"].get("edge-1", {}).get("seq", -1))

        until(lambda: seq() >= 3)
        plant.revoke("edge-1")
        log = plant.directory / "edge-1.log"
        until(lambda: "wait in the spool" in log.read_text())
        stopped = seq()
        time.sleep(0.5)
        assert seq() == stopped
        assert edge.poll() is None, "an edge outlives the loss of its certificate"
    finally:
        edge.terminate()
        assert edge.wait(30) == 0


def test_over_its_quota_an_edge_is_told_when_to_come_back_and_another_is_not(
    tmp_path: Path,
) -> None:
    plant = TlsPlant(tmp_path, quotas={"edge_requests_per_s": 0.1, "burst_s": 30})
    plant.start()
    try:
        with plant.client("edge-2") as client:
            answers = [
                client.post("/api/v1/ingest", content=plant.batch("edge-1"), headers=COSE)
                for _ in range(8)
            ]
        assert answers[-1].status_code == 429
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 10
        assert ingest(plant, "edge-1", "edge-2").json()["rule"] == "wrong_link"
        assert until(lambda: [f for f in plant.findings() if f["rule"] == "quota"])
        assert ingest(plant, "edge-1", "edge-1").status_code == 200
    finally:
        plant.stop()
