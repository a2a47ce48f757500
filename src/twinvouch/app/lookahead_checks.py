"""Checks of `lookahead:` against the rest of a configuration; the class itself is tried when the core starts."""

from collections.abc import Iterator
from typing import Final, TypeAlias

from twinvouch.app import watchdogs
from twinvouch.app.config_model import Config
from twinvouch.app.lookahead_model import HIGHEST
from twinvouch.app.problems import named
from twinvouch.app.yaml_tree import Loc
from twinvouch.core.lookahead import MOST_STEPS

Told: TypeAlias = Iterator[tuple[Loc, str]]
HOUR_S: Final = 3_600.0


def models(config: Config) -> Told:
    """Tags exist and have ranges, actuators are actuators of one model each, times fit each other."""
    owner: dict[str, str] = {}
    seconds = {s.second for s in config.lookahead.values()}
    for name, settings in config.lookahead.items():
        at: Loc = ("lookahead", name)
        for quantity, source in settings.tags.items():
            tag = config.tags.get(source.tag)
            if tag is None:
                yield (*at, "tags", quantity, "tag"), f"{named(source.tag)} is no tag"
            elif tag.actuator is None and tag.range is None:
                where = (*at, "tags", quantity, "tag")
                yield (
                    where,
                    f"{named(source.tag)} has no `range`, so nothing bounds it once it is distrusted",
                )
        for tag_id in settings.actuators:
            tag = config.tags.get(tag_id)
            if tag is None or tag.actuator is None:
                yield (*at, "actuators", tag_id), f"{named(tag_id)} is no tag with an `actuator`"
            first = name if name in seconds else owner.setdefault(tag_id, name)
            if first != name:
                yield (
                    (*at, "actuators", tag_id),
                    f"{named(tag_id)} has model {named(first)} already",
                )
        yield from _times(config, name)
        yield from watchdogs.check(config, name)
        yield from _second(config, name)


def _second(config: Config, name: str) -> Told:
    """The other model is one of the others, judges nothing by itself, and knows every actuator that it is asked about."""
    settings, at = config.lookahead[name], ("lookahead", name, "second")
    if settings.second is None:
        return
    other = config.lookahead.get(settings.second)
    if other is None or settings.second == name:
        yield at, f"{named(settings.second)} is no other model of `lookahead`"
        return
    if other.second is not None or other.watchdog is not None:
        yield (
            at,
            f"{named(settings.second)} has a `second` or a `watchdog` itself: it only gives its opinion",
        )
    if sum(s.second == settings.second for s in config.lookahead.values()) > 1:
        yield at, f"{named(settings.second)} is the second of several models: give each its own"
    tags = ((t, config.tags.get(t)) for t in settings.actuators)
    highest = [
        t for t, tag in tags if tag and tag.actuator and tag.actuator.command_class is HIGHEST
    ]
    if not highest:
        yield (
            at,
            f"no actuator of {named(name)} is of class {HIGHEST.value}, which a second model is for",
        )
    for tag in (t for t in highest if t not in other.actuators):
        yield (
            at,
            f"{named(settings.second)} does not know {named(tag)}, an actuator of class {HIGHEST.value}",
        )


def resting(config: Config) -> Iterator[str]:
    """Sources that can move and of which nobody says how fast: once in doubt, look-ahead has them where they were.

    Who gives no `drift_per_h` of a tag without `rate` may have forgotten it; who gives 0 says that it does not move, which
    a `rate` of the tag contradicts.
    """
    for name, settings in config.lookahead.items():
        for quantity, source in settings.tags.items():
            tag = config.tags[source.tag]
            is_meant = "drift_per_h" in source.model_fields_set and tag.rate is None
            if source.drift_per_h or is_meant or tag.actuator is not None:
                continue
            most = "" if tag.rate is None else f", at most {tag.rate * HOUR_S:g} by its `rate`"
            yield (
                f"lookahead.{name}.tags.{quantity}: {named(source.tag)} has `drift_per_h` 0, so once it is in doubt look-ahead "
                f"starts for ever from where it was: give the fastest that it moves an hour{most}"
            )


def _times(config: Config, name: str) -> Told:
    settings = config.lookahead[name]
    if settings.tau_s > settings.horizon_s:
        yield ("lookahead", name, "tau_s"), "longer than `horizon_h`"
    if settings.horizon_s / settings.step_s > MOST_STEPS:
        yield ("lookahead", name, "step_s"), f"more than {MOST_STEPS} steps in `horizon_h`"
