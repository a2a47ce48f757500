"""The real-process stage: plant, edge, core, actuator and controller as programs, attackers on the wire.

Everything lies below one directory; ports are any free ones on loopback.
"""

import asyncio
import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from twinvouch.adapters.http_transport import HttpTransport
from twinvouch.adapters.keys import FileSigner, SeededSigner, generate
from twinvouch.adapters.modbus_tcp import ModbusDevice, ModbusExceptionError, TlsFiles
from twinvouch.core.errors import UnavailableError
from twinvouch.lab import (
    certificates,
    commissioning,
    outside,
    play,
    signers,
    site,
    tower_site,
    truth,
)
from twinvouch.lab.api import Answer, HttpApi
from twinvouch.lab.children import Children, said_line, tell_line
from twinvouch.lab.controller import PRINCIPAL as CONTROLLER
from twinvouch.lab.controller import Hand
from twinvouch.lab.ingest_listener import IngestListener
from twinvouch.lab.interceptor import Interceptor
from twinvouch.lab.liar import Liar
from twinvouch.lab.modbus_proxy import ModbusProxy
from twinvouch.lab.net3 import PLANT, UNIT
from twinvouch.lab.stage import EXECUTED, NO_SESSION, Means, Write
from twinvouch.lab.tower import BY_TAG
from twinvouch.ledger.checkpoint import VerifierKey
from twinvouch.wire.words import to_words

HOST: Final = "127.0.0.1"
_READY_S: Final = 30.0
_KEYS: Final = (*site.PRINCIPALS, *site.OF_TOWER, "log", "permit")
_TOKENS: Final = (*site.WITH_TOKEN, tower_site.CONTROLLER)


