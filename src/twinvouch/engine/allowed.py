"""What the policy says about a person's word."""

from typing import Final

from twinvouch.core import asked
from twinvouch.core.inventory import Principal, Tag
from twinvouch.core.ports import PolicyRequest
from twinvouch.engine.memory import Memory

GONE: Final = "that plant `{plant}` has no longer"
Attributes = dict[str, int | str | bool]
Question = tuple[str, str, Attributes]  # type and id of the resource, and its attributes


def of_tag(m: Memory, name: str) -> Question:
    """The question about one tag; of a tag that is gone it has no type, and is denied."""
    tag = m.site.plant.tags.get(name)
    if tag is None:
        return "", name, {}
    return "Tag", tag.id, {"plant": m.site.plant.id, "confidentiality": tag.confidentiality}


def of_actuator(m: Memory, tag: Tag) -> Question:
    """The question about one actuator."""
    return "Actuator", tag.id, asked.of_actuator(m.site.plant, tag)


def of_plant(m: Memory) -> Question:
    """The question about what concerns the plant as a whole."""
    return "System", "*", {"plant": m.site.plant.id}


def denied(m: Memory, signer: Principal, action: str, question: Question) -> str:
    """Why the policy does not let `signer` do this; empty where it does."""
    kind, resource, attributes = question
    if not kind:
        return f"`{resource}` is for a tag {GONE.format(plant=m.site.plant.id)}"
    answer = m.site.policy.decide(
        PolicyRequest(
            principal=signer.id,
            principal_kind=signer.kind.value,
            roles=frozenset(r.value for r in signer.roles),
            action=action,
            resource_type=kind,
            resource=resource,
            attributes=attributes,
            context={},
        )
    )
    return "" if answer.allowed else f"policy: {answer.why}"
