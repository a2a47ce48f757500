"""Retroactive distrust: a person says that a source was bad for a past time, and what comes of it.

At once its subject is distrusted from now on, as one person may do. What it touches is worked out beside the engine
(effect Trace, event DisavowalTraced). It then takes effect, or waits for a second person where it reaches further
than one may: that person signs the digest of the list that was worked out (ADR 25).
"""

from dataclasses import replace
from typing import Final

from twinvouch.core.disavowal import Disavowal, Stage
from twinvouch.core.event import Trace
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import Principal, PrincipalKind
from twinvouch.core.statement import Statement, Verb
from twinvouch.engine import disavowed, distrusting
from twinvouch.engine.allowed import denied, of_plant, of_tag
from twinvouch.engine.disavowals import Disavowed
from twinvouch.engine.epochs import too_old
from twinvouch.engine.keys import bad_key, use
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Entered, Out, enter
from twinvouch.engine.sources import source_of
from twinvouch.ledger import entry
from twinvouch.wire.cose import Sealed
from twinvouch.wire.disavowal import read_disavowal

MOST_OPEN: Final = 16  # that are traced or wait: each costs a look through the whole lineage
MOST_IN_EFFECT: Final = 1000
ACTION: Final = "disavow"
VERBS: Final = frozenset({Verb.CONFIRM, Verb.WITHDRAW})


def on_disavowal(m: Memory, out: Out, sealed: Sealed, signer: Principal) -> None:
    """Take a verified disavowal, once, from a person who may; MalformedError where it is none."""
    plant = m.site.plant.id
    said = read_disavowal(sealed.content, plant)
    about = source_of(m, said.subject)
    objection = bad_key(m, sealed.key_id) or _objection(m, signer, said)
    forbidden = ""
    if about is None:
        objection = (
            objection or f"`{said.subject}` is no tag, principal, key or model of plant `{plant}`"
        )
    elif not objection:
        forbidden = _forbidden(m, signer, about)
    if about is None or objection or forbidden:
        why = objection or forbidden
        index = enter(m, out, signer.id, Finding("statement", signer.id, Severity.MEDIUM, why))
        rule = "capability" if forbidden else "statement"
        out.reply(403, status="refused", rule=rule, why=why, entry=index)
        return
    m.nonces[said.nonce] = said.expires_ns
    m.dirty.add("nonces")
    index = out.append(entry.disavowal(plant, m.now_ns, out.commit(sealed.digest), said))
    use(m, sealed.key_id, "statement", index)
    d = Disavowed(said, *about, index, Stage.TRACING, index, m.now_ns)
    m.keep_disavowal(d)
    disavowed.tell(out, d)
    out.effects.append(_trace(d))
    _distrust(m, out, said.subject, index)


def _distrust(m: Memory, out: Out, subject: str, index: int) -> None:
    """From now on its subject counts as nothing, for a time, whatever becomes of the past."""
    forward = distrusting.signs_for(m, subject)
    until = m.now_ns + m.site.distrust.forward_ns
    for each in forward:
        m.distrusted[each] = max(m.distrusted.get(each, 0), until)
    m.dirty.add("distrusted")
    ends = max((m.distrusted[each] for each in forward), default=0)
    out.reply(200, status="tracing", id=str(index), entry=index, distrusted_until_ns=ends)
    for each in forward:
        distrusting.changed(m, out, each, (index,))


def begin(m: Memory, out: Out) -> None:
    """The process began again: what was being worked out is worked out anew."""
    out.effects.extend(_trace(d) for d in m.disavowals.values() if d.stage is Stage.TRACING)


def pass_time(m: Memory, out: Out) -> None:
    """What nobody confirmed in time ends; the forward distrust goes on until its own end."""
    limit = m.site.distrust.waiting_ns
    for d in [d for d in m.disavowals.values() if d.is_open and m.now_ns - d.stage_ns > limit]:
        disavowed.stand(m, out, replace(d, stage=Stage.EXPIRED))


