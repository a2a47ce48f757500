"""The attackers between plant and edge, and between edge and core."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import numpy as np
import pytest
from pymodbus.client import AsyncModbusTcpClient

from twinvouch.adapters.http_transport import HttpTransport
from twinvouch.adapters.keys import SeededSigner
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.errors import MalformedError, UnavailableError
from twinvouch.core.inventory import ScanGroup, Table, Tag
from twinvouch.core.kind import Kind, Purpose
from twinvouch.lab import liar
from twinvouch.lab.ingest_listener import IngestListener
from twinvouch.lab.interceptor import Interceptor, Order, tampered
from twinvouch.lab.liar import Liar, LyingDevice
from twinvouch.lab.modbus_proxy import ModbusProxy
from twinvouch.lab.modbus_server import Listener, Memory
from twinvouch.lab.net3 import BY_TAG
from twinvouch.lab.waterworks import Waterworks
from twinvouch.wire.batch import Header, columns_digest, write_batch
from twinvouch.wire.cose import seal, unseal
from twinvouch.wire.words import from_words, to_words

SIGNER = SeededSigner(bytes(32))
TAG = Tag("a/b", "m", group="g")
GROUP = ScanGroup("g", "edge-1", (TAG,), ("f8",), columns_digest("g", ["a/b"], ["f8"]), 1, 1)


def batch(seq: int) -> bytes:
    header = Header(
        Kind.BATCH, "net3", Identity("edge-1", 1, seq), bytes(32), Origin.LIVE, "g", GROUP.digest
    )
    content = write_batch(header, GROUP, np.array([seq]), np.array([[1.5]]))
    return seal(content, signer=SIGNER, plant="net3", purpose=Purpose.READINGS)


class Core:
    """Admits everything and remembers the order."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.away = False

    async def send(self, path: str, body: bytes) -> tuple[int, Mapping[str, Any]]:
        assert path == "/api/v1/ingest"
        if self.away:
            raise UnavailableError("away")
        self.got.append(body)
        return 200, {"status": "admitted", "entry": len(self.got)}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_only_the_chosen_registers_are_lied_about() -> None:
    clock = Clock()
    someone = Liar(clock)
    level, pressure = BY_TAG["tank-2/level"].point, BY_TAG["node-263/pressure"].point
    truth = [*to_words(1.0, level), *to_words(7.5, level), *to_words(3.0, level)]
    assert someone.rewrite(Table.INPUT, 0, truth) == truth
    someone.lie("tank-2/level", liar.offset(20.0))
    someone.lie("node-263/pressure", liar.ramp(40.0))
    said = someone.rewrite(Table.INPUT, 0, truth)
    assert said[:2] == truth[:2]
    assert from_words(said[2:4], level) == pytest.approx(27.5)
    assert said[4:] == truth[4:]
    assert someone.rewrite(Table.HOLDING, 0, truth) == truth
    clock.now = 2.0
    at = pressure.address - 100
    said = someone.rewrite(Table.INPUT, 100, [0] * at + list(to_words(500.0, pressure)))
    assert from_words(said[at:], pressure) == pytest.approx(580.0, abs=0.06)
    assert someone.rewrite(Table.INPUT, 2, truth[2:3]) == truth[2:3], "half a value is left alone"
    someone.stop()
    assert someone.rewrite(Table.INPUT, 0, truth) == truth


def test_a_lie_too_large_for_its_register_becomes_the_largest_there_is() -> None:
    someone = Liar(Clock())
    someone.lie("node-263/pressure", liar.offset(1e9))
    point = BY_TAG["node-263/pressure"].point
    said = someone.rewrite(Table.INPUT, point.address, to_words(500.0, point))
    assert said == [2**15 - 1]


def test_a_lying_device_reads_false_and_writes_true() -> None:
    class Memory:
        written: tuple[Any, ...] = ()

        async def read(self, unit: int, table: str, address: int, count: int) -> Sequence[int]:
            assert (unit, table) == (1, "coil")
            return [0] * count

        async def write(self, unit: int, table: str, address: int, words: Sequence[int]) -> None:
            self.written = (unit, table, address, list(words))

    someone, memory = Liar(Clock()), Memory()
    someone.lie("pump-335/run", liar.offset(1.0))
    device = LyingDevice(memory, someone)
    assert asyncio.run(device.read(1, "coil", 0, 2)) == [0, 1]
    asyncio.run(device.write(1, "coil", 0, [1]))
    assert memory.written == (1, "coil", 0, [1])


