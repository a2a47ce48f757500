"""The content of a statement.

`[1, 4, plant, principal, verb, subject, reason, shown, nonce, made_ns, expires_ns]`.
"""

from functools import partial

from twinvouch.core.errors import MalformedError
from twinvouch.core.kind import VERSION, Kind
from twinvouch.core.statement import Statement, Verb
from twinvouch.wire.cbor import encode
from twinvouch.wire.fields import DIGEST, NONCE, expect_plant, fields_of, written


def write_statement(statement: Statement, plant: str) -> bytes:
    """The content to sign; UsageError where a field does not fit the format."""
    s = statement
    content = encode(
        [
            *(VERSION, Kind.STATEMENT, plant, s.principal, s.verb, s.subject, s.reason),
            *(s.shown, s.nonce, s.made_ns, s.expires_ns),
        ]
    )
    return written(content, partial(read_statement, plant=plant))


def read_statement(content: bytes, plant: str) -> Statement:
    """The statement for `plant`; MalformedError for anything else. `shown` is a digest or empty."""
    fields = fields_of(content, Kind.STATEMENT, 11)
    expect_plant(fields, plant)
    statement = Statement(
        principal=fields.id("principal"),
        verb=fields.one_of("verb", Verb),
        subject=fields.id("subject"),
        reason=fields.text("reason"),
        shown=fields.octets("shown", 0, DIGEST),
        nonce=fields.octets("nonce", NONCE),
        made_ns=fields.integer("made_ns"),
        expires_ns=fields.integer("expires_ns"),
    )
    if statement.expires_ns < statement.made_ns:
        raise MalformedError("statement: `expires_ns`: expected a time after `made_ns`")
    return statement