def is_about(m: Memory, said: Statement) -> bool:
    """Whether a statement is about a disavowal."""
    is_command = said.subject in m.records
    return said.verb in VERBS or (
        said.verb is Verb.REJECT and not is_command and found(m, said) is not None
    )


def found(m: Memory, said: Statement) -> Disavowed | None:
    """The disavowal that a statement names, by the number of its entry."""
    return m.disavowals.get(m.renumbered.ident(said.subject))


def unfit(m: Memory, said: Statement) -> str:
    """Why a statement about a disavowal has no effect; empty where it has one."""
    d = found(m, said)
    wanted = Stage.IN_EFFECT if said.verb is Verb.WITHDRAW else Stage.WAITING
    if d is None or d.stage is not wanted:
        return f"`{said.subject}` is no disavowal that is {wanted.value.replace('_', ' ')}"
    if (d.kind, d.name) == ("principal", said.principal):
        return f"`{said.principal}` is whom it is about"
    if said.verb is Verb.WITHDRAW:
        twice = d.withdrawing == said.principal
        return "you have said so: it needs a second person, as taking effect did" if twice else ""
    if said.verb is Verb.CONFIRM and said.principal == d.said.principal:
        return f"`{said.principal}` said it: it needs a second person"
    if said.verb is Verb.CONFIRM and (d.traced is None or said.shown != d.traced.digest):
        return "what was shown is not the list that was worked out: look again and sign again"
    return ""


def forbidden(m: Memory, signer: Principal, said: Statement) -> str:
    """What the policy has against a statement about a disavowal."""
    d = found(m, said)
    assert d is not None, said.subject
    return _forbidden(m, signer, (d.kind, d.name))


def take(m: Memory, out: Out, said: Statement, by: Entered) -> None:
    """A statement about a disavowal that was entered."""
    d = found(m, said)
    assert d is not None, said.subject
    if said.verb is Verb.CONFIRM:
        d = disavowed.take_effect(m, out, replace(d, second=said.principal), (by.entry,))
    elif said.verb is Verb.REJECT:
        d = disavowed.stand(m, out, replace(d, stage=Stage.REJECTED), (by.entry,))
    elif d.second and not d.withdrawing:
        d = m.keep_disavowal(replace(d, withdrawing=said.principal))
    else:
        d = disavowed.undo(m, out, d, (by.entry,))
    why = "a second person is to withdraw it, too" if d.withdrawing and not d.is_over else ""
    out.reply(200, status=d.stage.value, id=d.id, why=why, entry=d.stage_entry)


def _objection(m: Memory, signer: Principal, said: Disavowal) -> str:
    """Why a disavowal has no effect; empty where it has one."""
    if signer.kind is not PrincipalKind.PERSON or said.principal != signer.id:
        return f"`{signer.id}` cannot speak as person `{said.principal}`"
    if said.nonce in m.nonces:
        return "this disavowal was used before: sign a new one"
    if not said.made_ns - m.site.commands.max_ahead_ns <= m.now_ns <= said.expires_ns:
        return "this disavowal is of another time: check the clocks, and sign a new one"
    if said.until_ns > m.now_ns:
        return "it ends in the future: say `distrust` of what is to come"
    return too_old(m, said.made_ns) or _too_many(m)


def _too_many(m: Memory) -> str:
    is_open = sum(d.is_open for d in m.disavowals.values())
    if is_open >= MOST_OPEN:
        return f"{is_open} disavowals wait already: confirm or reject some"
    in_effect = sum(d.stage is Stage.IN_EFFECT for d in m.disavowals.values())
    if in_effect + is_open >= MOST_IN_EFFECT:
        return f"{in_effect} disavowals are in effect, the limit is {MOST_IN_EFFECT}: withdraw some"
    return ""


def _forbidden(m: Memory, signer: Principal, about: tuple[str, str]) -> str:
    kind, name = about
    return denied(m, signer, ACTION, of_tag(m, name) if kind == "tag" else of_plant(m))


def _trace(d: Disavowed) -> Trace:
    return Trace(d.entry, d.kind, d.name, d.said.since_ns, d.said.until_ns)
