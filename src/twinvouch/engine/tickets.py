"""Tickets: work on the plant that a person announces, signed, bounded in time, and used once.

While it goes on a reading that departs from what was learned is a candidate for an operating change instead of an
attack, and still does not count in the highest command class.
"""

from typing import Final

from twinvouch.core.statement import Statement, Verb
from twinvouch.core.subject import tags_of
from twinvouch.core.ticket import Ticket, Work
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Entered, Out

VERBS: Final = frozenset({Verb.RECALIBRATION, Verb.MAINTENANCE, Verb.SETPOINT})
_DAY_NS: Final = 24 * 3_600_000_000_000
LONGEST_NS: Final = 30 * _DAY_NS
KEPT_NS: Final = 2 * _DAY_NS  # after its end: so long the plant settles
MOST: Final = 100  # open at once


def objection(m: Memory, said: Statement) -> str:
    """Why a ticket has no effect, whoever signed it; empty where it has one."""
    if not tags_of(m.site.plant, said.subject):
        return f"`{said.subject}` is no tag and no asset with tags of plant `{m.site.plant.id}`"
    if said.expires_ns - said.made_ns > LONGEST_NS:
        return (
            f"a ticket lasts at most {LONGEST_NS // _DAY_NS} days: say less, and say it again then"
        )
    if len(m.tickets) >= MOST:
        return f"{MOST} tickets are open already: wait until some have ended"
    return ""


def take(m: Memory, out: Out, said: Statement, _: Entered) -> None:
    """Remember it."""
    tags = tags_of(m.site.plant, said.subject)
    work = Work(said.verb.value)
    m.tickets[said.nonce] = Ticket(work, tags, said.made_ns, said.expires_ns, said.principal)
    m.dirty.add("tickets")
    out.reply(200, status=work.value, tags=list(tags), until_ns=said.expires_ns)


def forget(m: Memory) -> None:
    """Drop what has no effect any more."""
    for nonce in [n for n, t in m.tickets.items() if t.end_ns + KEPT_NS < m.now_ns]:
        del m.tickets[nonce]
        m.dirty.add("tickets")
