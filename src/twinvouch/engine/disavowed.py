"""What a disavowal touches, and what follows: every stage is an entry, a message on the stream and a row.

Once in effect, what its subject said in that time counts as nothing in R7: batches that may still be declared, the last
value where it is of that time, what services read. Commands and advice that rest on it and are open are judged again.
Nothing that was written is rewritten.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from twinvouch.commands.arrivals import without
from twinvouch.core.command import CommandStatus
from twinvouch.core.disavowal import Stage
from twinvouch.core.event import DisavowalTraced
from twinvouch.core.finding import Finding, Severity
from twinvouch.engine import again, standing, virtual
from twinvouch.engine.disavowals import Disavowed, Traced
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out
from twinvouch.engine.sources import tags_from
from twinvouch.ledger import entry
from twinvouch.queries.memory import spoiled
from twinvouch.readings.wording import date

DAY_NS: Final = 24 * 3_600_000_000_000
INDEX: Final = np.dtype("<u8")
TOLD: Final = 100  # readers in one message of the stream


def on_traced(m: Memory, out: Out, event: DisavowalTraced) -> None:
    """What it touches is known: it takes effect, or waits for a second person. Told twice it counts once."""
    d = m.disavowals.get(str(m.renumbered.of(event.entry)))
    if d is None or d.stage is not Stage.TRACING:
        out.reply(200, status="known")
        return
    whole = len(event.listed) // INDEX.itemsize * INDEX.itemsize
    listed = np.frombuffer(event.listed[:whole], INDEX)
    kept = out.blob(event.listed[:whole])
    what = (event.first, event.sources, event.touched, event.counts, event.highest)
    traced = Traced(*what, event.models, event.readers, event.digest, kept)
    d = replace(d, traced=traced, marked=_open_among(m, set(m.renumbered.entries(listed.tolist()))))
    if reaches_too_far(m, d):
        d = stand(m, out, replace(d, stage=Stage.WAITING))
        out.report([_waits(m, d)], [d.stage_entry])
    else:
        d = take_effect(m, out, d)
    out.reply(200, status=d.stage.value, id=d.id, entry=d.stage_entry)


def reaches_too_far(m: Memory, d: Disavowed) -> bool:
    """Whether one person may not say it alone: with what this one has said alone within a day it touches too much."""
    rules, traced = m.site.distrust, d.traced
    assert traced is not None
    size = traced.touched + sum(_alone(other, d, m.now_ns) for other in m.disavowals.values())
    is_high = bool(traced.highest) and traced.highest <= rules.second_person_class.value
    return is_high or size > rules.second_person_above


def _alone(other: Disavowed, d: Disavowed, now_ns: int) -> int:
    """How much of `other` counts with `d`: all that the same person alone has put into effect, withdrawn or not."""
    is_mine = other.said.principal == d.said.principal and not other.second
    is_late = other.effect_ns > now_ns - DAY_NS
    return other.traced.touched if other.traced is not None and is_mine and is_late else 0


def take_effect(m: Memory, out: Out, d: Disavowed, because: Sequence[int] = ()) -> Disavowed:
    """What its subject said in that time counts as nothing from now on."""
    d = stand(m, out, replace(d, stage=Stage.IN_EFFECT, effect_ns=m.now_ns), because)
    tags = tags_from(m, d.kind, d.name)
    _forget_values(m, d, tags)
    _forget_readings(m, d, tags)
    _forget_starts(m, d, tags)
    virtual.forget(m, tags, d.said.since_ns, d.said.until_ns)
    m.disavowed |= dict.fromkeys(d.marked, d.entry)
    out.report([_in_effect(d), *_models(m, d)], [d.stage_entry])
    again.trust_changed(m, out, tags, (d.stage_entry,), idents=d.marked)
    return d


def undo(m: Memory, out: Out, d: Disavowed, because: Sequence[int]) -> Disavowed:
    """It says nothing any more. What is young enough to be declared or was read meanwhile does not come back."""
    d = stand(m, out, replace(d, stage=Stage.WITHDRAWN), because)
    m.disavowed = {ident: by for ident, by in m.disavowed.items() if by != d.entry}
    for name, model in m.models.items():
        if model.get("disavowed") == d.entry:
            m.models[name] = {k: v for k, v in model.items() if k != "disavowed"}
            m.dirty.add(f"model/{name}")
    again.trust_changed(m, out, tags_from(m, d.kind, d.name), (d.stage_entry,), idents=d.marked)
    return d


def stand(m: Memory, out: Out, d: Disavowed, because: Sequence[int] = ()) -> Disavowed:
    """Enter the stage that it is in from now on, and tell consumers."""
    reach = None if d.traced is None else d.traced.reach
    parents = (d.entry, *because)
    index = out.append(entry.disavowed(m.site.plant.id, m.now_ns, d.stage, reach, parents))
    d = m.keep_disavowal(replace(d, stage_entry=index, stage_ns=m.now_ns))
    m.counts[f"disavowal:{d.stage.value}"] += 1
    tell(out, d)
    return d


def tell(out: Out, d: Disavowed) -> None:
    """The message for consumers: whom it is about, for which time, how much it touches, and who was answered with it."""
    counts = {} if d.traced is None else dict(d.traced.counts)
    readers = () if d.traced is None else d.traced.readers[:TOLD]
    out.publish(
        "disavowal",
        id=d.id,
        entry=d.stage_entry,
        stage=d.stage.value,
        subject={"kind": d.kind, "name": d.name},
        since_ns=d.said.since_ns,
        until_ns=d.said.until_ns,
        touched=counts,
        readers={who: times for who, times, _ in readers},
    )


def _open_among(m: Memory, indices: Collection[int]) -> tuple[str, ...]:
    """Held commands and open advice that are among these entries, by how they were given or how they stand."""
    held = [r for r in m.records.values() if r.status is CommandStatus.HELD]
    commands = [r.command.id for r in held if {r.entry, r.decision_entry} & {*indices}]
    given = standing.open_ones(m)
    pieces = [g.advice.id for g in given if {g.entry, g.judged_entry} & {*indices}]
    return (*commands, *pieces)


def _forget_values(m: Memory, d: Disavowed, tags: frozenset[str]) -> None:
    """Batches that may still be declared, and last values, where they are of that time."""
    groups = m.site.plant.groups
    for index, arrival in m.arrivals.items():
        group = groups.get(arrival.group)
        if group is not None and d.covers(arrival.received_ns) and tags & {*group.ids}:
            m.arrivals[index] = without(arrival, [t in tags for t in group.ids])
            m.dirty.add(f"arrival/{index}")
    for tag in m.frame.nothing(sorted(tags), d.said.since_ns, d.said.until_ns):
        m.dirty.add(f"frame/{m.site.plant.tags[tag].group}")


def _forget_readings(m: Memory, d: Disavowed, tags: frozenset[str]) -> None:
    """What services were answered with it, and what their streams showed of it, is nothing until their window has passed."""
    assert d.traced is not None
    last = {who: at for who, _, at in d.traced.readers}
    for who, marks in m.streamed.items():
        first = marks.starts[0][0] if marks.starts else marks.last_ns
        if first <= d.said.until_ns and marks.last_ns >= d.said.since_ns:
            last[who] = max(last.get(who, 0), min(marks.last_ns, d.said.until_ns))
    oldest = m.now_ns - m.site.commands.read_memory_ns
    for who, at in last.items():
        if who in m.seen and at >= oldest:
            m.seen[who] = spoiled(m.seen[who], tags, at)
            m.dirty.add(f"seen/{who}")


def _forget_starts(m: Memory, d: Disavowed, tags: frozenset[str]) -> None:
    """Where tags were while they were trusted, if any of it is of that time: look-ahead starts from all that they can be."""
    for tag in tags & m.trusted.keys():
        known = m.trusted[tag]
        first = (known.before or known.now).since_ns
        if first <= d.said.until_ns and known.now.last_ns >= d.said.since_ns:
            del m.trusted[tag]
            m.dirty.add(f"trusted/{tag}")


def _models(m: Memory, d: Disavowed) -> list[Finding]:
    """R6: a model that rests on it stays at work, since it can only lower, and is marked until it is submitted again."""
    assert d.traced is not None
    found = []
    for name, at in d.traced.models:
        model = m.models.get(name)
        if model is None or model["entry"] != m.renumbered.of(at):
            continue
        m.models[name] = {**model, "disavowed": d.entry}
        m.dirty.add(f"model/{name}")
        why = (
            f"model `{name}` was trained on what disavowal {d.id} says is nothing: learn it anew without `{d.name}` "
            "and submit it; until then it can only lower trust, as before"
        )
        found.append(Finding("disavowal", name, Severity.HIGH, why))
    return found


def _in_effect(d: Disavowed) -> Finding:
    assert d.traced is not None
    by = f"`{d.said.principal}`" + (f" and `{d.second}`" if d.second else "")
    why = (
        f"what `{d.name}` said from {date(d.said.since_ns)} to {date(d.said.until_ns)} counts as nothing, by {by}: "
        f"{d.traced.touched} entries rest on it (`twinvouch disavowal show {d.id}`)"
    )
    return Finding("disavowal", d.name, Severity.HIGH, why)


def _waits(m: Memory, d: Disavowed) -> Finding:
    assert d.traced is not None
    hours = m.site.distrust.waiting_ns / 3.6e12
    high = f", up to a command of class {d.traced.highest}" if d.traced.highest else ""
    why = (
        f"disavowal {d.id} of `{d.name}` touches {d.traced.touched} entries{high}: it waits {hours:g} h for a second "
        f"person (`twinvouch disavowal confirm {d.id}`)"
    )
    return Finding("disavowal", d.name, Severity.HIGH, why)
