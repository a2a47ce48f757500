"""The edge process: from twin.yaml to a clean stop on SIGTERM, and what it refuses to start with."""

import base64
import logging
import os
import signal
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from twinvouch.adapters.keys import SeededSigner, generate
from twinvouch.app.config_model import DeviceSettings
from twinvouch.app.edge_process import run
from twinvouch.core.errors import ConfigError, UsageError
from twinvouch.wire.batch import read_header
from twinvouch.wire.cose import unseal

OTHER = SeededSigner(bytes(32)).public_key

TWIN = """
version: 1
plant: {{id: net3}}
assets: {{tank-1: {{}}}}
devices: {{plc-1: {{host: 127.0.0.1, port: 5020}}}}
groups: {{fast: {{edge: edge-1, period_s: 0.01, max_age_s: 5}}}}
tags:
  tank-1/level: {{unit: m, group: fast, device: plc-1, table: holding, address: 3}}
edges: {{edge-1: {{groups: [fast], gather_s: 0.001, core: "{core}"}}}}
principals: [{{id: edge-1, kind: edge, key: {key}}}]
"""


class StoppingDevice:
    """Answers some reads, then ends this process as an operator would."""

    def __init__(self, settings: DeviceSettings, directory: Path) -> None:
        assert settings.port == 5020
        assert directory.is_dir()
        self.reads = 0
        self.is_closed = False

    async def read(self, unit: int, table: str, address: int, count: int) -> Sequence[int]:
        assert (unit, table, address, count) == (1, "holding", 3, 1)
        self.reads += 1
        if self.reads == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return [42]

    async def write(self, unit: int, table: str, address: int, words: Sequence[int]) -> None:
        raise AssertionError("an edge never writes")

    async def close(self) -> None:
        self.is_closed = True


class Core:
    """An HTTP server that takes every batch."""

    def __init__(self) -> None:
        taken = self.taken = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                taken.append(self.rfile.read(int(self.headers["Content-Length"])))
                body = b'{"status": "admitted"}'
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def core() -> Iterator[Core]:
    running = Core()
    yield running
    running.close()


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    log = logging.getLogger("twinvouch")
    yield
    log.handlers.clear()
    log.propagate = True
    log.setLevel(logging.NOTSET)


def config(directory: Path, core: str, key: bytes | None = None) -> Path:
    keys = directory / "keys"
    if not keys.exists():
        keys.mkdir()
        made = generate(keys / "edge-1.key")
        (directory / "public").write_bytes(made)
    public = key or (directory / "public").read_bytes()
    path = directory / "twin.yaml"
    path.write_text(TWIN.format(core=core, key=base64.b64encode(public).decode()))
    return path


def test_readings_go_from_the_device_to_the_core_until_sigterm(
    tmp_path: Path, core: Core, capsys: pytest.CaptureFixture[str]
) -> None:
    devices: list[StoppingDevice] = []

    def connect(settings: DeviceSettings, directory: Path) -> StoppingDevice:
        devices.append(StoppingDevice(settings, directory))
        return devices[-1]

    assert run(config(tmp_path, core.url), None, connect) == 0
    headers = [read_header(unseal(raw).content) for raw in core.taken]
    assert [h.identity.seq for h in headers] == list(range(len(headers)))
    assert len(headers) >= 4
    assert devices[0].is_closed
    said = capsys.readouterr().err
    assert "1 scan groups, 1 devices, 0 brokers, 0 batches wait" in said
    assert f"{len(headers)} kept by the core, 0 refused, 0 wait" in said


def test_what_the_core_did_not_take_waits_for_the_next_start(
    tmp_path: Path, core: Core, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config(tmp_path, "http://127.0.0.1:1"), "edge-1", StoppingDevice) == 0
    first = capsys.readouterr().err
    assert "batches wait in the spool: the core at `http://127.0.0.1:1` did not answer" in first
    assert core.taken == []
    logging.getLogger("twinvouch").handlers.clear()
    assert run(config(tmp_path, core.url), "edge-1", StoppingDevice) == 0
    headers = [read_header(unseal(raw).content) for raw in core.taken]
    epochs = [h.identity.epoch for h in headers]
    assert epochs == sorted(epochs)
    assert len(set(epochs)) == 2
    assert " 0 wait" in capsys.readouterr().err


def test_a_key_that_the_configuration_does_not_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the key of `edge-1` is not the public half"):
        run(config(tmp_path, "http://127.0.0.1:1", key=OTHER), None, StoppingDevice)


def test_an_edge_that_does_not_exist_and_a_missing_key_are_named(tmp_path: Path) -> None:
    path = config(tmp_path, "http://127.0.0.1:1")
    with pytest.raises(UsageError, match="has no edge `edge-2`"):
        run(path, "edge-2", StoppingDevice)
    (tmp_path / "keys" / "edge-1.key").unlink()
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        run(path, None, StoppingDevice)


def test_log_lines_cannot_be_forged(
    tmp_path: Path, core: Core, capsys: pytest.CaptureFixture[str]
) -> None:
    from twinvouch.core.errors import MalformedError

    class Hostile(StoppingDevice):
        async def read(self, unit: int, table: str, address: int, count: int) -> Sequence[int]:
            await super().read(unit, table, address, count)
            raise MalformedError("\x1b[2J\nERROR all is well")

    run(config(tmp_path, core.url), None, Hostile)
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert "\\x1b[2J\\x0aERROR all is well" in said
