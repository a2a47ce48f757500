"""A command proposed as JSON with a token: turned into the canonical content that a signature would cover."""

import time

import msgspec

from twinvouch.core.command import Command, Input
from twinvouch.wire.command import write_command


class DeclaredInput(msgspec.Struct, forbid_unknown_fields=True):
    """A tag this command rests on, and the ledger index of the batch its value came from."""

    tag: str
    entry: int


class Proposal(msgspec.Struct, forbid_unknown_fields=True):
    """The JSON body of POST /api/v1/commands."""

    tag: str
    value: float
    unit: str
    inputs: list[DeclaredInput] = []
    reason: str = ""


class Question(Proposal, forbid_unknown_fields=True):
    """The JSON body of POST /api/v1/commands/simulate; `signed`: judge it as if its principal had signed it."""

    signed: bool = False


def content_of(asked: Proposal, plant: str, principal: str, nonce: bytes) -> bytes:
    """Canonical command content, made now by `principal`; raises MalformedError where it does not fit."""
    inputs = tuple(Input(i.tag, i.entry) for i in asked.inputs)
    command = Command(
        nonce.hex(),
        principal,
        asked.tag,
        asked.value,
        asked.unit,
        time.time_ns(),
        inputs,
        asked.reason,
        signed=False,
    )
    return write_command(command, plant)
