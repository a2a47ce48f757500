"""Modbus requests, as a server reads them."""

from twinvouch.core.errors import MalformedError
from twinvouch.wire.modbus import read_request, write_request
from twinvouch.wire.modbus_message import (
    Detail,
    Function,
    Identify,
    Mask,
    Read,
    ReadWrite,
    RefusedRequestError,
    WriteMany,
    WriteOne,
)

SEEDS = [
    write_request(message)
    for message in (
        Read(Function.READ_COILS, 0, 17),
        Read(Function.READ_HOLDING, 100, 125),
        WriteOne(Function.WRITE_COIL, 3, 1),
        WriteOne(Function.WRITE_REGISTER, 3, 65_535),
        WriteMany(Function.WRITE_COILS, 0, (1, 0, 1, 1, 0, 0, 0, 1, 1)),
        WriteMany(Function.WRITE_REGISTERS, 0, (1, 2, 3)),
        Mask(Function.MASK_REGISTER, 4, 0xF2, 0x25),
        ReadWrite(Function.READ_WRITE, 3, 6, 14, (0xFF, 0xFF, 0xFF)),
        Identify(Function.IDENTIFY, Detail.BASIC),
        Identify(Function.IDENTIFY, Detail.ONE, 0x80),
    )
]


def one(raw: bytes) -> None:
    """Refused with a code a server can answer, malformed, or the same request after writing it again."""
    try:
        message = read_request(raw)
    except RefusedRequestError as refused:
        assert 1 <= refused.code <= 4
        return
    except MalformedError:
        return
    assert read_request(write_request(message)) == message
