"""Writes that must show at the plant, from the permit to the actuator's report."""

from dataclasses import replace

from twinvouch.commands import response
from twinvouch.commands.register import Record
from twinvouch.core.aftermath import Awaited, Expected, Response
from twinvouch.core.command import CommandStatus
from twinvouch.engine.memory import Memory


def expected_of(m: Memory, tag: str) -> Expected | None:
    """What a write to an actuator must bring about; None where nothing is said of it."""
    after = m.site.aftermaths.get(tag)
    return None if after is None or tag not in m.site.plant.tags else after.expected


def issued(m: Memory, record: Record) -> None:
    """A permit is made: remember where its actuator was, as far as a trusted reading says so."""
    tag = record.command.tag
    if expected_of(m, tag) is None:
        return
    before = response.trusted(m.site.plant, m.frame, m.context(), (tag, tag), m.now_ns)
    _keep(m, record.command.id, Awaited(tag, before))


def reported(m: Memory, record: Record) -> Record:
    """The outcome came: from here on the plant has to respond, and what was written before this has not any more.

    What comes to the same as one that waits has its time: whoever writes again and again puts no response off.
    """
    ident, expected = record.command.id, expected_of(m, record.command.tag)
    waiting = m.awaited.get(ident)
    if expected is None or waiting is None:
        return record
    if record.status is not CommandStatus.EXECUTED:
        forget(m, ident)
        return record
    until_ns = m.now_ns + expected.within_ns
    for other in sorted(m.awaited):
        if other == ident or m.awaited[other].tag != waiting.tag or not m.awaited[other].since_ns:
            continue
        before = m.records.get(other)
        if before is not None and expected.fits(before.value, expected.of(record.value)):
            until_ns = min(until_ns, m.awaited[other].until_ns)
        settle(m, other, Response.SUPERSEDED)
    _keep(m, ident, replace(waiting, since_ns=m.now_ns, until_ns=until_ns))
    return replace(record, response=Response.AWAITED.value)


def doubted(m: Memory, ident: str, expected: Expected, value: float) -> Awaited:
    """What waits, no reading being trusted: one that came after the write and fits may be the response."""
    waiting, last = m.awaited[ident], m.frame.last(expected.tag)
    is_new = last is not None and last.received_ns > waiting.since_ns and not waiting.is_doubted
    if is_new and last is not None and expected.fits(value, last.value):
        waiting = replace(waiting, is_doubted=True)
        _keep(m, ident, waiting)
    return waiting


def settle(m: Memory, ident: str, how: Response) -> None:
    """It is known, or nobody asks any more."""
    forget(m, ident)
    record = m.records.get(ident)
    if record is not None:
        m.keep(replace(record, response=how.value))
        m.counts[f"response:{how.value}"] += 1


def forget(m: Memory, ident: str) -> None:
    """Nobody waits for it any more."""
    if m.awaited.pop(ident, None) is not None:
        m.dirty.add(f"awaited/{ident}")


def _keep(m: Memory, ident: str, waiting: Awaited) -> None:
    m.awaited[ident] = waiting
    m.dirty.add(f"awaited/{ident}")
