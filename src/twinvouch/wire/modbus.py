"""Modbus messages (PDUs), both directions: function codes 1 to 6, 15, 16, 22, 23, 43/14 and their exceptions.

Source: MODBUS Application Protocol Specification V1.1b3, sections 6 and 7. What is not exactly a message of the
specification is a MalformedError, with one leniency: the unused bits of the last byte of packed bits are
ignored, since devices differ there and nothing is derived from them. Framing is `modbus_stream`.
"""

from collections.abc import Sequence
from itertools import chain
from struct import Struct

from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.core.inventory import Table
from twinvouch.wire import modbus_identity
from twinvouch.wire.modbus_message import (
    MOST,
    MOST_WRITTEN,
    READS,
    Function,
    Identification,
    Identify,
    Mask,
    Read,
    ReadWrite,
    Refusal,
    Refused,
    RefusedRequestError,
    Request,
    Response,
    Values,
    WriteMany,
    WriteOne,
    WrittenMany,
)

__all__ = [
    "MOST",
    "READS",
    "Function",
    "Read",
    "Refusal",
    "Refused",
    "RefusedRequestError",
    "Request",
    "Response",
    "Values",
    "WriteMany",
    "WriteOne",
    "WrittenMany",
    "answer_to",
    "mask_of",
    "read_of",
    "read_request",
    "read_response",
    "write_of",
    "write_request",
    "write_response",
]

_BITS_READ = frozenset({1, 2})
_WORDS_READ = frozenset({3, 4, 23})
_SINGLE = frozenset({5, 6})
_MANY_WRITTEN = frozenset({15, 16})
_COIL = frozenset({1, 2, 5, 15})  # functions whose items are bits
_FUNCTIONS = {int(f): f for f in Function}
_PAIR = Struct(">HH")
_HEAD = Struct(">BHH")
_LONG_HEAD = Struct(">BHHB")
_MASK = Struct(">BHHH")
_READ_WRITE = Struct(">BHHHHB")
_WORDS = tuple(Struct(f">{n}H") for n in range(126))
_BITS = tuple(tuple(byte >> bit & 1 for bit in range(8)) for byte in range(256))
_ON = 0xFF00


def read_of(table: Table, address: int, count: int) -> Read:
    """The request that reads `count` items of a table; UsageError where one request cannot."""
    if table not in READS:
        raise UsageError(f"table `{table}` is not read by address")
    request = Read(READS[table], address, count)
    _expect_span(request.function, address, count)
    return request


def write_of(table: Table, address: int, values: Sequence[int]) -> WriteOne | WriteMany:
    """The request that writes `values`, the single form for one; UsageError where that cannot be."""
    if table not in {Table.COIL, Table.HOLDING}:
        raise UsageError(f"table `{table}` is read-only: expected coil or holding")
    is_coil = table is Table.COIL
    request: WriteOne | WriteMany
    if len(values) == 1:
        single = Function.WRITE_COIL if is_coil else Function.WRITE_REGISTER
        request = WriteOne(single, address, values[0])
    else:
        many = Function.WRITE_COILS if is_coil else Function.WRITE_REGISTERS
        request = WriteMany(many, address, tuple(values))
    _expect_span(request.function, address, len(values))
    _expect_values(request.function, values)
    return request


def mask_of(address: int, keep: int, put: int) -> Mask:
    """The request that makes a holding register `(old & keep) | (put & ~keep)`; UsageError: no words."""
    request = Mask(Function.MASK_REGISTER, address, keep, put)
    _expect_span(request.function, address, 1)
    _expect_values(request.function, (keep, put))
    return request


def read_request(pdu: bytes) -> Request:
    """The request in a PDU, for a server; RefusedRequestError says which exception answers it."""
    function = _function(pdu)
    if function in _MANY_WRITTEN:
        return _read_many_written(function, pdu)
    if function is Function.READ_WRITE:
        return _read_read_write(pdu)
    if function is Function.MASK_REGISTER:
        if len(pdu) != _MASK.size:
            raise _refused(Refused.VALUE, f"byte {min(len(pdu), 7)}: function 22 has 7 bytes")
        return Mask(function, *_MASK.unpack(pdu)[1:])
    if function is Function.IDENTIFY:
        return modbus_identity.read_request(pdu)
    if len(pdu) != 5:
        raise _refused(Refused.VALUE, f"byte {min(len(pdu), 5)}: function {function} has 5 bytes")
    address, second = _PAIR.unpack_from(pdu, 1)
    if function in _SINGLE:
        return WriteOne(function, address, _single(function, second))
    _check_span(function, address, second)
    return Read(function, address, second)


