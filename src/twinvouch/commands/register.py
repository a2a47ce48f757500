"""The life of every command from proposal to outcome, as one frozen record the engine keeps and stores."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from twinvouch.commands.basis_rows import read_basis, write_basis
from twinvouch.core.command import Clamp, Command, CommandStatus, Decision, Input, Reason, Verdict
from twinvouch.core.context import ActuatorWrite
from twinvouch.wire.cbor import decode, encode


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's yes: who, the digest of the signed statement, until when it counts (ns), its ledger entry and key."""

    principal: str
    statement: bytes
    expires_ns: int
    entry: int = -1  # not known of what earlier versions stored
    key: bytes = b""  # id of the key that signed it; nor is this


@dataclass(frozen=True, slots=True)
class Record:
    """A command with the latest decision on it and what became of it. Entries are ledger indices."""

    command: Command
    digest: bytes  # of the command's signed content
    entry: int
    decision: Decision
    decision_entry: int
    status: CommandStatus
    received_ns: int
    expires_ns: int  # of the hold, then of the permit
    approvals: tuple[Approval, ...] = ()
    permit_nonce: bytes = b""
    permit_entry: int = -1
    issued_ns: int = 0
    spent_ns: int = 0
    outcome: str = ""
    outcome_entry: int = -1
    key: bytes = (
        b""  # id of the key that signed it; empty: a token, or an earlier version stored it
    )
    response: str = ""  # of the plant, a core.aftermath.Response

    @property
    def is_open(self) -> bool:
        """True while something can still happen to it."""
        return self.status in {CommandStatus.HELD, CommandStatus.PERMITTED}

    @property
    def value(self) -> float:
        """What is written where it is permitted: what was proposed, or the clamped value."""
        return self.decision.value_of(self.command)

    def as_write(self) -> ActuatorWrite:
        """How this command explains a change of its actuator."""
        return ActuatorWrite(
            self.command.tag,
            self.value,
            self.issued_ns,
            self.expires_ns,
            self.spent_ns,
            is_over=self.status is not CommandStatus.PERMITTED,
            permit=self.permit_entry,
            is_void=self.status is CommandStatus.REFUSED,
        )


def shown(command: Command, decision: Decision) -> bytes:
    """Digest of what an approver is shown: the command, the verdict, every reason and the label; the clamped value.

    An approval signs this digest, so that nobody can approve one thing and release another.
    """
    content = [
        _plain_command(command),
        decision.verdict.value,
        _plain_reasons(decision.reasons),
        list(decision.axes),
        *([] if decision.clamp is None else [_plain_clamp(decision.clamp)]),
    ]
    return sha256(encode(content)).digest()


def reasons_content(decision: Decision) -> list[object]:
    """A decision's reasons as plain data, for the blob its ledger entry names."""
    return _plain_reasons(decision.reasons)


def write_record(r: Record) -> bytes:
    """A record as bytes for the state store."""
    d = r.decision
    return encode(
        [
            1,
            _plain_command(r.command),
            r.digest,
            r.entry,
            [
                d.verdict.value,
                _plain_reasons(d.reasons),
                list(d.axes),
                list(d.parents),
                d.approvals,
                d.approvals_needed,
                write_basis(d.basis),
                *([] if d.clamp is None else [_plain_clamp(d.clamp)]),
            ],
            r.decision_entry,
            r.status.value,
            r.received_ns,
            r.expires_ns,
            [[a.principal, a.statement, a.expires_ns, a.entry, a.key] for a in r.approvals],
            r.permit_nonce,
            r.permit_entry,
            r.issued_ns,
            r.spent_ns,
            r.outcome,
            r.outcome_entry,
            r.key,
            r.response,
        ]
    )


def read_record(raw: bytes) -> Record:
    """The inverse of `write_record`."""
    content: Any = decode(raw)
    (
        version,
        command,
        digest,
        entry,
        decided,
        decision_entry,
        status,
        received,
        expires,
        approvals,
        *rest,
    ) = content
    assert version == 1, version
    c = _command(command)
    verdict, reasons, axes, parents, given, needed, *more = decided  # earlier versions kept none
    decision = Decision(
        c.id,
        Verdict(verdict),
        tuple(
            Reason(rule, Verdict(v), sentence, counter) for rule, v, sentence, counter in reasons
        ),
        (axes[0], axes[1], axes[2], axes[3]),
        tuple(parents),
        given,
        needed,
        read_basis(more[0]) if more else None,
        *(Clamp(proposed, value, tuple(by)) for proposed, value, by in more[1:]),
    )
    held = tuple(Approval(*said) for said in approvals)
    return Record(
        c,
        digest,
        entry,
        decision,
        decision_entry,
        CommandStatus(status),
        received,
        expires,
        held,
        *rest,
    )


def _plain_reasons(reasons: Sequence[Reason]) -> list[object]:
    return [[r.rule, r.verdict.value, r.sentence, r.counterfactual] for r in reasons]


def _plain_clamp(clamp: Clamp) -> list[object]:
    return [clamp.proposed, clamp.value, list(clamp.by)]


def _plain_command(c: Command) -> list[object]:
    inputs = [[i.tag, i.entry] for i in c.inputs]
    return [c.id, c.principal, c.tag, c.value, c.unit, c.made_ns, inputs, c.reason, c.signed]


def _command(content: Any) -> Command:
    ident, principal, tag, value, unit, made_ns, inputs, reason, signed = content
    declared = tuple(Input(t, e) for t, e in inputs)
    return Command(ident, principal, tag, float(value), unit, made_ns, declared, reason, signed)
