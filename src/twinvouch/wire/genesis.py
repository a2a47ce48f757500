"""The content of a genesis: `[1, 11, plant, principal, edge, epoch, last, reason, nonce, made_ns, expires_ns]`."""

from functools import partial

from twinvouch.core.errors import MalformedError
from twinvouch.core.genesis import Genesis
from twinvouch.core.kind import VERSION, Kind
from twinvouch.wire.cbor import encode
from twinvouch.wire.fields import DIGEST, NONCE, expect_plant, fields_of, written


def is_genesis(content: bytes) -> bool:
    """True for what says that it is one; it came as a statement does, and under the same purpose."""
    return content[1:3] == bytes((VERSION, Kind.GENESIS))


def write_genesis(genesis: Genesis, plant: str) -> bytes:
    """The content to sign; UsageError where a field does not fit the format."""
    g = genesis
    content = encode(
        [
            *(VERSION, Kind.GENESIS, plant, g.principal, g.edge, g.epoch, g.last, g.reason),
            *(g.nonce, g.made_ns, g.expires_ns),
        ]
    )
    return written(content, partial(read_genesis, plant=plant))


def read_genesis(content: bytes, plant: str) -> Genesis:
    """The genesis for `plant`; MalformedError for anything else. `last` is a digest or empty."""
    fields = fields_of(content, Kind.GENESIS, 11)
    expect_plant(fields, plant)
    genesis = Genesis(
        principal=fields.id("principal"),
        edge=fields.id("edge"),
        epoch=fields.integer("epoch"),
        last=fields.octets("last", 0, DIGEST),
        reason=fields.text("reason"),
        nonce=fields.octets("nonce", NONCE),
        made_ns=fields.integer("made_ns"),
        expires_ns=fields.integer("expires_ns"),
    )
    if genesis.expires_ns < genesis.made_ns:
        raise MalformedError("genesis: `expires_ns`: expected a time after `made_ns`")
    return genesis
