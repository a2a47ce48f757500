"""Whom or what a person may say to have been bad, and which tags speak with its voice."""

from twinvouch.core import subject
from twinvouch.engine.memory import Memory


def source_of(m: Memory, text: str) -> tuple[str, str] | None:
    """Kind and name of a tag, of a principal (an edge is one) or of the one a key id belongs to, of a model; else None."""
    plant = m.site.plant
    found = subject.subject_of(plant, m.ring, m.models, text)
    if found is not None and found.kind == "key":
        return "principal", subject.owner_of(plant, m.ring, bytes.fromhex(found.name))
    return None if found is None else (found.kind, found.name)


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
    return frozenset(subject.tags_from(plant, name))
