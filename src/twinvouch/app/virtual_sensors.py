"""The virtual sensors of a configuration as the engine knows them: `core.virtual.Virtual`, by tag."""

from collections.abc import Iterator

from twinvouch.app.config_model import Config
from twinvouch.app.config_types import ns
from twinvouch.app.config_virtual import FlowSettings, Points, VirtualSettings
from twinvouch.commands.capability import most, required
from twinvouch.commands.view import mandatory
from twinvouch.core.inventory import CommandClass, Plant, Tag
from twinvouch.core.virtual import Axes, Curve, Flow, Instead, Lost, Virtual


def sensors(config: Config, plant: Plant) -> dict[str, Virtual]:
    """By the tag that each stands in for."""
    return {tag: _sensor(config, plant, tag) for tag in sorted(config.virtual)}


def curves(s: VirtualSettings) -> dict[Lost, Curve]:
    """By the meters that are lost."""
    found = {} if s.growth is None else {frozenset[str](): _curve(s.growth)}
    return found | {frozenset(w.lost): _curve(w.growth) for w in s.without}


def driven(s: VirtualSettings) -> dict[Lost, Curve]:
    """By the meters that are lost, where their flows are worked out from what drives them."""
    return {frozenset(w.lost): _curve(w.instead) for w in s.without if w.instead is not None}


def limits_of(config: Config, tag: str) -> tuple[float, float] | None:
    """What its interval may not touch: as configured, else as look-ahead limits it, else its range; in its own unit."""
    s, range_ = config.virtual[tag], config.tags[tag].range
    if s.limits is not None:
        return s.limits
    for told in config.lookahead.values():
        for quantity, source in told.tags.items():
            if source.tag == tag and quantity in told.limits:
                ends = sorted((e - source.offset) / source.factor for e in told.limits[quantity])
                return ends[0], ends[1]
    return range_


def volumes(s: VirtualSettings, low: float, high: float) -> Points:
    """Level and volume, both rising, over the whole range of the tag."""
    if s.volume is not None:
        return s.volume
    assert s.area is not None
    return (low, s.area * low), (high, s.area * high)


def _sensor(config: Config, plant: Plant, tag: str) -> Virtual:
    s, about = config.virtual[tag], plant.tags[tag]
    points = volumes(s, about.low, about.high)
    limits = limits_of(config, tag) or (about.low, about.high)
    using = list(_using(config, plant, tag))
    return Virtual(
        tag=tag,
        levels=tuple(level for level, _ in points),
        volumes=tuple(volume for _, volume in points),
        flows=tuple(map(_flow, s.flows)),
        error=s.error,
        curves=curves(s),
        low=limits[0],
        high=limits[1],
        max_blind_ns=ns(s.max_blind_h * 3_600),
        window_ns=ns(s.window_s),
        settle_ns=ns(s.settle_s),
        gap_ns=ns(s.gap_s),
        demands=_demands(plant, using),
        assets=tuple(sorted({t.asset for t in using})),
        instead=driven(s),
    )


def _flow(f: FlowSettings) -> Flow:
    told = f.instead
    other = None if told is None else Instead(told.base, tuple(told.gains.items()))
    return Flow(f.tag, f.factor, f.usual, f.mean, other)


def _using(config: Config, plant: Plant, tag: str) -> Iterator[Tag]:
    """Actuators whose commands rest on it: always, or by a model that starts from it."""
    for actuator in plant.tags.values():
        models = [m for m in config.lookahead.values() if actuator.id in m.actuators]
        starts = {s.tag for m in models for s in m.tags.values()}
        if actuator.command_class is not None and tag in {*mandatory(actuator), *starts}:
            yield actuator


def _demands(plant: Plant, using: list[Tag]) -> Axes:
    """The most that the class of any of them demands, axis by axis; of the highest class where there are none."""
    letters = {t.command_class for t in using if t.command_class is not None} or {CommandClass.A}
    return most(required(plant.classes[letter]) for letter in letters if letter in plant.classes)


def _curve(points: Points) -> Curve:
    return Curve(tuple(h for h, _ in points), tuple(w for _, w in points))
