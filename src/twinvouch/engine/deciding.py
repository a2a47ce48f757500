"""A decision on a command, entered; where it allows, the permit. A held one is judged again by the same rules."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from twinvouch.commands import approval, lookahead
from twinvouch.commands import gate as commands_gate
from twinvouch.commands import permit as permits
from twinvouch.commands.foreseen import Posed, waits
from twinvouch.commands.register import Approval, Record, reasons_content
from twinvouch.commands.view import mandatory
from twinvouch.core.command import Clamp, Command, CommandStatus, Decision, Verdict
from twinvouch.core.context import Context
from twinvouch.core.event import Deliver, Keep
from twinvouch.core.inventory import key_id
from twinvouch.core.lookahead import Prediction
from twinvouch.engine import awaiting, glass, safe, standing_in, trying
from twinvouch.engine.keys import use
from twinvouch.engine.memory import Memory, permit_epoch
from twinvouch.engine.out import Out
from twinvouch.engine.rests import of_decision
from twinvouch.engine.withholding import withheld
from twinvouch.ledger import entry
from twinvouch.queries.memory import recent
from twinvouch.wire.permit import write_permit


@dataclass(frozen=True, slots=True)
class Proposal:
    """What stays the same of a command however often it is decided on."""

    command: Command
    digest: bytes
    entry: int
    received_ns: int
    key: bytes = b""  # id of the key that signed it; empty: a token, or not known

    @staticmethod
    def of(record: Record) -> "Proposal":
        """Of a command that was decided on before."""
        r = record
        return Proposal(r.command, r.digest, r.entry, r.received_ns, r.key)


def decide(
    m: Memory,
    out: Out,
    p: Proposal,
    approvals: tuple[Approval, ...] = (),
    because: tuple[int, ...] = (),
    prediction: Prediction | None = None,
) -> Record:
    """Judge, enter the decision, and issue a permit where it allows; none where it is judged again `because` of entries.

    Without a `prediction` whoever has a model is held and asked about, whatever was foreseen of it before.
    """
    context = standing_in.judging(m)
    decision, posed = _judged(m, p, approvals, context, prediction)
    if _clamp(m, p) != decision.clamp:
        approvals = ()  # they were for another value
    is_moved = because and decision.permits
    if is_moved and not safe.is_released(m, p.command, decision):
        decision = approval.waiting(decision)
    named = out.blob(reasons_content(decision))
    opening = glass.opening(m, p.command, decision)
    first = [p.entry, *(a.entry for a in approvals if a.entry >= 0), *because, *opening]
    counted = (*always(m, p.command), *lately(m, p.command.principal))
    inputs = (*m.renumbered.of_command(p.command), *standing_in.rests(context))
    rests = of_decision(m, first, counted, inputs, decision.parents)
    index = out.append(entry.decision(m.site.plant.id, m.now_ns, named, decision, rests))
    status = CommandStatus.HELD if decision.verdict is Verdict.HOLD else CommandStatus.DENIED
    expires = p.received_ns + _hold_ns(m, p.command)
    record = Record(
        *(p.command, p.digest, p.entry, decision, index, status, p.received_ns, expires, approvals),
        key=p.key,
    )
    if decision.permits:
        record = _permit(m, out, record)
        if decision.clamp is not None:
            m.counts["clamp:permitted"] += 1
        awaiting.issued(m, record)
    safe.follow(m, out, p.command, decision)
    glass.follow(m, out, p.command, decision, index)
    m.counts[f"command:{record.status.value}"] += 1
    told = {"status": record.status.value, "why": decision.why, "entry": index}
    out.publish("command", id=p.command.id, tag=p.command.tag, **told)
    trying.ask(m, out, record, because, context, posed)
    return m.keep(record)


def _judged(
    m: Memory,
    p: Proposal,
    approvals: tuple[Approval, ...],
    context: Context,
    prediction: Prediction | None,
) -> tuple[Decision, Posed | None]:
    """The decision, and the question that it waits for; where none can be asked, the decision that says so."""
    decision = judged(m, p, approvals, context, prediction)
    if prediction is not None or not waits(decision):
        return decision, None
    posed, unaskable = trying.posed(m, p.command, context)
    return (judged(m, p, approvals, context, unaskable) if unaskable else decision), posed


def judged(
    m: Memory,
    p: Proposal,
    approvals: tuple[Approval, ...],
    context: Context,
    prediction: Prediction | None = None,
) -> Decision:
    """The decision as it is now, with what gate 4 may know (`judging`); nothing is entered."""
    seen = lately(m, p.command.principal)
    who = frozenset(a.principal for a in approvals)
    foreseen = {} if prediction is None else {p.command.id: prediction}
    context = replace(context, withheld=withheld(m), predictions=foreseen)
    command = replace(p.command, inputs=m.renumbered.of_command(p.command))
    return commands_gate.judge(
        *(command, m.site, m.frame, context, seen, who, m.now_ns),
        asked_ns=p.received_ns,
        key=p.key,
        clamp=_clamp(m, p),
    )


def _clamp(m: Memory, p: Proposal) -> Clamp | None:
    """What was shown in the place of its value when it was held last."""
    known = m.records.get(p.command.id)
    return None if known is None else known.decision.clamp


def always(m: Memory, command: Command) -> tuple[str, ...]:
    """Tags that its derivation has whatever its service reads: mandatory ones, starts of look-ahead, what it declares."""
    tag = m.site.plant.tags.get(command.tag)
    named = () if tag is None else mandatory(tag)
    models = lookahead.models(m.site.ahead.get(command.tag))
    starts = (s.tag for ahead in models for s in ahead.sources.values())
    return (*named, *starts, *(i.tag for i in command.inputs))


def lately(m: Memory, principal: str) -> Mapping[str, tuple[int, ...]]:
    """What a service has read within its window (R7), the worst axes by tag."""
    return recent(m.seen.get(principal, {}), m.now_ns, m.site.commands.read_memory_ns)


def _permit(m: Memory, out: Out, record: Record) -> Record:
    approved = approval.digest(a.statement for a in record.approvals)
    nonce = sha256(b"permit" + out.salt + record.digest).digest()[: permits.NONCE_BYTES]
    epoch = permit_epoch(m, m.site.plant.tags[record.command.tag].asset)
    stamp = permits.Stamp(record.decision_entry, approved, epoch, nonce, m.now_ns)
    permit = permits.make(record.command, record.decision, m.site, stamp)
    content = write_permit(permit)
    committed = out.salted(sha256(content).digest())
    index = out.append(entry.permit(m.now_ns, committed, permit))
    out.effects.append(Keep(committed, out.salt + content))  # for receipts: no event holds it
    if m.site.permit_key:
        use(m, key_id(m.site.permit_key), "permit", index)
    out.effects.append(Deliver(content, record.command.id))
    return replace(
        record,
        status=CommandStatus.PERMITTED,
        permit_nonce=nonce,
        permit_entry=index,
        issued_ns=m.now_ns,
        expires_ns=permit.expires_ns,
    )


def _hold_ns(m: Memory, command: Command) -> int:
    tag = m.site.plant.tags.get(command.tag)
    return (
        m.site.plant.classes[tag.command_class].hold_ns
        if tag is not None and tag.command_class is not None
        else 0
    )
