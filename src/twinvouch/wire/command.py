"""The content of a proposed write.

`[1, 3, plant, principal, nonce, tag, value, unit, made_ns, [[tag, entry] ...], reason]`.
"""

from functools import partial
from hashlib import sha256

from twinvouch.core.command import Command, Input
from twinvouch.core.errors import UsageError
from twinvouch.core.kind import VERSION, Kind
from twinvouch.wire.cbor import encode
from twinvouch.wire.fields import ID, NONCE, Fields, expect_plant, fields_of, written

INPUTS = 1_000


def write_command(command: Command, plant: str) -> bytes:
    """The content to sign; UsageError where a field does not fit the format."""
    try:
        nonce = bytes.fromhex(command.id)
    except ValueError:
        raise UsageError(
            f"expected a command id of 32 hex digits, got `{command.id:.60}`"
        ) from None
    content = encode(
        [
            *(VERSION, Kind.COMMAND, plant, command.principal, nonce, command.tag),
            *(float(command.value), command.unit, command.made_ns),
            [[i.tag, i.entry] for i in command.inputs],
            command.reason,
        ]
    )
    return written(content, partial(read_command, plant=plant))


def nonce_of(plant: str, principal: str, key: str) -> bytes:
    """The nonce of a command that its principal names with a key of its own, so that the same asked again is the same one."""
    named = encode(["idempotency", plant, principal, key])
    return sha256(named).digest()[:NONCE]


def read_command(content: bytes, plant: str, *, signed: bool = True) -> Command:
    """The command for `plant`; MalformedError for anything else."""
    fields = fields_of(content, Kind.COMMAND, 11)
    expect_plant(fields, plant)
    return Command(
        principal=fields.id("principal"),
        id=fields.octets("nonce", NONCE).hex(),
        tag=fields.id("tag"),
        value=fields.number("value"),
        unit=fields.text("unit", ID),
        made_ns=fields.integer("made_ns"),
        inputs=fields.each("inputs", INPUTS, read_input),
        reason=fields.text("reason"),
        signed=signed,
    )


def read_input(fields: Fields) -> Input:
    """A declared input: `[tag, entry]`."""
    pair = fields.inner("input", 2)
    return Input(pair.id("tag"), pair.integer("entry"))
