"""A service tells its manager that it is ready, that it works, and that it stops; without a manager, nothing."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from twinvouch.app import service
from twinvouch.app.api import server
from twinvouch.app.core import Core


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(str(tmp_path / "notify"))
        door.settimeout(0)
        monkeypatch.setitem(os.environ, "NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield door


def heard(manager: socket.socket) -> list[str]:
    said = []
    while True:
        try:
            said.append(manager.recv(4096).decode())
        except BlockingIOError:
            return said


def test_what_is_said_arrives(manager: socket.socket) -> None:
    service.notify("READY=1")
    service.notify("STOPPING=1")
    assert heard(manager) == ["READY=1", "STOPPING=1"]


@pytest.mark.parametrize("name", ["", "relative", "/no/such/socket", "@twinvouch-nobody"])
def test_without_a_manager_nothing_happens(name: str) -> None:
    service.notify("READY=1", {"NOTIFY_SOCKET": name})


@pytest.mark.parametrize(
    ("environment", "every_s"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_the_watchdogs_time_is_halved(environment: dict[str, str], every_s: float) -> None:
    assert service.watchdog_s(environment) == every_s


def test_a_loop_that_turns_is_ready_and_alive(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "WATCHDOG_USEC", "2000000")

    async def run() -> None:
        serving = asyncio.create_task(service.serve())
        await asyncio.sleep(0)
        serving.cancel()

    asyncio.run(run())
    assert heard(manager) == ["READY=1", "WATCHDOG=1"]


class Ticking:
    """A core whose ticks become durable, or do not."""

    fatal = ""

    def __init__(self, *, works: bool) -> None:
        self.works, self.ticks = works, 0

    def tick(self) -> Any:
        self.ticks += 1
        return SimpleNamespace(done=lambda: self.works)


@pytest.mark.parametrize("works", [True, False])
def test_a_core_is_alive_only_while_its_ticks_become_durable(
    *, works: bool, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "WATCHDOG_USEC", "1")
    core = Ticking(works=works)
    rounds = 0

    async def no_time(_: float) -> None:
        nonlocal rounds
        rounds += 1
        if rounds > 3:
            raise asyncio.CancelledError

    monkeypatch.setattr(server.asyncio, "sleep", no_time)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(server._tick(cast("Core", core)))
    said = heard(manager)
    assert said[0] == "READY=1"
    assert ("WATCHDOG=1" in said) is works
    assert core.ticks == (4 if works else 1)


def test_the_edge_reports_its_tally_to_a_file_that_prometheus_reads(tmp_path: Path) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    from twinvouch.app.edge import Tally
    from twinvouch.app.edge_metrics import writer
    from twinvouch.app.edge_poll import Polled
    from twinvouch.app.edge_ship import Shipped

    assert writer(None, "edge-1") is None
    file = tmp_path / "edge.prom"
    write = writer(file, "edge-1")
    assert write is not None
    write(Tally(Polled(7, 2, 1), 8, 5, 3, Shipped(4, 1, 9, 2), 6, 512))
    samples = {
        s.name: s
        for family in text_string_to_metric_families(file.read_text("utf-8"))
        for s in family.samples
    }
    told = {"rows_total": 7, "lost_rows_total": 3, "spool_batches": 6, "spool_bytes": 512}
    for name, value in told.items():
        sample = samples[f"twinvouch_edge_{name}"]
        assert (sample.value, sample.labels) == (value, {"edge": "edge-1"})
    assert samples["twinvouch_edge_pss_bytes"].value > 0
    assert [p.name for p in tmp_path.iterdir()] == ["edge.prom"]


def test_a_metrics_file_that_cannot_be_written_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from twinvouch.app import metrics_file

    metrics_file.write(tmp_path / "no" / "such.prom", "edge", [])
    assert "cannot be written" in caplog.text
