"""What waits for people is judged again at once when a tag that it rests on is distrusted or restored.

Held commands and open advice. A held command gets a new decision; approvals of what was shown before count only while
what is shown is the same, and no permit comes of it: what nothing holds any more waits for a person's word. An unspent
permit is not recalled: it lives seconds.

One statement is not to stop the engine for seconds: of held commands the newest AT_ONCE are judged, of the others only
the approvals are taken away; they are judged, as always, when somebody approves.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from twinvouch.commands.register import Record, shown
from twinvouch.core.command import CommandStatus
from twinvouch.engine import standing
from twinvouch.engine.deciding import Proposal, always, decide, judged, lately
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out

AT_ONCE: Final = 100


def trust_changed(m: Memory, out: Out, tags: Collection[str], because: Sequence[int]) -> None:
    """`because` are the entries of the statements that changed it."""
    _judge(m, out, _resting_on(m, set(tags)), tuple(because))
    for given in standing.rests_on(m, tags):
        standing.judge_again(m, out, given, because)


def judge_held(m: Memory, out: Out, asset: str, because: tuple[int, ...]) -> None:
    """The mode of an asset changed: its held commands are judged again, by the same limit."""
    prefix = f"{asset}/"
    records = m.records.values()
    held = [
        r for r in records if r.status is CommandStatus.HELD and r.command.tag.startswith(prefix)
    ]
    _judge(m, out, held, because)


def _judge(m: Memory, out: Out, held: Sequence[Record], because: tuple[int, ...]) -> None:
    for record in held[:-AT_ONCE]:
        if record.approvals:
            m.keep(replace(record, approvals=()))
    for record in held[-AT_ONCE:]:
        _decide_again(m, out, record, because)


def _resting_on(m: Memory, tags: set[str]) -> list[Record]:
    """Held commands that have one of these tags in their derivation, oldest first; what a service read is looked at once."""
    held = [r for r in m.records.values() if r.status is CommandStatus.HELD]
    readers = {who for who in {r.command.principal for r in held} if tags & {*lately(m, who)}}
    return [r for r in held if r.command.principal in readers or tags & {*always(m, r.command)}]


def _decide_again(m: Memory, out: Out, record: Record, because: tuple[int, ...]) -> None:
    proposal = Proposal.of(record)
    approvals = tuple(a for a in record.approvals if a.expires_ns >= m.now_ns)
    if approvals:
        now = judged(m, proposal, approvals)
        if shown(record.command, now) != shown(record.command, record.decision):
            approvals = ()
    decide(m, out, proposal, approvals, because)
