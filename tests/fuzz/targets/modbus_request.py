"""Modbus requests, as a server reads them."""

from twinvouch.core.errors import MalformedError
from twinvouch.wire.modbus import (
    Function,
    Read,
    RefusedRequestError,
    WriteMany,
    WriteOne,
    read_request,
    write_request,
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
