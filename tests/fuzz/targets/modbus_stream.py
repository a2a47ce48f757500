"""Modbus/TCP framing: where the bytes are cut changes nothing (first byte: the size of the pieces)."""

from twinvouch.core.errors import MalformedError
from twinvouch.wire.modbus_stream import Frame, Stream, write_frame

SEEDS = [
    b"\x01" + write_frame(1, 1, b"\x03\x00\x00\x00\x02") + write_frame(2, 1, b"\x06\x00\x01\x00\x01"),
    b"\x07" + write_frame(0xFFFF, 255, bytes(253)),
]  # fmt: skip


def one(raw: bytes) -> None:
    """In one piece and in pieces: the same frames, the same fault; frames are what was there."""
    if not raw:
        return
    size, data = raw[0] % 32 + 1, raw[1:]
    whole, fault = fed([data])
    assert (whole, fault) == fed([data[at : at + size] for at in range(0, len(data), size)])
    assert data.startswith(b"".join(write_frame(*frame) for frame in whole))


def fed(chunks: list[bytes]) -> tuple[list[Frame], str]:
    """All frames, and what broke the stream."""
    stream = Stream()
    frames: list[Frame] = []
    for chunk in chunks:
        try:
            frames += stream.feed(chunk)
        except MalformedError:
            break
        assert stream.pending < 260
    return frames, stream.fault
