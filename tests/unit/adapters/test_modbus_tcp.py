"""The device: all functions against pymodbus' server, and whatever a hostile server does."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from tests.unit.adapters import plant_certificates, pymodbus_plant
from twinvouch.adapters.modbus_tcp import (
    MOST_READ,
    ModbusDevice,
    ModbusExceptionError,
    TlsFiles,
    tls_context,
)
from twinvouch.core.errors import ConfigError, UnavailableError, UsageError
from twinvouch.core.ports import Device
from twinvouch.wire.modbus import Function, Read, Values, read_request, write_response
from twinvouch.wire.modbus_message import Detail, Identification, Identify
from twinvouch.wire.modbus_stream import Frame, Stream, write_frame

T = TypeVar("T")
Act = Callable[[ModbusDevice], Awaitable[T]]


def with_pymodbus(act: Act[T], tls: tuple[ssl.SSLContext, TlsFiles] | None = None) -> T:
    async def inside() -> T:
        server, files = tls or (None, None)
        async with pymodbus_plant.served(server) as port:
            device = ModbusDevice("127.0.0.1", port, tls=files)
            try:
                return await act(device)
            finally:
                await device.close()

    return asyncio.run(inside())


Misbehave = Callable[[Frame, asyncio.StreamWriter, int], Awaitable[bool]]


def with_hostile(
    misbehave: Misbehave, act: Act[T], timeout_s: float = 2.0, in_flight: int = 1
) -> tuple[T, int]:
    """What `act` gives, and how many connections the server saw. The server goes on while it says True."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        stream = Stream()
        try:
            while chunk := await reader.read(4096):
                for frame in stream.feed(chunk):
                    if not await misbehave(frame, writer, connections):
                        return
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def inside() -> T:
        listener = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        device = ModbusDevice("127.0.0.1", port, timeout_s, in_flight=in_flight)
        try:
            return await act(device)
        finally:
            await device.close()
            listener.close()
            await asyncio.sleep(0.01)

    return asyncio.run(inside()), connections


def good(frame: Frame) -> bytes:
    """The honest answer to a read: value = address."""
    asked = read_request(frame.pdu)
    assert isinstance(asked, Read)
    values = tuple(range(asked.address, asked.address + asked.count))
    return write_frame(
        frame.transaction, frame.unit, write_response(Values(asked.function, values))
    )


async def read_seven(device: ModbusDevice) -> tuple[int, ...]:
    return await device.read(1, "holding", 7, 2)


async def fails_then_works(device: ModbusDevice) -> str:
    with pytest.raises(UnavailableError) as caught:
        await read_seven(device)
    assert await read_seven(device) == (7, 8)
    return str(caught.value)


def test_it_is_a_device() -> None:
    device: Device = ModbusDevice("127.0.0.1", 1)
    assert device is not None
    assert MOST_READ == {"coil": 2000, "discrete": 2000, "holding": 125, "input": 125}


def test_every_read_function_against_pymodbus() -> None:
    async def act(device: ModbusDevice) -> None:
        bits = tuple(int(k % 3 == 0) for k in range(pymodbus_plant.BITS))
        assert await device.read(1, "coil", 0, 19) == bits[:19]
        assert await device.read(1, "discrete", 5, 1) == bits[5:6]
        assert await device.read(1, "coil", 50, 2000) == bits[50:2050]
        assert await device.read(1, "holding", 3, 125) == tuple(range(3, 128))
        assert await device.read(1, "input", 299, 1) == (299,)

    with_pymodbus(act)


