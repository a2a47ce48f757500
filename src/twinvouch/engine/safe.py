"""What follows from a safe action: its place in the number of an hour, and what is told of abuse."""

from collections.abc import Callable, Mapping
from typing import Any

from twinvouch.commands import safe_action
from twinvouch.commands.foreseen import waits
from twinvouch.core.command import Command, Decision
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.safe import HOUR_NS
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out, enter
from twinvouch.wire.cbor import decode, encode

TECHNIQUE = "T0855"  # unauthorized command message


def follow(m: Memory, out: Out, command: Command, decision: Decision) -> None:
    """Tell of abuse; an action that is permitted takes one of its number."""
    for reason in decision.reasons:
        if reason.rule == safe_action.ABUSE:
            m.counts["safe_action:abused"] += 1
            why = f"`{command.principal}`: {reason.sentence}"[:500]
            found = Finding(safe_action.ABUSE, command.tag, Severity.HIGH, why, TECHNIQUE)
            enter(m, out, command.principal, found)
    if safe_action.was_admitted(decision):
        is_permitted = decision.permits
        m.counts[f"safe_action:{'permitted' if is_permitted else decision.verdict.value}"] += 1
        if is_permitted:
            _use(m, command)


def _use(m: Memory, command: Command) -> None:
    of = m.site.safe.get(command.tag, ())
    key = next(s.key for s in of if s.value == command.value)
    recent = (at for at in m.safe_used.get(key, ()) if at > m.now_ns - HOUR_NS)
    m.safe_used[key] = (*recent, m.now_ns)
    m.dirty.add("safe_used")


def is_released(m: Memory, command: Command, decision: Decision) -> bool:
    """True where only the model was waited for: it is done though trust in something changed meanwhile."""
    before = m.records.get(command.id)
    return safe_action.was_admitted(decision) and before is not None and waits(before.decision)


def _read(m: Memory, _: str, raw: bytes) -> None:
    content: Any = decode(raw)
    version, told = content
    assert version == 1, version
    m.safe_used = {key: tuple(at) for key, at in told.items()}


WRITE: Mapping[str, Callable[[Memory, str], bytes | None]] = {
    "safe_used": lambda m, _: encode([1, {k: list(v) for k, v in m.safe_used.items()}]),
}
READ: Mapping[str, Callable[[Memory, str, bytes], None]] = {"safe_used": _read}
