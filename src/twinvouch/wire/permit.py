"""The content of a permit: what the actuator process checks before it writes.

`[1, 5, plant, command, tag, device, unit, table, address, [words], encoding, config_digest,
policy_digest, approvals_digest, decision, mode_epoch, nonce, expires_ns]`. The encoding is a name, with the
word order after a colon where that is not `ABCD` (`f32:CDAB`), or the place of a bit in its register (`bit:3`).
"""

from typing import NamedTuple

from twinvouch.core.command import Permit
from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.core.inventory import Encoding, Table
from twinvouch.core.kind import VERSION, Kind
from twinvouch.core.word_order import WordOrder
from twinvouch.wire.cbor import encode
from twinvouch.wire.fields import DIGEST, NONCE, Fields, fields_of, written
from twinvouch.wire.words import MOST_WORDS, word_count


class _Form(NamedTuple):
    """How a value lies in its words, as far as the permit's element `encoding` says."""

    encoding: Encoding
    order: WordOrder
    bit: int | None


def _forms() -> dict[str, _Form]:
    big = WordOrder.BIG_ENDIAN
    forms = {e.value: _Form(e, big, None) for e in Encoding}
    swapped = [_Form(e, o, None) for e in Encoding for o in WordOrder if o is not big]
    forms |= {f"{f.encoding}:{f.order}": f for f in swapped if f.encoding is not Encoding.BIT}
    return forms | {f"bit:{at}": _Form(Encoding.BIT, big, at) for at in range(16)}


_FORMS = _forms()
_NAMES = {form: name for name, form in _FORMS.items()}
_WRITABLE = {Table.COIL, Table.HOLDING}


def write_permit(permit: Permit) -> bytes:
    """The content to sign; UsageError where a field does not fit the format."""
    p = permit
    content = encode(
        [
            *(VERSION, Kind.PERMIT, p.plant, p.command, p.tag, p.device, p.unit, p.table),
            *(p.address, p.words, _form(p), p.config_digest, p.policy_digest),
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
        words=fields.each("words", MOST_WORDS, lambda words: words.integer("word", 0, 0xFFFF)),
        encoding=(form := _read_form(fields)).encoding,
        config_digest=fields.octets("config_digest", DIGEST),
        policy_digest=fields.octets("policy_digest", DIGEST),
        approvals_digest=fields.octets("approvals_digest", DIGEST),
        decision=fields.integer("decision"),
        mode_epoch=fields.integer("mode_epoch"),
        nonce=fields.octets("nonce", NONCE),
        expires_ns=fields.integer("expires_ns"),
        order=form.order,
        bit=form.bit,
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
    is_coil = permit.table is Table.COIL
    if is_coil > is_bit or (is_bit and permit.words[0] not in {0, 1 << (permit.bit or 0)}):
        raise MalformedError("permit: `words`: expected a bit, 0 or 1, for a coil")
    if is_coil and permit.bit is not None:
        raise MalformedError("permit: `encoding`: a coil has no bits inside")


def _form(permit: Permit) -> str:
    form = _Form(permit.encoding, permit.order, permit.bit)
    if form not in _NAMES:
        raise UsageError(f"expected a word order of words, or a bit of a register, got {form}")
    return _NAMES[form]


def _read_form(fields: Fields) -> _Form:
    name = fields.text("encoding", 10)
    if name not in _FORMS:
        raise MalformedError(f"permit: `encoding`: expected one of {list(Encoding)}, got {name!r}")
    return _FORMS[name]
