"""A restored backup: what came after it is not known here, so nothing that was open may go on.

Held commands may have been approved and executed since, permits may have been used; a statement or command made
before the restore may have been used already, so may the signature of one person under a configuration. Edges go on: what they delivered in between is a gap, which is told.
"""

from dataclasses import replace

from twinvouch.core.command import CommandStatus
from twinvouch.core.event import EpochOpened
from twinvouch.engine import glass, modes, standing
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out
from twinvouch.ledger import entry

HELD = "a backup was restored, and what happened after it is not known: propose it again"
GIVEN = "a backup was restored, and what happened after it is not known"
PERMITTED = "a backup was restored: whether the permit was used is not known here"


def on_epoch(m: Memory, out: Out, event: EpochOpened) -> None:
    """Enter where the new log begins, and close what was open."""
    m.epoch, m.epoch_ns = event.epoch, m.now_ns
    m.signed.pending = {}
    m.past.forgotten_ns = m.now_ns  # what was written after the backup was made is not known
    m.dirty |= {"epoch", "signed", "forgotten"}
    committed = out.salted(event.backup)
    index = out.append(entry.epoch(m.site.plant.id, m.now_ns, committed, event))
    for record in [r for r in m.records.values() if r.is_open]:
        held = record.status is CommandStatus.HELD
        status, why = (CommandStatus.EXPIRED, HELD) if held else (CommandStatus.UNKNOWN, PERMITTED)
        m.keep(replace(record, status=status, outcome=why))
    for given in standing.open_ones(m):
        standing.end(m, out, given, GIVEN, [index])
    modes.restored(m, out, index)
    glass.restored(m, out, index)
    out.reply(200, status="opened", epoch=event.epoch, entry=index)


def too_old(m: Memory, made_ns: int) -> str:
    """Why something signed before the restore has no effect; empty where it has."""
    if made_ns > m.epoch_ns:
        return ""
    return "made before a backup was restored, and may have been used already: sign a new one"
