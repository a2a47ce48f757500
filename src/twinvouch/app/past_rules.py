"""Config -> what must have been before an actuator is written (`core.past`), and what is wrong with what is said of it."""

from collections.abc import Iterator
from math import inf
from typing import TypeAlias

from twinvouch.app.config_model import Config
from twinvouch.app.config_tags import ActuatorSettings
from twinvouch.app.config_types import ns
from twinvouch.app.declared_checks import unknown
from twinvouch.app.problems import named
from twinvouch.app.yaml_tree import Loc
from twinvouch.core.inventory import CommandClass, PrincipalKind
from twinvouch.core.past import Joint, Past, Steady, kept

Told: TypeAlias = Iterator[tuple[Loc, str]]
LONGEST_S = 86_400.0  # that permits are remembered for a rule


def past(config: Config, name: str, s: ActuatorSettings) -> Past:
    """The rules of actuator `name`."""
    after = (n for n, each in config.sequence.items() if each.move == name)
    joints = (n for n, each in config.joint.items() if name in each.tags)
    return Past(
        travel=s.travel_per_hour or inf,
        writes=s.writes_per_hour or 0,
        starts=s.starts_per_hour or 0,
        dwell_on_ns=ns(s.dwell_on_s or 0),
        dwell_off_ns=ns(s.dwell_off_s or 0),
        ramp=s.ramp_by or inf,
        ramp_ns=ns(s.ramp_within_s or 0),
        after=tuple(_steady(config, n) for n in after),
        joints=tuple(_joint(config, n, name) for n in joints),
        reserve=s.reserve or 0.0,
        reserved_for=s.reserved_for or (),
    )


def _steady(config: Config, name: str) -> Steady:
    s = config.sequence[name]
    low, high = (-inf if s.min is None else s.min), (inf if s.max is None else s.max)
    return Steady(name, s.after, low, high, ns(s.for_s))


def _joint(config: Config, name: str, own: str) -> Joint:
    s = config.joint[name]
    return Joint(
        name,
        tuple(t for t in s.tags if t != own),
        low_sum=-inf if s.min_sum is None else s.min_sum,
        high_sum=inf if s.max_sum is None else s.max_sum,
        difference=s.max_difference or inf,
        apart_ns=ns(s.starts_apart_s or 0),
    )


def windows(config: Config) -> Told:
    """Of each actuator: a ramp has both halves, no window is longer than permits are remembered, and its reserve fits."""
    yield from _reserves(config)
    for name, tag in config.tags.items():
        s, loc = tag.actuator, ("tags", name, "actuator")
        if s is None:
            continue
        if (s.ramp_by is None) != (s.ramp_within_s is None):
            yield loc, "`ramp_by` and `ramp_within_s`, expected both or neither"
        if s.on_excess == "clamp" and s.command_class is CommandClass.A:
            yield (
                (*loc, "on_excess"),
                "`on_excess`, expected `refuse`: a class A command is never changed",
            )
        for key in ("dwell_on_s", "dwell_off_s", "ramp_within_s"):
            if (getattr(s, key) or 0) > LONGEST_S:
                yield (
                    (*loc, key),
                    f"`{key}`, expected at most {LONGEST_S:g}: so long permits are remembered",
                )


def _reserves(config: Config) -> Told:
    """What is kept of budgets: there is one, something is left of it, and those it is kept for can propose."""
    kinds = {p.id: p.kind for p in config.principals}
    for name, tag in config.tags.items():
        s, loc = tag.actuator, ("tags", name, "actuator")
        if s is None:
            continue
        for number, who in enumerate(s.reserved_for or ()):
            if kinds.get(who, PrincipalKind.EDGE) is PrincipalKind.EDGE:
                what = "an edge" if who in kinds else "no principal"
                text = f"{named(who)} is {what}, expected a person or a service"
                yield (*loc, "reserved_for", number), text
        if s.reserve is None:
            if s.reserved_for is not None:
                yield (*loc, "reserved_for"), "`reserved_for` without `reserve`: say which share"
            continue
        if s.travel_per_hour is None and not (s.writes_per_hour or s.starts_per_hour):
            text = "`reserve`, expected beside `travel_per_hour`, `writes_per_hour` or `starts_per_hour`"
            yield (*loc, "reserve"), text
        for key in ("writes_per_hour", "starts_per_hour"):
            most = getattr(s, key)
            if most is not None and most - kept(s.reserve, most) < 1:
                text = f"`reserve` {s.reserve:g} leaves nothing of {key} = {most} to other services"
                yield (*loc, "reserve"), f"{text}: let the policy refuse them"


def sequences(config: Config) -> Told:
    """Each is about an actuator and another tag, and says where that has to be."""
    for name, s in config.sequence.items():
        loc = ("sequence", name)
        yield from _actuators(config, (*loc, "move"), s.move)
        if s.after not in config.tags:
            yield (*loc, "after"), unknown(config, s.after)
        if s.after == s.move:
            yield (*loc, "after"), f"{named(s.after)} is also what is moved, expected another tag"
        if s.min is None and s.max is None:
            yield loc, "missing key `min` or `max`: where `after` has to be"
        elif s.min is not None and s.max is not None and s.min > s.max:
            yield (*loc, "max"), f"`max`, expected at least min = {s.min:g}, got {s.max:g}"


def joints(config: Config) -> Told:
    """Each is about several actuators of one unit, and limits something."""
    for name, s in config.joint.items():
        loc = ("joint", name)
        for number, tag in enumerate(s.tags):
            yield from _actuators(config, (*loc, "tags", number), tag)
            if tag in s.tags[:number]:
                yield (*loc, "tags", number), f"{named(tag)} is listed twice"
        units = sorted({config.tags[t].unit for t in s.tags if t in config.tags})
        if len(units) > 1:
            yield loc, f"tags of {named(name)} have different units: {', '.join(map(named, units))}"
        kinds = (s.min_sum, s.max_sum, s.max_difference, s.starts_apart_s)
        if all(k is None for k in kinds):
            yield loc, "expected `min_sum`, `max_sum`, `max_difference` or `starts_apart_s`"
        if (s.starts_apart_s or 0) > LONGEST_S:
            yield (*loc, "starts_apart_s"), f"`starts_apart_s`, expected at most {LONGEST_S:g}"
        if s.min_sum is not None and s.max_sum is not None and s.min_sum > s.max_sum:
            yield (*loc, "max_sum"), f"`max_sum`, expected at least min_sum = {s.min_sum:g}"


def _actuators(config: Config, loc: Loc, name: str) -> Told:
    tag = config.tags.get(name)
    if tag is None:
        yield loc, unknown(config, name)
    elif tag.actuator is None:
        yield loc, f"{named(name)} is no actuator, expected a tag with `actuator:`"
