"""The models of a configuration, tried against it, and what gate 4 knows of them: `core.lookahead.Ahead`, by actuator."""

from dataclasses import replace
from typing import Final

from twinvouch.app.config_lookahead import LookaheadSettings, SourceSettings
from twinvouch.app.config_model import Config
from twinvouch.app.config_types import ns
from twinvouch.app.model_class import Made, make
from twinvouch.commands.capability import required
from twinvouch.core.errors import ConfigError
from twinvouch.core.inventory import CommandClass, Plant, Tag
from twinvouch.core.lookahead import Ahead, Source
from twinvouch.core.ports import Lookahead

HIGHEST: Final = CommandClass.A  # whose commands a second model judges


def of(config: Config, name: str) -> Made:
    """The model of `lookahead.NAME`, tried; raises ConfigError with what does not fit."""
    settings = config.lookahead[name]
    made = make(settings.model, data_of(config, name), settings.numbers)
    problems = _misfits(settings, made.model)
    if problems:
        raise ConfigError(f"{config.path}: lookahead.{name}: {'; '.join(problems)}")
    return made


def data_of(config: Config, name: str) -> bytes:
    """The bytes of the model's data file; none where it has none."""
    file = config.lookahead[name].data
    if file is None:
        return b""
    try:
        return (config.path.parent / file).read_bytes()
    except OSError as error:
        raise ConfigError(f"lookahead.{name}.data `{file}`: {error.strerror}") from None


def aheads(config: Config, plant: Plant) -> dict[str, Ahead]:
    """Look-ahead by actuator tag."""
    found: dict[str, Ahead] = {}
    made = {name: of(config, name) for name in config.lookahead}
    seconds = {s.second for s in config.lookahead.values()}
    for name in (n for n in config.lookahead if n not in seconds):
        found |= _of_model(config, plant, (name, made[name]))
    for name, settings in config.lookahead.items():
        if settings.second is not None:
            _expect_other(config, (name, made[name]), (settings.second, made[settings.second]))
            others = _of_model(config, plant, (settings.second, made[settings.second]))
            highest = (t for t in settings.actuators if plant.tags[t].command_class is HIGHEST)
            found |= {tag: replace(found[tag], second=others[tag]) for tag in highest}
    return found


def _of_model(config: Config, plant: Plant, model: tuple[str, Made]) -> dict[str, Ahead]:
    name, made = model
    settings = config.lookahead[name]
    return {
        tag: _ahead(name, settings, made, (plant, plant.tags[tag], actuator))
        for tag, actuator in settings.actuators.items()
    }


def _expect_other(config: Config, first: tuple[str, Made], others: tuple[str, Made]) -> None:
    """Two opinions are of two classes: what one of them gets wrong the other has to get wrong by itself."""
    (name, one), (second, other) = first, others
    if type(one.model) is type(other.model) or one.digest == other.digest:
        what = type(one.model).__name__
        text = f"lookahead.{name}.second: `{second}` is of the same class, `{what}`: expected another model"
        raise ConfigError(f"{config.path}: {text}")


def _ahead(name: str, s: LookaheadSettings, made: Made, of_: tuple[Plant, Tag, str]) -> Ahead:
    plant, tag, actuator = of_
    assert tag.command_class is not None
    rule = plant.classes[tag.command_class]
    others = {n: Source(t, *_range(plant.tags[t])) for t, n in s.actuators.items()}
    told = {q: _source(plant, v, made.model.limits().get(q)) for q, v in s.tags.items()}
    return Ahead(
        model=name,
        digest=made.digest,
        actuator=actuator,
        sources={**others, **told},
        limits=s.limits,
        demands=required(rule),
        horizon_s=s.horizon_s,
        tau_s=s.tau_s,
        step_s=s.step_s,
        demand=s.demand,
        is_each=s.members == "each",
        deadline_ns=s.deadline_ms * 1_000_000,
        tolerance=s.tolerance,
        window_ns=ns(s.window_s),
    )


def _source(plant: Plant, v: SourceSettings, can: tuple[float, float] | None) -> Source:
    """Where a quantity is read, and between what it lies: its tag's range, as far as the model can be there."""
    low, high = _range(plant.tags[v.tag])
    if can is not None:
        ends = sorted((end - v.offset) / v.factor for end in can)
        low, high = max(low, ends[0]), min(high, ends[1])
    if not low < high:
        told = f"the `range` of `{v.tag}` has nothing in common with what the model can be there"
        raise ConfigError(f"lookahead: {told}; mind `factor` and `offset`")
    return Source(v.tag, low, high, v.error, v.drift_per_h, v.factor, v.offset)


def _range(tag: Tag) -> tuple[float, float]:
    return (tag.low, tag.high) if tag.limits is None else (tag.limits.low, tag.limits.high)


def _misfits(settings: LookaheadSettings, model: Lookahead) -> list[str]:
    """What the model does not know, or cannot be."""
    columns, can = set(model.columns), model.limits()
    named = {*settings.tags, *settings.actuators.values(), *settings.limits}
    problems = [
        f"the model has no `{n}`, it has {sorted(columns)}" for n in sorted(named - columns)
    ]
    problems += [
        f"`{n}` is no actuator of the model"
        for n in settings.actuators.values()
        if n in columns and n not in model.actuators
    ]
    for name, (low, high) in settings.limits.items():
        least, most = can.get(name, (low, high))
        if low < least or high > most:
            problems.append(
                f"limits of `{name}` go beyond what the model can be, {least:g}..{most:g}"
            )
    if not model.laws:
        problems.append("the model has no backup law")
    return problems
