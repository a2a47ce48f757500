"""From a proposed command to a permit and its outcome, and the statements of persons on the way."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256

from twinvouch.commands.register import Approval, Record, shown
from twinvouch.core.command import Command, CommandStatus, OutcomeStatus
from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.core.event import CommandProposed, OutcomeReported, StatementReceived
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import Principal, PrincipalKind
from twinvouch.core.kind import Purpose
from twinvouch.core.statement import Statement, Verb
from twinvouch.engine import (
    asking,
    awaiting,
    disavowing,
    distrusting,
    glass,
    misuse,
    modes,
    scanned,
    tickets,
)
from twinvouch.engine.deciding import Proposal, decide
from twinvouch.engine.epochs import too_old
from twinvouch.engine.founding import on_genesis
from twinvouch.engine.keys import bad_key, use
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Entered, Out, doubt, enter, refuse, vouched
from twinvouch.engine.rests import of_command
from twinvouch.ledger import entry
from twinvouch.wire.command import read_command
from twinvouch.wire.cose import key_id_of
from twinvouch.wire.disavowal import is_disavowal
from twinvouch.wire.genesis import is_genesis
from twinvouch.wire.outcome import read_outcome
from twinvouch.wire.scan import is_scan
from twinvouch.wire.signed import open_signed
from twinvouch.wire.statement import read_statement


def on_command(m: Memory, out: Out, event: CommandProposed) -> None:
    """Gate 4 for a proposal: who signed it, is it known already, and then the decision."""
    try:
        command, digest, signer = _opened(m, event)
    except (MalformedError, SignatureError) as error:
        refuse(m, out, event.peer, doubt(error, event.peer))
        misuse.note_refused(m, out, event.raw, error)
        return
    if late := too_old(m, command.made_ns):
        refuse(m, out, event.peer, Finding("before_restore", signer.id, Severity.MEDIUM, late))
        return
    if command.principal != signer.id:
        why = f"`{signer.id}` may not propose commands in the name of `{command.principal}`"
        refuse(m, out, event.peer, Finding("not_owner", signer.id, Severity.HIGH, why, "T0859"))
        misuse.note(m, out, command, digest, "not_owner")
        return
    if (known := m.records.get(command.id)) is not None:
        _again(m, out, known, command, digest)
        return
    plant = m.site.plant
    tag = plant.tags.get(command.tag)
    command_class = (
        tag.command_class.value if tag is not None and tag.command_class is not None else ""
    )
    about, rests = (plant.id, command_class), of_command(m, command, m.size)
    index = out.append(entry.command(m.now_ns, out.commit(digest), command, about, rests))
    key = b"" if event.token_of else key_id_of(event.raw)
    if key:
        use(m, key, "command", index)
    _answer(out, decide(m, out, Proposal(command, digest, index, m.now_ns, key)))


def _opened(m: Memory, event: CommandProposed) -> tuple[Command, bytes, Principal]:
    """The command, the digest of its content, and who vouches for it; MalformedError or SignatureError where it is none."""
    plant = m.site.plant
    if event.token_of:
        content, digest = event.raw, sha256(event.raw).digest()
        signer = vouched(plant, event.token_of)
    else:
        sealed, signer = open_signed(event.raw, plant, Purpose.COMMAND, m.ring, m.now_ns)
        content, digest = sealed.content, sealed.digest
    return read_command(content, plant.id, signed=not event.token_of), digest, signer


def _again(m: Memory, out: Out, known: Record, command: Command, digest: bytes) -> None:
    """What asks for the same again is answered with how that stands now; it is one command, whenever it was made."""
    if known.digest == digest or replace(command, made_ns=known.command.made_ns) == known.command:
        _answer(out, known)
        return
    why = "a command with this id, or this Idempotency-Key, and another content exists: choose another"
    out.reply(409, id=command.id, why=why)
    misuse.note(m, out, command, digest, "reused_id")


def on_statement(m: Memory, out: Out, event: StatementReceived) -> None:
    """A person's signed word: verified, allowed by policy, used once."""
    try:
        sealed, signer = open_signed(event.raw, m.site.plant, Purpose.STATEMENT, m.ring, m.now_ns)
        if is_genesis(sealed.content):
            on_genesis(m, out, sealed, signer)
            return
        if is_disavowal(sealed.content):
            disavowing.on_disavowal(m, out, sealed, signer)
            return
        said = read_statement(sealed.content, m.site.plant.id)
    except (MalformedError, SignatureError) as error:
        refuse(m, out, event.peer, doubt(error, event.peer))
        return
    objection = _objection(m, signer, said, sealed.key_id)
    forbidden = "" if objection else asking.forbidden(m, signer, said)
    if why := objection or forbidden:
        index = enter(m, out, signer.id, Finding("statement", signer.id, Severity.MEDIUM, why))
        rule = "capability" if forbidden else "statement"  # the policy's no, or all else
        out.reply(403, status="refused", rule=rule, why=why, entry=index)
        return
    m.nonces[said.nonce] = said.expires_ns
    m.dirty.add("nonces")
    committed, parents = out.commit(sealed.digest), _parents(m, said)
    index = out.append(entry.statement(m.site.plant.id, m.now_ns, committed, said, parents))
    use(m, sealed.key_id, "statement", index)
    VERBS[said.verb](m, out, said, Entered(sealed.digest, index, sealed.key_id))
    out.publish(
        "statement",
        entry=index,
        principal=said.principal,
        verb=said.verb.value,
        subject=said.subject,
    )