class Processes:
    """Fits Stage. `start` brings everything up, `close` takes everything down."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.children = Children(directory / "logs")
        self._liar = Liar(time.monotonic)
        self._core_port = free_port()
        self._witness_port = free_port()
        self._url = f"http://{HOST}:{self._core_port}"
        self._core = HttpTransport(self._url)
        self.wire = Interceptor(self._core)
        self._listener = IngestListener(self.wire, HOST)
        self._plant: Any = None
        self._ports = {"plain": free_port(), "tls": free_port()}
        self._modbus: ModbusProxy | None = None
        self.api: HttpApi
        self.means: Means
        self.log_key = b""
        self.witness_key = ""

    async def start(self) -> None:
        """Make keys and certificates, write the configuration, start every process.

        The plant last of those that need no plant: a day of it takes 144 s, and what the model learned (`commissioning`)
        are days in which the controller was there soon after it.
        """
        who = self._make_keys()
        certificates.make(self.directory / "certificates")
        self._modbus = ModbusProxy(self._liar, HOST, self._ports["plain"])
        await self._modbus.open()
        await self._listener.open()
        places = site.Places(
            *(self._modbus.port, self._listener.port, self._core_port, self._ports["tls"]),
            self._witness_port,
            self._ports["plain"],
        )
        twin, actuator = site.write(self.directory, places, who)
        await self._learn(twin)
        await signers.enrol_and_sign(self.children, twin)
        self.api = HttpApi(self._url, who.tokens[site.OBSERVER])
        insider = FileSigner(self.directory / "keys" / f"{CONTROLLER}.key")
        hand = Hand(PLANT, CONTROLLER, insider, os.urandom, time.time_ns)
        self.means = Means(self._liar, self.wire, hand, SeededSigner(os.urandom(32)))
        place = outside.arguments(self.directory, self.log_line, self._witness_port)
        await self.children.start("witness", place)
        await self.start_core()
        self._plant = await start_plant(self.children, self.directory, self._ports)
        for name, edge in (("edge", site.EDGE), ("edge-2", tower_site.EDGE)):
            await self.children.start(name, ("edge", str(twin), "--edge", edge))
        await self.children.start("actuator", ("actuator", str(actuator)))
        await play.readings(self)  # what a service reads while there is nothing counts against it
        for name, of in ((CONTROLLER, "tank-1"), (tower_site.CONTROLLER, "tower")):
            await self.children.start(name, self._controller_args(name, of))

    @property
    def log_line(self) -> str:
        """The log's verifier key."""
        return VerifierKey(f"{PLANT}/0", self.log_key).text()

    async def start_core(self) -> None:
        """Start the core and wait until it is ready."""
        await self.children.start("core", ("run", str(self.directory / "twin.yaml")))
        until = time.monotonic() + _READY_S
        async with httpx.AsyncClient(trust_env=False) as client:
            while time.monotonic() < until:
                self.children.check()
                try:
                    if (await client.get(f"{self._url}/readyz")).is_success:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)
        raise UnavailableError(f"the core was not ready in {_READY_S:.0f} s")

    async def close(self) -> None:
        """End what still runs and close every socket."""
        await self.children.end_all()
        if self._modbus is not None:
            await self._modbus.close()
        await self._listener.close()
        await self._core.close()
        if hasattr(self, "api"):
            await self.api.close()

    def seconds(self) -> float:
        """As Stage.seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """As Stage.sleep; also the place where a child that died is noticed."""
        self.children.check()
        await asyncio.sleep(seconds)

    async def send_batch(self, raw: bytes) -> Answer:
        """As Stage.send_batch."""
        return await self._core.send("/api/v1/ingest", raw)

    async def direct_write(self, who: str, tag: str, value: float) -> int:
        """As Stage.direct_write."""
        point = BY_TAG[tag].point
        to = device(self.directory, self._ports, who)
        try:
            await to.write(UNIT, point.table, point.address, to_words(value, point))
        except ModbusExceptionError as refused:
            return refused.code
        except UnavailableError:
            return NO_SESSION
        finally:
            await to.close()
        return EXECUTED

    async def set_legacy_writes(self, *, allowed: bool) -> None:
        """As Stage.set_legacy_writes."""
        await tell_line(self._plant, {"legacy_writes": allowed})
        assert await said_line(self._plant) == {"legacy_writes": allowed}

    def true_value(self, tag: str) -> float:
        """As Stage.true_value."""
        return self.journal().value(tag)

    def writes(self) -> Sequence[Write]:
        """As Stage.writes."""
        return self.journal().writes()

    def journal(self) -> truth.Journal:
        """The plant's journal so far."""
        return truth.read((self.directory / "plant.jsonl").read_text("utf-8"))

    def _make_keys(self) -> site.Identities:
        keys = self.directory / "keys"
        keys.mkdir(mode=0o700)
        public = {name: generate(keys / f"{name}.key") for name in _KEYS}
        self.log_key = public["log"]
        tokens = {name: os.urandom(24).hex() for name in _TOKENS}
        self.witness_key = outside.make_key(keys)
        return site.Identities(public, tokens, public["permit"], self.witness_key)

    async def _learn(self, twin: Path) -> None:
        """A commissioning run, and what it teaches, as a user would."""
        run = self.directory / "commissioning.csv"
        await asyncio.to_thread(commissioning.write, run, 0)
        out = ("--out", str(self.directory / site.MODEL), "--signer", site.MODELLER)
        await self.children.run("learn", ("learn", "--from", str(run), *out, "--config", str(twin)))

    def _controller_args(self, name: str, of: str) -> tuple[str, ...]:
        keys = self.directory / "keys"
        who = ("--key", str(keys / f"{name}.key"), "--token", str(keys / f"{name}.token"))
        return ("lab", "controller", "--core", self._url, *who, "--of", of)


async def start_plant(
    children: Children, directory: Path, ports: Mapping[str, int]
) -> asyncio.subprocess.Process:
    """The plant process, once it listens on these ports; its journal is in the directory, as its certificates are."""
    args = ("--certificates", str(directory / "certificates"))
    journal = ("--journal", str(directory / "plant.jsonl"))
    told = [f"--{name}-port={port}" for name, port in ports.items()]
    plant = await children.start(
        "plant", ("lab", "plant", *args, *journal, *told, "--orders"), talks=True
    )
    assert await said_line(plant) == ports
    return plant


def device(directory: Path, ports: Mapping[str, int], who: str) -> ModbusDevice:
    """The plant as `plain`, `nobody` or the holder of a certificate reaches it."""
    if who == "plain":
        return ModbusDevice(HOST, ports["plain"])
    folder = directory / "certificates"
    files = TlsFiles(folder / "authority.crt")
    if who != "nobody":
        files = TlsFiles(files.ca, folder / f"{who}.crt", folder / f"{who}.key")
    return ModbusDevice(HOST, ports["tls"], tls=files)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
