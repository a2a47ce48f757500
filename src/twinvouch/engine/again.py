"""What waits for people is judged again when whom or what it rests on is distrusted or restored.

Held commands and open advice. A held command gets a new decision; approvals of what was shown before count only while
what is shown is the same, those signed with a key that is distrusted do not, and no permit comes of it: what nothing
holds any more waits for a person's word. An unspent permit is not recalled: it lives seconds.

One statement is not to stop the engine: of held commands the newest AT_ONCE are judged, of the others only the
approvals are taken away; they are judged, as always, when somebody approves. Of advice, see `standing`.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from twinvouch.commands.register import Approval, Record, shown
from twinvouch.core.command import CommandStatus
from twinvouch.core.subject import owner_of
from twinvouch.engine import standing
from twinvouch.engine.deciding import Proposal, always, decide, judged, lately
from twinvouch.engine.keys import unask
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out
from twinvouch.engine.standing_in import judging

AT_ONCE: Final = 100


def trust_changed(
    m: Memory,
    out: Out,
    tags: Collection[str],
    because: Sequence[int],
    key: bytes = b"",
    idents: Collection[str] = (),
) -> None:
    """`because` are the entries of the statements that changed it; `key`: what is signed with it is meant too.

    `idents` are commands and advice that are judged again whatever they rest on.
    """
    owner = owner_of(m.site.plant, m.ring, key) if key else ""
    _let_go(m, key, owner)
    _judge(m, out, _resting_on(m, set(tags), set(idents), key, owner), tuple(because))
    resting = standing.rests_on(m, tags, key, owner)
    named = [g for g in standing.open_ones(m) if g.advice.id in idents and g not in resting]
    standing.trust_changed(m, out, [*resting, *named], because)


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


def _let_go(m: Memory, key: bytes, owner: str) -> None:
    """Approvals signed with a key that is distrusted now are gone; who gave them can give them again with another."""
    if not m.context().is_bad_key(key, m.now_ns):
        return

    def counts(a: Approval) -> bool:
        return a.principal != owner or a.key not in {b"", key}

    for record in [r for r in m.records.values() if r.status is CommandStatus.HELD]:
        left = tuple(a for a in record.approvals if counts(a))
        if len(left) < len(record.approvals):
            m.keep(replace(record, approvals=left))
    unask(m, owner)


def _resting_on(
    m: Memory, tags: set[str], idents: set[str], key: bytes, owner: str
) -> list[Record]:
    """Held commands that are named, have one of these tags in their derivation or are signed with this key, oldest first."""
    held = [r for r in m.records.values() if r.status is CommandStatus.HELD]
    # what a service read is looked at once
    readers = {who for who in {r.command.principal for r in held} if tags & {*lately(m, who)}}
    return [
        r
        for r in held
        if r.command.principal in readers
        or r.command.id in idents
        or tags & {*always(m, r.command)}
        or standing.signed_with(r.command, r.key, key, owner)
    ]


def _decide_again(m: Memory, out: Out, record: Record, because: tuple[int, ...]) -> None:
    proposal = Proposal.of(record)
    approvals = tuple(a for a in record.approvals if a.expires_ns >= m.now_ns)
    if approvals:
        now = judged(m, proposal, approvals, judging(m))
        if shown(record.command, now) != shown(record.command, record.decision):
            approvals = ()
    decide(m, out, proposal, approvals, because)
