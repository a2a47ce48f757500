"""Several requests on the way at once: each answer is taken by its transaction, and a device that mixes them up ends it."""

import asyncio
from typing import Any

import pytest

from tests.unit.adapters.test_modbus_tcp import Misbehave, good, with_hostile, with_pymodbus
from twinvouch.adapters.modbus_tcp import ModbusDevice, ModbusExceptionError
from twinvouch.core.errors import TwinvouchError, UnavailableError, UsageError
from twinvouch.core.ports import Pipelined
from twinvouch.wire.modbus import write_response
from twinvouch.wire.modbus_message import Function, Refusal
from twinvouch.wire.modbus_stream import Frame, write_frame

PLACES = [(unit, "holding", 10 * n, 2) for n, unit in enumerate((1, 1, 2, 1, 2))]
WORDS = [(10 * n, 10 * n + 1) for n in range(len(PLACES))]
Got = list[tuple[int, ...] | TwinvouchError]


async def read_all(device: ModbusDevice) -> Got:
    return await device.read_many(PLACES)


async def twice(device: ModbusDevice) -> tuple[Got, Got]:
    return await read_all(device), await read_all(device)


def kinds(got: Got) -> list[Any]:
    """What came, or the kind of error in its place."""
    return [each if isinstance(each, tuple) else type(each) for each in got]


def refusing(frame: Frame) -> bytes:
    refusal = Refusal(Function(frame.function), 2)
    return write_frame(frame.transaction, frame.unit, write_response(refusal))


class Held:
    """A server that lets requests pile up until `size` have come, and then answers the pile as it is told."""

    def __init__(self, size: int, order: slice = slice(None)) -> None:
        self.size, self.order = size, order
        self.pile: list[Frame] = []
        self.most = 0
        self.left = len(PLACES)

    async def __call__(self, frame: Frame, writer: asyncio.StreamWriter, _: int) -> bool:
        self.pile.append(frame)
        self.most = max(self.most, len(self.pile))
        if len(self.pile) == min(self.size, self.left):
            self.left -= len(self.pile)
            writer.write(b"".join(good(f) for f in self.pile[self.order]))
            self.pile = []
        return True


@pytest.mark.parametrize("in_flight", [1, 2, 3, 5, 16])
@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_as_many_are_on_the_way_as_was_said_and_answers_may_come_in_any_order(
    in_flight: int, order: slice
) -> None:
    server = Held(in_flight, order)
    got, connections = with_hostile(server, read_all, in_flight=in_flight)
    assert (got, connections) == (WORDS, 1)
    assert server.most == min(in_flight, len(PLACES))


def test_one_after_the_other_against_pymodbus() -> None:
    """Its server leaves requests unanswered that come while it works on another: that is why 1 is the default."""

    async def act(device: ModbusDevice) -> None:
        places = [(1, "holding", 0, 125), (1, "coil", 3, 9), (1, "holding", 299, 2), (1, "input", 7, 1)]  # fmt: skip
        words, bits, refused, last = await device.read_many(places)
        assert (words, last) == (tuple(range(125)), (7,))
        assert bits == tuple(int(k % 3 == 0) for k in range(3, 12))
        assert isinstance(refused, ModbusExceptionError)
        assert isinstance(device, Pipelined)

    with_pymodbus(act)


def test_an_exception_is_of_its_own_request_and_keeps_the_connection() -> None:
    async def serve(frame: Frame, writer: asyncio.StreamWriter, _: int) -> bool:
        is_third = int.from_bytes(frame.pdu[1:3], "big") == 20
        writer.write(refusing(frame) if is_third else good(frame))
        return True

    (first, again), connections = with_hostile(serve, twice, in_flight=3)
    assert kinds(first) == kinds(again) == [*WORDS[:2], ModbusExceptionError, *WORDS[3:]]
    assert connections == 1


