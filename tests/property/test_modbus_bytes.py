"""Whatever bytes come, the Modbus readers give a message or MalformedError, and messages survive the way."""

from hypothesis import given
from hypothesis import strategies as st

from twinvouch.core.errors import MalformedError
from twinvouch.wire.modbus import (
    MOST,
    Function,
    Read,
    Values,
    WriteMany,
    WriteOne,
    read_request,
    read_response,
    write_request,
    write_response,
)
from twinvouch.wire.modbus_message import Detail, Identify, Mask, ReadWrite
from twinvouch.wire.modbus_stream import Frame, Stream, write_frame

COILS = {Function.READ_COILS, Function.READ_DISCRETE, Function.WRITE_COIL, Function.WRITE_COILS}
frames = st.builds(
    Frame, st.integers(0, 65535), st.integers(0, 255), st.binary(min_size=1, max_size=253)
)
spoken = st.sampled_from([1, 2, 3, 4, 5, 6, 15, 16, 22, 23, 43, 0x81, 0x90])
likely = st.builds(lambda code, rest: bytes([code]) + rest, spoken, st.binary(max_size=260))
likely |= st.builds(
    lambda head, objects: bytes.fromhex("2b0e") + head + objects,
    st.sampled_from([b"\1\1\0\0\1", b"\4\x83\0\0\1", b"\3\3\xff\x80\2"]),
    st.binary(max_size=40),
)


@st.composite
def requests(draw):
    function = draw(st.sampled_from(list(Function)))
    if function is Function.IDENTIFY:
        return Identify(function, draw(st.sampled_from(list(Detail))), draw(st.integers(0, 255)))
    count = draw(st.integers(1, MOST[function]))
    address = draw(st.integers(0, 65536 - count))
    if function <= Function.READ_INPUT:
        return Read(function, address, count)
    value = st.integers(0, 1 if function in COILS else 65535)
    if function is Function.MASK_REGISTER:
        return Mask(function, address, draw(value), draw(value))
    if function is Function.READ_WRITE:
        written = tuple(draw(st.lists(value, min_size=1, max_size=121)))
        return ReadWrite(function, address, count, draw(st.integers(0, 65536 - 121)), written)
    if count == 1 and function <= Function.WRITE_REGISTER:
        return WriteOne(function, address, draw(value))
    chosen = draw(st.lists(value, min_size=1, max_size=8))
    values = (chosen * count)[:count]
    return WriteMany(function, address, tuple(values))


@given(requests())
def test_every_request_survives(message) -> None:
    assert read_request(write_request(message)) == message


@given(st.binary(max_size=260) | likely)
def test_any_bytes_are_a_request_or_malformed(pdu: bytes) -> None:
    try:
        message = read_request(pdu)
    except MalformedError:
        return
    written = write_request(message)
    if isinstance(message, WriteMany) and message.function in COILS:
        assert written[:-1] == pdu[:-1]  # the unused bits of the last byte are free
    else:
        assert written == pdu


@given(st.binary(max_size=260) | likely)
def test_any_bytes_are_a_response_or_malformed(pdu: bytes) -> None:
    try:
        message = read_response(pdu)
    except MalformedError:
        return
    assert write_response(message) == pdu


@given(st.sampled_from([Function.READ_COILS, Function.READ_HOLDING]), st.data())
def test_values_survive(function: Function, data) -> None:
    most = 250 if function in COILS else 125
    count = data.draw(st.integers(1, most)) * (8 if function in COILS else 1)
    value = st.integers(0, 1 if function in COILS else 65535)
    values = (data.draw(st.lists(value, min_size=1, max_size=9)) * count)[:count]
    message = Values(function, tuple(values))
    assert read_response(write_response(message)) == message


@given(st.lists(frames, max_size=6), st.data())
def test_the_cuts_do_not_matter(sent: list[Frame], data) -> None:
    raw = b"".join(write_frame(*frame) for frame in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=10)))
    stream = Stream()
    edges = zip([0, *cuts], [*cuts, len(raw)], strict=True)
    assert [f for a, b in edges for f in stream.feed(raw[a:b])] == sent
    assert stream.pending == 0


def taken(chunks) -> tuple[list[Frame], str]:
    """All frames, and why it ended."""
    stream, got = Stream(), []
    for chunk in chunks:
        try:
            got += stream.feed(chunk)
        except MalformedError:
            break
    return got, stream.fault


@given(st.lists(frames, max_size=3), st.binary(max_size=300))
def test_garbage_after_frames_is_the_same_in_one_piece_and_in_bytes(sent, garbage: bytes) -> None:
    raw = b"".join(write_frame(*frame) for frame in sent) + garbage
    whole, why = taken([raw])
    single, why_single = taken([bytes([b]) for b in raw])
    assert whole == single
    assert why == why_single
    assert whole[: len(sent)] == sent
