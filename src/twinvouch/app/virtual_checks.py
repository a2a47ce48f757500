"""Checks of `virtual:` against the rest of a configuration: tags, units, failure domains, and curves that never narrow."""

from collections.abc import Iterator
from typing import Final, TypeAlias

from twinvouch.app import failure_domains
from twinvouch.app.config_model import Config
from twinvouch.app.config_tags import TagSettings
from twinvouch.app.config_virtual import Points, VirtualSettings
from twinvouch.app.declared_checks import unknown
from twinvouch.app.problems import named
from twinvouch.app.virtual_sensors import curves, driven, limits_of
from twinvouch.app.yaml_tree import Loc
from twinvouch.core import domains

Told: TypeAlias = Iterator[tuple[Loc, str]]

_FOOT: Final = 0.3048
_METRES: Final = {"m": 1.0, "cm": 0.01, "mm": 0.001, "ft": _FOOT, "in": 0.0254}
_PER_SECOND: Final = {
    "m3/s": 1.0,
    "m3/min": 1 / 60,
    "m3/h": 1 / 3_600,
    "m3/d": 1 / 86_400,
    "l/s": 1e-3,
    "L/s": 1e-3,
    "l/min": 1e-3 / 60,
    "l/h": 1e-3 / 3_600,
    "gpm": 3.785411784e-3 / 60,
    "cfs": _FOOT**3,
    "ft3/s": _FOOT**3,
}
_SAME: Final = 0.01  # of a factor that is what the units say


def sensors(config: Config) -> Told:
    """Every virtual sensor."""
    for tag, s in config.virtual.items():
        for loc, text in _sensor(config, tag, s):
            yield ("virtual", tag, *loc), text


def _sensor(config: Config, tag: str, s: VirtualSettings) -> Told:
    about = config.tags.get(tag)
    if about is None:
        yield (), unknown(config, tag)
        return
    if about.actuator is not None:
        yield (), f"{named(tag)} is an actuator, expected a level that is measured"
    if about.range is None:
        yield (), f"{named(tag)} has no `range`, which bounds what its estimate can be"
    if (s.area is None) == (s.volume is None):
        yield (), "expected either `area` or `volume`"
    yield from _within(config, tag, s)
    yield from _flows(config, tag, s)
    yield from _curves(s)


def _within(config: Config, tag: str, s: VirtualSettings) -> Told:
    limits, range_ = limits_of(config, tag), config.tags[tag].range
    if range_ is None or limits is None:
        return
    if not range_[0] <= limits[0] < limits[1] <= range_[1]:
        text = f"{limits[0]:g}..{limits[1]:g} go beyond the range of {named(tag)}"
        yield ("limits",), f"{text}, {range_[0]:g}..{range_[1]:g}"
    if s.volume is not None and (s.volume[0][0] > limits[0] or s.volume[-1][0] < limits[1]):
        yield ("volume",), f"expected levels from {limits[0]:g} or below to {limits[1]:g} or above"


def _flows(config: Config, tag: str, s: VirtualSettings) -> Told:
    seen: set[str] = set()
    for number, flow in enumerate(s.flows):
        loc: Loc = ("flows", number, "tag")
        about = config.tags.get(flow.tag)
        if about is None:
            yield loc, unknown(config, flow.tag)
        elif flow.tag in config.virtual:
            text = f"{named(flow.tag)} is estimated itself, expected a flow that is metered"
            yield loc, text
        else:
            yield from _unit(config.tags[tag], about, flow.factor, number)
            yield from _shared(config, tag, flow.tag, (s, loc))
        yield from _drivers(config, tag, s, number)
        if flow.tag in seen:
            yield loc, f"{named(flow.tag)} is named twice: add the factors up"
        seen.add(flow.tag)


