"""The content of a signed configuration: `[1, 10, plant, principal, number, digest, made_ns, expires_ns]`.

`digest` is that of the safety part of a twin.yaml (app/safety.py), `number` its place, after that of the configuration
before it: what was signed for an earlier place says nothing later.
"""

from functools import partial

from twinvouch.core.errors import MalformedError
from twinvouch.core.kind import VERSION, Kind
from twinvouch.core.statement import ConfigStatement
from twinvouch.wire.cbor import encode
from twinvouch.wire.cose import unseal
from twinvouch.wire.fields import DIGEST, expect_plant, fields_of, written

_BEGINS = bytes([VERSION, Kind.CONFIG])  # behind the head of the array, which is one byte


def write_config(statement: ConfigStatement, plant: str) -> bytes:
    """The content to sign; UsageError where a field does not fit the format."""
    s = statement
    content = encode(
        [
            *(VERSION, Kind.CONFIG, plant, s.principal, s.number, s.digest),
            *(s.made_ns, s.expires_ns),
        ]
    )
    return written(content, partial(read_config, plant=plant))


def read_config(content: bytes, plant: str) -> ConfigStatement:
    """The statement for `plant`; MalformedError for anything else."""
    fields = fields_of(content, Kind.CONFIG, 8)
    expect_plant(fields, plant)
    statement = ConfigStatement(
        principal=fields.id("principal"),
        number=fields.integer("number", 1),
        digest=fields.octets("digest", DIGEST),
        made_ns=fields.integer("made_ns"),
        expires_ns=fields.integer("expires_ns"),
    )
    if statement.expires_ns < statement.made_ns:
        raise MalformedError("config: `expires_ns`: expected a time after `made_ns`")
    return statement


def is_config(raw: bytes) -> bool:
    """True where a sealed thing says that it is a signed configuration; its signature is for another purpose then."""
    try:
        return unseal(raw).content[1:3] == _BEGINS
    except MalformedError:
        return False
