"""Modbus responses, as a client reads them; and whether they answer what was asked."""

from twinvouch.core.errors import MalformedError
from twinvouch.wire.modbus import (
    Function,
    Read,
    Refusal,
    Values,
    WriteOne,
    WrittenMany,
    answer_to,
    read_response,
    write_response,
)

ASKED = Read(Function.READ_HOLDING, 0, 3)
SEEDS = [
    write_response(message)
    for message in (
        Values(Function.READ_COILS, (1, 0, 1, 0, 0, 0, 0, 0)),
        Values(Function.READ_HOLDING, (1, 2, 3)),
        WriteOne(Function.WRITE_REGISTER, 1, 2),
        WrittenMany(Function.WRITE_REGISTERS, 0, 3),
        Refusal(3, 2),
    )
]


def one(raw: bytes) -> None:
    """Malformed, or itself after writing it again; an answer is three words or a refusal of what was asked."""
    try:
        message = read_response(raw)
    except MalformedError:
        return
    assert write_response(message) == raw
    try:
        answer = answer_to(ASKED, message)
    except MalformedError:
        return
    assert isinstance(answer, Refusal) or len(answer) == 3
