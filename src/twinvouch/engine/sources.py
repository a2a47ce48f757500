"""Whom or what a person may say to have been bad, and which tags speak with its voice."""

from twinvouch.core.inventory import Plant
from twinvouch.engine.memory import Memory


def source_of(m: Memory, text: str) -> tuple[str, str] | None:
    """Kind and name of a tag, of a principal (an edge is one) or of the one a key id belongs to, of a model; else None."""
    plant = m.site.plant
    if text in plant.tags:
        return "tag", text
    if text in plant.principals:
        return "principal", text
    owner = _owner(m, text)
    if owner:
        return "principal", owner
    return ("model", text) if text in m.models else None


def tags_from(m: Memory, kind: str, name: str) -> frozenset[str]:
    """Tags whose readings are the source's own, or were judged by it: of a tag itself, of an edge those that it tells of.

    Of the model at work all tags, since it judges every batch; of any other principal or model none.
    """
    plant = m.site.plant
    if kind == "tag":
        return frozenset({name} & set(plant.tags))
    if kind == "model":
        detector = m.site.detector
        return frozenset(plant.tags if detector is not None and detector.model == name else ())
    return _told_by(plant, name)


def _told_by(plant: Plant, edge: str) -> frozenset[str]:
    return frozenset(t for group in plant.groups.values() if group.edge == edge for t in group.ids)


def _owner(m: Memory, key: str) -> str:
    """Whom a key id (hex) belongs to or belonged to."""
    try:
        kid = bytes.fromhex(key)
    except ValueError:
        return ""
    known = None if m.ring is None else m.ring.keys.get(kid)
    if known is not None:
        return known.said.principal
    principal = m.site.plant.by_key_id.get(kid)
    return "" if principal is None else principal.id
