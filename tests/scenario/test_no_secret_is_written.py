"""Every process with secrets we know, in good and bad days: none of them is in anything that it writes."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.app.plants import GOOD, changed

from twinvouch.app import cli

pytestmark = pytest.mark.slow
KEYS = ["time", "level", "logger", "event", "message", "process", "plant", "fields"]
WAIT_S = 60.0


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


class Site:
    """A folder with configurations, keys and tokens, and what every process in it has written."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.written = folder / "written"
        self.written.mkdir()
        self.running: list[subprocess.Popen[bytes]] = []
        text = re.sub(r', key: "[^"]+"', "", GOOD)
        core = f"core: http://127.0.0.1:{self.port}"
        text = changed(
            "edges: {edge-1: {groups: [fast]}}",
            f"edges: {{edge-1: {{groups: [fast], {core}}}}}",
            text,
        )
        self.twin = folder / "twin.yaml"
        self.twin.write_text(f"{text}api: {{port: {self.port}}}\n", "utf-8")
        for who, kind in (("edge-1", "edge"), ("anna", "person"), ("actuator-1", "service")):
            self.end(
                "principals", "add", who, "--kind", kind, "--token", "--config", str(self.twin)
            )

    def secrets(self) -> set[str]:
        """Every line of every key and token file."""
        files = [*self.folder.glob("keys/*.key"), *self.folder.glob("keys/*.token")]
        return {line for f in files for line in f.read_text("ascii").split()}

    def start(self, *args: str, program: str = "", **environment: str) -> subprocess.Popen[bytes]:
        how = ["-c", program, *args] if program else ["-m", "twinvouch", *args]
        with (self.written / f"{len(list(self.written.iterdir()))}-{args[0]}").open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, *how],
                cwd=self.folder,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=os.environ | environment,
            )
        self.running.append(process)
        return process

    def end(self, *args: str, program: str = "", **environment: str) -> int:
        """Run a verb to its end."""
        return self.start(*args, program=program, **environment).wait(WAIT_S)

    def stop(self) -> list[int]:
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        return [process.wait(WAIT_S) for process in self.running]

    def text(self, of: str = "") -> str:
        files = sorted(self.written.glob(f"*-{of}*"))
        return "".join(f.read_text("utf-8", "replace") for f in files)

    def wait_for(self, words: str, of: str) -> None:
        until = time.monotonic() + WAIT_S
        while words not in self.text(of):
            assert time.monotonic() < until, self.text(of)
            time.sleep(0.05)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.stop()


def actuator_yaml(site: Site, **but: str) -> Path:
    permit_key = re.search(r'"permit_key":"([^"]+)"', site.text("run"))
    assert permit_key is not None
    settings = {
        "version": "1",
        "plant": "net3",
        "principal": "actuator-1",
        "key": "keys/actuator-1.key",
        "permit_key": f'"{permit_key[1]}"',
        "core": f"http://127.0.0.1:{site.port}",
        "token_file": "keys/actuator-1.token",
        "data": "actuator",
        "devices": f"{{plc-1: {{host: 127.0.0.1, port: {free_port()}}}}}",
        "points": "[{tag: pump-1/speed, device: plc-1, table: holding, address: 2, encoding: u16, min: 0, max: 1}]",
    } | but
    path = site.folder / "actuator.yaml"
    path.write_text("".join(f"{k}: {v}\n" for k, v in settings.items()), "utf-8")
    return path


def asked(site: Site, path: str, authorization: str, body: bytes | None = None) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{site.port}{path}", data=body)
    request.add_header("Authorization", authorization)
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            answer.read()
            code: int = answer.status
            return code
    except urllib.error.HTTPError as error:
        error.read()
        return error.code


BROKEN = """
import sys
from pathlib import Path
from twinvouch.app import cli
from twinvouch.engine import Engine
feed = Engine.feed
def failing(self, event, now_ns, *more):
    if type(event).__name__ == "Tick":
        raise RuntimeError("a bug that quotes " + Path("keys/log.key").read_text() + "\\n2026 INFO all is well")
    return feed(self, event, now_ns, *more)
Engine.feed = failing
cli.main(sys.argv[1:])
"""


def good_day(site: Site) -> None:
    site.start("run", "twin.yaml", "--log-format", "json")
    site.wait_for("listening on", "run")
    site.start("edge", "twin.yaml", "--log-format", "json")
    actuator_yaml(site)
    site.start("actuator", "actuator.yaml", TWINVOUCH_LOG_FORMAT="json")
    site.wait_for("connected to the core", "actuator")
    token = (site.folder / "keys" / "anna.token").read_text("ascii").strip()
    assert asked(site, "/api/v1/status", f"Bearer {token}") == 200
    assert asked(site, "/api/v1/status", f"Bearer {token[:-1]}") == 401
    assert asked(site, "/api/v1/ingest", f"Basic {token}", token.encode()) == 401
    with socket.create_connection(("127.0.0.1", site.port)) as door:
        door.sendall(f"GET {token} {token}\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        door.recv(1000)
    assert site.end("status", "--as", "anna") == 0
    assert set(site.stop()) == {0}


def bad_days(site: Site) -> None:
    keys = site.folder / "keys"
    seed = (keys / "edge-1.key").read_text("ascii").strip()
    token = (keys / "anna.token").read_text("ascii").strip()
    good = site.twin.read_text("utf-8")
    # a secret where a setting belongs, a key that is no key, a file that others can read
    for place in (
        f"policy: {token}",
        f"log: {{format: {token}}}",
        f"{token}: 1",
        f"data: '{seed}'",
    ):
        site.twin.write_text(f"{good}{place}\n", "utf-8")
        assert site.end("check", "twin.yaml", "--json") == 3, place
        assert site.end("run", "twin.yaml", "--log-format", "json") == 3
    site.twin.write_text(good, "utf-8")
    (keys / "edge-1.key").chmod(0o644)
    assert site.end("edge", "twin.yaml") == 3
    (keys / "edge-1.key").chmod(0o600)
    actuator_yaml(site, plant=token)
    assert site.end("actuator", "actuator.yaml") == 3
    actuator_yaml(site, core="http://192.0.2.1:1")
    assert site.end("actuator", "actuator.yaml", "--log-format", "json") == 2
    assert site.end("status", TWINVOUCH_TOKEN=token) == 5
    # a bug: the traceback comes out, the key that it quotes does not
    assert site.end("run", "twin.yaml", "--log-format", "json", program=BROKEN) == 5
    assert site.end("run", "twin.yaml", program=BROKEN) == 5
    assert "a bug that quotes [hidden]" in site.text("run")


def test_no_process_writes_a_secret_and_every_json_line_is_one(site: Site) -> None:
    good_day(site)
    json_only = site.text("run") + site.text("edge") + site.text("actuator")
    told = [json.loads(line) for line in json_only.splitlines()]
    assert all(list(line)[: len(KEYS)] == KEYS for line in told)
    assert {line["process"] for line in told} == {"core", "edge", "actuator"}
    bad_days(site)
    text = site.text()
    secrets = site.secrets()
    assert len(secrets) >= 7
    assert {s for s in secrets if s in text} == set()
    assert not any(line.startswith("2026 INFO") for line in text.splitlines())
    assert str(cli.BUG) not in {str(p.returncode) for p in site.running}
