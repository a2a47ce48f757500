"""Server-sent events: however they are cut, and with a limit."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.core.errors import MalformedError
from twinvouch.wire.sse import MOST_BYTES, EventDecoder, ServerEvent

RAW = (
    b": hello\n\nevent: permit\ndata: aGk=\n\ndata: 1\r\ndata:2\r\nid: 7\r\n\r\nevent: nothing\n\n"
)
EVENTS = [ServerEvent("permit", "aGk="), ServerEvent("message", "1\n2")]


def test_events_of_a_stream() -> None:
    assert EventDecoder().feed(RAW) == EVENTS


@given(st.lists(st.integers(0, len(RAW)), max_size=20))
def test_the_cuts_do_not_matter(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(RAW)]
    decoder = EventDecoder()
    got = [e for a, b in pairwise(edges) for e in decoder.feed(RAW[a:b])]
    assert got == EVENTS


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"data: x", b"\n", b"\n\n"])))
def test_any_bytes_are_events_or_malformed(chunks: list[bytes]) -> None:
    decoder = EventDecoder()
    try:
        for chunk in chunks:
            assert all(isinstance(event, ServerEvent) for event in decoder.feed(chunk))
    except MalformedError:
        pass


@pytest.mark.parametrize(
    "raw",
    [
        b"data: " + b"x" * MOST_BYTES,
        b"data: x\n" * (MOST_BYTES // 7 + 1),
        b"data: " + b"x" * MOST_BYTES + b"\n\n",
        b"other: x\n" * (MOST_BYTES // 8 + 1),
    ],
)
def test_an_endless_event_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError, match="at most"):
        EventDecoder().feed(raw)


def test_heartbeats_for_ever_are_no_event() -> None:
    decoder = EventDecoder()
    assert decoder.feed(b": alive\n" * (MOST_BYTES // 4)) == []
    assert decoder.feed(b"data: x\n\n") == [ServerEvent("message", "x")]


def test_what_is_not_text_is_refused() -> None:
    with pytest.raises(MalformedError, match="UTF-8"):
        EventDecoder().feed(b"data: \xff\n")
