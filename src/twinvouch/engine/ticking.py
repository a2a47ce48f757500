"""A tick: time goes on, and what is over ends."""

from dataclasses import replace
from typing import Final

from twinvouch.commands import arrivals
from twinvouch.core.event import Tick
from twinvouch.engine import (
    aftermath,
    disavowing,
    distrusting,
    foreseeing,
    glass,
    modes,
    standing,
    tickets,
    validity,
    virtual,
    watching,
)
from twinvouch.engine.acting import age
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out
from twinvouch.ledger import entry
from twinvouch.readings import gate as readings_gate
from twinvouch.readings import wall_step
from twinvouch.readings.refusals import due

WAITED_FOR_NS: Final = 2_000_000_000


def _follow_clocks(m: Memory, out: Out, tick: Tick) -> None:
    """Tell where the wall clock was set, and let time go on where it was set back: slower, never back.

    At half speed it is caught up with, and what expires does so in at most twice its time. A clock that is
    hardly behind is waited for: so much may pass between reading it and this.
    """
    if not tick.monotonic_ns:
        return
    before, m.ticked = m.ticked, replace(tick, salt=b"")
    m.dirty.add("ticked")
    elapsed_ns = 0 if before is None else max(0, tick.monotonic_ns - before.monotonic_ns)
    if m.now_ns - tick.wall_ns > max(elapsed_ns, WAITED_FOR_NS):
        m.now_ns += elapsed_ns // 2
    step = wall_step.step_ns(before, tick)
    if step:
        plant = m.site.plant.id
        index = out.append(entry.clock(plant, m.now_ns, step, tick.wall_ns))
        out.report([wall_step.told(plant, step, tick.wall_ns)], [index])


def on_tick(m: Memory, out: Out, event: Tick) -> None:
    """Let time pass: what is over ends, what is due is told."""
    _follow_clocks(m, out, event)
    for peer, seen in due(m.tallies, m.now_ns):
        m.dirty.add("tallies")
        if seen.counts:
            out.append(entry.refused(m.site.plant.id, m.now_ns, peer, seen.counts, seen.since_ns))
    for record in [r for r in m.records.values() if r.is_open]:
        age(m, out, record)
    foreseeing.give_up(m, out)
    aftermath.pass_time(m, out)
    _forget_arrivals(m)
    for nonce in [n for n, expires in m.nonces.items() if expires < m.now_ns]:
        del m.nonces[nonce]
        m.dirty.add("nonces")
    _end(m, out)
    validity.tell(m, out)
    for principal in [p for p, until in m.streams.items() if until < m.now_ns]:
        del m.streams[principal]
        m.dirty.add("streams")
    silent, links = readings_gate.watch(m.site, m.links, m.frame, m.context(), m.now_ns)
    for link in links:
        m.set_link(link)
    if silent:
        out.report(silent)
    out.reply(200)  # whoever let time pass waits until it is durable


def _end(m: Memory, out: Out) -> None:
    """What persons and rules said until a time ends then, in this order."""
    distrusting.end(m, out)
    standing.pass_time(m, out)
    disavowing.pass_time(m, out)
    tickets.forget(m)
    virtual.pass_time(m, out)
    modes.pass_time(m, out)
    glass.pass_time(m, out)
    watching.pass_time(m, out)


def _forget_arrivals(m: Memory) -> None:
    """Batches that nothing open declares and that are too old for a command to declare them."""
    declared = [m.renumbered.of_command(r.command) for r in m.records.values() if r.is_open]
    declared += [m.renumbered.inputs(g.advice.inputs) for g in standing.open_ones(m)]
    needed = {i.entry for inputs in declared for i in inputs}
    oldest = max((c.max_age_ns for c in m.site.plant.classes.values()), default=0)
    for forgotten in arrivals.forget(m.arrivals, m.now_ns, oldest, needed):
        m.dirty.add(f"arrival/{forgotten}")
