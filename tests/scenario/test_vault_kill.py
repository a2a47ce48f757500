"""kill -9 of an encrypting core under load, a backup beside it, and a restore: nothing acknowledged is lost, nothing is readable."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from random import Random

import httpx
import numpy as np
import pytest
from tests.golden.v1_plant import CONFIG, PLANT, signer

from twinvouch import verifier
from twinvouch.app import build
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.kind import Kind, Purpose
from twinvouch.wire.batch import Header, write_batch
from twinvouch.wire.cose import seal

KILLS = 4
LEVEL = 5.4321  # written nowhere else
STARTED: list["subprocess.Popen[str]"] = []


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    for process in STARTED:
        process.kill()
        process.wait()


class Edge:
    """Seals batches of one value and remembers which were acknowledged."""

    def __init__(self, config: Path) -> None:
        self.group = build.site(build.load(config)).plant.groups["fast"]
        self.seq, self.prev = 0, bytes(32)
        self.waiting = b""
        self.entries: list[int] = []

    def send(self, core: httpx.Client) -> None:
        """The oldest batch until it is taken, as an edge does."""
        if not self.waiting:
            self.waiting = self._next()
        answer = core.post("/api/v1/ingest", content=self.waiting).json()
        assert answer["status"] in {"admitted", "duplicate"}, answer
        if answer["status"] == "admitted":
            self.entries.append(answer["entry"])
        self.waiting = b""

    def _next(self) -> bytes:
        now = time.time_ns()
        t_ns = np.array([now], dtype=np.int64)
        values = np.array([[100.0, LEVEL]])
        identity = Identity("edge-1", 1, self.seq)
        header = Header(
            Kind.BATCH, PLANT, identity, self.prev, Origin.LIVE, "fast", self.group.digest
        )
        content = write_batch(header, self.group, t_ns, values)
        self.seq, self.prev = self.seq + 1, sha256(content).digest()
        return seal(content, signer=signer("edge-1"), plant=PLANT, purpose=Purpose.READINGS)


def twinvouch(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "twinvouch", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Core:
    """`twinvouch run` as a process of its own."""

    def __init__(self, config: Path, port: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "twinvouch", "run", str(config)],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        STARTED.append(self.process)
        self.said = []
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if "listening on" in line:
                break
        assert self.said, "the core did not start"
        assert "listening on" in self.said[-1], "".join(self.said)
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            timeout=30,
            transport=httpx.HTTPTransport(retries=8),  # it says so just before it accepts
        )

    def end(self, how: int) -> None:
        STARTED.remove(self.process)
        self.process.send_signal(how)
        self.process.wait(30)
        self.http.close()
        assert self.process.stderr is not None
        self.process.stderr.close()


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def tells(directory: Path) -> list[str]:
    needles = [struct.pack("<d", LEVEL), b"5.4321"]
    files = [p for p in directory.rglob("*") if p.is_file()]
    return [p.name for p in files if any(n in p.read_bytes() for n in needles)]


@pytest.mark.slow
def test_an_encrypting_core_survives_kills_a_backup_and_a_restore(tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "twin.yaml"
    text = CONFIG.replace("port: 8710, allowed", f"port: {port}, allowed")
    config.write_text(text + "encryption: {core_kek: secrets/core.kek}\n")
    assert f"port: {port}, allowed" in config.read_text()
    edge, chance = Edge(config), Random(11)
    for _ in range(KILLS):
        core = Core(config, port)
        for _ in range(chance.randrange(3, 25)):
            edge.send(core.http)
        core.end(signal.SIGKILL)
    core = Core(config, port)
    for _ in range(5):
        edge.send(core.http)
    made = json.loads(
        twinvouch(
            "backup", "create", "--out", str(tmp_path / "b"), "--json", "--config", str(config)
        )
    )
    edge.send(core.http)
    assert tells(tmp_path / "data") == tells(tmp_path / "b") == []
    core.end(signal.SIGTERM)

    report = verifier.verify(
        tmp_path / "data" / "ledger", (tmp_path / "data" / "ledger" / "log.vkey").read_text()
    )
    assert report.ok, report.faults
    assert report.contents.kinds["batch"] == len(edge.entries) == edge.seq
    assert len(set(edge.entries)) == len(edge.entries)

    os.rename(tmp_path / "data", tmp_path / "lost")  # noqa: PTH104 - the disk is gone
    assert f"goes on as {PLANT}/1" in twinvouch(
        "backup", "restore", str(tmp_path / "b"), "--config", str(config)
    )
    core = Core(config, port)
    assert f"ledger key: {PLANT}/1+" in "".join(core.said)
    edge.send(core.http)
    edge.send(core.http)
    core.end(signal.SIGTERM)
    report = verifier.verify(
        tmp_path / "data" / "ledger", (tmp_path / "data" / "ledger" / "log.vkey").read_text()
    )
    assert report.ok, report.faults
    assert [(e.origin, e.entry) for e in report.epochs] == [(f"{PLANT}/0", made["leaves"])]
    assert report.contents.kinds["batch"] >= 5 + 2
    assert tells(tmp_path / "data") == []
