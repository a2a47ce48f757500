"""Opening a sealed thing of a known principal: structure, key, signature, in this order."""

from twinvouch.core.errors import SignatureError
from twinvouch.core.inventory import Plant, Principal
from twinvouch.wire.cose import Sealed, check, unseal


def open_signed(raw: bytes, plant: Plant, purpose: str) -> tuple[Sealed, Principal]:
    """The verified sealed thing and who signed it.

    Raises MalformedError where the bytes are no sealed thing, SignatureError where the key is unknown or
    the signature does not fit this plant and purpose.
    """
    sealed = unseal(raw)
    principal = plant.by_key_id.get(sealed.key_id)
    if principal is None:
        raise SignatureError(
            f"key {sealed.key_id.hex()} belongs to no principal of plant `{plant.id}`"
        )
    check(sealed, principal.key, plant=plant.id, purpose=purpose)
    return sealed, principal
