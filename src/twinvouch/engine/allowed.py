"""What the policy says about a person's word."""

from twinvouch.core.inventory import Principal
from twinvouch.core.ports import PolicyRequest
from twinvouch.engine.memory import Memory


def denied(m: Memory, signer: Principal, action: str, name: str) -> str:
    """Why the policy does not let `signer` do this to tag `name`; empty where it does."""
    tag = m.site.plant.tags.get(name)
    if tag is None:
        return f"`{name}` is for a tag that plant `{m.site.plant.id}` has no longer"
    more = {"confidentiality": tag.confidentiality}
    return _asked(m, signer, action, ("Tag", tag.id), more)


def denied_for_all(m: Memory, signer: Principal, action: str) -> str:
    """The same of what concerns the plant as a whole."""
    return _asked(m, signer, action, ("System", "*"), {})


def _asked(
    m: Memory, signer: Principal, action: str, of: tuple[str, str], more: dict[str, int]
) -> str:
    resource_type, resource = of
    answer = m.site.policy.decide(
        PolicyRequest(
            principal=signer.id,
            principal_kind=signer.kind.value,
            roles=frozenset(r.value for r in signer.roles),
            action=action,
            resource_type=resource_type,
            resource=resource,
            attributes={"plant": m.site.plant.id, **more},
            context={},
        )
    )
    return "" if answer.allowed else f"policy: {answer.why}"
