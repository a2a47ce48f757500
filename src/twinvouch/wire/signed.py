"""Opening a sealed thing of a known principal: structure, key, signature, and whether the key counts, in this order."""

from twinvouch.core.errors import SignatureError
from twinvouch.core.inventory import Plant, Principal
from twinvouch.core.keyring import Keyring
from twinvouch.wire.cose import Sealed, check, unseal


def open_signed(
    raw: bytes, plant: Plant, purpose: str, ring: Keyring | None = None, now_ns: int = 0
) -> tuple[Sealed, Principal]:
    """The verified sealed thing and who signed it. With a ring it alone says whose key it is; else the plant does.

    Raises MalformedError where the bytes are no sealed thing, SignatureError where the key is unknown or
    the signature does not fit this plant and purpose, KeyRefusedError where only the key does not count.
    """
    sealed = unseal(raw)
    principal = holder(sealed.key_id, plant, ring)
    if principal is None:
        raise SignatureError(
            f"key {sealed.key_id.hex()} belongs to no principal of plant `{plant.id}`"
        )
    check(sealed, principal.key, plant=plant.id, purpose=purpose)
    if ring is not None:
        ring.expect(sealed.key_id, purpose, now_ns)
    return sealed, principal


def holder(kid: bytes, plant: Plant, ring: Keyring | None) -> Principal | None:
    """The principal of a key id, with its key."""
    return plant.by_key_id.get(kid) if ring is None else ring.holder(kid)
