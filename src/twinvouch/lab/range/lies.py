"""Lies of stations. What they say stays within the physical range: a liar who leaves it is found by the simplest rule."""

from collections.abc import Mapping
from dataclasses import dataclass

from twinvouch.lab.range.plants import STEPS_PER_H
from twinvouch.lab.range.scenario import Moment


@dataclass(frozen=True, slots=True)
class Offset:
    """All these tags are off by `sign` times the strength, as a share of the range."""

    tags: tuple[str, ...]
    sign: float = 1.0

    def told(self, values: dict[str, float], at: Moment) -> None:
        """As Lie."""
        for tag in self.tags:
            _add(values, tag, at, self.sign * at.strength)


@dataclass(frozen=True, slots=True)
class Drift:
    """They drift away by `sign` times the strength, as a share of the range in an hour."""

    tags: tuple[str, ...]
    sign: float = 1.0

    def told(self, values: dict[str, float], at: Moment) -> None:
        """As Lie."""
        for tag in self.tags:
            _add(values, tag, at, self.sign * at.strength * at.hours)


@dataclass(frozen=True, slots=True)
class Coordinated:
    """Levels drift, and the meters of what flows in say what such levels need: `flows` gives meter and gpm of a foot an hour."""

    flows: Mapping[str, tuple[str, float]]
    sign: float = 1.0

    def told(self, values: dict[str, float], at: Moment) -> None:
        """As Lie."""
        for level, (meter, per_unit) in self.flows.items():
            before = at.honest[-1][level] if at.honest else values[level]
            was = _within(at, level, before + self.sign * at.strength * (at.hours - 1 / STEPS_PER_H) * _span(at, level)) - before  # fmt: skip
            true = values[level]
            _add(values, level, at, self.sign * at.strength * at.hours)
            values[meter] += (values[level] - true - was) * STEPS_PER_H * per_unit


@dataclass(frozen=True, slots=True)
class Replay:
    """All tags of these scan groups say what they said in the hours before, again and again."""

    groups: tuple[str, ...]
    hours: float = 6.0

    def told(self, values: dict[str, float], at: Moment) -> None:
        """As Lie."""
        length = round(self.hours * STEPS_PER_H)
        first = at.step - at.since - length
        recorded = at.honest[max(first, 0) + at.since % length]
        for sensor in at.sector.sensors:
            if sensor.group in self.groups:
                values[sensor.tag] = recorded[sensor.tag]
        for lever in at.sector.levers:
            if lever.group in self.groups:
                values[lever.tag] = recorded[lever.tag]


def _add(values: dict[str, float], tag: str, at: Moment, share: float) -> None:
    values[tag] = _within(at, tag, values[tag] + share * _span(at, tag))


def _within(at: Moment, tag: str, value: float) -> float:
    sensor = at.sector.by_tag[tag]
    edge = 0.05 * sensor.span
    return min(max(value, sensor.low + edge), sensor.high - edge)


def _span(at: Moment, tag: str) -> float:
    return at.sector.by_tag[tag].span
