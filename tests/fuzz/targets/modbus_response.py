"""Modbus responses, as a client reads them; and whether they answer what was asked."""

from twinvouch.core.errors import MalformedError
from twinvouch.wire.modbus import answer_to, read_response, write_response
from twinvouch.wire.modbus_message import (
    Detail,
    Function,
    Identification,
    Identify,
    Mask,
    Read,
    ReadWrite,
    Refusal,
    Values,
    WriteOne,
    WrittenMany,
)

ASKED = (
    Read(Function.READ_HOLDING, 0, 3),
    Read(Function.READ_COILS, 0, 3),
    ReadWrite(Function.READ_WRITE, 0, 3, 0, (1,)),
    Identify(Function.IDENTIFY, Detail.BASIC),
)
SEEDS = [
    write_response(message)
    for message in (
        Values(Function.READ_COILS, (1, 0, 1, 0, 0, 0, 0, 0)),
        Values(Function.READ_HOLDING, (1, 2, 3)),
        WriteOne(Function.WRITE_REGISTER, 1, 2),
        WrittenMany(Function.WRITE_REGISTERS, 0, 3),
        Mask(Function.MASK_REGISTER, 4, 0xF2, 0x25),
        Values(Function.READ_WRITE, (254, 2765, 1)),
        Identification(
            Function.IDENTIFY, Detail.BASIC, 0x81, None, ((0, b"maker"), (1, b"code"), (2, b"V1"))
        ),
        Identification(Function.IDENTIFY, Detail.BASIC, 1, 2, ((0, b"maker"), (1, b"code"))),
        Refusal(3, 2),
    )
]


def one(raw: bytes) -> None:
    """Malformed, or itself after writing it again; an answer has what was asked for, or is a refusal of it."""
    try:
        message = read_response(raw)
    except MalformedError:
        return
    assert write_response(message) == raw
    for asked in ASKED:
        try:
            answer = answer_to(asked, message)
        except MalformedError:
            continue
        assert isinstance(answer, Refusal) or isinstance(asked, Identify) or len(answer) == 3
