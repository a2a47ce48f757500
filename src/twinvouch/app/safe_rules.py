"""Config -> the safe actions of every asset (`core.safe`), the digest of each list, and what is wrong with what is said of it."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import TypeAlias

from twinvouch.app.config_model import Config
from twinvouch.app.config_safe import SafeActionSettings, second_of
from twinvouch.app.declared_checks import unknown
from twinvouch.app.problems import named
from twinvouch.app.yaml_file import canonical
from twinvouch.app.yaml_tree import Loc
from twinvouch.commands.limits import fitting_words
from twinvouch.core.inventory import CommandedBy, Plant, PrincipalKind
from twinvouch.core.safe import Safe

Told: TypeAlias = Iterator[tuple[Loc, str]]


def listing(config: Config) -> dict[str, list[dict[str, object]]]:
    """The lists as they are signed, by asset that has one."""
    told = {n: a.safe_actions for n, a in config.assets.items() if a.safe_actions}
    return {n: [_told(s) for s in each] for n, each in told.items()}


def _told(s: SafeActionSettings) -> dict[str, object]:
    """As it is signed; a list on which nobody is named is the one that was signed before anybody could be."""
    return {k: v for k, v in s.model_dump(mode="json").items() if v or k != "by"}


def digest(listed: list[dict[str, object]]) -> bytes:
    """SHA-256 of the list of one asset as sorted JSON in UTF-8: what decisions name."""
    return sha256(canonical(listed).encode()).digest()


def safe(config: Config) -> Mapping[str, tuple[Safe, ...]]:
    """Of every actuator that is on a list."""
    found: dict[str, tuple[Safe, ...]] = {}
    for asset, listed in listing(config).items():
        known = digest(listed)
        for s in config.assets[asset].safe_actions:
            windows = tuple(_seconds(w) for w in s.windows)
            made = Safe(asset, s.tag, s.value, s.per_hour, windows, known, s.by)
            found[s.tag] = (*found.get(s.tag, ()), made)
    return found


def _seconds(window: str) -> tuple[int, int]:
    first, last = (second_of(each) or 0 for each in window.split("-"))
    return first, last


def unfit(plant: Plant, lists: Mapping[str, tuple[Safe, ...]]) -> Iterator[str]:
    """What an actuator could never be set to, so that the list would be a promise nobody keeps."""
    for name, listed in lists.items():
        tag = plant.tags[name]
        for s in listed:
            if tag.point is None or tag.limits is None:
                continue
            if not fitting_words(s.value, tag.point, tag.limits):
                yield f"`{name}` = {s.value:g}, which is outside its limits or does not fit its register"


def actions(config: Config) -> Told:
    """Each is about an actuator of its asset that the twin may move, within its limits, and once only."""
    for asset, a in config.assets.items():
        seen: set[tuple[str, float]] = set()
        for number, s in enumerate(a.safe_actions):
            loc = ("assets", asset, "safe_actions", number)
            yield from _one(config, asset, s, loc)
            yield from _named(config, s, loc)
            if (s.tag, s.value) in seen:
                yield loc, f"{named(s.tag)} = {s.value:g} is listed twice"
            seen.add((s.tag, s.value))


def _named(config: Config, s: SafeActionSettings, loc: Loc) -> Told:
    """Those for whom it is on the list can propose."""
    kinds = {p.id: p.kind for p in config.principals}
    for number, name in enumerate(s.by):
        if kinds.get(name, PrincipalKind.EDGE) is PrincipalKind.EDGE:
            who = "an edge" if name in kinds else "no principal"
            yield (*loc, "by", number), f"{named(name)} is {who}, expected a person or a service"


def _one(config: Config, asset: str, s: SafeActionSettings, loc: Loc) -> Told:
    tag = config.tags.get(s.tag)
    if tag is None:
        yield (*loc, "tag"), unknown(config, s.tag)
        return
    if s.tag.rpartition("/")[0] != asset:
        yield (*loc, "tag"), f"{named(s.tag)} is no tag of {named(asset)}, expected one of its own"
    if tag.actuator is None:
        yield (*loc, "tag"), f"{named(s.tag)} is no actuator, expected a tag with `actuator:`"
        return
    low, high = tag.actuator.min, tag.actuator.max
    if tag.actuator.commanded_by is CommandedBy.PLANT:
        yield (*loc, "tag"), f"{named(s.tag)} is moved by the plant's own control only"
    if not low <= s.value <= high:
        text = f"`value`, expected inside the limits {low:g}..{high:g}, got {s.value:g}"
        yield (*loc, "value"), text
