"""Modbus/TCP framing: a stream of bytes, cut anywhere, becomes frames, and back.

Source: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3.1. A frame is a header of seven
bytes (transaction, protocol 0, length of unit and PDU, unit) and a PDU of at most 253 bytes. There is
nothing to find the next frame by once a header lied, so a broken stream stays broken: close the connection.
"""

from struct import Struct
from typing import NamedTuple

from twinvouch.core.errors import MalformedError, UsageError

MOST_PDU = 253
_HEADER = Struct(">HHHB")


class Frame(NamedTuple):
    """One message on the wire; `function` is the code without the exception bit."""

    transaction: int
    unit: int
    pdu: bytes

    @property
    def function(self) -> int:
        """The function code, 0..127, also of an exception."""
        return self.pdu[0] & 0x7F


class Stream:
    """Frames out of arbitrary chunks. Holds at most one incomplete frame, never more than 259 bytes."""

    __slots__ = ("_fault", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._fault = ""

    @property
    def pending(self) -> int:
        """Bytes of an incomplete frame that wait for the rest."""
        return len(self._rest)

    @property
    def fault(self) -> str:
        """What broke the stream, as soon as the header that did was seen; empty while it is whole."""
        return self._fault

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that `chunk` completes, in order, however the stream was cut into chunks.

        Raises MalformedError where a header that cannot be comes first; frames before it are given,
        and then every later call raises.
        """
        if self._fault:
            raise MalformedError(self._fault)
        data = self._rest + chunk if self._rest else chunk
        frames: list[Frame] = []
        at, end = 0, len(data)
        while end - at >= 7:
            transaction, protocol, length, unit = _HEADER.unpack_from(data, at)
            if protocol or not 2 <= length <= MOST_PDU + 1:
                self._fault = _fault(protocol, length)
                at = end
                break
            if at + 6 + length > end:
                break
            frames.append(Frame(transaction, unit, data[at + 7 : at + 6 + length]))
            at += 6 + length
        self._rest = data[at:]
        if self._fault and not frames:
            raise MalformedError(self._fault)
        return frames


def _fault(protocol: int, length: int) -> str:
    if protocol:
        return f"byte 2: expected protocol 0, got {protocol}: this is not Modbus/TCP"
    return f"byte 4: expected a length of 2..{MOST_PDU + 1}, got {length}"


def write_frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    """The bytes of one frame; UsageError where a part does not fit its field."""
    if not (0 <= transaction <= 0xFFFF and 0 <= unit <= 0xFF and 1 <= len(pdu) <= MOST_PDU):
        raise UsageError(
            f"expected transaction 0..65535, unit 0..255 and a PDU of 1..{MOST_PDU} bytes, "
            f"got {transaction}, {unit} and {len(pdu)} bytes"
        )
    return _HEADER.pack(transaction, 0, len(pdu) + 1, unit) + pdu
