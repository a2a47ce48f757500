"""From the plant to the label in the stream, with real processes: edge, core and a subscriber.

Ten scan groups of five tags, each gathered for 100 ms, give about 100 signed batches a second. The clock starts when
the edge polls the *first* row of a batch and stops when the subscriber has the batch's labels, so gathering counts.
"""

import base64
import json
import os
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import httpx
import yaml

from twinvouch.adapters.keys import generate
from twinvouch.core.errors import UnavailableError
from twinvouch.wire.modbus import Read, Values, read_request, write_response
from twinvouch.wire.modbus_stream import Stream, write_frame

GROUPS, TAGS = 10, 5
PERIOD_S, GATHER_S = 0.05, 0.1
WARM_UP, MEASURED = 200, 2000
PATIENCE_S = 60.0


class Registers(BaseRequestHandler):
    """A device whose every register holds 7."""

    def handle(self) -> None:
        """Answer reads until the edge goes away."""
        stream = Stream()
        while chunk := self.request.recv(4096):
            for frame in stream.feed(chunk):
                asked = read_request(frame.pdu)
                assert isinstance(asked, Read)
                answer = write_response(Values(asked.function, (7,) * asked.count))
                self.request.sendall(write_frame(frame.transaction, frame.unit, answer))


class Device(ThreadingTCPServer):
    """Many connections, all ended with the process."""

    daemon_threads = True


def run() -> dict[str, float | int]:
    """`label_p50_ms`, `label_p99_ms`, `label_max_ms` and the rate they were measured at."""
    with tempfile.TemporaryDirectory(prefix="twinvouch-bench-") as name, _device() as port:
        directory = Path(name)
        api = _free_port()
        token = _configure(directory, port, api)
        with _process(directory, "run", "twin.yaml"):
            _until_ready(api)
            with _process(directory, "edge", "twin.yaml"):
                arrived = _arrivals(api, token, WARM_UP + MEASURED)[WARM_UP:]
    took = (arrived[-1][0] - arrived[0][0]) / 1e9
    measured = sorted((at - first) / 1e6 for at, first in arrived)
    return {
        "label_p50_ms": statistics.median(measured),
        "label_p99_ms": measured[int(len(measured) * 0.99)],
        "label_max_ms": measured[-1],
        "label_batches": len(measured),
        "label_batches_per_s": round((len(arrived) - 1) / took, 1),
        "label_gather_ms": GATHER_S * 1000,
    }


def _configure(directory: Path, device: int, api: int) -> str:
    """Write a configuration and its keys; gives the token of a principal that may read the stream."""
    keys = directory / "keys"
    keys.mkdir(mode=0o700)
    key = base64.b64encode(generate(keys / "edge-1.key")).decode()
    token = secrets.token_hex(16)
    names = [f"g{g}" for g in range(GROUPS)]
    tags = {
        f"unit-{g}/t{t}": {
            "unit": "m",
            "range": [0, 100],
            "group": names[g],
            "device": "plc",
            "table": "holding",
            "address": 10 * g + t,
            "encoding": "u16",
        }
        for g in range(GROUPS)
        for t in range(TAGS)
    }
    config = {
        "version": 1,
        "plant": {"id": "bench"},
        "assets": {f"unit-{g}": {} for g in range(GROUPS)},
        "devices": {"plc": {"host": "127.0.0.1", "port": device}},
        "groups": {n: {"edge": "edge-1", "period_s": PERIOD_S, "max_age_s": 5} for n in names},
        "tags": tags,
        "edges": {
            "edge-1": {"groups": names, "gather_s": GATHER_S, "core": f"http://127.0.0.1:{api}"}
        },
        "principals": [
            {"id": "edge-1", "kind": "edge", "key": key},
            {
                "id": "reader",
                "kind": "service",
                "roles": ["operator"],
                "token_sha256": sha256(token.encode()).hexdigest(),
            },
        ],
        "api": {"port": api},
    }
    (directory / "twin.yaml").write_text(yaml.safe_dump(config))
    return token


def _arrivals(api: int, token: str, count: int) -> list[tuple[int, int]]:
    """When the labels of `count` batches came, and when their first rows were read; ns since 1970."""
    arrived: list[tuple[int, int]] = []
    headers = {"Authorization": f"Bearer {token}"}
    url = f"http://127.0.0.1:{api}/api/v1/stream"
    with httpx.stream("GET", url, headers=headers, timeout=PATIENCE_S, trust_env=False) as answer:
        topic = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                topic = line[7:]
            elif line.startswith("data: ") and topic == "labels":
                arrived.append((time.time_ns(), json.loads(line[6:])["first_t_ns"]))
                if len(arrived) >= count:
                    return arrived
    raise UnavailableError("the stream ended before enough batches came")


@contextmanager
def _device() -> Iterator[int]:
    server = Device(("127.0.0.1", 0), Registers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _process(directory: Path, *args: str) -> Iterator[None]:
    with (directory / f"{args[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "twinvouch", *args],
            cwd=directory,
            stdout=log,
            stderr=log,
            env=os.environ,
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def _until_ready(api: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            if httpx.get(f"http://127.0.0.1:{api}/readyz", trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise UnavailableError("the core did not become ready")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
