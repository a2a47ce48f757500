"""Gate 4 for advice: who may give it, is it in form, and may people see it.

Its label is that of a command from the same data, by the same rules: what it declares, the mandatory inputs of its
subject, and what its service had read. What reaches the demands of the subject's class is shown; what does not is
withheld in the classes of `withhold_advice`, labelled in the others. It never becomes a permit: nothing here makes one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import isfinite
from typing import Final

from twinvouch.commands import derivation, own
from twinvouch.commands.derivation import ZERO
from twinvouch.commands.given import Judged
from twinvouch.commands.view import Claim, Moment, mandatory
from twinvouch.core.advice import Advice, Standing
from twinvouch.core.inventory import CommandClass, Plant, Principal
from twinvouch.core.ports import PolicyRequest
from twinvouch.core.site import Site
from twinvouch.core.subject import tags_of

NAMES = ("advice",)
LONGEST_NS: Final = 30 * 24 * 3_600_000_000_000
MOST_OPEN: Final = 100  # of one principal


def objection(advice: Advice, site: Site, now_ns: int) -> str:
    """Why it is no advice, whoever gives it; empty where it is."""
    plant, rules = site.plant, site.commands
    if not tags_of(plant, advice.subject):
        return f"`{advice.subject}` is no tag and no asset with tags of plant `{plant.id}`"
    age = now_ns - advice.made_ns
    if age > rules.max_age_ns:
        return f"it was made {age / 1e9:.1f} s ago, limit is {rules.max_age_ns / 1e9:g} s"
    if -age > rules.max_ahead_ns:
        limit = f"limit is {rules.max_ahead_ns / 1e9:g} s"
        return f"it was made {-age / 1e9:.1f} s in the future, {limit}"
    if not now_ns < advice.until_ns <= advice.made_ns + LONGEST_NS:
        return f"it has to end in the future, and at most {LONGEST_NS // 86_400_000_000_000} days after it was made"
    if len(advice.inputs) > rules.max_inputs:
        return f"{len(advice.inputs)} inputs are declared, limit is {rules.max_inputs}"
    return _wrong_value(advice, plant)


def _wrong_value(advice: Advice, plant: Plant) -> str:
    """Of an actuator a value is a set-point, so that it has its unit."""
    if advice.value is None:
        return "" if not advice.unit else f"unit `{advice.unit}` is of no value"
    if not isfinite(advice.value):
        return f"value {advice.value} is not a finite number"
    tag = plant.tags.get(advice.subject)
    if tag is not None and tag.is_actuator and advice.unit != tag.unit:
        return f"unit `{advice.unit}` is not `{tag.unit}`, the unit of `{tag.id}`"
    return ""


def forbidden(advice: Advice, by: Principal, site: Site) -> str:
    """What the policy has against it: `advise` is asked of every tag that it is about."""
    plant = site.plant
    for name in tags_of(plant, advice.subject):
        answer = site.policy.decide(
            PolicyRequest(
                principal=by.id,
                principal_kind=by.kind.value,
                roles=frozenset(r.value for r in by.roles),
                action="advise",
                resource_type="Tag",
                resource=name,
                attributes={"plant": plant.id, "confidentiality": plant.tags[name].confidentiality},
                context={"signed": advice.signed},
            )
        )
        if not answer.allowed:
            return f"`{by.id}` may not advise on `{name}`: {answer.why}"
    return ""


def judge(advice: Advice, at: Moment, read: Sequence[str], key: bytes = b"") -> Judged:
    """How it stands at `at.now_ns`; `read` are tags that its service had read, `at.reads` the worst of what it saw.

    `key`: id of the key that signed it.
    """
    plant = at.site.plant
    tags = tags_of(plant, advice.subject)
    letter = _class_of(plant, tags)
    rule, is_own = plant.classes.get(letter), at.site.is_core(advice.principal)
    if not tags or rule is None or not (is_own or advice.principal in plant.principals):
        why = f"plant `{plant.id}` no longer has its subject, its class or its principal"
        return Judged(Standing.WITHHELD, why, ZERO, (), letter.value)
    if is_own:
        derived = own.derive_advice(at, own.ahead_of(at.site, advice.subject))
    else:
        always = tuple(dict.fromkeys((*_mandatory(plant, advice.subject), *read)))
        signed, age = advice.signed, rule.max_age_ns
        claim = Claim(advice.principal, signed, advice.inputs, always, age, key, advice.id)
        derived = derivation.derive(at, claim)
    short = derivation.check(derived, rule, letter.value, "the advice")
    why = short[0].sentence if short else f"its label reaches what class {letter.value} demands"
    standing = _short_of(letter, at.site) if short else Standing.SHOWN
    return Judged(standing, why, derived.axes, derived.parents, letter.value)


def ended(judged: Judged, why: str) -> Judged:
    """It is no recommendation any more."""
    return replace(judged, standing=Standing.EXPIRED, why=why, parents=())


def counted(site: Site, advice: Advice, read: Iterable[str]) -> tuple[str, ...]:
    """Tags that its effective derivation has."""
    plant = site.plant
    if site.is_core(advice.principal):
        ahead = own.ahead_of(site, advice.subject)
        return () if ahead is None else tuple(sorted({s.tag for s in ahead.sources.values()}))
    declared = (i.tag for i in advice.inputs)
    return tuple(dict.fromkeys((*_mandatory(plant, advice.subject), *read, *declared)))


def _short_of(letter: CommandClass, site: Site) -> Standing:
    is_withheld = letter in site.commands.withhold_advice
    return Standing.WITHHELD if is_withheld else Standing.LABELLED


def _class_of(plant: Plant, tags: Iterable[str]) -> CommandClass:
    """The highest class of these tags; C where none of them is an actuator."""
    classes = (plant.tags[name].command_class for name in tags)
    return min((c for c in classes if c is not None), default=CommandClass.C)


def _mandatory(plant: Plant, subject: str) -> tuple[str, ...]:
    """Tags that always count: of an actuator those of its limits, of another tag itself; of an asset its tags and theirs.

    So whoever speaks of an asset in place of its actuator is not trusted more.
    """
    tag = plant.tags.get(subject)
    if tag is not None and tag.limits is not None:
        return mandatory(tag)
    tags = tags_of(plant, subject)
    below = (_mandatory(plant, name) for name in tags if plant.tags[name].limits is not None)
    return (*tags, *(name for names in below for name in names))
