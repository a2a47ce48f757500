"""The contents of key statements, which only the plant root signs.

`[1, 8, plant, serial, verb, purpose, principal, key, not_before_ns, not_after_ns, reason, since_ns]` is about one
key; `[1, 9, plant, serial, old root, new root, proof]` hands over, where proof is the same content with an empty
proof, sealed by the new root: nobody can hand over to a root that does not agree.
"""

from functools import partial
from typing import Any

from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.core.inventory import key_id
from twinvouch.core.keyring import (
    KeyPurpose,
    Keyring,
    KeyStatement,
    KeyVerb,
    Known,
    RootStatement,
    Said,
)
from twinvouch.core.kind import VERSION, Kind, Purpose
from twinvouch.core.ports import Signer
from twinvouch.wire import cbor
from twinvouch.wire.cose import check, seal, unseal
from twinvouch.wire.fields import Fields, expect_plant, fields_of, written
from twinvouch.wire.signature import is_public_key

SEALED_LIMIT = 16_384  # bytes of one sealed key statement


def write_key(statement: KeyStatement, plant: str) -> bytes:
    """The content to sign; UsageError where a field does not fit the format."""
    s = statement
    content = cbor.encode(
        [
            *(VERSION, Kind.KEY, plant, s.serial, s.verb, s.purpose, s.principal, s.key),
            *(s.not_before_ns, s.not_after_ns, s.reason, s.since_ns),
        ]
    )
    return written(content, partial(read_key, plant=plant))


def read_key(content: bytes, plant: str) -> KeyStatement:
    """The key statement for `plant`; MalformedError for anything else."""
    fields = fields_of(content, Kind.KEY, 12)
    expect_plant(fields, plant)
    said = KeyStatement(
        serial=fields.integer("serial", 1),
        verb=fields.one_of("verb", KeyVerb),
        purpose=fields.one_of("purpose", KeyPurpose),
        principal=fields.id("principal"),
        key=_public_key(fields, "key"),
        not_before_ns=fields.integer("not_before_ns"),
        not_after_ns=fields.integer("not_after_ns"),
        reason=fields.text("reason"),
        since_ns=fields.integer("since_ns"),
    )
    if said.not_after_ns < said.not_before_ns:
        raise MalformedError("key: `not_after_ns`: expected a time after `not_before_ns`")
    return said


def seal_rotation(serial: int, plant: str, *, old: Signer, new: Signer) -> bytes:
    """The sealed word of both roots that the new one speaks from now on."""
    about = (serial, plant, old.public_key, new.public_key)
    proof = seal(_rotation(*about, b""), signer=new, plant=plant, purpose=Purpose.KEY)
    return seal(_rotation(*about, proof), signer=old, plant=plant, purpose=Purpose.KEY)


def open_said(raw: bytes, plant: str, root: bytes) -> tuple[Said, bytes]:
    """What the root said, and the digest of it; raises MalformedError or SignatureError."""
    if len(raw) > SEALED_LIMIT:
        raise MalformedError(f"a key statement has at most {SEALED_LIMIT} bytes, got {len(raw)}")
    sealed = unseal(raw)
    if sealed.key_id != key_id(root):
        raise SignatureError(
            f"key {sealed.key_id.hex()} is not the root of plant `{plant}` ({key_id(root).hex()})"
        )
    check(sealed, root, plant=plant, purpose=Purpose.KEY)
    items = cbor.decode(sealed.content)
    if isinstance(items, list) and len(items) == 7:
        return _read_rotation(sealed.content, plant), sealed.digest
    return read_key(sealed.content, plant), sealed.digest


def write_ring(ring: Keyring) -> bytes:
    """A ring as a stored row: `[1, roots, [[serial, digest, entry] ...], [[said, entry, revoked, entry] ...]]`."""
    serials = [[serial, *held] for serial, held in sorted(ring.serials.items())]
    keys = [
        [_plain(k.said), k.entry, _plain(k.revoked) if k.revoked else [], k.revoked_entry]
        for _, k in sorted(ring.keys.items())
    ]
    return cbor.encode([1, list(ring.roots), serials, keys])


def read_ring(empty: Keyring, raw: bytes) -> Keyring:
    """The ring of a stored row; the empty one where none of its roots is the configured one."""
    content: Any = cbor.decode(raw, items=len(raw))
    version, roots, serials, keys = content
    assert version == 1, version
    if empty.root not in roots:
        return empty
    ring = Keyring(empty.plant, roots[0])
    ring.roots = tuple(roots)
    ring.serials = {serial: (digest, entry) for serial, digest, entry in serials}
    for said, entry, revoked, revoked_entry in keys:
        known = Known(_said(said), entry, _said(revoked) if revoked else None, revoked_entry)
        ring.keys[key_id(known.said.key)] = known
    return ring


def _plain(s: KeyStatement) -> list[object]:
    return [
        *(s.serial, s.verb.value, s.purpose.value, s.principal, s.key),
        *(s.not_before_ns, s.not_after_ns, s.reason, s.since_ns),
    ]


def _said(fields: Any) -> KeyStatement:
    serial, verb, purpose, *rest = fields
    return KeyStatement(serial, KeyVerb(verb), KeyPurpose(purpose), *rest)


def _read_rotation(content: bytes, plant: str) -> RootStatement:
    fields = fields_of(content, Kind.ROOT, 7)
    expect_plant(fields, plant)
    said = RootStatement(
        fields.integer("serial", 1), _public_key(fields, "old"), _public_key(fields, "new")
    )
    proof = unseal(fields.octets("proof"))
    check(proof, said.new, plant=plant, purpose=Purpose.KEY)
    if proof.content != _rotation(said.serial, plant, said.old, said.new, b""):
        raise MalformedError("root: `proof`: the new root agreed to something else")
    return said


def _rotation(serial: int, plant: str, old: bytes, new: bytes, proof: bytes) -> bytes:
    return cbor.encode([VERSION, Kind.ROOT, plant, serial, old, new, proof])


def _public_key(fields: Fields, name: str) -> bytes:
    key = fields.octets(name, 32, 65)
    if not is_public_key(key):
        raise MalformedError(f"`{name}`: expected a public key of Ed25519 or P-256")
    return key