def _parents(m: Memory, said: Statement) -> list[int]:
    """What a statement is about, in the ledger."""
    if disavowing.is_about(m, said) and (about := disavowing.found(m, said)) is not None:
        return [about.stage_entry]
    return [m.records[said.subject].decision_entry] if said.subject in m.records else []


def _objection(m: Memory, signer: Principal, said: Statement, key: bytes) -> str:
    """Why a verified statement has no effect; empty where it has one."""
    if signer.kind is not PrincipalKind.PERSON or said.principal != signer.id:
        return f"`{signer.id}` cannot speak as person `{said.principal}`"
    if late := too_old(m, said.made_ns) or bad_key(m, key):
        return late
    if said.nonce in m.nonces:
        return "this statement was used before: sign a new one"
    if not said.made_ns - m.site.commands.max_ahead_ns <= m.now_ns <= said.expires_ns:
        return _off_time(said.made_ns, said.expires_ns, m.now_ns)
    return _unfit_subject(m, said)


def _unfit_subject(m: Memory, said: Statement) -> str:
    if disavowing.is_about(m, said):
        return disavowing.unfit(m, said)
    if said.verb in OBJECTIONS:
        return OBJECTIONS[said.verb](m, said)
    record = m.records.get(said.subject)
    if record is None or record.status is not CommandStatus.HELD:
        return f"`{said.subject}` is no held command"
    if said.verb is Verb.APPROVE and record.command.id in m.asked:
        return "it is being simulated: look again in a moment"
    if said.verb is Verb.APPROVE and said.shown != shown(record.command, record.decision):
        return "what was shown is not what stands now: look again and sign again"
    return ""


def _approve(m: Memory, out: Out, said: Statement, by: Entered) -> None:
    record = m.records[said.subject]
    others = (
        a for a in record.approvals if a.principal != said.principal and a.expires_ns >= m.now_ns
    )
    new = Approval(said.principal, by.digest, said.expires_ns, by.entry, by.key)
    approvals = (*others, new)
    _answer(out, decide(m, out, Proposal.of(record), approvals))


def _reject(m: Memory, out: Out, said: Statement, by: Entered) -> None:
    if disavowing.is_about(m, said):
        disavowing.take(m, out, said, by)
        return
    _answer(
        out,
        m.keep(
            replace(m.records[said.subject], status=CommandStatus.REJECTED, outcome=said.reason)
        ),
    )