def write_request(request: Request) -> bytes:
    """The PDU of a request; UsageError where the request breaks the specification."""
    if isinstance(request, Read):
        _expect_span(request.function, request.address, request.count)
        return _HEAD.pack(request.function, request.address, request.count)
    if isinstance(request, WriteOne):
        return _write_one(request)
    if isinstance(request, Mask):
        return _write_mask(request)
    if isinstance(request, Identify):
        return modbus_identity.write_request(request)
    if isinstance(request, ReadWrite):
        return _write_read_write(request)
    count = len(request.values)
    _expect_span(request.function, request.address, count)
    data = _packed(request.function, request.values)
    return _LONG_HEAD.pack(request.function, request.address, count, len(data)) + data


def read_response(pdu: bytes) -> Response:
    """The response in a PDU, for a client or a listener; MalformedError for anything else."""
    code = pdu[0] if pdu else 0
    if code in _WORDS_READ or code in _BITS_READ:
        return _read_values(_FUNCTIONS[code], pdu)
    if code > 0x80:
        if len(pdu) != 2 or not pdu[1]:
            raise MalformedError("byte 1: expected one exception code of 1..255 and the end")
        return Refusal(code - 0x80, pdu[1])
    function = _function(pdu)
    if function is Function.IDENTIFY:
        return modbus_identity.read_response(pdu)
    if function is Function.MASK_REGISTER:
        if len(pdu) != _MASK.size:
            raise MalformedError(f"byte {min(len(pdu), 7)}: a masked write has 7 bytes")
        return Mask(function, *_MASK.unpack(pdu)[1:])
    if len(pdu) != 5:
        raise MalformedError(f"byte {min(len(pdu), 5)}: a confirmation has 5 bytes, got {len(pdu)}")
    address, second = _PAIR.unpack_from(pdu, 1)
    if function in _SINGLE:
        return WriteOne(function, address, _single(function, second))
    _check_span(function, address, second)
    return WrittenMany(function, address, second)


def write_response(response: Response) -> bytes:
    """The PDU of a response; UsageError where the response breaks the specification."""
    if isinstance(response, Values):
        _expect_span(response.function, 0, len(response.values))
        data = _packed(response.function, response.values)
        return bytes((response.function, len(data))) + data
    if isinstance(response, Refusal):
        if not (1 <= response.function <= 0x7F and 1 <= response.code <= 0xFF):
            raise UsageError(f"expected function 1..127 and code 1..255, got {response}")
        return bytes((response.function | 0x80, response.code))
    if isinstance(response, WriteOne):
        return _write_one(response)
    if isinstance(response, Mask):
        return _write_mask(response)
    if isinstance(response, Identification):
        return modbus_identity.write_response(response)
    _expect_span(response.function, response.address, response.count)
    return _HEAD.pack(response.function, response.address, response.count)


def answer_to(request: Request, response: Response) -> tuple[int, ...] | Refusal:
    """What `response` says to `request`: the values read (empty for a write), or the refusal.

    An Identification that answers is empty here too: its objects are in the response. MalformedError where
    it answers something else: another function, place, number or value.
    """
    if response.function == request.function:
        if isinstance(response, Refusal):
            return response
        if isinstance(response, Values) and isinstance(request, Read | ReadWrite):
            return _asked(request, response)
        if _is_confirmed(request, response):
            return ()
    raise MalformedError(f"expected the answer to {_shown(request)}, got {_shown(response)}")


def _is_confirmed(request: Request, response: Response) -> bool:
    if isinstance(request, WriteMany):
        return response == WrittenMany(request.function, request.address, len(request.values))
    if isinstance(request, Identify) and isinstance(response, Identification):
        return modbus_identity.is_answer(request, response)
    return isinstance(request, WriteOne | Mask) and response == request


def _asked(request: Read | ReadWrite, response: Values) -> tuple[int, ...]:
    got = len(response.values)
    if request.function in _BITS_READ:
        if got == (request.count + 7) // 8 * 8:
            return response.values[: request.count]
    elif got == request.count:
        return response.values
    raise MalformedError(f"expected {request.count} items, got {got}")


def _read_values(function: Function, pdu: bytes) -> Values:
    size = pdu[1] if len(pdu) > 1 else 0
    if len(pdu) != size + 2 or not size:
        raise MalformedError(f"byte 1: says {size} bytes of values, {len(pdu) - 2} came")
    if function in _WORDS_READ:
        if size & 1 or size > 250:
            raise MalformedError(f"byte 1: expected 1..125 registers, got {size} bytes")
        return Values(function, _WORDS[size >> 1].unpack_from(pdu, 2))
    if size > 250:
        raise MalformedError(f"byte 1: expected at most 2000 bits, got {size} bytes")
    return Values(function, _unpacked_bits(pdu[2:]))