def _drivers(config: Config, tag: str, s: VirtualSettings, number: int) -> Told:
    """What drives a flow is read, is no meter of it and nothing that is estimated, and does not fail with the level or the meter."""
    told = s.flows[number].instead
    meters = {f.tag for f in s.flows}
    for driver in () if told is None else told.gains:
        loc: Loc = ("flows", number, "instead", "gains", driver)
        if driver not in config.tags:
            yield loc, unknown(config, driver)
        elif driver in meters or driver in config.virtual:
            yield (
                loc,
                f"{named(driver)} is metered or estimated itself, expected what drives a flow",
            )
        else:
            yield from _shared(config, tag, driver, (s, loc))


def _unit(level: TagSettings, flow: TagSettings, factor: float, number: int) -> Told:
    """Where both units are known, the factor is what they say."""
    metres, per_s = _METRES.get(level.unit), _PER_SECOND.get(flow.unit)
    if metres is None or per_s is None:
        return
    expected = per_s / metres**3
    if abs(abs(factor) / expected - 1) > _SAME:
        text = f"`factor`, expected {expected:.6g} or -{expected:.6g} by the units"
        yield (
            ("flows", number, "factor"),
            f"{text} ({named(flow.unit)}, level in {named(level.unit)}), got {factor:g}",
        )


def _shared(config: Config, tag: str, flow: str, of: tuple[VirtualSettings, Loc]) -> Told:
    """A meter that fails with the level is no witness of it."""
    s, loc = of
    one, other = failure_domains.of(config, tag), failure_domains.of(config, flow)
    shared = [name for name in domains.shared(one, other) if name not in s.may_share]
    if shared:
        text = f"{named(flow)} shares a failure domain with {named(tag)}: {', '.join(shared)}"
        yield (
            loc,
            f"{text} (what is not declared is shared); use another meter, or accept it with `may_share`",
        )


def _curves(s: VirtualSettings) -> Told:
    names, seen = {f.tag: f for f in s.flows}, set[frozenset[str]]()
    for number, without in enumerate(s.without):
        at: Loc = ("without", number, "lost")
        if frozenset(without.lost) in seen or len(set(without.lost)) < len(without.lost):
            yield at, "named twice"
        seen.add(frozenset(without.lost))
        for tag in without.lost:
            if tag not in names:
                yield at, f"{named(tag)} is none of its `flows`"
            elif names[tag].usual is None:
                yield at, f"{named(tag)} has no `usual` to take its place"
            elif without.instead is not None and names[tag].instead is None:
                place: Loc = ("without", number, "instead")
                yield place, f"{named(tag)} has no `instead` of its own, from which to work it out"
    places: list[tuple[Loc, Points]] = [(("growth",), s.growth)] if s.growth else []
    places += [(("without", n, "growth"), w.growth) for n, w in enumerate(s.without)]
    places += [(("without", n, "instead"), w.instead) for n, w in enumerate(s.without) if w.instead]
    for loc, growth in places:
        if growth[-1][0] < s.max_blind_h:
            text = f"ends at {growth[-1][0]:g} h, expected up to max_blind_h = {s.max_blind_h:g}"
            yield loc, text
    yield from _narrowing(s)


def _narrowing(s: VirtualSettings) -> Told:
    """With more meters lost it is never narrower."""
    told = curves(s)
    hours = sorted({h for c in told.values() for h in c.hours})
    for number, without in enumerate(s.without):
        lost = frozenset(without.lost)
        for fewer, curve in told.items():
            if fewer < lost and any(told[lost].at(h) < curve.at(h) - 1e-12 for h in hours):
                others = ", ".join(map(named, sorted(fewer))) or "no meter"
                text = f"narrower than with {others} lost: less is known, expected at least as wide"
                yield ("without", number, "growth"), text
        whole, other = told.get(frozenset()), driven(s).get(lost)
        if whole and other and any(other.at(h) < whole.at(h) - 1e-12 for h in hours):
            yield (
                ("without", number, "instead"),
                "narrower than with no meter lost: less is known, expected at least as wide",
            )
