"""What an entry says about itself: the first four elements `[version, kind, plant, now_ns, ...]`.

Only as much CBOR (RFC 8949) as that takes. An entry that is not in this form is still covered by
the tree: it is counted as undecodable, never an error.
"""

from dataclasses import dataclass

KINDS = {
    64: "start",
    65: "batch",
    66: "refused",
    67: "command",
    68: "decision",
    69: "permit",
    70: "outcome",
    71: "statement",
    72: "query",
    73: "model",
    74: "finding",
    75: "key",
    76: "config",
    77: "strangers",
    78: "genesis",
    79: "clock",
    80: "epoch",
    81: "disk",
    82: "disavowal",
    83: "advice",
    84: "disavowed",
    85: "virtual",
    86: "rewind",
    87: "mode",
    88: "glass",
    90: "history",
}
CONTINUING = frozenset({80, 86})  # kinds that name the log whose first entries are here too
UNDECODABLE = "undecodable"
RESTING = frozenset({65, 67, 68, 72, 73})  # kinds that since version 2 say what they rest on


@dataclass(frozen=True, slots=True)
class Heading:
    """The common beginning of all entries; `now_ns` is nanoseconds since 1970, UTC."""

    version: int
    kind: int
    plant: str
    now_ns: int

    @property
    def is_epoch(self) -> bool:
        """Whether the entry says which log this one continues or departs from."""
        return self.version == 1 and self.kind in CONTINUING

    @property
    def name(self) -> str:
        """The kind in words; what this program does not know is `unknown kind N`."""
        is_known = self.version == 1 or (self.version == 2 and self.kind in RESTING)
        known = KINDS.get(self.kind) if is_known else None
        return known or f"unknown kind {self.version}.{self.kind}"


def read_heading(entry: bytes) -> Heading | None:
    """The beginning of an entry, or None where its bytes have another form."""
    try:
        major, count, at = _head(entry, 0)
        if major != 4 or count < 4:
            return None
        version, at = _integer(entry, at)
        kind, at = _integer(entry, at)
        plant, at = _text(entry, at)
        now_ns, at = _integer(entry, at)
    except ValueError:
        return None
    return Heading(version, kind, plant, now_ns)


class Reader:
    """A cursor over CBOR; ValueError where something else stands there."""

    def __init__(self, raw: bytes, at: int = 0) -> None:
        self._raw = raw
        self.at = at

    def array(self) -> int:
        """The length of an array that begins here."""
        major, count, self.at = _head(self._raw, self.at)
        if major != 4:
            raise ValueError
        return count

    def integer(self) -> int:
        """An integer."""
        value, self.at = _integer(self._raw, self.at)
        return value

    def text(self) -> str:
        """A text."""
        value, self.at = _text(self._raw, self.at)
        return value

    def octets(self) -> bytes:
        """A byte string."""
        major, size, at = _head(self._raw, self.at)
        if major != 2 or at + size > len(self._raw):
            raise ValueError
        self.at = at + size
        return self._raw[at : self.at]


def read_epoch(entry: bytes) -> tuple[str, int, bytes] | None:
    """Origin, size and root that an entry of kind 80 or 86 names; None where its bytes have another form."""
    at = Reader(entry)
    try:
        at.array()
        at.integer(), at.integer(), at.text(), at.integer(), at.octets()
        return at.text(), at.integer(), at.octets()
    except ValueError:
        return None


def _head(raw: bytes, at: int) -> tuple[int, int, int]:
    """Major type, argument, and where the head ends; definite lengths only."""
    if at >= len(raw):
        raise ValueError
    major, argument, at = raw[at] >> 5, raw[at] & 31, at + 1
    if argument < 24:
        return major, argument, at
    end = at + (1 << (argument - 24))
    if argument > 27 or end > len(raw):
        raise ValueError
    return major, int.from_bytes(raw[at:end], "big"), end


def _integer(raw: bytes, at: int) -> tuple[int, int]:
    major, value, at = _head(raw, at)
    if major > 1:
        raise ValueError
    return (-1 - value if major else value), at


def _text(raw: bytes, at: int) -> tuple[str, int]:
    major, size, at = _head(raw, at)
    if major != 3 or at + size > len(raw):
        raise ValueError
    return raw[at : at + size].decode(), at + size