def _read_many_written(function: Function, pdu: bytes) -> WriteMany:
    if len(pdu) < 7:
        raise _refused(Refused.VALUE, f"byte {len(pdu)}: function {function} has 7 bytes or more")
    _, address, count, size = _LONG_HEAD.unpack_from(pdu)
    _check_span(function, address, count)
    is_coil = function in _COIL
    if not size == len(pdu) - 6 == ((count + 7) // 8 if is_coil else count * 2):
        raise _refused(
            Refused.VALUE, f"byte 5: says {size} bytes for {count} items, {len(pdu) - 6} came"
        )
    if is_coil:
        return WriteMany(function, address, _unpacked_bits(pdu[6:])[:count])
    return WriteMany(function, address, _WORDS[count].unpack_from(pdu, 6))


def _read_read_write(pdu: bytes) -> ReadWrite:
    function = Function.READ_WRITE
    if len(pdu) < _READ_WRITE.size:
        raise _refused(Refused.VALUE, f"byte {len(pdu)}: function 23 has 12 bytes or more")
    _, read_address, count, address, written, size = _READ_WRITE.unpack_from(pdu)
    _check_span(function, read_address, count)
    if not 1 <= written <= MOST_WRITTEN or not size == len(pdu) - 10 == written * 2:
        raise _refused(
            Refused.VALUE, f"byte 9: says {size} bytes for {written} items, {len(pdu) - 10} came"
        )
    _check_span(function, address, written)
    values = _WORDS[written].unpack_from(pdu, _READ_WRITE.size)
    return ReadWrite(function, read_address, count, address, values)


def _write_read_write(request: ReadWrite) -> bytes:
    written = len(request.values)
    _expect_span(request.function, request.read_address, request.count)
    if not 1 <= written <= MOST_WRITTEN:
        raise UsageError(f"function 23 writes 1..{MOST_WRITTEN} items, got {written}")
    _expect_span(request.function, request.address, written)
    data = _packed(request.function, request.values)
    read = (request.function, request.read_address, request.count)
    return _READ_WRITE.pack(*read, request.address, written, len(data)) + data


def _write_mask(message: Mask) -> bytes:
    _expect_span(message.function, message.address, 1)
    _expect_values(message.function, (message.keep, message.put))
    return _MASK.pack(message.function, message.address, message.keep, message.put)


def _write_one(message: WriteOne) -> bytes:
    _expect_span(message.function, message.address, 1)
    _expect_values(message.function, (message.value,))
    word = _ON * message.value if message.function in _COIL else message.value
    return _HEAD.pack(message.function, message.address, word)


def _function(pdu: bytes) -> Function:
    code = pdu[0] if pdu else 0
    if code not in _FUNCTIONS:
        raise _refused(Refused.FUNCTION, f"byte 0: function {code} is not spoken here")
    return _FUNCTIONS[code]


def _single(function: Function, word: int) -> int:
    """The value that a single write carries; a coil is 0xFF00 or 0x0000."""
    if function is Function.WRITE_REGISTER:
        return word
    if word not in {_ON, 0}:
        raise _refused(Refused.VALUE, f"byte 3: a coil is 0xff00 or 0x0000, got {word:#06x}")
    return word >> 15


def _span_fault(function: Function, address: int, count: int) -> tuple[Refused, str] | None:
    most = MOST[function]
    if not 1 <= count <= most:
        return Refused.VALUE, f"byte 3: function {function} takes 1..{most} items, got {count}"
    if not 0 <= address <= 0x10000 - count:
        return Refused.ADDRESS, f"byte 1: {count} items at {address} leave the table of 0..65535"
    return None


def _check_span(function: Function, address: int, count: int) -> None:
    fault = _span_fault(function, address, count)
    if fault is not None:
        raise _refused(*fault)


def _expect_span(function: Function, address: int, count: int) -> None:
    fault = _span_fault(function, address, count)
    if fault is not None:
        raise UsageError(fault[1].partition(": ")[2])


def _expect_values(function: Function, values: Sequence[int]) -> None:
    most = 1 if function in _COIL else 0xFFFF
    wrong = [v for v in values if not 0 <= v <= most]
    if wrong:
        raise UsageError(f"function {function} takes values 0..{most}, got {wrong[:5]}")


def _packed(function: Function, values: tuple[int, ...]) -> bytes:
    """Words big-endian; bits eight to a byte, the first in the lowest bit."""
    _expect_values(function, values)
    if function not in _COIL:
        return _WORDS[len(values)].pack(*values)
    ones = "".join("1" if value else "0" for value in reversed(values))
    return int(ones, 2).to_bytes((len(values) + 7) // 8, "little")


def _unpacked_bits(data: bytes) -> tuple[int, ...]:
    return tuple(chain.from_iterable(map(_BITS.__getitem__, data)))


def _refused(code: Refused, sentence: str) -> RefusedRequestError:
    return RefusedRequestError(code, sentence)


def _shown(message: Request | Response) -> str:
    return f"{message!r:.100}"
