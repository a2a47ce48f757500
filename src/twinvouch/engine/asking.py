"""What the policy is asked of a statement: whether this person may say it of every tag, key or model that it is about."""

from collections.abc import Iterator

from twinvouch.commands import approval
from twinvouch.commands.view import View
from twinvouch.core.distrust import tags_in
from twinvouch.core.inventory import Principal
from twinvouch.core.statement import Statement, Verb
from twinvouch.core.subject import owner_of, tags_of
from twinvouch.engine import disavowing, distrusting, glass, modes, tickets
from twinvouch.engine.allowed import GONE, Question, denied, of_tag
from twinvouch.engine.memory import Memory


def forbidden(m: Memory, signer: Principal, said: Statement) -> str:
    """What the policy has against it; empty where it has nothing."""
    if said.verb is Verb.APPROVE:
        return _approval(m, signer, said)
    if disavowing.is_about(m, said):
        return disavowing.forbidden(m, signer, said)
    if said.verb in glass.VERBS:
        return glass.forbidden(m, signer, said)
    if said.verb in modes.VERBS:
        return modes.forbidden(m, signer, said)
    action = "ticket" if said.verb in tickets.VERBS else said.verb.value
    denials = (denied(m, signer, action, question) for question in _asked(m, said))
    return next((why for why in denials if why), "")


def _asked(m: Memory, said: Statement) -> Iterator[Question]:
    if said.verb in tickets.VERBS:
        yield from (of_tag(m, name) for name in tags_of(m.site.plant, said.subject))
    elif said.verb in distrusting.VERBS:
        yield from _subject(m, said.subject)
    else:
        record = m.records.get(said.subject)
        yield of_tag(m, said.subject if record is None else record.command.tag)


def _approval(m: Memory, signer: Principal, said: Statement) -> str:
    """As where approvals are counted: of the actuator, and whether it is the proposer who asks."""
    record = m.records[said.subject]
    asked = (m.now_ns, record.received_ns)
    view = View(record.command, m.site, m.frame, m.context(), {}, frozenset(), *asked)
    if view.target is None:
        return f"`{record.command.tag}` is an actuator {GONE.format(plant=m.site.plant.id)}"
    return approval.forbidden(view, view.target, signer.id)


def _subject(m: Memory, text: str) -> Iterator[Question]:
    """Of an edge or its key every tag; of another key the key, of a model the model. What is gone is asked as a tag."""
    plant = m.site.plant
    of = distrusting.named(m, text)
    if of is None:
        yield "Tag", text, {"plant": plant.id, "confidentiality": 0}
        return
    yield from (of_tag(m, name) for name in tags_in(of, plant, m.ring))
    if of.kind == "model":
        yield "Model", of.name, {"plant": plant.id}
    owner = owner_of(plant, m.ring, bytes.fromhex(of.name)) if of.kind == "key" else ""
    if owner and owner not in plant.edges:
        kind = plant.principals[owner].kind.value if owner in plant.principals else ""
        yield "Key", of.name, {"plant": plant.id, "owner": owner, "kind": kind}
