"""What waits for people is judged again at once when a tag that it rests on is distrusted or restored.

Held commands and open advice. A held command gets a new decision; approvals of what was shown before count only while
what is shown is the same, and no permit comes of it: what nothing holds any more waits for a person's word. An unspent
permit is not recalled: it lives seconds.
"""

from collections.abc import Collection, Sequence

from twinvouch.commands.register import Record, shown
from twinvouch.core.command import CommandStatus
from twinvouch.engine import standing
from twinvouch.engine.deciding import Proposal, counted, decide, judged
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out


def trust_changed(m: Memory, out: Out, tags: Collection[str], because: Sequence[int]) -> None:
    """`because` are the entries of the statements that changed it."""
    chosen = set(tags)
    held = [r for r in m.records.values() if r.status is CommandStatus.HELD]
    for record in held:
        if chosen & {*counted(m, record.command)}:
            _decide_again(m, out, record, tuple(because))
    for given in standing.rests_on(m, tags):
        standing.judge_again(m, out, given, because)


def _decide_again(m: Memory, out: Out, record: Record, because: tuple[int, ...]) -> None:
    proposal = Proposal.of(record)
    approvals = tuple(a for a in record.approvals if a.expires_ns >= m.now_ns)
    if shown(record.command, judged(m, proposal, approvals)) != shown(
        record.command, record.decision
    ):
        approvals = ()
    decide(m, out, proposal, approvals, because)
