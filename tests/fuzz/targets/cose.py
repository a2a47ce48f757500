"""Sealed things: any bytes are one by its form, or malformed; one that was changed anywhere verifies no more."""

from cryptography.hazmat.primitives.asymmetric import ec

from tests.unit.wire.samples import PLANT, SeedSigner
from twinvouch.adapters.keys import Es256Signer
from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.core.inventory import key_id
from twinvouch.wire.cose import check, seal, unseal

SIGNER = SeedSigner()
P256 = Es256Signer(ec.derive_private_key(7, ec.SECP256R1()))
SEEDS = [
    seal(b"content", signer=P256, plant=PLANT, purpose="readings"),
    seal(b"content", signer=SIGNER, plant=PLANT, purpose="readings"),
    seal(bytes(300), signer=SIGNER, plant=PLANT, purpose="permit"),
    b"\x00\x10\x01content",
]


def one(raw: bytes) -> None:
    """As bytes from anybody, and as a change (first three bytes) of a sealed thing (the rest)."""
    opens(raw)
    if len(raw) < 4:
        return
    sealed = seal(raw[3:], signer=SIGNER, plant=PLANT, purpose="readings")
    assert opens(sealed) == raw[3:]
    at, flip = int.from_bytes(raw[:2], "big") % len(sealed), raw[2] or 1
    assert opens(sealed[:at] + bytes((sealed[at] ^ flip,)) + sealed[at + 1 :]) is None


def opens(raw: bytes) -> bytes | None:
    """The content that the key signed (its id says which); None where it did not."""
    try:
        sealed = unseal(raw)
        key = P256 if sealed.key_id == key_id(P256.public_key) else SIGNER
        check(sealed, key.public_key, plant=PLANT, purpose="readings")
    except (MalformedError, SignatureError):
        return None
    return sealed.content
