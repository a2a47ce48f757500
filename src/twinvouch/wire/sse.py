"""Server-sent events out of arbitrary chunks, with limits (WHATWG HTML, section 9.2, as a strict client).

Only `event` and `data` are kept; comments and other fields are dropped. A line ends with LF or CRLF.
"""

from typing import NamedTuple

from twinvouch.core.errors import MalformedError

MOST_BYTES = 1 << 16  # of one event


class ServerEvent(NamedTuple):
    """One event; `name` is "message" where the server gave none."""

    name: str
    data: str


class EventDecoder:
    """Keeps at most one incomplete event of at most 64 KiB."""

    __slots__ = ("_data", "_name", "_rest", "_size")

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events that `chunk` completes; MalformedError for one over the limit or not UTF-8."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        events = [event for line in lines if (event := self._line(line)) is not None]
        if self._size + len(self._rest) > MOST_BYTES:
            raise MalformedError(f"expected events of at most {MOST_BYTES} bytes")
        return events

    def _line(self, raw: bytes) -> ServerEvent | None:
        self._size += len(raw)
        if self._size > MOST_BYTES:
            raise MalformedError(f"expected events of at most {MOST_BYTES} bytes")
        try:
            line = raw.removesuffix(b"\r").decode()
        except UnicodeDecodeError as error:
            raise MalformedError(f"byte {error.start} of a line: expected UTF-8") from None
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))
        elif name == "event":
            self._name = value.removeprefix(" ")
        elif not name:
            self._size -= len(raw)  # comments keep a quiet stream open; they add up to nothing
        return None

    def _dispatch(self) -> ServerEvent | None:
        event = ServerEvent(self._name or "message", "\n".join(self._data)) if self._data else None
        self._name, self._data, self._size = "", [], 0
        return event
