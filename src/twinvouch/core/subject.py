"""What a person or the twin may speak about: a tag, all tags of an asset; or of whom they say how far to trust it."""

from collections.abc import Collection
from dataclasses import dataclass

from twinvouch.core.inventory import Plant
from twinvouch.core.keyring import Keyring


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom or what a word is about: `kind` is tag, principal, key or model.

    `name` is the id of a tag or principal, a model's name, a key id in hex.
    """

    kind: str
    name: str


def subject_of(
    plant: Plant, ring: Keyring | None, models: Collection[str], text: str
) -> Subject | None:
    """The tag, principal (an edge is one), key or model of this name, looked for in this order."""
    if text in plant.tags:
        return Subject("tag", text)
    if text in plant.principals:
        return Subject("principal", text)
    try:
        kid = bytes.fromhex(text)
    except ValueError:
        kid = b""
    if kid and owner_of(plant, ring, kid):
        return Subject("key", kid.hex())
    return Subject("model", text) if text in models else None


def owner_of(plant: Plant, ring: Keyring | None, kid: bytes) -> str:
    """Whom a key belongs to or belonged to; empty where nobody is known."""
    known = None if ring is None else ring.keys.get(kid)
    if known is not None:
        return known.said.principal
    principal = plant.by_key_id.get(kid)
    return "" if principal is None else principal.id


def tags_of(plant: Plant, subject: str) -> tuple[str, ...]:
    """The tag of this name, or all tags of the asset; nothing where there is neither."""
    if subject in plant.tags:
        return (subject,)
    if subject not in plant.assets:
        return ()
    return tuple(tag for tag in plant.tags if tag.startswith(f"{subject}/"))


def tags_from(plant: Plant, edge: str) -> tuple[str, ...]:
    """All tags of the scan groups of an edge."""
    known = plant.edges.get(edge)
    groups = () if known is None else known.groups
    return tuple(tag for name in groups if name in plant.groups for tag in plant.groups[name].ids)
