"""Modbus/TCP framing: however the bytes are cut, and whatever a header claims."""

import pytest

from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.wire.modbus_stream import Frame, Stream, write_frame

ONE = write_frame(1, 17, bytes.fromhex("03006b0003"))
TWO = write_frame(2, 17, bytes.fromhex("830b"))


def test_the_header_is_that_of_the_guide() -> None:
    assert bytes.fromhex("0001 0000 0006 11 03 006b 0003") == ONE


def test_several_frames_in_one_segment() -> None:
    assert Stream().feed(ONE + TWO) == [
        Frame(1, 17, bytes.fromhex("03006b0003")),
        Frame(2, 17, bytes.fromhex("830b")),
    ]


def test_byte_by_byte() -> None:
    stream = Stream()
    frames = [frame for byte in ONE + TWO for frame in stream.feed(bytes([byte]))]
    assert [f.transaction for f in frames] == [1, 2]
    assert [f.function for f in frames] == [3, 3]
    assert stream.pending == 0


def test_a_frame_and_a_half() -> None:
    stream = Stream()
    assert len(stream.feed(ONE + TWO[:5])) == 1
    assert stream.pending == 5
    assert len(stream.feed(TWO[5:])) == 1


@pytest.mark.parametrize(
    "header", ["0001 0001 0006 11", "0001 0000 0000 11", "0001 0000 0001 11", "0001 0000 00ff 11"]
)
def test_a_header_that_cannot_be_breaks_the_stream_for_good(header: str) -> None:
    stream = Stream()
    assert len(stream.feed(ONE)) == 1
    with pytest.raises(MalformedError, match="expected"):
        stream.feed(bytes.fromhex(header))
    with pytest.raises(MalformedError):
        stream.feed(ONE)
    assert stream.fault


def test_frames_before_a_lie_are_given() -> None:
    stream = Stream()
    assert len(stream.feed(ONE + b"GET / HTTP/1.1")) == 1
    assert stream.fault
    with pytest.raises(MalformedError):
        stream.feed(b"")


def test_an_endless_promise_keeps_little() -> None:
    stream = Stream()
    stream.feed(bytes.fromhex("0001 0000 00fe 11") + b"\x03" * 252)
    assert stream.pending == 259
    assert len(stream.feed(b"\x03")) == 1


@pytest.mark.parametrize(
    ("transaction", "unit", "pdu"),
    [
        (-1, 1, b"a"),
        (65536, 1, b"a"),
        (1, -1, b"a"),
        (1, 256, b"a"),
        (1, 1, b""),
        (1, 1, b"a" * 254),
    ],
)
def test_a_frame_that_cannot_be_is_misuse(transaction: int, unit: int, pdu: bytes) -> None:
    with pytest.raises(UsageError):
        write_frame(transaction, unit, pdu)