def test_every_write_function_against_pymodbus() -> None:
    async def act(device: ModbusDevice) -> None:
        await device.write(1, "coil", 3, (0,))
        await device.write(1, "coil", 4, (1,))
        assert await device.read(1, "coil", 2, 4) == (0, 0, 1, 0)
        coils = tuple(k // 2 % 2 for k in range(1968))
        await device.write(1, "coil", 100, coils)
        assert await device.read(1, "coil", 100, 1968) == coils
        await device.write(1, "holding", 9, (65535,))
        await device.write(1, "holding", 10, tuple(range(1000, 1123)))
        assert await device.read(1, "holding", 9, 3) == (65535, 1000, 1001)
        assert await device.read(1, "holding", 132, 2) == (1122, 133)

    with_pymodbus(act)


def test_masked_and_combined_writes_against_pymodbus() -> None:
    async def act(device: ModbusDevice) -> None:
        await device.write(1, "holding", 4, (0x12,))
        await device.mask(1, 4, 0xF2, 0x25)
        assert await device.read(1, "holding", 4, 1) == (0x17,)  # as in the specification
        assert await device.exchange(1, (20, (7, 8)), (19, 4)) == (19, 7, 8, 22)

    with_pymodbus(act)


def test_the_identification_of_pymodbus_server_is_read() -> None:
    async def act(device: ModbusDevice) -> None:
        who = await device.identify(1)
        assert who[0] == b"twinvouch"
        assert who[4] == b"a plant for tests"
        assert set(await device.identify(1, Detail.BASIC)) == {0, 1, 2}

    with_pymodbus(act)


def test_an_identification_comes_in_as_many_parts_as_the_device_likes() -> None:
    asked: list[int] = []

    async def in_parts(frame: Frame, writer: asyncio.StreamWriter, _: int) -> bool:
        request = read_request(frame.pdu)
        assert isinstance(request, Identify)
        asked.append(request.first)
        goes_on = request.first + 1 if request.first < 4 else None
        part = Identification(
            Function.IDENTIFY, request.detail, 2, goes_on, ((request.first, b"part"),)
        )
        writer.write(write_frame(frame.transaction, frame.unit, write_response(part)))
        return True

    who, _ = with_hostile(in_parts, lambda device: device.identify(1))
    assert who == dict.fromkeys(range(5), b"part")
    assert asked == [0, 1, 2, 3, 4]


def test_an_exception_has_its_code_and_keeps_the_connection() -> None:
    async def act(device: ModbusDevice) -> None:
        with pytest.raises(ModbusExceptionError, match="illegal data address") as caught:
            await device.read(1, "holding", 5000, 2)
        assert caught.value.code == 2
        link = device._link
        assert link is not None
        assert await device.read(1, "holding", 1, 1) == (1,)
        assert device._link is link

    with_pymodbus(act)


@pytest.mark.parametrize(
    ("table", "address", "words"),
    [("input", 0, (1,)), ("coil", 0, (7,)), ("holding", 65536, (1,)), ("holding", 0, ())],
)
def test_what_cannot_be_written_is_misuse_and_never_sent(table, address, words) -> None:
    device = ModbusDevice("127.0.0.1", 9)
    with pytest.raises(UsageError):
        asyncio.run(device.write(1, table, address, words))


def test_what_one_request_cannot_read_is_misuse() -> None:
    with pytest.raises(UsageError, match=r"1\.\.125"):
        asyncio.run(ModbusDevice("127.0.0.1", 9).read(1, "holding", 0, 126))


def test_nobody_listens() -> None:
    with pytest.raises(UnavailableError, match="not reachable"):
        asyncio.run(ModbusDevice("127.0.0.1", 1).read(1, "holding", 0, 1))


def test_calls_at_the_same_time_take_turns() -> None:
    async def answer(frame: Frame, writer: asyncio.StreamWriter, _: int) -> bool:
        await asyncio.sleep(0.001)
        writer.write(good(frame))
        return True

    async def act(device: ModbusDevice) -> list[tuple[int, ...]]:
        return await asyncio.gather(*(device.read(1, "input", k, 1) for k in range(20)))

    got, connections = with_hostile(answer, act)
    assert got == [(k,) for k in range(20)]
    assert connections == 1


def test_byte_by_byte() -> None:
    async def answer(frame: Frame, writer: asyncio.StreamWriter, _: int) -> bool:
        for byte in good(frame):
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        return True

    assert with_hostile(answer, read_seven) == ((7, 8), 1)


def first_time(wrong: Callable[[Frame], bytes]) -> Misbehave:
    """Answers wrongly on the first connection, honestly on later ones."""

    async def answer(frame: Frame, writer: asyncio.StreamWriter, connection: int) -> bool:
        writer.write(wrong(frame) if connection == 1 else good(frame))
        return True

    return answer


def changed(frame: Frame, at: int, to: bytes) -> bytes:
    raw = good(frame)
    return raw[:at] + to + raw[at + len(to) :]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda f: changed(f, 0, b"\x7f\x7f"), "transaction"),
        (lambda f: changed(f, 2, b"\x00\x01"), "protocol"),
        (lambda f: changed(f, 4, b"\x00\x00"), "length"),
        (lambda f: changed(f, 4, b"\x01\x00"), "length"),
        (lambda f: changed(f, 4, b"\x00\x06"), "byte 1"),
        (lambda f: changed(f, 6, b"\x09"), "unit 9"),
        (lambda f: changed(f, 7, b"\x04"), "expected the answer"),
        (lambda f: changed(f, 7, b"\x06"), "byte 5"),
        (lambda f: changed(f, 8, b"\x02"), "byte 1"),
        (lambda f: write_frame(f.transaction, f.unit, b"\x03\x02\x00\x00"), "expected 2 items"),
        (lambda f: write_frame(f.transaction, f.unit, b"\x84\x02"), "expected the answer"),
        (lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", "protocol"),
        (lambda _: bytes(range(256)) * 4, "protocol"),
    ],
)
def test_a_wrong_answer_ends_the_connection_and_the_next_call_works(wrong, why: str) -> None:
    said, connections = with_hostile(first_time(wrong), fails_then_works)
    assert why in said
    assert connections == 2


