"""How advice stands: judged when it is given, when whom or what it rests on is distrusted or restored, and before it is shown.

Every change is an entry whose first parent is the one it was given with, and a message on the stream that says how
it stands and why, never what it says.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

import numpy as np

from twinvouch.commands import advice
from twinvouch.commands.given import Given
from twinvouch.commands.view import Moment
from twinvouch.core.advice import Advice, Standing
from twinvouch.core.command import Command
from twinvouch.core.context import Context
from twinvouch.core.label import FULL, Label
from twinvouch.core.subject import owner_of
from twinvouch.core.virtual import Axes, worst
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out
from twinvouch.engine.rests import of_advice
from twinvouch.ledger import entry

AT_ONCE: Final = 10  # judged again for one statement, and with every tick after it: some 2 ms
RECENT: Final = 1000  # pieces that are over and are remembered: the ledger has them all
ALL: Final = "*"


def judged_now(m: Memory, given: Given, context: Context | None = None) -> Given:
    """As it stands at this moment; nothing is entered. `context` is that of the moment, where it is known already."""
    now = m.context() if context is None else context
    at = Moment(m.site, m.frame, now, given.worst, m.now_ns, given.received_ns)
    said = replace(given.advice, inputs=m.renumbered.inputs(given.advice.inputs))
    return replace(given, judged=advice.judge(said, at, given.read, given.key))


def stand(
    m: Memory, out: Out, given: Given, committed: bytes, because: Sequence[int] = ()
) -> Given:
    """Enter how it stands and tell the stream; `committed` commits to what was signed, when it is given."""
    index = m.size
    rests = of_advice(m, given, because)
    named, about = out.blob([given.judged.why]), (m.site.plant.id, given.judged.letter)
    told = entry.Stands(given.judged.standing, given.judged.axes, named, rests)
    out.append(entry.advice(m.now_ns, committed, given.advice, about, told))
    first = given.entry if given.judged_entry >= 0 else index
    kept = replace(given, entry=first, judged_entry=index, since_ns=m.now_ns)
    m.counts[f"advice:{given.judged.standing.value}"] += 1
    out.publish(
        "advice",
        id=given.advice.id,
        principal=given.advice.principal,
        subject=given.advice.subject,
        standing=given.judged.standing.value,
        why=given.judged.why,
        entry=index,
    )
    return _keep(m, kept)


def judge_again(m: Memory, out: Out, given: Given, context: Context | None = None) -> Given:
    """What is open is judged again; only a changed standing is entered and told, a label that changed is remembered."""
    because = _taken(m, given.advice.id)
    now = judged_now(m, given, context)
    if now.judged.standing is given.judged.standing:
        return given if now == given else _keep(m, now)
    return stand(m, out, now, b"", because)


def trust_changed(m: Memory, out: Out, pieces: Sequence[Given], because: Sequence[int]) -> None:
    """Judge again those whose standing may be another now: AT_ONCE of them at once, the others with the next ticks.

    Whoever asks is shown none before it was judged. A piece that was shown stays so where nothing it rests on is
    distrusted, and one that was not stays so where something still is: a worse input never raises.
    """
    context, why = m.context(), tuple(because)
    bad = frozenset(t for t, until in context.distrusted.items() if until > m.now_ns)
    keys = [k for k in context.distrusted_keys if context.is_bad_key(k, m.now_ns)]
    owners = [(k, owner_of(m.site.plant, m.ring, k)) for k in keys]
    for given in pieces:
        is_bad = not bad.isdisjoint(_counted(m, given)) or any(
            signed_with(given.advice, given.key, key, owner) for key, owner in owners
        )
        if is_bad is (given.judged.standing is Standing.SHOWN):
            m.unjudged[given.advice.id] = why
            m.dirty.add("unjudged")
    go_on(m, out, context)


def go_on(m: Memory, out: Out, context: Context | None = None) -> None:
    """Judge AT_ONCE of what waits to be judged again, in the order in which it came to wait."""
    if not m.unjudged:
        return
    now = m.context() if context is None else context
    for ident in list(islice(m.unjudged, AT_ONCE)):
        given = m.advice.get(ident)
        if given is not None and given.is_open:
            judge_again(m, out, given, now)
        else:
            _taken(m, ident)


def _taken(m: Memory, ident: str) -> tuple[int, ...]:
    """It waits no longer; the entries because of which it did."""
    if ident not in m.unjudged:
        return ()
    m.dirty.add("unjudged")
    return m.unjudged.pop(ident)


def end(m: Memory, out: Out, given: Given, why: str, because: Sequence[int] = ()) -> None:
    """It is over."""
    stand(m, out, replace(given, judged=advice.ended(given.judged, why)), b"", because)


def rests_on(m: Memory, tags: Collection[str], key: bytes = b"", owner: str = "") -> list[Given]:
    """What is open and has one of these tags in its derivation, or is signed with this key of `owner`."""
    chosen = frozenset(tags)
    return [
        g
        for g in open_ones(m)
        if not chosen.isdisjoint(_counted(m, g)) or signed_with(g.advice, g.key, key, owner)
    ]


def _counted(m: Memory, given: Given) -> frozenset[str]:
    """Tags that its derivation has, worked out once: neither it nor the plant changes while it is open."""
    known = m.counted.get(given.advice.id)
    if known is None:
        known = frozenset(advice.counted(m.site, given.advice, given.read))
        m.counted[given.advice.id] = known
    return known


def signed_with(said: Advice | Command, by: bytes, key: bytes, owner: str) -> bool:
    """True where it was signed with `key` of `owner`, or may have been: of some it is not known (`by` is empty)."""
    return bool(key) and said.signed and said.principal == owner and by in {b"", key}


def open_ones(m: Memory) -> list[Given]:
    """What is recommended now, oldest first."""
    return [g for g in m.advice.values() if g.is_open]


def pass_time(m: Memory, out: Out) -> None:
    """What has reached its end is over; more of what waits to be judged again is judged."""
    for given in open_ones(m):
        if m.now_ns > given.advice.until_ns:
            end(m, out, given, "its time is over")
    go_on(m, out)


def before_shown(m: Memory, out: Out, resource: str) -> Mapping[str, Axes]:
    """Judge what will be shown (one piece by its id, or all) at this moment: labels age.

    Gives the tags that readable pieces rest on, each with the worst label of such a piece: a service that reads the
    advice has read them (R7), and no better than the advice is.
    """
    shown, now = [g for g in open_ones(m) if resource in {ALL, g.advice.id}], m.context()
    caps: dict[str, Axes] = {}
    for given in [g for each in shown if (g := judge_again(m, out, each, now)).is_readable]:
        for tag in advice.counted(m.site, given.advice, given.read):
            if tag in m.site.plant.tags:
                caps[tag] = worst(caps.get(tag, (FULL, FULL, FULL, FULL)), given.judged.axes)
    return caps


def capped(label: Label, tags: Sequence[str], caps: Mapping[str, Axes]) -> Label:
    """The labels of tags, none better than its cap."""
    full = (FULL, FULL, FULL, FULL)
    limits = np.array([caps.get(tag, full) for tag in tags], np.uint8).reshape(-1, 4).T
    return Label(np.minimum(label.axes, limits), label.fresh_until)


def _keep(m: Memory, given: Given) -> Given:
    """Beyond RECENT the oldest that are over are forgotten, but none so young that it could be sent again."""
    m.advice[given.advice.id] = given
    m.dirty.add(f"advice/{given.advice.id}")
    if not given.is_open:
        m.counted.pop(given.advice.id, None)
        over = [g for g in m.advice.values() if not g.is_open]
        for old in over[: max(len(over) - RECENT, 0)]:
            if m.now_ns - old.advice.made_ns > m.site.commands.max_age_ns:
                del m.advice[old.advice.id]
                m.dirty.add(f"advice/{old.advice.id}")
    return given
