"""What a guard proxy does with a client's message: pass a read on, have a write judged, or answer by itself.

Nothing of a client's bytes goes on: what passes is written anew from what was understood, so trailing bytes, lying
lengths and functions that nobody knows end here. What a function code means is decided by its number, and a number
without a place in this file is refused.

Source: MODBUS Application Protocol Specification V1.1b3, sections 6 and 7; MODBUS Messaging on TCP/IP V1.0b.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from struct import Struct
from typing import Final, NamedTuple, TypeAlias

from twinvouch.core.errors import MalformedError
from twinvouch.wire import modbus_identity
from twinvouch.wire.modbus import read_request, write_request
from twinvouch.wire.modbus_message import (
    MOST,
    Function,
    Identify,
    Mask,
    ReadWrite,
    Refused,
    RefusedRequestError,
    WriteMany,
    WriteOne,
)
from twinvouch.wire.modbus_roles import Roles, may
from twinvouch.wire.modbus_stream import MOST_PDU, Frame

ROOM: Final = 2048  # bytes that one client may have waiting here
BROADCAST: Final = 0
DIAGNOSTICS: Final = 8
ONE_BYTE: Final = frozenset({7, 11, 12, 17})  # exception status, event counter and log, server id
NOT_PASSED: Final = {
    20: "a file of the device may be its program",
    21: "it writes files of the device",
    24: "reading a queue may empty it",
}
WRITES: Final = frozenset({5, 6, 15, 16, 22, 23})
READS: Final = frozenset({1, 2, 3, 4})
NAMED: Final = READS | WRITES | ONE_BYTE | {DIAGNOSTICS, Function.IDENTIFY} | NOT_PASSED.keys()
_MOST_READ = {int(f): MOST[f] for f in Function if f in READS}
_READ = Struct(">BHH")
_SPAN = Struct(">HH")
_HEADER = Struct(">HHHB")


class Code(IntEnum):
    """The exception codes that the proxy answers by itself (section 7)."""

    FUNCTION = 1
    ADDRESS = 2
    VALUE = 3
    FAILURE = 4  # the device failed, or what became of the write is not known
    ACKNOWLEDGE = 5  # held: it may still be done, once persons have approved it
    BUSY = 6  # nothing was done, and nothing of this request will be
    NO_PATH = 10  # no such unit behind this proxy
    NO_ANSWER = 11  # the device did not answer


class Why(StrEnum):
    """Why the proxy answered by itself: what refusals are counted under."""

    ECHO = "echo"
    FUNCTION = "function"
    DATA = "data"
    UNIT = "unit"
    BROADCAST = "broadcast"
    ROLE = "role"
    RANGE = "range"


class Pass(NamedTuple):
    """Goes on to the device: this PDU, which is ours."""

    pdu: bytes


class Write(NamedTuple):
    """Changes something, if it is carried out."""

    request: WriteOne | WriteMany | Mask | ReadWrite


class Own(NamedTuple):
    """Is answered here, by this PDU."""

    pdu: bytes
    why: Why


Sorted: TypeAlias = Pass | Write | Own


@dataclass(frozen=True, slots=True)
class Readable:
    """Items of one kind that may be read: a function code 1 to 4, a unit, first and last address."""

    function: int
    unit: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Guard:
    """What one proxy lets its clients ask of one device.

    `readable` None: every item of `units`. `roles` None: whoever is connected; else what the role in the client's
    certificate is granted, and nothing without one.
    """

    units: frozenset[int]
    readable: tuple[Readable, ...] | None = None
    roles: Roles | None = None

    def sort(self, unit: int, pdu: bytes, role: str = "") -> Sorted:
        """What becomes of one message; never raises, whatever is in it."""
        if unit not in self.units:
            return exception(pdu[0], Code.NO_PATH, Why.UNIT)
        sorted_ = _sort(pdu)
        if isinstance(sorted_, Own):
            return sorted_
        if self.roles is not None and not _may(self.roles, role, unit, pdu):
            return exception(pdu[0], Code.FUNCTION, Why.ROLE)
        if isinstance(sorted_, Write):
            return self._write(unit, sorted_)
        if self.readable is not None and pdu[0] in READS and not self._covers(unit, pdu):
            return exception(pdu[0], Code.ADDRESS, Why.RANGE)
        return sorted_

    def _write(self, unit: int, write: Write) -> Sorted:
        request = write.request
        if unit == BROADCAST:
            return exception(request.function, Code.NO_PATH, Why.BROADCAST)
        if self.readable is not None and isinstance(request, ReadWrite):
            read = _READ.pack(Function.READ_HOLDING, request.read_address, request.count)
            if not self._covers(unit, read):
                return exception(request.function, Code.ADDRESS, Why.RANGE)
        return write

    def _covers(self, unit: int, pdu: bytes) -> bool:
        address, count = _SPAN.unpack_from(pdu, 1)
        return any(
            r.function == pdu[0]
            and r.unit == unit
            and r.first <= address
            and address + count - 1 <= r.last
            for r in self.readable or ()
        )


class Intake:
    """What came from one client and is not taken yet: at most ROOM bytes, frames out of them one at a time.

    There is nothing to find the next frame by once a header lied, so a broken intake stays broken: `fault` says why.
    """

    __slots__ = ("_buffer", "_end", "_start", "_view", "fault")

    def __init__(self) -> None:
        self._buffer = bytearray(ROOM)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0
        self.fault = ""

    @property
    def pending(self) -> int:
        """Bytes that wait."""
        return self._end - self._start

    @property
    def is_full(self) -> bool:
        """True while nothing more can be taken in."""
        return self._end - self._start == ROOM

    def space(self) -> memoryview:
        """Where the next bytes go; empty where there is no room."""
        if self._start:
            size = self._end - self._start
            if size:
                self._buffer[:size] = self._buffer[self._start : self._end]
            self._start, self._end = 0, size
        return self._view[self._end :]

    def came(self, size: int) -> None:
        """So many bytes were put into `space`."""
        self._end += size

    def next(self) -> Frame | None:
        """The next whole frame; None where none is whole yet, or the intake is broken."""
        at = self._start
        if self._end - at < 7 or self.fault:
            return None
        transaction, protocol, length, unit = _HEADER.unpack_from(self._buffer, at)
        if protocol or not 2 <= length <= MOST_PDU + 1:
            self.fault = f"expected protocol 0 and a length of 2..{MOST_PDU + 1}, got {protocol} and {length}"
            return None
        end = at + 6 + length
        if end > self._end:
            return None
        self._start = end
        return Frame(transaction, unit, bytes(self._view[at + 7 : end]))


def exception(function: int, code: int, why: Why) -> Own:
    """The exception that answers a request of this function code, 0..255."""
    return Own(refusal(function, code), why)


def refusal(function: int, code: int) -> bytes:
    """The PDU of an exception; a request that has the exception's bit itself keeps it."""
    return bytes((function | 0x80, code))


