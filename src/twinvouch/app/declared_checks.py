"""Checks of what a plant declares of its tags for gate 1: it is about tags that exist, and can be judged at all."""

from collections.abc import Iterator
from typing import TypeAlias

from twinvouch.app.config_declared import ActuatorStateSettings
from twinvouch.app.config_model import Config
from twinvouch.app.config_tags import TagSettings
from twinvouch.app.declared import members
from twinvouch.app.problems import named
from twinvouch.app.yaml_file import suggestion
from twinvouch.app.yaml_tree import Loc
from twinvouch.core.command import CORE
from twinvouch.core.inventory import Rhythm

Told: TypeAlias = Iterator[tuple[Loc, str]]

MOST_MEMBERS = 16  # tags of one redundancy group


def rhythms(config: Config) -> Told:
    """Jitter of what is polled, and changes that can be seen."""
    for name, group in config.groups.items():
        loc = ("groups", name, "jitter")
        if group.jitter is None:
            continue
        if group.rhythm is not Rhythm.SCAN or group.period_s is None:
            yield loc, "`jitter` in a group of rhythm exception, which has no period"
        elif group.jitter.tolerance_s >= group.period_s / 2:
            text = f"`tolerance_s`, expected less than half of period_s = {group.period_s:g}"
            yield (*loc, "tolerance_s"), f"{text}, got {group.jitter.tolerance_s:g}"
    for name, tag in config.tags.items():
        period_s = _period_s(config, tag.group)
        if tag.varies_within_s is not None and tag.varies_within_s < 2 * period_s:
            text = (
                f"`varies_within_s`, expected at least two periods of its group, {2 * period_s:g}"
            )
            yield ("tags", name, "varies_within_s"), f"{text}, got {tag.varies_within_s:g}"


def redundancy(config: Config) -> Told:
    """Each has tags, of one unit."""
    used = sorted({t.redundancy_group for t in config.tags.values()} - {""})
    for name in config.redundancy:
        tags = members(config, name)
        if len(tags) < 2:
            hint = "" if tags else suggestion(name, used)
            text = f"{named(name)}, expected the `redundancy_group` of at least two tags"
            yield ("redundancy", name), f"{text}, it is that of {len(tags)}{hint}"
        if len(tags) > MOST_MEMBERS:
            text = f"{named(name)} has {len(tags)} tags, the limit is {MOST_MEMBERS}"
            yield ("redundancy", name), text
        units = sorted({config.tags[tag].unit for tag in tags})
        if len(units) > 1:
            text = f"tags of {named(name)} have different units: {', '.join(map(named, units))}"
            yield ("redundancy", name), text


def balances(config: Config) -> Told:
    """Each is over tags that exist, each taken once in a way, and over windows that all of them close."""
    for name, balance in config.balance.items():
        taken = set()
        for number, term in enumerate(balance.terms):
            loc = ("balance", name, "terms", number)
            if term.tag not in config.tags:
                yield (*loc, "tag"), unknown(config, term.tag)
            if (term.tag, term.take) in taken:
                yield loc, f"{named(term.tag)} is taken as {term.take} twice: add the factors up"
            taken.add((term.tag, term.take))
        ages = [_max_age_s(config, t.tag) for t in balance.terms]
        if balance.window_s < 2 * max(ages):
            text = f"`window_s`, expected at least twice the longest max_age_s of its tags, {2 * max(ages):g}"
            yield ("balance", name, "window_s"), f"{text}, got {balance.window_s:g}"


def states(config: Config) -> Told:
    """Each is about two tags that exist, and has something to expect."""
    for name, told in config.actuator_state.items():
        loc = ("actuator_state", name)
        for key, tag in (("status", told.status), ("tag", told.tag)):
            if tag not in config.tags:
                yield (*loc, key), unknown(config, tag)
        for key, text in _expected(told):
            yield (*loc, key) if key else loc, text
        tags = [t for n in (told.status, told.tag) if (t := config.tags.get(n)) is not None]
        slowest_s = max((_period_s(config, t.group) for t in tags), default=0.0)
        if told.settle_s < slowest_s:
            text = f"`settle_s`, expected at least the longer period of the two, {slowest_s:g}"
            yield (*loc, "settle_s"), f"{text}, got {told.settle_s:g}"


def _expected(told: ActuatorStateSettings) -> Iterator[tuple[str, str]]:
    if told.status == told.tag:
        yield "tag", f"{named(told.tag)} is also the `status`, expected another tag"
    if told.min is None and told.max is None:
        yield "", "missing key `min` or `max`: what the tag is expected to be"
    elif told.min is not None and told.max is not None and told.min > told.max:
        yield "max", f"`max`, expected at least min = {told.min:g}, got {told.max:g}"


def names(config: Config) -> Told:
    """Nobody is called as the core is, which commands and advises in its own name."""
    for number, principal in enumerate(config.principals):
        if principal.id == CORE:
            text = f"{named(CORE)} is what the core calls itself: give this principal another name"
            yield ("principals", number, "id"), text


def unknown(config: Config, tag: str) -> str:
    """What is said of a tag that does not exist."""
    return f"{named(tag)} is not in `tags:`{suggestion(tag, config.tags)}"


def _period_s(config: Config, group: str) -> float:
    """The period of a scan group; 0 where it has none, or does not exist, which is told elsewhere."""
    settings = config.groups.get(group)
    return settings.period_s or 0.0 if settings is not None else 0.0


def _max_age_s(config: Config, tag: str) -> float:
    settings: TagSettings | None = config.tags.get(tag)
    group = config.groups.get(settings.group) if settings is not None else None
    return group.max_age_s if group is not None else 0.0
