"""Config -> what a write must bring about and what comes of a deadline (`core.aftermath`), and what is wrong with what is said of it."""

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from twinvouch.app.config_model import Config
from twinvouch.app.config_tags import ActuatorSettings
from twinvouch.app.config_types import ns
from twinvouch.app.declared_checks import unknown
from twinvouch.app.yaml_tree import Loc
from twinvouch.commands.limits import fitting_words
from twinvouch.core.aftermath import Aftermath, Expected, OnFailure
from twinvouch.core.inventory import Plant

Told: TypeAlias = Iterator[tuple[Loc, str]]
_RESPONSE: Final = ("response_tolerance", "response_within_s")
_OF_RESPONSE: Final = (*_RESPONSE, "response_factor", "response_offset", "on_failure")


def aftermaths(config: Config) -> Mapping[str, Aftermath]:
    """Of every actuator that something is said of."""
    found = {n: _of(t.actuator) for n, t in config.tags.items() if t.actuator is not None}
    return {name: after for name, after in found.items() if after != Aftermath()}


def _of(s: ActuatorSettings) -> Aftermath:
    is_default = s.on_deadline == "default"
    return Aftermath(_expected(s), s.default, ns(s.deadline_s or 0), is_default_taken=is_default)


def _expected(s: ActuatorSettings) -> Expected | None:
    if s.response_tag is None or s.response_tolerance is None or s.response_within_s is None:
        return None
    return Expected(
        s.response_tag,
        s.response_tolerance,
        ns(s.response_within_s),
        1.0 if s.response_factor is None else s.response_factor,
        s.response_offset or 0.0,
        OnFailure(s.on_failure or "none"),
    )


def unfit(plant: Plant, config: Config) -> Iterator[str]:
    """Defaults that an actuator could never be set to."""
    for name, after in aftermaths(config).items():
        tag = plant.tags[name]
        if after.default is None or tag.point is None or tag.limits is None:
            continue
        if not fitting_words(after.default, tag.point, tag.limits):
            yield f"tags.{name}.actuator.default: {after.default:g} is outside its limits or does not fit its register"


def aftermath(config: Config) -> Told:
    """Both halves of each are there, and a command of the core has something to rest on."""
    for name, tag in config.tags.items():
        if tag.actuator is not None:
            at: Loc = ("tags", name, "actuator")
            for key, text in (*_halves(config, tag.actuator), *_grounds(tag.actuator)):
                yield (*at, key), text


def _halves(config: Config, s: ActuatorSettings) -> Iterator[tuple[str, str]]:
    if s.response_tag is None:
        said = next((key for key in _OF_RESPONSE if getattr(s, key) is not None), "")
        if said:
            yield said, f"`{said}` without `response_tag`: which tag has to respond"
    elif s.response_tag not in config.tags:
        yield "response_tag", unknown(config, s.response_tag)
    else:
        for key in _RESPONSE:
            if getattr(s, key) is None:
                yield "response_tag", f"missing key `{key}` beside `response_tag`"
    if s.on_deadline is not None and s.deadline_s is None:
        yield "on_deadline", "`on_deadline` without `deadline_s`"
    takes_default = s.on_deadline == "default" or s.on_failure == "fall_back"
    if takes_default and s.default is None:
        yield "on_failure" if s.on_deadline != "default" else "on_deadline", "missing key `default`"
    if s.default is not None and not takes_default:
        yield (
            "default",
            "nothing takes it: expected `on_failure: fall_back` or `on_deadline: default`",
        )


def _grounds(s: ActuatorSettings) -> Iterator[tuple[str, str]]:
    is_acting = s.on_deadline == "default" or s.on_failure in {"roll_back", "fall_back"}
    if not is_acting:
        return
    rests = s.controlled or s.interlock or s.rate or s.response_tag
    if not rests:
        text = "the default rests on no reading, so that it would never be allowed: expected `controlled`, `rate`, `interlock` or `response_tag`"
        yield "on_deadline", text
