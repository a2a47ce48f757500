"""The real process over a real Modbus/TLS server: a good permit is carried out, nothing else ever is."""

import asyncio
import base64
import ssl
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pymodbus.framer import FramerType
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusTlsServer
from tests.unit.adapters import plant_certificates, pymodbus_plant
from tests.unit.app.fake_core import FakeCore, serving
from tests.unit.app.permits import CORE, OTHER, PLANT, SECOND, permit, sealed

from twinvouch.adapters.keys import SeededSigner, generate
from twinvouch.core.command import OutcomeStatus, Permit
from twinvouch.core.kind import Purpose
from twinvouch.wire.cose import check, unseal
from twinvouch.wire.outcome import read_outcome

WRITE_CODES = {5, 6, 15, 16, 22, 23}
pytestmark = pytest.mark.slow


@dataclass
class Plant:
    """pymodbus' TLS server, and every write that reached it; `hang` makes it swallow writes."""

    port: int = 0
    writes: list[tuple[int, list[int]]] = field(default_factory=list)
    hang: bool = False
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def trace(self, sending: bool, pdu: ModbusPDU) -> ModbusPDU:  # noqa: FBT001 - pymodbus calls it so
        if not sending and pdu.function_code in WRITE_CODES:
            self.writes.append((pdu.address, list(pdu.registers) or list(pdu.bits)))
            self.reached.set()
        return pdu

    def hold(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001
        return b"" if sending and self.hang and data[7] in WRITE_CODES else data


@asynccontextmanager
async def plant_of(certificates: Path) -> AsyncIterator[Plant]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates / "server.crt", certificates / "server.key")
    tls.load_verify_locations(certificates / "ca.crt")
    tls.verify_mode = ssl.CERT_REQUIRED
    plant = Plant()
    server = ModbusTlsServer(
        pymodbus_plant.simulated(),
        sslctx=tls,
        address=("127.0.0.1", 0),
        framer=FramerType.SOCKET,
        trace_pdu=plant.trace,
        trace_packet=plant.hold,
    )
    assert await server.listen()
    plant.port = server.transport.sockets[0].getsockname()[1]
    try:
        yield plant
    finally:
        await server.shutdown()


def configured(directory: Path, core: str, plant_port: int) -> Path:
    (directory / "keys").mkdir()
    generate(directory / "keys" / "actuator-1.key")
    token = directory / "keys" / "actuator-1.token"
    token.touch(mode=0o600)
    token.write_text("tvt_token\n")
    path = directory / "actuator.yaml"
    path.write_text(f"""\
version: 1
plant: {PLANT}
principal: actuator-1
key: keys/actuator-1.key
permit_key: "{base64.b64encode(CORE.public_key).decode()}"
core: {core}
token_file: keys/actuator-1.token
data: actuator
devices:
  plc-1:
    host: 127.0.0.1
    port: {plant_port}
    timeout_s: 0.5
    tls: {{ca: tls/ca.crt, cert: tls/client.crt, key: tls/client.key}}
points:
  - {{tag: pump-1/speed, device: plc-1, unit: 1, table: holding, address: 10, encoding: f32,
      min: 0, max: 1.5}}
""")
    return path


async def send_fresh(core: FakeCore, number: int, **changes) -> Permit:
    """Wait until the actuator listens, and only then make the permit: it lives for 5 s."""
    await core.opened.wait()
    one = fresh(number, **changes)
    await core.send(sealed(one))
    return one


def fresh(number: int, **changes) -> Permit:
    """A permit of now."""
    return permit(number, **{"expires_ns": time.time_ns() + 5 * SECOND, **changes})