@pytest.mark.parametrize(
    "wrong",
    [
        lambda _: b"",
        lambda f: good(f)[:5],
        lambda f: good(f)[:-1],
        lambda f: changed(f, 4, b"\x00\xfe"),
    ],
)
def test_a_server_that_hangs_is_left_in_time(wrong) -> None:
    said, connections = with_hostile(first_time(wrong), fails_then_works, timeout_s=0.5)
    assert "did not answer within 0.5 s" in said
    assert connections == 2


def test_a_server_that_closes_in_the_middle_of_a_frame() -> None:
    async def answer(frame: Frame, writer: asyncio.StreamWriter, connection: int) -> bool:
        writer.write(good(frame) if connection > 1 else good(frame)[:9])
        await writer.drain()
        if connection == 1:
            writer.close()
        return connection > 1

    said, connections = with_hostile(answer, fails_then_works)
    assert "not reachable" in said
    assert connections == 2


def test_what_comes_after_the_answer_is_not_taken_for_the_next_one() -> None:
    async def answer(frame: Frame, writer: asyncio.StreamWriter, connection: int) -> bool:
        forged = write_frame(frame.transaction + 1, frame.unit, bytes.fromhex("0304 dead beef"))
        writer.write(good(frame) + forged if connection == 1 else good(frame))
        return True

    async def act(device: ModbusDevice) -> list[tuple[int, ...]]:
        return [await read_seven(device), await read_seven(device)]

    assert with_hostile(answer, act) == ([(7, 8), (7, 8)], 2)


def test_a_connection_that_was_closed_while_idle_is_opened_again() -> None:
    async def answer(frame: Frame, writer: asyncio.StreamWriter, _: int) -> bool:
        writer.write(good(frame))
        await writer.drain()
        writer.close()
        return False

    async def act(device: ModbusDevice) -> list[tuple[int, ...]]:
        first = await read_seven(device)
        await asyncio.sleep(0.02)
        return [first, await read_seven(device)]

    assert with_hostile(answer, act) == ([(7, 8), (7, 8)], 2)


def test_a_cancelled_call_leaves_no_answer_behind() -> None:
    async def answer(frame: Frame, writer: asyncio.StreamWriter, connection: int) -> bool:
        if connection == 1:
            await asyncio.sleep(0.05)
        writer.write(good(frame))
        return True

    async def act(device: ModbusDevice) -> tuple[int, ...]:
        call = asyncio.create_task(device.read(1, "input", 40, 1))
        await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        return await device.read(1, "input", 50, 1)

    assert with_hostile(answer, act) == ((50,), 2)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Path:
    return plant_certificates.make(tmp_path_factory.mktemp("certificates"))


def server_side(certificates: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
    context.load_verify_locations(certificates / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def own(certificates: Path) -> TlsFiles:
    return TlsFiles(
        certificates / "ca.crt", certificates / "client.crt", certificates / "client.key"
    )


def test_tls_with_a_client_certificate(certificates: Path) -> None:
    async def act(device: ModbusDevice) -> tuple[int, ...]:
        await device.write(1, "holding", 5, (77, 78))
        return await device.read(1, "holding", 4, 4)

    both = server_side(certificates), own(certificates)
    assert with_pymodbus(act, both) == (4, 77, 78, 7)


def test_tls_without_the_certificate_gets_nothing(certificates: Path) -> None:
    both = server_side(certificates), TlsFiles(certificates / "ca.crt")
    with pytest.raises(UnavailableError):
        with_pymodbus(read_seven, both)


def test_tls_refuses_a_server_of_another_authority(certificates: Path, tmp_path: Path) -> None:
    other = plant_certificates.make(tmp_path / "other")
    with pytest.raises(UnavailableError, match="not reachable"):
        with_pymodbus(read_seven, (server_side(certificates), own(other)))


def test_tls_refuses_a_server_of_another_name(tmp_path: Path) -> None:
    elsewhere = plant_certificates.make(tmp_path / "elsewhere", "10.0.0.9")
    with pytest.raises(UnavailableError, match="not reachable"):
        with_pymodbus(read_seven, (server_side(elsewhere), own(elsewhere)))


def test_tls_is_1_2_or_newer(certificates: Path) -> None:
    assert tls_context(own(certificates)).minimum_version is ssl.TLSVersion.TLSv1_2


def test_tls_files_that_cannot_be_used_are_told(certificates: Path, tmp_path: Path) -> None:
    good_files = own(certificates)
    with pytest.raises(ConfigError, match=r"nothing\.crt"):
        tls_context(TlsFiles(tmp_path / "nothing.crt"))
    with pytest.raises(ConfigError, match="both"):
        tls_context(TlsFiles(good_files.ca, good_files.cert))
    garbage = tmp_path / "garbage.crt"
    garbage.write_text("no certificate")
    with pytest.raises(ConfigError, match="cannot be used"):
        tls_context(TlsFiles(garbage))
    readable = tmp_path / "readable.key"
    readable.write_bytes((certificates / "client.key").read_bytes())
    readable.chmod(0o644)
    with pytest.raises(ConfigError, match="0644"):
        tls_context(TlsFiles(good_files.ca, good_files.cert, readable))
