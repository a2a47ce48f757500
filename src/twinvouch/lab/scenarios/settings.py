"""What the generator draws from: `lab/scenarios.yaml`, read once, and the digest that names it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, TypeVar

import yaml

from twinvouch.core.errors import UsageError

FILE = "scenarios.yaml"
T = TypeVar("T")
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Weather:
    """Demand: hourly standard deviation and correlation of its noise, weekends, yearly season."""

    sd: float
    correlation_h: float
    weekend: float
    weekend_shift_h: float
    season: float


@dataclass(frozen=True, slots=True)
class Change:
    """How far things are changed: control levels (of their band), demands, seasons; parts of one."""

    threshold: Span
    demand: Span
    season: Span


@dataclass(frozen=True, slots=True)
class Daily:
    """A pump that runs by the clock."""

    link: str
    on_h: float
    off_h: float


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """One network: what of it is measured.

    `flow_to_volume`: volume a second, in the tanks' unit of length, of one unit of flow. `districts`: in so many
    the junctions of each large demand pattern are divided. `off_above`: levels at which links close instead of the file's.
    """

    file: str
    step_s: int
    districts: int
    tanks: tuple[str, ...]
    pumps: tuple[str, ...]
    valves: tuple[str, ...]
    pipes: tuple[str, ...]
    nodes: tuple[str, ...]
    daily: Daily | None
    off_above: tuple[tuple[str, float], ...]
    flow_to_volume: float


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything; `digest` is the SHA-256 of the file."""

    version: int
    period_s: int
    training_days: int
    training_seed: int
    test_days: int
    warm_up_days: int
    events: int
    gap_h: float
    duration_h: Span
    size_sd: Span
    weather: Weather
    noise: Mapping[str, float]
    change: Change
    networks: Mapping[str, NetworkSettings]
    digest: str = ""


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings that are shipped."""
    raw = files("twinvouch.lab").joinpath(FILE).read_bytes()
    return read(raw)


def read(raw: bytes) -> Settings:
    """Read settings; a UsageError names what is missing or unknown."""
    content: Any = yaml.safe_load(raw)
    networks = {
        name: _made(
            NetworkSettings,
            {**of, "daily": _daily(of.get("daily")), "off_above": tuple(of["off_above"].items())},
            name,
        )
        for name, of in content["networks"].items()
    }
    parts = {
        "weather": _made(Weather, content["weather"], "weather"),
        "change": _made(Change, content["change"], "change"),
        "networks": networks,
        "digest": sha256(raw).hexdigest(),
    }
    return _made(Settings, {**content, **parts}, FILE)


def _daily(of: Any) -> Daily | None:
    return None if of is None else _made(Daily, of, "daily")


def _made(kind: type[T], content: Mapping[str, Any], where: str) -> T:
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    wrong = names ^ set(content)
    if wrong:
        raise UsageError(
            f"{where}: expected the keys {sorted(names)}, not or too many: {sorted(wrong)}"
        )
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in content.items()})
