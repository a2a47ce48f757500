"""The content of a disavowal.

`[1, 16, plant, principal, subject, since_ns, until_ns, reason, shown, nonce, made_ns, expires_ns]`.
"""

from functools import partial

from twinvouch.core.disavowal import Disavowal
from twinvouch.core.errors import MalformedError
from twinvouch.core.kind import VERSION, Kind
from twinvouch.wire.cbor import encode
from twinvouch.wire.fields import DIGEST, NONCE, expect_plant, fields_of, written


def is_disavowal(content: bytes) -> bool:
    """True for what says that it is one; it came as a statement does, and under the same purpose."""
    return content[1:3] == bytes((VERSION, Kind.DISAVOWAL))


def write_disavowal(disavowal: Disavowal, plant: str) -> bytes:
    """The content to sign; UsageError where a field does not fit the format."""
    d = disavowal
    content = encode(
        [
            *(VERSION, Kind.DISAVOWAL, plant, d.principal, d.subject, d.since_ns, d.until_ns),
            *(d.reason, d.shown, d.nonce, d.made_ns, d.expires_ns),
        ]
    )
    return written(content, partial(read_disavowal, plant=plant))


def read_disavowal(content: bytes, plant: str) -> Disavowal:
    """The disavowal for `plant`; MalformedError for anything else. `shown` is a digest."""
    fields = fields_of(content, Kind.DISAVOWAL, 12)
    expect_plant(fields, plant)
    disavowal = Disavowal(
        principal=fields.id("principal"),
        subject=fields.id("subject"),
        since_ns=fields.integer("since_ns"),
        until_ns=fields.integer("until_ns"),
        reason=fields.text("reason"),
        shown=fields.octets("shown", DIGEST),
        nonce=fields.octets("nonce", NONCE),
        made_ns=fields.integer("made_ns"),
        expires_ns=fields.integer("expires_ns"),
    )
    for first, last in (("since_ns", "until_ns"), ("made_ns", "expires_ns")):
        if getattr(disavowal, last) < getattr(disavowal, first):
            raise MalformedError(f"disavowal: `{last}`: expected a time not before `{first}`")
    return disavowal