def on_outcome(m: Memory, out: Out, event: OutcomeReported) -> None:
    """The actuator's report on one of its permits; a repeated report changes nothing."""
    plant = m.site.plant
    try:
        sealed, signer = open_signed(event.raw, plant, Purpose.OUTCOME, m.ring, m.now_ns)
        if is_scan(sealed.content):
            scanned.on_scan(m, out, sealed, signer)
            return
        outcome = read_outcome(sealed.content, plant.id)
    except (MalformedError, SignatureError) as error:
        refuse(m, out, event.peer, doubt(error, event.peer))
        return
    record = m.records.get(m.by_nonce.get(outcome.permit, ""))
    if signer.id != plant.actuator or record is None:
        why = f"`{signer.id}` reports on permit {outcome.permit.hex()}, which is not its own to report on"
        index = enter(m, out, signer.id, Finding("outcome", signer.id, Severity.HIGH, why))
        out.reply(422, status="refused", why=why, entry=index)
        return
    if record.outcome_entry >= 0:
        out.reply(200, status="duplicate", entry=record.outcome_entry)
        return
    parents = [record.permit_entry]
    index = out.append(
        entry.outcome(
            plant.id, m.now_ns, out.commit(sealed.digest), record.command.id, outcome, parents
        )
    )
    use(m, sealed.key_id, "outcome", index)
    spent = m.now_ns if outcome.status in {OutcomeStatus.EXECUTED, OutcomeStatus.UNKNOWN} else 0
    status = CommandStatus(outcome.status.value)
    told = replace(record, status=status, outcome=outcome.sentence)
    m.keep(awaiting.reported(m, replace(told, outcome_entry=index, spent_ns=spent)))
    m.counts[f"outcome:{status.value}"] += 1
    out.publish(
        "outcome", id=record.command.id, status=status.value, why=outcome.sentence, entry=index
    )
    out.reply(200, status=status.value, entry=index)


def _answer(out: Out, record: Record) -> None:
    decision = record.decision
    out.reply(
        403 if record.status is CommandStatus.DENIED else 200,
        id=record.command.id,
        status=record.status.value,
        verdict=decision.verdict.value,
        **({} if decision.clamp is None else {"clamped_to": decision.clamp.value}),
        rule=decision.rule,
        why=decision.why,
        entry=record.decision_entry,
    )


def age(m: Memory, out: Out, record: Record) -> None:
    """A hold that nobody answered expires; a permit that nobody reported on is UNKNOWN, never sent again."""
    if record.status is CommandStatus.HELD and m.now_ns > record.expires_ns:
        m.keep(replace(record, status=CommandStatus.EXPIRED, outcome="nobody approved it in time"))
        out.publish("command", id=record.command.id, tag=record.command.tag, status="expired")
    late = m.now_ns - record.expires_ns > m.site.commands.outcome_ns
    if record.status is CommandStatus.PERMITTED and late:
        why = f"the actuator did not report on the permit of command {record.command.id} on `{record.command.tag}`"
        m.keep(replace(record, status=CommandStatus.UNKNOWN, outcome=why))
        out.report(
            [Finding("no_outcome", record.command.tag, Severity.MEDIUM, why)], [record.permit_entry]
        )


OBJECTIONS: Mapping[Verb, Callable[[Memory, Statement], str]] = {
    **dict.fromkeys(distrusting.VERBS, distrusting.objection),
    **dict.fromkeys(tickets.VERBS, tickets.objection),
    **dict.fromkeys(modes.VERBS, modes.objection),
    **dict.fromkeys(glass.VERBS, glass.objection),
}
VERBS: Mapping[Verb, Callable[[Memory, Out, Statement, Entered], None]] = {
    Verb.APPROVE: _approve,
    Verb.REJECT: _reject,
    **dict.fromkeys(distrusting.VERBS, distrusting.take),
    **dict.fromkeys(disavowing.VERBS, disavowing.take),
    **dict.fromkeys(tickets.VERBS, tickets.take),
    **dict.fromkeys(modes.VERBS, modes.take),
    **dict.fromkeys(glass.VERBS, glass.take),
}


def _off_time(made_ns: int, expires_ns: int, now_ns: int) -> str:
    if made_ns > now_ns:
        ahead = (made_ns - now_ns) / 1e9
        return f"made {ahead:.1f} s in the future of the core: set the clock and sign a new one"
    return f"expired {(now_ns - expires_ns) / 1e9:.1f} s ago: look at the clock and sign a new one"
