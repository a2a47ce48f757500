"""How advice stands: judged when it is given, when what it rests on is distrusted or restored, and before it is shown.

Every change is an entry whose first parent is the one it was given with, and a message on the stream that says how
it stands and why, never what it says.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from twinvouch.commands import advice
from twinvouch.commands.derivation import Axes
from twinvouch.commands.given import Given
from twinvouch.commands.view import Moment
from twinvouch.core.label import FULL, Label
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out
from twinvouch.engine.rests import of_advice
from twinvouch.ledger import entry

RECENT: Final = 1000  # pieces that are over and are remembered: the ledger has them all
ALL: Final = "*"


def judged_now(m: Memory, given: Given) -> Given:
    """As it stands at this moment; nothing is entered."""
    at = Moment(m.site, m.frame, m.context(), given.worst, m.now_ns, given.received_ns)
    said = replace(given.advice, inputs=m.renumbered.inputs(given.advice.inputs))
    return replace(given, judged=advice.judge(said, at, given.read))


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


def judge_again(m: Memory, out: Out, given: Given, because: Sequence[int] = ()) -> Given:
    """What is open is judged again; only a changed standing is entered and told, a label that changed is remembered."""
    now = judged_now(m, given)
    if now.judged.standing is given.judged.standing:
        return given if now == given else _keep(m, now)
    return stand(m, out, now, b"", because)


def end(m: Memory, out: Out, given: Given, why: str, because: Sequence[int] = ()) -> None:
    """It is over."""
    stand(m, out, replace(given, judged=advice.ended(given.judged, why)), b"", because)


def rests_on(m: Memory, tags: Collection[str]) -> list[Given]:
    """What is open and has one of these tags in its derivation."""
    chosen, plant = set(tags), m.site.plant
    return [g for g in open_ones(m) if chosen & {*advice.counted(plant, g.advice, g.read)}]


def open_ones(m: Memory) -> list[Given]:
    """What is recommended now, oldest first."""
    return [g for g in m.advice.values() if g.is_open]


def pass_time(m: Memory, out: Out, returned: Collection[str]) -> None:
    """What has reached its end is over; what rests on tags whose distrust has run out is judged again."""
    for given in open_ones(m):
        if m.now_ns > given.advice.until_ns:
            end(m, out, given, "its time is over")
    if returned:
        for given in rests_on(m, returned):
            judge_again(m, out, given)


def before_shown(m: Memory, out: Out, resource: str) -> Mapping[str, Axes]:
    """Judge what will be shown (one piece by its id, or all) at this moment: labels age.

    Gives the tags that readable pieces rest on, each with the worst label of such a piece: a service that reads the
    advice has read them (R7), and no better than the advice is.
    """
    shown = [g for g in open_ones(m) if resource in {ALL, g.advice.id}]
    caps: dict[str, Axes] = {}
    for given in [g for each in shown if (g := judge_again(m, out, each)).is_readable]:
        for tag in advice.counted(m.site.plant, given.advice, given.read):
            if tag in m.site.plant.tags:
                caps[tag] = _least(caps.get(tag, (FULL, FULL, FULL, FULL)), given.judged.axes)
    return caps


def capped(label: Label, tags: Sequence[str], caps: Mapping[str, Axes]) -> Label:
    """The labels of tags, none better than its cap."""
    full = (FULL, FULL, FULL, FULL)
    limits = np.array([caps.get(tag, full) for tag in tags], np.uint8).reshape(-1, 4).T
    return Label(np.minimum(label.axes, limits), label.fresh_until)


def _least(a: Axes, b: Axes) -> Axes:
    return min(a[0], b[0]), min(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


def _keep(m: Memory, given: Given) -> Given:
    """Beyond RECENT the oldest that are over are forgotten, but none so young that it could be sent again."""
    m.advice[given.advice.id] = given
    m.dirty.add(f"advice/{given.advice.id}")
    if not given.is_open:
        over = [g for g in m.advice.values() if not g.is_open]
        for old in over[: max(len(over) - RECENT, 0)]:
            if m.now_ns - old.advice.made_ns > m.site.commands.max_age_ns:
                del m.advice[old.advice.id]
                m.dirty.add(f"advice/{old.advice.id}")
    return given
