"""R7, the label of a command: the worst of everything it came from, axis by axis.

The effective derivation is what the command declares (each an existing entry of the tag, within the
class's max_age), the actuator's mandatory inputs (controlled variable, interlock tags) and what the
proposing service read lately. What is missing, distrusted, unknown, too old or another tag's entry
counts as zero and is named. A declared entry that is no longer the newest counts with the worse of its
own label and the present one. Nothing declared: the mandatory inputs, identity capped. The command's
own identity caps too: less where only an API token vouches for it. Adding an input never raises.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twinvouch.commands.capability import required
from twinvouch.commands.view import Target, View
from twinvouch.core.command import Input, Reason, Verdict
from twinvouch.core.label import AXES, FULL, NEVER, Axis, Label, expired
from twinvouch.core.label import derive as combined

NAMES = ("label",)
ZERO = (0, 0, 0, 0)
Axes = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Part:
    """One thing the command came from: `name` and why it counts as `axes`."""

    name: str
    axes: Axes
    why: str = ""
    entry: int = -1  # of a declared input that is one of the tag's


@dataclass(frozen=True, slots=True)
class Derivation:
    """The effective derivation: its parts, their minimum and the ledger indices of their entries."""

    parts: tuple[Part, ...]
    axes: Axes
    parents: tuple[int, ...]


def derive(view: View, target: Target) -> Derivation:
    """The label of the command at `view.now_ns` and where it comes from."""
    mandatory = (*target.limits.controlled, *target.limits.interlock_tags)
    counted = dict.fromkeys((*mandatory, *view.reads, *(i.tag for i in view.command.inputs)))
    now = {part.name: part for part in _current(view, tuple(counted))}
    declared = [_declared(view, target, i, now[i.tag]) for i in view.command.inputs]
    seen = [Part(tag, _four(axes), "as its reader saw it") for tag, axes in view.reads.items()]
    inputs = (*now.values(), *declared, *seen) or (Part("nothing", ZERO, "it rests on no reading"),)
    parts = (*inputs, *_caps(view))
    axes = _least(parts)
    entries = {view.frame.entry(t) for t in counted if t in view.site.plant.tags}
    entries |= {p.entry for p in declared}
    return Derivation(parts, axes, tuple(sorted(e for e in entries if e >= 0)))


def _least(parts: Sequence[Part]) -> Axes:
    """R2 over all parts; how long they are fresh is in their axes already."""
    axes = np.array([p.axes for p in parts], dtype=np.uint8).T
    return _four(combined([Label(axes, np.full(len(parts), NEVER))]).axes[:, 0].tolist())


def check(target: Target, derivation: Derivation) -> tuple[Reason, ...]:
    """A hold per axis that is below what the class demands, with the input that set it."""
    demands = required(target.rule)
    short = [a for a in Axis if derivation.axes[a] < demands[a]]
    letter = target.tag.command_class.value if target.tag.command_class else "?"
    return tuple(_short(a, derivation.parts, demands[a], letter) for a in short)


def _short(axis: Axis, parts: Sequence[Part], demand: int, letter: str) -> Reason:
    low = [p for p in parts if p.axes[axis] < demand]
    worst = min(low, key=lambda p: p.axes[axis])
    word = axis.name.lower()
    because = f" ({worst.why})" if worst.why else ""
    sentence = (
        f"{word} of what the command came from is {worst.axes[axis]}, set by `{worst.name}`{because}; "
        f"class {letter} demands {demand}"
    )
    others = len({p.name for p in low} - {worst.name})
    more = f" and of {others} other input{'s' if others > 1 else ''}" if others else ""
    return Reason(
        NAMES[0],
        Verdict.HOLD,
        sentence,
        f"would be allowed if {word} of `{worst.name}`{more} were >= {demand}",
    )


def _declared(view: View, target: Target, declared: Input, now: Part) -> Part:
    """A declared input: the worse of its label then and `now`; zero where the declaration is false."""
    tag, entry = view.site.plant.tags.get(declared.tag), declared.entry
    newest = -1 if tag is None else view.frame.entry(tag.id)
    if tag is None or entry == newest >= 0:
        return replace(now, entry=newest)
    if not 0 <= entry < newest:
        return Part(tag.id, ZERO, f"declared with entry {entry}, the newest is {newest}")
    arrival = view.context.arrivals.get(entry)
    if arrival is None:
        return Part(tag.id, ZERO, f"declared with entry {entry}, which is no recent batch")
    group = view.site.plant.groups.get(arrival.group)
    if group is None or tag.id not in group.ids:
        return Part(tag.id, ZERO, f"declared with entry {entry}, which holds other tags")
    age, limit = view.asked_ns - arrival.received_ns, target.rule.max_age_ns
    if age > limit:
        return Part(
            tag.id, ZERO, f"declared, but {age / 1e9:.1f} s old, limit is {limit / 1e9:g} s"
        )
    column = group.ids.index(tag.id)
    return Part(tag.id, _four(arrival.axes[:, column].tolist()), "as declared", entry)


def _current(view: View, tags: Sequence[str]) -> list[Part]:
    """Tags as they are now; distrusted and unknown ones are zero."""
    known = [t for t in tags if t in view.site.plant.tags]
    label = expired(view.frame.label(known, view.now_ns), view.now_ns)
    now = dict(zip(known, label.axes.T.tolist(), strict=True))
    fresh = dict(zip(known, label.fresh_until.tolist(), strict=True))
    parts = []
    for tag in tags:
        if tag not in now:
            parts.append(Part(tag, ZERO, "no tag of this plant"))
        elif view.context.distrusted.get(tag, 0) > view.now_ns:
            parts.append(Part(tag, ZERO, "distrusted by a person"))
        else:
            why = "not fresh" if fresh[tag] < view.now_ns else ""
            parts.append(Part(tag, _four(now[tag]), why))
    return parts


def _caps(view: View) -> Iterator[Part]:
    """What the command itself limits: who vouches for it, and that it declares nothing."""
    rules, who = view.site.commands, view.command.principal
    if not view.command.signed:
        yield Part(
            who, (rules.token_identity, FULL, FULL, FULL), "vouched for by a token, not signed"
        )
    if not view.command.inputs:
        yield Part(who, (rules.undeclared_identity, FULL, FULL, FULL), "declared no inputs")


def _four(axes: Sequence[int]) -> Axes:
    assert len(axes) == AXES, axes
    return axes[0], axes[1], axes[2], axes[3]
