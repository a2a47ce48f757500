"""The content of a permit: what the actuator process checks before it writes.

`[1, 5, plant, command, tag, device, unit, table, address, [words], encoding, config_digest,
policy_digest, approvals_digest, decision, mode_epoch, nonce, expires_ns]`.
"""

from twinvouch.core.command import Permit
from twinvouch.core.errors import MalformedError
from twinvouch.core.inventory import Encoding, Table
from twinvouch.core.kind import VERSION, Kind
from twinvouch.wire.cbor import encode
from twinvouch.wire.fields import DIGEST, NONCE, fields_of, written
from twinvouch.wire.words import word_count

_WRITABLE = {Table.COIL, Table.HOLDING}


def write_permit(permit: Permit) -> bytes:
    """The content to sign; UsageError where a field does not fit the format."""
    p = permit
    content = encode(
        [
            *(VERSION, Kind.PERMIT, p.plant, p.command, p.tag, p.device, p.unit, p.table),
            *(p.address, p.words, p.encoding, p.config_digest, p.policy_digest),
            *(p.approvals_digest, p.decision, p.mode_epoch, p.nonce, p.expires_ns),
        ]
    )
    return written(content, read_permit)


def read_permit(content: bytes) -> Permit:
    """The permit, of whatever plant it names; MalformedError for anything that cannot be written."""
    fields = fields_of(content, Kind.PERMIT, 18)
    permit = Permit(
        plant=fields.id("plant"),
        command=fields.id("command"),
        tag=fields.id("tag"),
        device=fields.id("device"),
        unit=fields.integer("unit", 0, 255),
        table=fields.one_of("table", Table),
        address=fields.integer("address", 0, 0xFFFF),
        words=fields.each("words", 2, lambda words: words.integer("word", 0, 0xFFFF)),
        encoding=fields.one_of("encoding", Encoding),
        config_digest=fields.octets("config_digest", DIGEST),
        policy_digest=fields.octets("policy_digest", DIGEST),
        approvals_digest=fields.octets("approvals_digest", DIGEST),
        decision=fields.integer("decision"),
        mode_epoch=fields.integer("mode_epoch"),
        nonce=fields.octets("nonce", NONCE),
        expires_ns=fields.integer("expires_ns"),
    )
    _expect_place(permit)
    return permit


def _expect_place(permit: Permit) -> None:
    """The words fill their encoding, lie inside a writable table, and a coil gets a bit."""
    if permit.table not in _WRITABLE:
        raise MalformedError(f"permit: `table`: expected coil or holding, got {permit.table}")
    if len(permit.words) != word_count(permit.encoding):
        raise MalformedError(f"permit: `words`: {permit.encoding} has another number of words")
    if permit.address + len(permit.words) > 0x10000:
        raise MalformedError("permit: `address`: expected all words at 0..65535")
    is_bit = permit.encoding is Encoding.BIT
    if (permit.table is Table.COIL) > is_bit or (is_bit and permit.words[0] > 1):
        raise MalformedError("permit: `words`: expected a bit, 0 or 1, for a coil")
