"""The virtual plant over real sockets: what it serves, and who may write."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient, AsyncModbusTlsClient

from twinvouch.adapters.modbus_tcp import ModbusDevice, ModbusExceptionError
from twinvouch.core.errors import UsageError
from twinvouch.core.inventory import Table
from twinvouch.lab import certificates
from twinvouch.lab.modbus_server import Listener, Memory
from twinvouch.lab.net3 import BY_TAG, IDENTITY, LEVEL, METER, RUN, SPEED, UNIT
from twinvouch.lab.plant import obey
from twinvouch.lab.waterworks import Waterworks
from twinvouch.wire.words import from_words


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    certificates.make(folder)
    return folder


class Plant:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.works = Waterworks()
        self.journal: list[dict[str, Any]] = []
        self.memory = Memory(self.works, self.journal.append)
        self.plain = Listener(self.memory, None)
        self.secured = Listener(self.memory, certificates.server_context(directory))

    @asynccontextmanager
    async def client(self, who: str | None = None) -> AsyncIterator[Any]:
        if who is None:
            client: Any = AsyncModbusTcpClient("127.0.0.1", port=self.plain.port, retries=0)
        else:
            client = AsyncModbusTlsClient(
                "127.0.0.1",
                port=self.secured.port,
                sslctx=certificates.client_context(self.directory, who),
                retries=0,
                timeout=2,
            )
        assert await client.connect()
        try:
            yield client
        finally:
            client.close()


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[Plant]:
    plant = Plant(directory)
    await plant.plain.open("127.0.0.1", 0)
    await plant.secured.open("127.0.0.1", 0)
    try:
        yield plant
    finally:
        await plant.plain.close()
        await plant.secured.close()
        plant.works.close()


def test_every_table_is_read_as_the_plant_has_it(directory: Path) -> None:
    async def story() -> None:
        async with opened(directory) as plant, plant.client() as client:
            plant.works.tick()
            level = BY_TAG["tank-1/level"]
            answer = await client.read_input_registers(0, count=2, device_id=1)
            got = from_words(answer.registers, level.point)
            assert got == pytest.approx(plant.works.value(level.tag), abs=1e-5)
            coils = await client.read_coils(0, count=2, device_id=1)
            assert coils.bits[:2] == [False, True]
            speed = await client.read_holding_registers(0, count=1, device_id=1)
            assert speed.registers == [1000]

    asyncio.run(story())


def test_reads_outside_the_register_map_are_refused(directory: Path) -> None:
    async def story() -> None:
        async with opened(directory) as plant, plant.client() as client:
            for answer in (
                await client.read_input_registers(500, count=2, device_id=1),
                await client.read_input_registers(0, count=2, device_id=9),
                await client.read_discrete_inputs(0, count=1, device_id=1),
            ):
                assert answer.isError()
                assert answer.exception_code == 2

    asyncio.run(story())


def test_a_plain_write_is_refused_unless_the_plant_is_a_legacy_one(directory: Path) -> None:
    async def story() -> None:
        async with opened(directory) as plant, plant.client() as client:
            refused = await client.write_coil(0, True, device_id=1)  # noqa: FBT003
            assert refused.exception_code == 1
            assert plant.works.value(RUN) == 0
            plant.memory.legacy_writes = True
            assert not (await client.write_coil(0, True, device_id=1)).isError()  # noqa: FBT003
            assert plant.works.value(RUN) == 1
            assert [line["write"]["exception"] for line in plant.journal] == [1, 0]
            assert {line["write"]["peer"] for line in plant.journal} == {"plain"}

    asyncio.run(story())


def test_over_tls_only_the_write_role_writes(directory: Path) -> None:
    async def story() -> None:
        async with opened(directory) as plant:
            async with plant.client("visitor") as client:
                assert not (await client.read_coils(0, count=2, device_id=1)).isError()
                refused = await client.write_coil(0, True, device_id=1)  # noqa: FBT003
                assert refused.exception_code == 1
            async with plant.client("actuator") as client:
                assert not (await client.write_coil(0, True, device_id=1)).isError()  # noqa: FBT003
                assert not (await client.write_register(0, 950, device_id=1)).isError()
                other = await client.write_coil(1, False, device_id=1)  # noqa: FBT003
                assert other.exception_code == 2
            assert plant.works.truth().runs
            assert plant.works.truth().speed == pytest.approx(0.95)
            peers = [(w["write"]["peer"], w["write"]["exception"]) for w in plant.journal]
            assert peers == [("visitor", 1), ("actuator", 0), ("actuator", 0), ("actuator", 2)]

    asyncio.run(story())


def test_without_a_certificate_nothing_is_said(directory: Path) -> None:
    async def story() -> None:
        async with opened(directory) as plant:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", plant.secured.port, ssl=certificates.client_context(directory)
            )
            writer.write(bytes.fromhex("000100000006010500000000"))
            with pytest.raises(OSError):  # noqa: PT012 - the alert comes with the first read
                await writer.drain()
                if not await reader.read(100):
                    raise OSError("closed")
            writer.transport.abort()
            assert not plant.journal

    asyncio.run(story())


def test_the_role_is_read_from_the_extension_only(directory: Path) -> None:
    def der(name: str) -> bytes:
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding

        pem = (directory / f"{name}.crt").read_bytes()
        return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)

    assert certificates.role_of(der("actuator")) == ("actuator", "write")
    assert certificates.role_of(der("visitor")) == ("visitor", "")
    for key in directory.glob("*.key"):
        assert key.stat().st_mode & 0o077 == 0


def test_missing_certificates_are_told_with_what_makes_them(
    directory: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="twinvouch lab certificates"):
        certificates.server_context(tmp_path)
    with pytest.raises(UsageError, match=r"nobody\.crt"):
        certificates.client_context(directory, "nobody")


def test_orders_are_strict(directory: Path) -> None:
    works = Waterworks()
    memory = Memory(works, lambda _: None)
    obey(memory, json.dumps({"legacy_writes": True}))
    assert memory.legacy_writes
    for line in ("", "{", "[]", '{"legacy_writes": 1}', '{"open": true}'):
        with pytest.raises(UsageError, match="order"):
            obey(memory, line)
    works.close()


def test_it_says_who_it_is(directory: Path) -> None:
    async def story() -> None:
        async with opened(directory) as plant:
            device = ModbusDevice("127.0.0.1", plant.plain.port)
            assert await device.identify(1) == IDENTITY
            await device.close()

    asyncio.run(story())


def test_several_masters_are_served_at_once_and_do_not_disturb_each_other(directory: Path) -> None:
    """One master is in the middle of a frame, one sends nonsense, one is gone; four others read on."""

    async def story() -> None:
        async with opened(directory) as plant:
            half, nonsense, gone = [
                await asyncio.open_connection("127.0.0.1", plant.plain.port) for _ in range(3)
            ]
            half[1].write(bytes.fromhex("000100000006"))
            nonsense[1].write(b"GET / HTTP/1.1\r\n\r\n" * 20)
            gone[1].transport.abort()
            devices = [ModbusDevice("127.0.0.1", plant.plain.port) for _ in range(4)]
            asked = [(device, address) for address in range(0, 6, 2) for device in devices]
            answers = await asyncio.gather(*[d.read(1, "input", a, 2) for d, a in asked])
            for (_, address), words in zip(asked, answers, strict=True):
                assert list(words) == plant.works.read(Table.INPUT, address, 2), "its own answer"
            half[1].write(bytes.fromhex("010400000002"))
            assert (await half[0].readexactly(13))[:9] == bytes.fromhex("000100000007010404")
            for _, writer in (half, nonsense):
                writer.transport.abort()
            for device in devices:
                await device.close()

    asyncio.run(story())


def test_the_refusal_of_one_master_is_not_the_others(directory: Path) -> None:
    async def story() -> None:
        async with (
            opened(directory) as plant,
            plant.client("visitor") as visitor,
            plant.client("operator") as operator,
            plant.client("actuator") as actuator,
        ):
            writes = [
                c.write_register(0, 900 + n, device_id=1)
                for n, c in enumerate((visitor, operator, actuator))
            ]
            refused, also, done = await asyncio.gather(*writes)
            assert [refused.exception_code, also.exception_code, done.isError()] == [1, 1, False]
            assert plant.works.truth().speed == pytest.approx(0.902)

    asyncio.run(story())


def test_a_second_unit_has_what_is_measured_and_nothing_else(directory: Path) -> None:
    async def act() -> None:
        async with opened(directory) as plant:
            plant.memory.legacy_writes = True
            device = ModbusDevice("127.0.0.1", plant.plain.port)
            point = BY_TAG[LEVEL].point
            place = (point.table, point.address, 2)
            assert await device.read(METER, *place) == await device.read(UNIT, *place)
            assert from_words(list(await device.read(METER, *place)), point) > 0
            for unit, table in ((METER, "coil"), (METER, "holding"), (3, "input")):
                with pytest.raises(ModbusExceptionError):
                    await device.read(unit, table, 0, 1)
            with pytest.raises(ModbusExceptionError):
                await device.write(METER, "holding", BY_TAG[SPEED].point.address, (500,))
            assert plant.memory.device_ids() == [UNIT, METER]
            await device.close()

    asyncio.run(act())
