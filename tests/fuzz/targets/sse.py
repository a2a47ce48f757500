"""Server-sent events, as the actuator reads them: where the bytes are cut changes nothing."""

from twinvouch.core.errors import MalformedError
from twinvouch.wire.sse import EventDecoder, ServerEvent

SEEDS = [
    b"\x03: hello\n\nevent: permit\ndata: AAAA\n\n",
    b"\x01data: a\r\ndata: b\r\n\r\nid: 7\n\n",
]


def one(raw: bytes) -> None:
    """The first byte is the size of the pieces."""
    if not raw:
        return
    size, data = raw[0] % 32 + 1, raw[1:]
    whole, is_refused = fed([data])
    pieces, is_refused_in_pieces = fed([data[at : at + size] for at in range(0, len(data), size)])
    if not is_refused:
        assert (pieces, is_refused_in_pieces) == (whole, False)


def fed(chunks: list[bytes]) -> tuple[list[ServerEvent], bool]:
    """The events, and whether the stream was refused."""
    decoder = EventDecoder()
    events: list[ServerEvent] = []
    for chunk in chunks:
        try:
            events += decoder.feed(chunk)
        except MalformedError:
            return events, True
    return events, False
