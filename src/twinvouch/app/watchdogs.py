"""The watchdogs of a configuration: what gate 4 and the engine know of them, and what does not fit."""

from collections.abc import Iterator
from dataclasses import replace

from twinvouch.app.config_lookahead import LookaheadSettings, WatchdogSettings
from twinvouch.app.config_model import Config
from twinvouch.app.config_types import ns
from twinvouch.app.problems import named
from twinvouch.app.yaml_tree import Loc
from twinvouch.commands.capability import most
from twinvouch.core.inventory import Plant
from twinvouch.core.lookahead import Ahead
from twinvouch.core.watchdog import Response, SafeAction, Watchdog

_SPARE_S = 10.0  # beyond the deadline of an answer, before the next question


def watchdogs(config: Config, plant: Plant, aheads: dict[str, Ahead]) -> dict[str, Watchdog]:
    """By model; `aheads` is look-ahead by actuator."""
    found = {}
    for name, settings in config.lookahead.items():
        if settings.watchdog is not None:
            mine = [aheads[tag] for tag in settings.actuators]
            found[name] = _watchdog(settings.watchdog, mine, _assets(settings, plant))
    return found


def _watchdog(w: WatchdogSettings, aheads: list[Ahead], assets: tuple[str, ...]) -> Watchdog:
    demands = most(ahead.demands for ahead in aheads)
    ahead = replace(aheads[0], actuator="", demands=demands, second=None)
    safe = tuple(SafeAction(each.tag, each.value) for each in w.safe)
    return Watchdog(ahead, ns(w.every_s), w.warn_s, Response(w.action), safe, w.unanswered, assets)


def _assets(settings: LookaheadSettings, plant: Plant) -> tuple[str, ...]:
    return tuple(dict.fromkeys(plant.tags[tag].asset for tag in settings.actuators))


def check(config: Config, name: str) -> Iterator[tuple[Loc, str]]:
    """What it may command is listed as a safe action of its asset; times fit each other."""
    settings = config.lookahead[name]
    w, at = settings.watchdog, ("lookahead", name, "watchdog")
    if w is None:
        return
    if w.action == "safe_action" and not w.safe:
        yield (*at, "safe"), "`action: safe_action` without a safe action: list at least one"
    if w.warn_s > settings.horizon_s:
        yield (*at, "warn_s"), "longer than `horizon_h`: nothing is foreseen so far ahead"
    if w.every_s < settings.deadline_ms / 1e3 + _SPARE_S:
        least = settings.deadline_ms / 1e3 + _SPARE_S
        yield (*at, "every_s"), f"shorter than `deadline_ms` and {_SPARE_S:g} s, {least:g} s"
    listed = {(s.tag, s.value) for a in config.assets.values() for s in a.safe_actions}
    for n, each in enumerate(w.safe):
        where: Loc = (*at, "safe", n)
        if each.tag not in settings.actuators:
            yield (*where, "tag"), f"{named(each.tag)} is no actuator of model {named(name)}"
        elif (each.tag, each.value) not in listed:
            text = f"{named(each.tag)} = {each.value:g} is on no `safe_actions` list of an asset"
            yield (*where, "value"), text
