"""Restore: trust returns by a person who was shown what is known now, and what was shown is still so (R4, R8).

Shown are the findings since the distrust began, each tag's label as it would count, and what independent tags of a
redundancy say. The signed digest is over the substance of that, so that nobody restores what they did not see. It is
refused where the tags that vouch for it are themselves below what the highest command class demands: who decides on
tainted data endorses the taint. Where nothing independent measures it a person's word is enough, and that is told.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.commands.capability import most, required
from twinvouch.core.declared import Redundancy
from twinvouch.core.distrust import tags_in
from twinvouch.core.domains import independent
from twinvouch.core.label import FULL, Axis, Label, derive, expired, nothing
from twinvouch.core.raised import Agreed, Endorsement, endorsed, redundant
from twinvouch.core.statement import Statement
from twinvouch.core.subject import subject_of
from twinvouch.core.virtual import Axes
from twinvouch.engine.memory import Memory
from twinvouch.engine.watch import UNKNOWN
from twinvouch.twin.estimate import redundancies
from twinvouch.twin.frame import usable_now
from twinvouch.wire.cbor import encode

WHOLE: Final = (FULL, FULL, FULL, FULL)
QUIET: Final = frozenset(
    {"restorable", "restored", "distrust_ended", "statement"}
)  # not of the plant


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What a redundancy says of one of its tags without it: `tags` are those that do not fail together with it.

    `label` is their worst. `agrees`: what they say together is within the tolerance of what the tag says.
    """

    of: Redundancy
    tag: str
    tags: tuple[str, ...]
    said: Agreed
    label: Label
    agrees: bool


def known(m: Memory, subject: str) -> dict[str, Any]:
    """What a person is shown before a restore, as plain data; `shown` of it is what the statement signs."""
    tags = _tags(m, subject)
    watch = m.watched.get(subject, UNKNOWN)
    axes = expired(m.frame.label(tags, m.now_ns), m.now_ns).axes.T.tolist()
    also = also_by(m, subject)
    labels = (dict(zip((a.name.lower() for a in Axis), four, strict=True)) for four in axes)
    return {
        "subject": subject,
        "since_ns": watch.since_ns,
        "until_ns": m.distrusted.get(subject, 0),
        "entry": watch.entry,
        "restorable": watch.is_offered,
        "findings": _findings(m, {subject, *_about(m, tags)}, watch.since_ns),
        "tags": [
            {"tag": tag, "label": label, "also": [s for s, of in also.items() if tag in of]}
            for tag, label in zip(tags, labels, strict=True)
        ],
        "witnesses": [_told(m, w) for w in witnesses(m, tags)],
    }


def shown(told: Mapping[str, Any]) -> bytes:
    """The digest of the substance of what was shown: what a person would decide by, not values that change with every row."""
    findings = sorted([f["subject"], f["rule"], f["severity"]] for f in told["findings"])
    tags = [[t["tag"], list(t["label"].values()), t["also"]] for t in told["tags"]]
    names = ("redundancy", "tag", "agrees", "reaches")
    said = [[*(w[name] for name in names), list(w["by"])] for w in told["witnesses"]]
    return sha256(encode([told["subject"], findings, tags, said])).digest()


def objection(m: Memory, said: Statement) -> str:
    """Why a restore has no effect; empty where it has one."""
    if said.shown != shown(known(m, said.subject)):
        return "what was shown is not what is known now: look again and sign again"
    short = [w.tag for w in witnesses(m, _tags(m, said.subject)) if not reaches(m, w)]
    if not short:
        return ""
    return (
        f"what vouches for `{short[0]}` is itself below what a command of the highest class demands: distrust it too, or "
        "wait until it counts again"
    )


def told(m: Memory, said: Statement) -> str:
    """What a restore that nothing stands against rests on, and what it leaves: one sentence."""
    tags = _tags(m, said.subject)
    by, also = [*witnesses(m, tags)], also_by(m, said.subject)
    left = next((s for s, of in also.items() if of & {*tags}), "")
    word = f"restored by the word of `{said.principal}`"
    if any(not w.agrees for w in by):
        word += " against independent tags that do not agree"
    elif by:
        names = sorted({tag for w in by for tag in w.tags})
        word += ", " + ", ".join(f"`{name}`" for name in names[:5]) + " agree"
    else:
        word += " alone, nothing independent measures it"
    return f"{word}; it still counts as nothing while `{left}` is distrusted" if left else word


