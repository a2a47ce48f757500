"""The way through gate 3: may this principal read this? Every read is asked of the policy; silence is no.

An anonymous question, an unknown principal or tag, a kind of read that is not listed: no.
"""

from dataclasses import dataclass

from twinvouch.core import asked
from twinvouch.core.event import QueryAsked
from twinvouch.core.inventory import Plant
from twinvouch.core.ports import PolicyRequest
from twinvouch.core.site import Site

# what a virtual sensor says is read by whoever may read tags: its own and those of its meters and of what drives them
AS = {"readVirtual": "readTags"}
# Which entity type of the policy each action reads; where it is Tag, the answer shows values.
RESOURCES = {
    "readTags": "Tag",
    "readVirtual": "Tag",
    "stream": "Tag",
    "export": "Tag",
    "readModels": "Model",
    "readLedger": "Ledger",
    "readLineage": "Ledger",
    "readCommands": "System",
    "readAdvice": "System",
    "readFindings": "System",
    "readQueries": "System",
    "readStatus": "System",
    "readMetrics": "System",
    "takePermits": "System",
    "simulate": "Actuator",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a read is allowed and why."""

    allowed: bool
    why: str


def decide(query: QueryAsked, site: Site) -> Answer:
    """Judge one read. Tags count with the highest confidentiality of what the answer shows."""
    plant = site.plant
    principal = plant.principals.get(query.principal)
    if principal is None:
        who = (
            f"`{query.principal}` is no principal of plant `{plant.id}`"
            if query.principal
            else "anonymous"
        )
        return Answer(allowed=False, why=f"{who}: reading needs a known principal")
    if query.link and query.link != principal.id:
        why = f"`{principal.id}` asked over the link of `{query.link}`"
        return Answer(allowed=False, why=why)
    resource_type = RESOURCES.get(query.action)
    if resource_type is None:
        return Answer(allowed=False, why=f"`{query.action}` is not a kind of read")
    tags = _tags(query, plant, resource_type)
    virtual = site.virtual.get(query.resource) if query.action in AS else None
    tags += () if virtual is None else virtual.inputs
    unknown = next((t for t in tags if t not in plant.tags), None)
    if unknown is not None:
        return Answer(allowed=False, why=f"`{unknown}` is no tag of plant `{plant.id}`")
    attributes = _attributes(query, tags, plant, resource_type)
    if attributes is None:
        why = f"`{query.resource}` is no actuator of plant `{plant.id}`"
        return Answer(allowed=False, why=why)
    answer = site.policy.decide(
        PolicyRequest(
            principal=principal.id,
            principal_kind=principal.kind.value,
            roles=frozenset(r.value for r in principal.roles),
            action=AS.get(query.action, query.action),
            resource_type=resource_type,
            resource=query.resource,
            attributes=attributes,
            context={"purpose": query.purpose, "is_actuator": principal.id == plant.actuator},
        )
    )
    return Answer(answer.allowed, answer.why)


def _attributes(
    query: QueryAsked, tags: tuple[str, ...], plant: Plant, resource_type: str
) -> dict[str, int | str | bool] | None:
    """What the policy is told of the resource; None where an actuator is meant and it is none."""
    if resource_type == "Actuator":
        tag = plant.tags.get(query.resource)
        if tag is None or tag.command_class is None:
            return None
        return asked.of_actuator(plant, tag)
    if resource_type == "Tag":
        highest = max((plant.tags[t].confidentiality for t in tags), default=0)
        return {"plant": plant.id, "confidentiality": highest}
    return {"plant": plant.id}


def visible(principal: str, site: Site) -> tuple[str, ...]:
    """Tags that a principal may read, for lists that show what they can; one policy question a confidentiality."""
    plant = site.plant
    levels: dict[int, list[str]] = {}
    for tag in plant.tags.values():
        levels.setdefault(tag.confidentiality, []).append(tag.id)
    asked = {
        c: QueryAsked(b"", principal, "readTags", ids[0], "list", (ids[0],))
        for c, ids in levels.items()
    }
    allowed = {c for c, query in asked.items() if decide(query, site).allowed}
    return tuple(t.id for t in plant.tags.values() if t.confidentiality in allowed)


def _tags(query: QueryAsked, plant: Plant, resource_type: str) -> tuple[str, ...]:
    """Tags whose values the answer shows; all of the plant where it does not say which."""
    if resource_type != "Tag":
        return query.tags
    named = () if query.resource == "*" else (query.resource,)
    return tuple(dict.fromkeys((*named, *query.tags))) or tuple(plant.tags)