def test_the_modbus_proxy_lies_about_registers_and_coils_and_passes_the_rest() -> None:
    async def story() -> None:
        works, clock = Waterworks(), Clock()
        plain = Listener(Memory(works, lambda _: None), None)
        await plain.open("127.0.0.1", 0)
        someone = Liar(clock)
        proxy = ModbusProxy(someone, "127.0.0.1", plain.port)
        await proxy.open()
        client: Any = AsyncModbusTcpClient("127.0.0.1", port=proxy.port, retries=0)
        assert await client.connect()
        point = BY_TAG["tank-3/level"].point
        honest = await client.read_input_registers(0, count=6, device_id=1)
        assert from_words(honest.registers[4:], point) == pytest.approx(8.84, abs=0.01)
        someone.lie("tank-3/level", liar.offset(20.0))
        someone.lie("pump-335/run", liar.offset(-1.0))
        lied = await client.read_input_registers(0, count=6, device_id=1)
        assert lied.registers[:4] == honest.registers[:4]
        assert from_words(lied.registers[4:], point) == pytest.approx(28.84, abs=0.01)
        assert (await client.read_coils(0, count=2, device_id=1)).bits[:2] == [False, False]
        assert works.value("pump-335/run") == 1
        assert (await client.read_input_registers(900, count=1, device_id=1)).exception_code == 2
        assert (await client.write_coil(0, True, device_id=1)).exception_code == 1  # noqa: FBT003
        client.close()
        await proxy.close()
        await plain.close()
        works.close()

    asyncio.run(story())


def test_each_order_is_carried_out_once() -> None:
    async def story() -> None:
        core = Core()
        wire = Interceptor(core)
        path = "/api/v1/ingest"
        raw = [batch(seq) for seq in range(7)]
        await wire.send(path, raw[0])
        wire.order(Order.TAMPER)
        await wire.send(path, raw[1])
        wire.order(Order.DROP)
        forged = await wire.send(path, raw[2])
        wire.order(Order.HOLD)
        await wire.send(path, raw[3])
        await wire.send(path, raw[4])
        await wire.send(path, raw[5])
        assert forged[1]["status"] == "admitted"
        assert core.got == [raw[0], tampered(raw[1]), raw[4], raw[3], raw[5]]
        seen = [(p.identity.seq, p.order, p.is_acknowledged) for p in wire.passed]
        assert seen == [
            (0, Order.PASS, True),
            (1, Order.TAMPER, True),
            (2, Order.DROP, False),
            (4, Order.PASS, True),
            (3, Order.HOLD, True),
            (5, Order.PASS, True),
        ]
        assert (await wire.came_by(Order.HOLD)).raw == raw[3]
        waiting = asyncio.create_task(wire.came_by(Order.PASS, len(wire.passed)))
        await asyncio.sleep(0)
        assert not waiting.done()
        await wire.send(path, raw[6])
        assert (await waiting).identity.seq == 6

    asyncio.run(story())


def test_a_tampered_batch_is_no_longer_what_was_signed() -> None:
    raw = batch(3)
    changed = tampered(raw)
    assert sum(a != b for a, b in zip(raw, changed, strict=True)) == 1
    assert unseal(raw).key_id
    with pytest.raises(MalformedError):
        unseal(changed)


def test_the_http_side_carries_posts_and_says_when_the_core_is_away() -> None:
    async def story() -> None:
        core = Core()
        listener = IngestListener(Interceptor(core), "127.0.0.1")
        await listener.open()
        async with HttpTransport(f"http://127.0.0.1:{listener.port}") as edge:
            assert await edge.send("/api/v1/ingest", batch(1)) == (
                200,
                {"status": "admitted", "entry": 1},
            )
            core.away = True
            status, said = await edge.send("/api/v1/ingest", batch(2))
            assert status == 502
            assert "status" not in said
        async with httpx.AsyncClient(trust_env=False) as other:
            answer = await other.get(f"http://127.0.0.1:{listener.port}/")
            assert answer.status_code == 400
        await listener.close()
        assert core.got == [batch(1)]

    asyncio.run(story())
