"""With every tick: did the plant respond to what was written, and did a held command run past its deadline.

What follows is a command of the core, decided by all rules like any other; of its own commands nothing follows but a finding.
"""

from collections.abc import Iterator
from dataclasses import replace

from twinvouch.commands import deadline, response
from twinvouch.commands.register import Record
from twinvouch.commands.view import mandatory
from twinvouch.core.aftermath import Aftermath, Awaited, Expected, OnFailure, Response
from twinvouch.core.command import CORE, CommandStatus
from twinvouch.core.finding import Finding, Severity
from twinvouch.engine import awaiting, modes, own
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out


def pass_time(m: Memory, out: Out) -> None:
    """Look at everything that waits for the plant, and at what waits for persons or a model."""
    for ident in sorted(m.awaited):
        _look(m, out, ident)
    afters = m.site.aftermaths
    concerned = (r for r in m.records.values() if r.command.tag in afters) if afters else ()
    for record in [r for r in concerned if r.status is CommandStatus.HELD]:
        after = afters[record.command.tag]
        if deadline.is_over(after, record.received_ns, m.now_ns):
            _over(m, out, record, after)


def _look(m: Memory, out: Out, ident: str) -> None:
    waiting, record = m.awaited[ident], m.records.get(ident)
    expected = awaiting.expected_of(m, waiting.tag)
    if expected is None or record is None or record.status not in _GOING:
        awaiting.forget(m, ident)
        return
    if not waiting.since_ns:
        return
    seen = _seen(m, waiting, expected)
    waiting = awaiting.doubted(m, ident, expected, record.value) if seen is None else waiting
    how = response.judge(expected, waiting, record.value, seen, m.now_ns)
    if how is Response.AWAITED:
        return
    awaiting.settle(m, ident, how)
    out.publish("outcome", id=ident, status=record.status.value, response=how.value)
    if how is not Response.CONFIRMED:
        _failed(m, out, record, waiting, seen if how is Response.MISSING else None)


def _seen(m: Memory, waiting: Awaited, expected: Expected) -> float | None:
    """What a trusted reading says that came after the write."""
    last = m.frame.last(expected.tag)
    if last is None or last.received_ns <= waiting.since_ns:
        return None
    about = waiting.tag, expected.tag
    return response.trusted(m.site.plant, m.frame, m.context(), about, m.now_ns)


def _failed(m: Memory, out: Out, record: Record, waiting: Awaited, seen: float | None) -> None:
    """Tell people; where a trusted reading says that the plant did not respond, do what two persons signed."""
    after = m.site.aftermaths[waiting.tag]
    assert after.expected is not None
    tag, value = record.command.tag, record.value
    why = response.sentence(after.expected, (tag, value), seen)
    is_known, is_own = seen is not None, record.command.principal == CORE
    instead = _instead(after, waiting) if is_known and not is_own else None
    if instead is not None:
        why = f"{why}; {instead:g} is proposed instead"
    elif is_known and not is_own and after.expected.on_failure in _MOVING:
        why = f"{why}; where it was before is not known, so it is left as it is"
    severity = Severity.HIGH if is_known else Severity.MEDIUM
    numbers = (
        ("expected", after.expected.of(value)),
        *((("seen", seen),) if seen is not None else ()),
    )
    found = Finding("response", tag, severity, why, response.TECHNIQUE if is_known else "", numbers)
    index = out.report([found], [record.outcome_entry])
    if instead is not None:
        own.take(m, out, (tag, instead), why, _rests(m, tag, after), (index,))
    if is_known and not is_own and after.expected.on_failure is OnFailure.STEP_DOWN:
        modes.step_down(m, out, m.site.plant.tags[tag].asset, why, (index,))


def _instead(after: Aftermath, waiting: Awaited) -> float | None:
    """What the core proposes: where it was before, or the declared default."""
    assert after.expected is not None
    if after.expected.on_failure is OnFailure.ROLL_BACK:
        return waiting.before
    return after.default if after.expected.on_failure is OnFailure.FALL_BACK else None


def _over(m: Memory, out: Out, record: Record, after: Aftermath) -> None:
    tag, decision = record.command.tag, record.decision
    is_own = record.command.principal == CORE
    why = deadline.sentence(after, decision, (tag, record.command.value))
    if is_own:
        why = f"a command of the core ran past the deadline of `{tag}`"
    m.keep(replace(record, status=CommandStatus.EXPIRED, outcome=why))
    out.publish("command", id=record.command.id, tag=tag, status="expired")
    found = Finding("deadline", tag, Severity.MEDIUM, why)
    index = out.report([found], [record.decision_entry])
    if not is_own and deadline.takes_default(after, decision) and after.default is not None:
        own.take(m, out, (tag, after.default), why, _rests(m, tag, after), (index,))


def _rests(m: Memory, tag: str, after: Aftermath) -> Iterator[str]:
    """Tags that such a command declares: what always counts at its actuator, and what told that the plant did not respond."""
    told = () if after.expected is None else (after.expected.tag,)
    yield from dict.fromkeys((*mandatory(m.site.plant.tags[tag]), *told))


_MOVING = {OnFailure.ROLL_BACK, OnFailure.FALL_BACK}
_GOING = {CommandStatus.PERMITTED, CommandStatus.EXECUTED}