def witnesses(m: Memory, tags: Collection[str]) -> Iterator[Witnesses]:
    """What each redundancy of these tags says of one without what may fail together with it, or is distrusted too."""
    plant, bad = m.site.plant, m.distrust().tags
    for of in redundancies(plant):
        mine = [tag for tag in of.tags if tag in tags]
        if not mine:
            continue
        groups = independent([plant.tags[t].domains for t in of.tags])
        for tag in mine:
            own = groups[of.tags.index(tag)]
            chosen = [k for k, t in enumerate(of.tags) if groups[k] != own and t not in bad]
            if chosen:
                yield _asked(m, of, tag, chosen, groups)


def _asked(
    m: Memory, of: Redundancy, tag: str, chosen: list[int], groups: NDArray[np.intp]
) -> Witnesses:
    names = tuple(of.tags[k] for k in chosen)
    label = expired(m.frame.label(names, m.now_ns), m.now_ns)
    values = np.array([usable_now(m.frame, name) for name in names])
    apart = np.unique(groups[chosen], return_inverse=True)[1].astype(np.intp)
    said = redundant(values, label, apart, of.tolerance, len(names))
    agrees = bool(abs(usable_now(m.frame, tag) - said.value) <= of.tolerance)
    return Witnesses(of, tag, names, said, derive([label]), agrees)


def reaches(m: Memory, w: Witnesses) -> bool:
    """R4: whether the word of a person who looked at these witnesses may return to the tag what it would count for."""
    raw = expired(m.frame.label([w.tag], m.now_ns), m.now_ns).axes[:, 0].tolist()
    target = [min(pair) for pair in zip(raw, demanded(m), strict=True)]
    evidence = w.label.axes[:, 0].tolist()
    return endorsed(nothing(1), Endorsement(WHOLE, evidence, target, evidence))[1]


def demanded(m: Memory) -> Axes:
    """The most that any command class demands, axis by axis."""
    return most(required(rule) for rule in m.site.plant.classes.values())


def also_by(m: Memory, subject: str) -> dict[str, frozenset[str]]:
    """Other subjects that are distrusted, and the tags in each."""
    others = sorted(s for s, until in m.distrusted.items() if s != subject and until > m.now_ns)
    return {s: frozenset(_tags(m, s)) for s in others}


def kind_of(m: Memory, subject: str) -> str:
    """What is distrusted: tag, edge, model or key; `gone` where that means nothing any more."""
    of = subject_of(m.site.plant, m.ring, m.models, subject)
    return "gone" if of is None else "edge" if of.kind == "principal" else of.kind


def _tags(m: Memory, subject: str) -> tuple[str, ...]:
    of = subject_of(m.site.plant, m.ring, m.models, subject)
    return () if of is None else tags_in(of, m.site.plant, m.ring)


def _about(m: Memory, tags: tuple[str, ...]) -> set[str]:
    """What a finding about one of these tags may name: it, its scan group, its edge, its redundancies."""
    plant = m.site.plant
    groups = {plant.tags[tag].group for tag in tags} & plant.groups.keys()
    edges = {plant.groups[name].edge for name in groups}
    declared = {of.name for of in redundancies(plant) if {*of.tags} & {*tags}}
    return {*tags, *groups, *edges, *declared}


def _findings(m: Memory, about: set[str], since_ns: int) -> list[dict[str, Any]]:
    """Each rule that spoke of it since, with the worst that it said and how often; of the recent findings."""
    found: dict[tuple[str, str], tuple[int, str, int]] = {}
    for _, at_ns, f in m.findings:
        if f.subject in about and at_ns >= since_ns and f.rule not in QUIET:
            worst, sentence, count = found.get((f.subject, f.rule), (0, "", 0))
            told = (int(f.severity), f.sentence) if f.severity > worst else (worst, sentence)
            found[f.subject, f.rule] = (*told, count + 1)
    return [
        {"subject": s, "rule": rule, "severity": severity, "sentence": sentence, "count": count}
        for (s, rule), (severity, sentence, count) in sorted(found.items())
    ]


def _told(m: Memory, w: Witnesses) -> dict[str, Any]:
    axes = w.label.axes[:, 0].tolist()
    return {
        "redundancy": w.of.name,
        "tag": w.tag,
        "by": list(w.tags),
        "label": {a.name.lower(): axes[a] for a in Axis},
        "independent": w.said.independent,
        "agrees": w.agrees,
        "reaches": reaches(m, w),
    }