def fits(asked: bytes, answer: bytes) -> bool:
    """True where a device's PDU answers this Pass: the function, and as many bytes as asked for, or an exception."""
    function = asked[0]
    if not answer:
        return False
    if answer[0] == function | 0x80:
        return len(answer) == 2 and answer[1] != 0
    if answer[0] != function:
        return False
    if function in READS:
        count = asked[3] << 8 | asked[4]
        size = count * 2 if function > 2 else (count + 7) >> 3
        return len(answer) == size + 2 and answer[1] == size
    if function in ONE_BYTE:
        return _fits_one_byte(function, answer)
    return function == Function.IDENTIFY and _identifies(asked, answer)


def read_of_both(request: ReadWrite) -> Pass:
    """The read half of a function 23, once its other half was carried out."""
    return Pass(_READ.pack(Function.READ_HOLDING, request.read_address, request.count))


def answer_of_both(answer: bytes) -> bytes:
    """The answer to that read as the answer to the function 23."""
    return bytes((Function.READ_WRITE | answer[0] & 0x80,)) + answer[1:]


def _sort(pdu: bytes) -> Sorted:
    function = pdu[0]
    if function in READS and len(pdu) == 5:
        _, address, count = _READ.unpack(pdu)
        if 1 <= count <= _MOST_READ[function] and address + count <= 0x10000:
            return Pass(_READ.pack(function, address, count))
    if function in ONE_BYTE or function == DIAGNOSTICS or function in NOT_PASSED:
        return _by_name(function, pdu)
    try:
        request = read_request(pdu)
    except RefusedRequestError as error:
        why = Why.FUNCTION if error.code is Refused.FUNCTION else Why.DATA
        return exception(function, error.code, why)
    if isinstance(request, WriteOne | WriteMany | Mask | ReadWrite):
        return Write(request)
    return Pass(write_request(request))


def _by_name(function: int, pdu: bytes) -> Sorted:
    if function in ONE_BYTE:
        if len(pdu) != 1:
            return exception(function, Code.VALUE, Why.DATA)
        return Pass(bytes((function,)))
    if function == DIAGNOSTICS:
        return _echo(pdu)
    return exception(function, Code.FUNCTION, Why.FUNCTION)


def _echo(pdu: bytes) -> Own:
    """Function 8: subfunction 0 sends the data back, from here; all others change or restart something."""
    if len(pdu) < 5 or len(pdu) % 2 == 0:
        return exception(DIAGNOSTICS, Code.VALUE, Why.DATA)
    if pdu[1] or pdu[2]:
        return exception(DIAGNOSTICS, Code.FUNCTION, Why.FUNCTION)
    return Own(bytes(pdu), Why.ECHO)


def _may(roles: Roles, role: str, unit: int, pdu: bytes) -> bool:
    if pdu[0] in ONE_BYTE:
        grants = roles.get(role, ())
        return any(pdu[0] in g.functions and g.units[0] <= unit <= g.units[1] for g in grants)
    return may(roles, role, unit, read_request(pdu))


def _fits_one_byte(function: int, answer: bytes) -> bool:
    if function == 7:
        return len(answer) == 2
    if function == 11:
        return len(answer) == 5
    return len(answer) > 2 and answer[1] == len(answer) - 2


def _identifies(asked: bytes, answer: bytes) -> bool:
    request = modbus_identity.read_request(asked)
    assert isinstance(request, Identify)
    try:
        return modbus_identity.is_answer(request, modbus_identity.read_response(answer))
    except MalformedError:
        return False
