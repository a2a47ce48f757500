"""The edge process as configured: TLS and a password at a real mosquitto, several sources, signed to the core."""

import base64
import os
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path
from threading import Thread

import pytest

from tests.mqtt.broker import Mosquitto, needs_mosquitto
from tests.unit.adapters.plant_certificates import make
from tests.unit.app.test_edge_process import Core, core, quiet_log
from twinvouch.adapters.keys import generate
from twinvouch.app.config_model import DeviceSettings
from twinvouch.app.edge_process import run
from twinvouch.core.kind import Kind
from twinvouch.wire.batch import read_header
from twinvouch.wire.cose import unseal

pytestmark = [pytest.mark.slow, needs_mosquitto]
__all__ = ["core", "quiet_log"]

TWIN = """
version: 1
plant: {{id: net3}}
assets: {{tank-1: {{}}}}
devices: {{plc-1: {{host: 127.0.0.1, port: 5020}}}}
groups:
  fast: {{edge: edge-1, period_s: 0.05, max_age_s: 5}}
  cell: {{edge: edge-1, rhythm: exception, max_age_s: 60}}
tags:
  tank-1/level: {{unit: m, group: fast, device: plc-1, table: holding, address: 3}}
  tank-1/flow: {{unit: l/s, group: cell, mqtt: {{broker: b, format: json, topic: tank/flow, value: /v}}}}
edges:
  edge-1:
    groups: [fast, cell]
    gather_s: 0.02
    core: "{core}"
    mqtt:
      b:
        host: 127.0.0.1
        port: {port}
        version: "{version}"
        username: twin
        password_file: keys/broker.password
        tls: {{ca: tls/ca.crt, cert: tls/client.crt, key: tls/client.key}}
principals: [{{id: edge-1, kind: edge, key: {key}}}]
"""


class Device:
    """Answers every read with 42."""

    async def read(self, unit: int, table: str, address: int, count: int) -> list[int]:
        return [42] * count

    async def write(self, unit: int, table: str, address: int, words: object) -> None:
        raise AssertionError("an edge never writes")

    async def close(self) -> None:
        pass


def connect(_settings: DeviceSettings, _directory: Path) -> Device:
    return Device()


def publish(port: int, tls: Path, payload: bytes) -> None:
    """One message over TLS with the password, as raw MQTT 3.1.1."""
    context = ssl.create_default_context(cafile=tls / "ca.crt")
    context.load_cert_chain(tls / "client.crt", tls / "client.key")
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as link,
    ):
        fields = b"".join(len(x).to_bytes(2) + x for x in (b"test", b"twin", b"secret"))
        connect = b"\x00\x04MQTT\x04\xc2\x00\x3c" + fields
        link.sendall(b"\x10" + bytes([len(connect)]) + connect)
        assert link.recv(4) == b"\x20\x02\x00\x00"
        body = b"\x00\x09tank/flow" + b"\x00\x01" + payload
        link.sendall(b"\x32" + bytes([len(body)]) + body)
        assert link.recv(4) == b"\x40\x02\x00\x01"
        link.sendall(b"\xe0\x00")


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_polled_and_a_listening_source_of_one_edge_are_signed_into_one_chain(
    tmp_path: Path, core: Core, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tls = make(tmp_path / "tls")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "broker.password").write_text("secret\n")
    key = base64.b64encode(generate(tmp_path / "keys" / "edge-1.key")).decode()
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "twin", "secret"], check=True)
    broker = Mosquitto(
        tmp_path,
        "allow_anonymous false",
        f"password_file {passwords}",
        f"cafile {tls / 'ca.crt'}",
        f"certfile {tls / 'server.crt'}",
        f"keyfile {tls / 'server.key'}",
        "require_certificate true",
        "user root",
    )
    broker.start()
    path = tmp_path / "twin.yaml"
    path.write_text(TWIN.format(core=core.url, port=broker.port, version=version, key=key))

    def kinds() -> list[Kind]:
        return [read_header(unseal(raw).content).kind for raw in core.taken]

    def operate() -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until and Kind.BATCH_CHANGES not in kinds():
            publish(broker.port, tls, b'{"v": 1.5}')
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)

    operator = Thread(target=operate)
    operator.start()
    try:
        assert run(path, None, connect) == 0
    finally:
        operator.join()
        broker.kill()
    assert {Kind.BATCH, Kind.BATCH_CHANGES} <= set(kinds())
    headers = [read_header(unseal(raw).content) for raw in core.taken]
    assert [h.identity.seq for h in headers] == list(range(len(headers)))
    assert "1 brokers" in capsys.readouterr().err
