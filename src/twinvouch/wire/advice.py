"""The content of a piece of advice.

`[1, 14, plant, principal, nonce, subject, says, value or nil, unit, made_ns, until_ns, [[tag, entry] ...]]`.
"""

from functools import partial

from twinvouch.core.advice import Advice
from twinvouch.core.errors import UsageError
from twinvouch.core.kind import VERSION, Kind
from twinvouch.wire.cbor import encode
from twinvouch.wire.command import INPUTS, read_input
from twinvouch.wire.fields import ID, NONCE, expect_plant, fields_of, written


def write_advice(advice: Advice, plant: str) -> bytes:
    """The content to sign; UsageError where a field does not fit the format."""
    try:
        nonce = bytes.fromhex(advice.id)
    except ValueError:
        raise UsageError(f"expected an id of 32 hex digits, got `{advice.id:.60}`") from None
    content = encode(
        [
            *(VERSION, Kind.ADVICE, plant, advice.principal, nonce, advice.subject, advice.says),
            *(None if advice.value is None else float(advice.value), advice.unit),
            *(advice.made_ns, advice.until_ns),
            [[i.tag, i.entry] for i in advice.inputs],
        ]
    )
    return written(content, partial(read_advice, plant=plant))


def read_advice(content: bytes, plant: str, *, signed: bool = True) -> Advice:
    """The advice for `plant`; MalformedError for anything else."""
    fields = fields_of(content, Kind.ADVICE, 12)
    expect_plant(fields, plant)
    return Advice(
        principal=fields.id("principal"),
        id=fields.octets("nonce", NONCE).hex(),
        subject=fields.id("subject"),
        says=fields.sentence("says"),
        value=fields.number_or_nil("value"),
        unit=fields.text("unit", ID),
        made_ns=fields.integer("made_ns"),
        until_ns=fields.integer("until_ns"),
        inputs=fields.each("inputs", INPUTS, read_input),
        signed=signed,
    )