def third_time(wrong: Any) -> Misbehave:
    """Honest but for the third request of the first connection."""

    async def serve(frame: Frame, writer: asyncio.StreamWriter, connection: int) -> bool:
        is_third = connection == 1 and int.from_bytes(frame.pdu[1:3], "big") == 20
        writer.write(wrong(frame) if is_third else good(frame))
        return True

    return serve


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda f: good(f._replace(transaction=f.transaction + 40)), "expected the answer to"),
        (lambda f: good(f._replace(transaction=f.transaction - 1)), "expected the answer to"),
        (lambda f: good(f._replace(unit=f.unit + 1)), "of unit 3"),
        (lambda f: good(f) + b"\x00\x00", "protocol"),
        (lambda f: write_frame(f.transaction, f.unit, b"\x03\x02\x00\x01"), "expected"),
        (lambda f: b"GET / HTTP/1.1\r\n\r\n", "protocol"),
    ],
)
def test_an_answer_that_is_nobodys_ends_the_connection_and_what_came_before_counts(
    wrong: Any, why: str
) -> None:
    (first, again), connections = with_hostile(third_time(wrong), twice, in_flight=2)
    assert first[:2] == WORDS[:2]
    failed = [each for each in first if isinstance(each, UnavailableError)]
    assert 2 <= len(failed) <= 3
    assert "answered nonsense" in str(failed[-1])
    assert why in str(failed[-1])
    assert all(each in WORDS for each in first if isinstance(each, tuple))
    assert (again, connections) == (WORDS, 2)


def test_an_answer_that_comes_twice_ends_the_connection() -> None:
    serve = third_time(lambda f: good(f) + good(f))
    (first, again), connections = with_hostile(serve, twice, in_flight=2)
    assert first[:3] == WORDS[:3]
    assert kinds(first)[4] is UnavailableError
    assert (again, connections) == (WORDS, 2)


def test_a_device_that_goes_silent_in_between_is_left_in_time() -> None:
    (first, again), connections = with_hostile(third_time(lambda _: b""), twice, 1.0, 2)
    assert kinds(first) == [*WORDS[:2], UnavailableError, *WORDS[3:]]
    assert "did not answer within 1 s" in str(first[2])
    assert (again, connections) == (WORDS, 2)


def test_bytes_that_drip_and_never_become_an_answer_do_not_buy_time() -> None:
    async def serve(frame: Frame, writer: asyncio.StreamWriter, _: int) -> bool:
        if int.from_bytes(frame.pdu[1:3], "big") != 20:
            writer.write(good(frame))
            return True
        for byte in write_frame(1, 1, bytes(250)):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.02)
        return True

    got, _ = with_hostile(serve, read_all, 1.0, 2)
    assert "did not answer" in str(got[2]) or "nonsense" in str(got[2])
    assert kinds(got)[:2] == WORDS[:2]


def test_a_device_that_closes_in_between() -> None:
    async def serve(frame: Frame, writer: asyncio.StreamWriter, connection: int) -> bool:
        writer.write(good(frame))
        await writer.drain()
        return connection > 1 or int.from_bytes(frame.pdu[1:3], "big") < 10

    async def act(device: ModbusDevice) -> tuple[Got, Got]:
        first = await read_all(device)
        return first, await read_all(device)

    (first, again), _ = with_hostile(serve, act, in_flight=1)
    assert first[:2] == WORDS[:2]
    assert kinds(first)[2:] == [UnavailableError] * 3
    assert again == WORDS


def test_what_cannot_be_asked_is_misuse_before_anything_is_sent() -> None:
    async def serve(_: Frame, __: asyncio.StreamWriter, ___: int) -> bool:
        raise AssertionError

    async def act(device: ModbusDevice) -> None:
        with pytest.raises(UsageError):
            await device.read_many([PLACES[0], (1, "holding", 0, 126)])

    assert with_hostile(serve, act, in_flight=2) == (None, 0)
