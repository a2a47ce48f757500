"""The content of the actuator's report.

`[1, 6, plant, permit nonce, status, [read_back words], sentence, at_ns]`.
"""

from functools import partial

from twinvouch.core.command import Outcome, OutcomeStatus
from twinvouch.core.kind import VERSION, Kind
from twinvouch.wire.cbor import encode
from twinvouch.wire.fields import NONCE, expect_plant, fields_of, written

WORDS = 125  # of one Modbus request


def write_outcome(outcome: Outcome, plant: str) -> bytes:
    """The content to sign; UsageError where a field does not fit the format."""
    o = outcome
    content = encode(
        [VERSION, Kind.OUTCOME, plant, o.permit, o.status, o.read_back, o.sentence, o.at_ns]
    )
    return written(content, partial(read_outcome, plant=plant))


def read_outcome(content: bytes, plant: str) -> Outcome:
    """The report for `plant`; MalformedError for anything else."""
    fields = fields_of(content, Kind.OUTCOME, 8)
    expect_plant(fields, plant)
    return Outcome(
        permit=fields.octets("permit", NONCE),
        status=fields.one_of("status", OutcomeStatus),
        read_back=fields.each("read_back", WORDS, lambda words: words.integer("word", 0, 0xFFFF)),
        sentence=fields.text("sentence"),
        at_ns=fields.integer("at_ns"),
    )
