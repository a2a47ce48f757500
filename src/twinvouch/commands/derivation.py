"""R7, the label of a command or of advice: the worst of everything it came from, axis by axis.

The effective derivation is what it declares (each an existing entry of the tag, within the class's max_age),
the mandatory inputs (of an actuator its controlled variable, interlock tags and, with a rate, itself) and what the service that makes
it read lately. What is missing, distrusted, disavowed, unknown, too old or another tag's entry
counts as zero and is named. A declared entry that is no longer the newest counts with the worse of its
own label and the present one. A mandatory tag that does not count, and that the service has not read, counts as its virtual
sensor does where it has one; so does a declared one whose entry is that from which it stands in. Nothing declared: the mandatory inputs, identity capped. Its
own identity caps too: less where only an API token vouches for it, nothing where a person distrusts the key that
signed it. Adding an input never raises.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twinvouch.commands.capability import required
from twinvouch.commands.view import Claim, Moment
from twinvouch.core.command import Input, Part, Reason, Verdict
from twinvouch.core.context import Arrival
from twinvouch.core.distrust import signed_with
from twinvouch.core.inventory import ClassRule, ScanGroup
from twinvouch.core.label import AXES, FULL, Axis
from twinvouch.core.subject import owner_of
from twinvouch.core.virtual import Axes, StandIn, worst

NAMES = ("label",)
ZERO = (0, 0, 0, 0)
BAD_KEY = "its key is distrusted by a person"


@dataclass(frozen=True, slots=True)
class Derivation:
    """The effective derivation: its parts, their minimum and the ledger indices of their entries."""

    parts: tuple[Part, ...]
    axes: Axes
    parents: tuple[int, ...]


def derive(at: Moment, claim: Claim) -> Derivation:
    """The label of what is claimed at `at.now_ns` and where it comes from."""
    named = dict.fromkeys((*claim.mandatory, *at.reads, *(i.tag for i in claim.inputs)))
    instead = _instead(at, claim, named)
    counted = tuple(tag for tag in named if tag not in instead)
    now = {part.name: part for part in _current(at, counted)}
    declared = [_declared(at, claim, i, now[i.tag]) for i in claim.inputs if i.tag not in instead]
    seen = [Part(tag, _four(axes), "as its reader saw it") for tag, axes in at.reads.items()]
    estimated = [Part(t, s.axes, "as its virtual sensor says") for t, s in instead.items()]
    inputs = (*now.values(), *declared, *seen, *estimated)
    parts = (*(inputs or (Part("nothing", ZERO, "it rests on no reading"),)), *_caps(at, claim))
    entries = {at.frame.entry(t) for t in counted if t in at.site.plant.tags}
    entries |= {p.entry for p in declared} | {e for s in instead.values() for e in s.entries}
    return Derivation(parts, _least(parts), tuple(sorted(e for e in entries if e >= 0)))


def _instead(at: Moment, claim: Claim, named: Iterable[str]) -> dict[str, StandIn]:
    """What stands in for tags that do not count: never for what the service has read, or declares, as it was read.

    Whoever has seen what the tag says may have made the command from it, whatever else it says.
    """
    found = {}
    for tag in named:
        stand_in = at.context.virtual.get(tag)
        if stand_in is None or tag in at.reads:
            continue
        is_always = tag in claim.mandatory and tag not in claim.estimable
        is_declared_so = all(i.entry == stand_in.entry for i in claim.inputs if i.tag == tag)
        if is_declared_so and not is_always:
            found[tag] = stand_in
    return found


def _least(parts: Sequence[Part]) -> Axes:
    """R2 over all parts; how long they are fresh is in their axes already."""
    a, b, c, d = (min(axis) for axis in zip(*(p.axes for p in parts), strict=True))
    return a, b, c, d


def joined(
    derived: Derivation, more: Iterable[tuple[str, Axes, tuple[int, ...], str]]
) -> Derivation:
    """With more that it rests on: each a name, its label, its entries and why it counts so."""
    told = tuple(more)
    if not told:
        return derived
    added = [Part(name, axes, why, max(of, default=-1)) for name, axes, of, why in told]
    least = _least(added)
    axes = worst(derived.axes, least) if derived.parts else least
    entries = {*derived.parents, *(e for _, _, several, _ in told for e in several if e >= 0)}
    return Derivation((*derived.parts, *added), axes, tuple(sorted(entries)))


def now(at: Moment, tags: Sequence[str]) -> list[tuple[str, Axes, tuple[int, ...], str]]:
    """Tags as they are now, for `joined`."""
    return [(p.name, p.axes, (at.frame.entry(p.name),), p.why) for p in _current(at, tags)]


def check(
    derivation: Derivation, rule: ClassRule, letter: str, what: str = "the command"
) -> tuple[Reason, ...]:
    """A hold per axis that is below what class `letter` demands, with the input that set it."""
    demands = required(rule)
    short = [a for a in Axis if derivation.axes[a] < demands[a]]
    demanded = {a: f"class {letter} demands {demands[a]}" for a in short}
    return tuple(_short(a, derivation.parts, demands[a], what, demanded[a]) for a in short)


def _short(axis: Axis, parts: Sequence[Part], demand: int, what: str, demanded: str) -> Reason:
    low = [p for p in parts if p.axes[axis] < demand]
    worst = min(low, key=lambda p: p.axes[axis])
    word = axis.name.lower()
    because = f" ({worst.why})" if worst.why else ""
    sentence = (
        f"{word} of what {what} came from is {worst.axes[axis]}, set by `{worst.name}`{because}; "
        f"{demanded}"
    )
    others = len({p.name for p in low} - {worst.name})
    more = f" and of {others} other input{'s' if others > 1 else ''}" if others else ""
    return Reason(
        NAMES[0],
        Verdict.HOLD,
        sentence,
        f"would be allowed if {word} of `{worst.name}`{more} were >= {demand}",
    )


def _declared(at: Moment, claim: Claim, declared: Input, now: Part) -> Part:
    """A declared input: the worse of its label then and `now`; zero where the declaration is false."""
    tag, entry = at.site.plant.tags.get(declared.tag), declared.entry
    newest = -1 if tag is None else at.frame.entry(tag.id)
    if tag is None or entry == newest >= 0:
        return replace(now, entry=newest)
    arrival = at.context.arrivals.get(entry) if entry < newest else None
    why = _false(at, claim, arrival, (tag.id, entry, newest))
    if why or arrival is None:
        return Part(tag.id, ZERO, f"declared{why}")
    column = at.site.plant.column_of[tag.id]
    return Part(tag.id, _four(arrival.axes[:, column].tolist()), "as declared", entry)


def _false(at: Moment, claim: Claim, arrival: Arrival | None, said: tuple[str, int, int]) -> str:
    """Why a declaration of a tag with an entry that is not its newest counts as nothing; empty where it counts."""
    tag, entry, newest = said
    if not 0 <= entry < newest:
        return f" with entry {entry}, the newest is {newest}"
    if arrival is None:
        return f" with entry {entry}, which is no recent batch"
    group = at.site.plant.groups.get(arrival.group)
    if group is None or tag not in group.ids:
        return f" with entry {entry}, which holds other tags"
    age, limit = at.asked_ns - arrival.received_ns, claim.max_age_ns
    if age > limit:
        return f", but {age / 1e9:.1f} s old, limit is {limit / 1e9:g} s"
    if _of_bad_key(at, group, entry):
        return f" with entry {entry}, signed with a key that a person distrusts"
    return ""


def _current(at: Moment, tags: Sequence[str]) -> list[Part]:
    """Tags as they are now; distrusted and unknown ones are zero."""
    parts, known, bad = [], at.site.plant.tags, at.context.distrusted
    for tag in tags:
        if tag not in known:
            parts.append(Part(tag, ZERO, "no tag of this plant"))
        elif bad.get(tag, 0) > at.now_ns:
            parts.append(Part(tag, ZERO, "distrusted by a person"))
        else:
            axes, until = at.frame.label_of(tag, at.now_ns)
            parts.append(Part(tag, axes, "not fresh" if until < at.now_ns else ""))
    return parts


def _caps(at: Moment, claim: Claim) -> Iterator[Part]:
    """What it itself limits: who vouches for it, with which key, and that it declares nothing."""
    rules, who = at.site.commands, claim.principal
    for kid in bad_keys(at, claim):
        yield Part(kid.hex(), (0, FULL, FULL, FULL), BAD_KEY)
    if not claim.signed:
        yield Part(
            who, (rules.token_identity, FULL, FULL, FULL), "vouched for by a token, not signed"
        )
    disavowal = at.context.disavowed.get(claim.id)
    if disavowal is not None:
        yield Part(f"disavowal {disavowal}", ZERO, "it rests on what was disavowed")
    if not claim.inputs:
        yield Part(who, (rules.undeclared_identity, FULL, FULL, FULL), "declared no inputs")


def bad_keys(at: Moment, claim: Claim) -> list[bytes]:
    """Distrusted keys that it was signed with, or may have been: of what was stored without its key every one of its principal."""
    if not claim.signed or not at.context.distrusted_keys:
        return []
    plant, ring = at.site.plant, at.context.ring
    keys = [k for k in at.context.distrusted_keys if owner_of(plant, ring, k) == claim.principal]
    chosen = (k for k in keys if claim.key in {b"", k})
    return [k for k in chosen if at.context.is_bad_key(k, at.now_ns)]


def _of_bad_key(at: Moment, group: ScanGroup, entry: int) -> bool:
    """True where an earlier batch of a group was signed with a key of its edge that is distrusted now."""
    plant, context = at.site.plant, at.context
    keys = [k for k in context.distrusted_keys if context.is_bad_key(k, at.now_ns)]
    hands, entries = context.hands.get(group.name, ()), np.array([entry])
    return any(
        owner_of(plant, context.ring, k) == group.edge and bool(signed_with(hands, k, entries)[0])
        for k in keys
    )


def _four(axes: Sequence[int]) -> Axes:
    assert len(axes) == AXES, axes
    return axes[0], axes[1], axes[2], axes[3]
