"""A small plant whose core speaks mutual TLS: keys, certificates, configuration, and the core as a process."""

import base64
import signal
import socket
import ssl
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import yaml

from twinvouch.adapters.keys import FileSigner, generate
from twinvouch.adapters.link_tls import ClientFiles, client_context
from twinvouch.adapters.plant_authority import Authority, make, now_utc, write_new
from twinvouch.app import config, inventory
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.kind import Kind, Purpose
from twinvouch.wire.batch import Header, write_batch
from twinvouch.wire.cose import seal

PLANT = "net3"
EDGES = ("edge-1", "edge-2")
COSE = {"Content-Type": "application/cose"}


class TlsPlant:
    """Everything below one directory; `start` and `stop` the core."""

    def __init__(self, directory: Path, **api: Any) -> None:
        self.directory = directory
        self.authority = directory / "authority"
        make(self.authority, PLANT, now_utc())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._prev = dict.fromkeys(EDGES, (bytes(32), 0))
        self.api = api
        self._keys()
        self._configure()
        self.inventory = inventory.plant(config.load(self.config))
        self.core: subprocess.Popen[str] | None = None

    def _keys(self) -> None:
        (self.directory / "keys").mkdir()
        self.keys = {
            name: generate(self.directory / "keys" / f"{name}.key")
            for name in (*EDGES, "actuator-1", "alice")
        }
        for name in ("actuator-1", "alice"):
            token = self.directory / "keys" / f"{name}.token"
            token.touch(mode=0o600)
            token.write_text(f"token-of-{name}\n")
        self.certify("core", "localhost", "127.0.0.1")
        for name in (*EDGES, "actuator-1"):
            self.certify(name)

    def certify(self, principal: str, *hosts: str) -> None:
        """A certificate and its key in the directory."""
        pem, key = Authority(self.authority).issue(principal, hosts, 30, now_utc())
        for path in (self.directory / f"{principal}.crt", self.directory / f"{principal}.tls.key"):
            path.unlink(missing_ok=True)
        write_new(self.directory / f"{principal}.crt", pem, 0o644)
        write_new(self.directory / f"{principal}.tls.key", key, 0o600)

    def _configure(self) -> None:
        kinds = {"actuator-1": ("service", []), "alice": ("person", ["engineer"])}
        tls = {
            "cert": "core.crt",
            "key": "core.tls.key",
            "client_ca": "authority/authority.crt",
            "crl": "authority/authority.crl",
        }
        written = {
            "version": 1,
            "plant": {"id": PLANT},
            "assets": {"tank-1": {}, "tank-2": {}},
            "devices": {"plc-1": {"host": "127.0.0.1", "port": 5020}},
            "groups": {
                f"group-{name}": {"edge": name, "period_s": 0.02, "max_age_s": 5} for name in EDGES
            },
            "tags": {
                f"tank-{n}/level": {
                    "unit": "m",
                    "group": f"group-edge-{n}",
                    "device": "plc-1",
                    "table": "holding",
                    "address": n,
                }
                for n in (1, 2)
            },
            "edges": {
                name: {
                    "groups": [f"group-{name}"],
                    "gather_s": 0.02,
                    "core": f"https://localhost:{self.port}",
                    "tls": {
                        "ca": "authority/authority.crt",
                        "cert": f"{name}.crt",
                        "key": f"{name}.tls.key",
                    },
                }
                for name in EDGES
            },
            "principals": [
                {
                    "id": name,
                    "kind": kinds.get(name, ("edge", []))[0],
                    "roles": kinds.get(name, ("edge", []))[1],
                    "key": base64.b64encode(key).decode(),
                    **(
                        {"token_sha256": sha256(f"token-of-{name}".encode()).hexdigest()}
                        if name in kinds
                        else {}
                    ),
                }
                for name, key in self.keys.items()
            ],
            "actuator": {"principal": "actuator-1"},
            "api": {"port": self.port, "tls": tls, **self.api},
        }
        self.config = self.directory / "twin.yaml"
        self.config.write_text(yaml.safe_dump(written, sort_keys=False))

    def start(self) -> None:
        """Start the core and wait until it answers."""
        with (self.directory / "core.log").open("w") as log:
            self.core = subprocess.Popen(
                [sys.executable, "-m", "twinvouch", "run", str(self.config)], stderr=log, text=True
            )
        for _ in range(600):
            try:
                with self.client("alice-without") as client:
                    client.get("/readyz").raise_for_status()
            except httpx.TransportError:
                assert self.core.poll() is None, (self.directory / "core.log").read_text()
                time.sleep(0.1)
            else:
                return
        raise AssertionError((self.directory / "core.log").read_text())

    def stop(self) -> None:
        """Stop the core in good order."""
        if self.core is not None:
            self.core.send_signal(signal.SIGTERM)
            self.core.wait(30)

    def context(self, name: str) -> ssl.SSLContext:
        """TLS of a client; of nobody where `name` has no certificate."""
        cert = self.directory / f"{name}.crt"
        own = (cert, self.directory / f"{name}.tls.key") if cert.exists() else (None, None)
        return client_context(ClientFiles(self.authority / "authority.crt", *own))

    def client(self, name: str) -> httpx.Client:
        """A client with the certificate of `name`."""
        url = f"https://localhost:{self.port}"
        return httpx.Client(base_url=url, verify=self.context(name), trust_env=False, timeout=20)

    def batch(self, edge: str) -> bytes:
        """The next sealed batch of an edge."""
        prev, seq = self._prev[edge]
        scan = self.inventory.groups[f"group-{edge}"]
        header = Header(
            Kind.BATCH, PLANT, Identity(edge, 1, seq), prev, Origin.LIVE, scan.name, scan.digest
        )
        content = write_batch(header, scan, np.array([time.time_ns()], np.int64), np.array([[4.0]]))
        signer = FileSigner(self.directory / "keys" / f"{edge}.key")
        self._prev[edge] = sha256(content).digest(), seq + 1
        return seal(content, signer=signer, plant=PLANT, purpose=Purpose.READINGS)

    def findings(self) -> list[dict[str, Any]]:
        """What the core found, as alice sees it."""
        with self.client("alice-without") as client:
            answer = client.get("/api/v1/findings", headers=token("alice"))
            return list(answer.raise_for_status().json())

    def revoke(self, principal: str) -> None:
        """Revoke all certificates of a principal, where the core sees it."""
        Authority(self.authority).revoke(principal, now_utc())


def token(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token-of-{name}"}


def run_edge(plant: TlsPlant, name: str) -> "subprocess.Popen[str]":
    """The real edge process over a device that always answers."""
    child = """
import sys
from pathlib import Path
from twinvouch.app.edge_process import run

class Device:
    async def read(self, unit, table, address, count):
        return [7] * count
    async def close(self):
        pass

sys.exit(run(Path(sys.argv[1]), sys.argv[2], lambda settings, directory: Device()))
"""
    with (plant.directory / f"{name}.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-c", child, str(plant.config), name], stderr=log, text=True
        )
