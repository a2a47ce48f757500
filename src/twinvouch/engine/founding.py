"""The signed word of a person that a wiped edge may begin a new chain (kind 11, entry 78)."""

from twinvouch.core.finding import Finding, Severity
from twinvouch.core.genesis import Beginning, Genesis
from twinvouch.core.inventory import Principal, PrincipalKind, Role
from twinvouch.engine.epochs import too_old
from twinvouch.engine.keys import bad_key, use
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out, enter
from twinvouch.ledger import entry
from twinvouch.readings import beginning
from twinvouch.wire.cose import Sealed
from twinvouch.wire.genesis import read_genesis

ROLES = frozenset({Role.ENGINEER, Role.ADMIN})


def on_genesis(m: Memory, out: Out, sealed: Sealed, signer: Principal) -> None:
    """Take a verified genesis, once, from a person who may; MalformedError where it is none."""
    plant = m.site.plant.id
    said = read_genesis(sealed.content, plant)
    objection = bad_key(m, sealed.key_id) or _objection(m, signer, said)
    if objection:
        finding = Finding("genesis", signer.id, Severity.MEDIUM, objection)
        out.reply(403, status="refused", why=objection, entry=enter(m, out, signer.id, finding))
        return
    m.nonces[said.nonce] = said.expires_ns
    m.dirty.add("nonces")
    link = m.links.get(said.edge)
    parents = [link.entry] if link is not None and link.entry >= 0 else []
    index = out.append(entry.genesis(plant, m.now_ns, out.commit(sealed.digest), said, parents))
    use(m, sealed.key_id, "statement", index)
    m.set_beginning(said.edge, Beginning(said.epoch, said.last, is_founded=True))
    out.publish("genesis", entry=index, principal=said.principal, edge=said.edge, epoch=said.epoch)
    out.reply(200, status="founded", edge=said.edge, epoch=said.epoch, entry=index)


def _objection(m: Memory, signer: Principal, said: Genesis) -> str:
    """Why a genesis has no effect; empty where it has one."""
    if signer.kind is not PrincipalKind.PERSON or said.principal != signer.id:
        return f"`{signer.id}` cannot speak as person `{said.principal}`"
    if not signer.roles & ROLES:
        return (
            f"`{signer.id}` may not enrol an edge: that takes the role {' or '.join(sorted(ROLES))}"
        )
    if why := _spent(m, said):
        return why
    if said.edge not in m.site.plant.edges:
        return f"`{said.edge}` is no edge of plant `{m.site.plant.id}`"
    return beginning.objection(said, m.links, m.beginnings.get(said.edge))


def _spent(m: Memory, said: Genesis) -> str:
    """Why a genesis counts no longer, or not yet; empty where it does."""
    if said.nonce in m.nonces:
        return "this genesis was used before: sign a new one"
    if not said.made_ns - m.site.commands.max_ahead_ns <= m.now_ns <= said.expires_ns:
        return "this genesis is of another time: check the clocks, and sign a new one"
    return too_old(m, said.made_ns)