@asynccontextmanager
async def process_of(config: Path, *more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "twinvouch",
        "actuator",
        str(config),
        *more,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def opened(core: FakeCore, config: Path) -> list[tuple[bytes, OutcomeStatus]]:
    """The outcomes the core has got, with the actuator's signature checked."""
    key = (config.parent / "keys" / "actuator-1.key").read_text()
    own = SeededSigner(base64.b64decode(key))
    found = []
    for raw in core.outcomes:
        one = unseal(raw)
        check(one, own.public_key, plant=PLANT, purpose=Purpose.OUTCOME)
        outcome = read_outcome(one.content, PLANT)
        found.append((outcome.permit, outcome.status))
    return found


def listening(pid: int) -> int:
    """How many of a process' sockets listen."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        target = descriptor.readlink().name
        inodes.add(target.removeprefix("socket:[").removesuffix("]"))
    lines = [
        line.split()
        for table in ("tcp", "tcp6", "udp", "udp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    return sum(line[3] in {"0A", "07"} and line[9] in inodes for line in lines)


async def bad_permits(core: FakeCore) -> list[Permit]:
    """Send one of each kind; returns those that the permit key vouches for."""
    now = time.time_ns()
    for raw in (
        b"garbage",
        sealed(fresh(20), signer=OTHER),
        sealed(fresh(21), plant="net4"),
        sealed(fresh(22), purpose=Purpose.COMMAND),
    ):
        await core.send(raw)
    signed = [
        fresh(30, plant="net4"),
        fresh(31, expires_ns=now - SECOND),
        fresh(32, expires_ns=now + 60 * SECOND),
        fresh(33, address=12),
        fresh(34, unit=2),
        fresh(35, device="plc-2"),
        fresh(36, tag="pump-2/speed"),
        fresh(37, words=(0x4000, 0)),
        fresh(38, words=(0x7FC0, 0)),
        fresh(39, mode_epoch=2),
    ]
    for one in signed:
        await core.send(sealed(one))
    return signed


def test_only_a_good_permit_writes(tmp_path: Path) -> None:
    async def act() -> None:
        tls = plant_certificates.make(tmp_path / "tls")
        async with plant_of(tls) as plant, serving() as core:
            config = configured(tmp_path, core.url, plant.port)
            async with process_of(config) as process:
                good = await send_fresh(core, 1, mode_epoch=3)
                await core.wait_for(1)
                assert opened(core, config) == [(good.nonce, OutcomeStatus.EXECUTED)]
                assert plant.writes == [(10, [0x3F80, 0])]
                assert listening(process.pid) == 0
                signed = await bad_permits(core)
                await core.send(sealed(good))
                await core.wait_for(1 + len(signed))
                assert set(opened(core, config)[1:]) == {
                    (one.nonce, OutcomeStatus.REFUSED) for one in signed
                }
                process.terminate()
                assert await process.wait() == 0
                said = (await process.communicate())[1].decode()
                assert "1 executed, 10 refused; 1 repeated, 4 forged" in said
            core.cut()
            async with process_of(config) as process:
                await core.send(sealed(good))
                await send_fresh(core, 2, mode_epoch=2)
                await send_fresh(core, 3, mode_epoch=3, words=(0, 0))
                await core.wait_for(13)
            assert [status for _, status in opened(core, config)[11:]] == [
                OutcomeStatus.REFUSED,
                OutcomeStatus.EXECUTED,
            ]
            assert plant.writes == [(10, [0x3F80, 0]), (10, [0, 0])]

    asyncio.run(asyncio.wait_for(act(), 60))


def test_kill_9_between_write_and_report_is_unknown_and_not_sent_again(tmp_path: Path) -> None:
    async def act() -> None:
        tls = plant_certificates.make(tmp_path / "tls")
        async with plant_of(tls) as plant, serving() as core:
            config = configured(tmp_path, core.url, plant.port)
            plant.hang = True
            async with process_of(config) as process:
                one = await send_fresh(core, 1)
                await plant.reached.wait()
                process.kill()
                await process.wait()
            plant.hang = False
            core.cut()
            assert core.outcomes == []
            async with process_of(config) as process:
                await core.wait_for(1)
                await core.send(sealed(one))
                two = await send_fresh(core, 2)
                await core.wait_for(2)
            assert opened(core, config) == [
                (one.nonce, OutcomeStatus.UNKNOWN),
                (two.nonce, OutcomeStatus.EXECUTED),
            ]
            assert len(plant.writes) == 2

    asyncio.run(asyncio.wait_for(act(), 60))


def test_a_key_or_file_that_is_no_good_ends_with_code_3(tmp_path: Path) -> None:
    async def act() -> tuple[int, str]:
        plant_certificates.make(tmp_path / "tls")
        config = configured(tmp_path, "http://127.0.0.1:1", 1)
        (tmp_path / "tls" / "client.key").chmod(0o644)
        async with process_of(config) as process:
            said = (await process.communicate())[1].decode()
            return process.returncode or 0, said

    code, said = asyncio.run(asyncio.wait_for(act(), 60))
    assert code == 3
    assert "client.key" in said
