"""Checks across the sections of a configuration: every reference exists, nothing contradicts.

Each check yields `(loc, text)`: what is wrong and where it stands; all are told at once.
"""

import ipaddress
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

from twinvouch.app import after_rules, past_rules, safe_rules, virtual_checks
from twinvouch.app import declared_checks as declared
from twinvouch.app.config_model import Config
from twinvouch.app.config_tags import ActuatorSettings, TagSettings
from twinvouch.app.lookahead_checks import models, resting
from twinvouch.app.mqtt_checks import brokers, places
from twinvouch.app.problems import named
from twinvouch.app.retention_checks import kept
from twinvouch.app.yaml_file import Document, suggestion
from twinvouch.app.yaml_tree import Loc
from twinvouch.core.inventory import Encoding, PrincipalKind, Rhythm, Table
from twinvouch.core.word_order import WordOrder

Told: TypeAlias = Iterator[tuple[Loc, str]]

_DTYPE_LIMITS = {"i4": (-(2**31), 2**31 - 1), "u2": (0, 65_535), "u1": (0, 255)}
_PLACED = {"address", "encoding", "scale", "offset", "word_order", "bit"}
_LITERAL = re.compile(r"[rRbB]{0,2}(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")")
_VARIABLE = re.compile(r"(?<![\w.])([A-Za-z_]\w*)(?!\w)(?!\s*\()")
_WORDS = {"true", "false", "null", "in"}


def check(config: Config, document: Document) -> None:
    """Note every contradiction in `document.problems`."""
    rules = (
        _zones,
        _groups,
        _edges,
        _principals,
        declared.names,
        _tags,
        _interlocks,
        _overlaps,
        _network,
        _files,
        brokers,
        places,
        _encryption,
        declared.rhythms,
        declared.redundancy,
        declared.balances,
        declared.states,
        past_rules.windows,
        past_rules.sequences,
        past_rules.joints,
        safe_rules.actions,
        after_rules.aftermath,
        kept,
        models,
        virtual_checks.sensors,
    )
    for rule in rules:
        for loc, text in rule(config):
            document.say(loc, text)


def variables(expression: str) -> list[str]:
    """The variable names in a CEL expression, in order, each once.

    Texts, field names and function names are left out. The expression is not judged here.
    """
    bare = _LITERAL.sub("''", expression)
    found = (m[1] for m in _VARIABLE.finditer(bare))
    return list(dict.fromkeys(v for v in found if v not in _WORDS))


def variable_of(tag_id: str) -> str:
    """The name of a tag inside an expression: `tank-1/level` is `tank_1_level`."""
    return tag_id.replace("/", "_").replace("-", "_")


def interlock_tags(
    by_variable: Mapping[str, Sequence[str]], actuator: ActuatorSettings
) -> tuple[str, ...]:
    """The tags an interlock reads: those of its variables, then those listed besides."""
    read = [tag for name in variables(actuator.interlock) for tag in by_variable.get(name, ())]
    return tuple(dict.fromkeys([*sorted(read), *actuator.interlock_tags]))


def tags_by_variable(config: Config) -> dict[str, list[str]]:
    """Tag ids by the name they have in expressions; more than one where a name is ambiguous."""
    by_variable: dict[str, list[str]] = defaultdict(list)
    for name in config.tags:
        by_variable[variable_of(name)].append(name)
    return dict(by_variable)


def notices(config: Config) -> list[str]:
    """What is not wrong but unfinished: principals without a key cannot sign yet; what look-ahead takes to rest."""
    keyless = [
        f"principal {named(p.id)} has no key yet: "
        f"twinvouch principals add {p.id} --kind {p.kind}{token_option(config, p.id)} --config {config.path}"
        for p in config.principals
        if p.key is None and config.key_list is None
    ]
    return [*keyless, *resting(config)]


def token_option(config: Config, name: str) -> str:
    """The actuator process takes permits with a token, so it gets one with its key."""
    return " --token" if config.actuator is not None and config.actuator.principal == name else ""


def _unknown(kind: str, name: str, known: Sequence[str]) -> str:
    hint = suggestion(name, known) or (", expected one of the ids there" if known else "")
    return f"{named(name)} is not in `{kind}:`{hint}"


def _zones(config: Config) -> Told:
    zones = list(config.zones)
    for name, asset in config.assets.items():
        if asset.zone is not None and asset.zone not in config.zones:
            yield ("assets", name, "zone"), _unknown("zones", asset.zone, zones)
    for number, conduit in enumerate(config.conduits):
        for key, zone in (("from", conduit.source), ("to", conduit.target)):
            if zone not in config.zones:
                yield ("conduits", number, key), _unknown("zones", zone, zones)
        if conduit.source == conduit.target:
            yield ("conduits", number, "to"), "conduit, expected two different zones"


def _groups(config: Config) -> Told:
    used = {tag.group for tag in config.tags.values()}
    for name, group in config.groups.items():
        edge = config.edges.get(group.edge)
        if edge is None:
            yield ("groups", name, "edge"), _unknown("edges", group.edge, list(config.edges))
        elif name not in edge.groups:
            text = f"edge {named(group.edge)} does not list group {named(name)} in its `groups`"
            yield ("groups", name, "edge"), text
        if group.period_s is None:
            if group.rhythm is Rhythm.SCAN:
                yield (
                    ("groups", name),
                    "missing key `period_s`: time between two rows of a scan group",
                )
        elif group.max_age_s < group.period_s:
            text = f"`max_age_s`, expected at least period_s = {group.period_s:g}"
            yield ("groups", name, "max_age_s"), f"{text}, got {group.max_age_s:g}"
        if name not in used:
            yield ("groups", name), f"group {named(name)} has no tags"


def _edges(config: Config) -> Told:
    principals = {p.id: p for p in config.principals}
    for name, edge in config.edges.items():
        principal = principals.get(name)
        if principal is None:
            text = _unknown("principals", name, list(principals))
            yield ("edges", name), f"edge {text}; an edge signs as the principal of its name"
        elif principal.kind is not PrincipalKind.EDGE:
            yield ("edges", name), f"principal {named(name)}, expected kind edge"
        if edge.lateness_s < edge.gather_s:
            text = f"`max_lateness_s`, expected at least gather_s = {edge.gather_s:g}: rows wait so long"
            yield ("edges", name, "max_lateness_s"), f"{text}, got {edge.lateness_s:g}"
        for number, group in enumerate(edge.groups):
            loc = ("edges", name, "groups", number)
            if group not in config.groups:
                yield loc, _unknown("groups", group, list(config.groups))
            elif config.groups[group].edge != name:
                yield loc, f"group {named(group)} says edge {named(config.groups[group].edge)}"
            if group in edge.groups[:number]:
                yield loc, f"group {named(group)} is listed twice"


def _principals(config: Config) -> Told:
    seen: dict[tuple[str, str], str] = {}
    for number, principal in enumerate(config.principals):
        for key in ("id", "key", "token_sha256"):
            value = getattr(principal, key)
            if value is None:
                continue
            first = seen.setdefault((key, value), principal.id)
            if (key == "id" and number != _first(config, principal.id)) or first != principal.id:
                text = f"`{key}` of {named(principal.id)} is also that of principal {named(first)}"
                yield ("principals", number, key), text
    actuator = config.actuator
    if actuator is None:
        return
    found = next((p for p in config.principals if p.id == actuator.principal), None)
    if found is None:
        known = [p.id for p in config.principals]
        yield ("actuator", "principal"), _unknown("principals", actuator.principal, known)
    elif found.kind is not PrincipalKind.SERVICE:
        yield ("actuator", "principal"), f"principal {named(found.id)}, expected kind service"


def _first(config: Config, name: str) -> int:
    return next(n for n, p in enumerate(config.principals) if p.id == name)


def _tags(config: Config) -> Told:
    columns: dict[str, str] = {}
    for name, tag in config.tags.items():
        asset = name.partition("/")[0]
        if asset not in config.assets:
            yield ("tags", name), _unknown("assets", asset, list(config.assets))
        if tag.group not in config.groups:
            yield ("tags", name, "group"), _unknown("groups", tag.group, list(config.groups))
        column = tag.column or name
        if columns.setdefault(column, name) != name:
            text = f"column {named(column)} is also that of tag {named(columns[column])}"
            yield ("tags", name, "column"), text
        for key, text in (*_value(tag), *_point(config, tag)):
            yield ("tags", name, key), text
        if tag.actuator is not None:
            for loc, text in _actuator(config, tag, tag.actuator):
                yield ("tags", name, "actuator", *loc), text


def _value(tag: TagSettings) -> Iterator[tuple[str, str]]:
    limits = _DTYPE_LIMITS.get(tag.dtype)
    if limits is not None and tag.range is None:
        yield "dtype", f"dtype {tag.dtype} needs a `range` that it can hold"
    elif limits is not None and tag.range is not None:
        low, high = tag.range
        if low < limits[0] or high > limits[1]:
            yield (
                "dtype",
                f"dtype {tag.dtype} holds {limits[0]}..{limits[1]}, not {low:g}..{high:g}",
            )
    if tag.calibration_days == 0 and tag.calibrated is not None:
        yield "calibrated", "`calibrated` without `calibration_days`: say how long it is valid"
    if tag.scale == 0:
        yield "scale", "`scale`, expected any number but 0"


def _unplaced(tag: TagSettings) -> Iterator[tuple[str, str]]:
    """What only makes sense of a tag that is polled."""
    placed = {"modbus_unit", "table", "address", "encoding", "word_order", "bit"}
    if tag.mqtt is None:
        placed |= {"scale", "offset"}
    for key in sorted(placed & tag.model_fields_set):
        yield key, f"`{key}` without `device`: say where it lies, or leave it out"


def _point(config: Config, tag: TagSettings) -> Iterator[tuple[str, str]]:
    group = config.groups.get(tag.group)
    if tag.device is not None and group is not None and group.rhythm is not Rhythm.SCAN:
        yield (
            "device",
            f"`device` in group {named(tag.group)}, expected one of rhythm scan: it is polled",
        )
    if tag.device is None:
        yield from _unplaced(tag)
        return
    if tag.device not in config.devices:
        yield "device", _unknown("devices", tag.device, list(config.devices))
    if tag.table is Table.IDENTITY:
        for key in sorted((_PLACED | {"actuator"}) & tag.model_fields_set):
            yield key, f"`{key}` in table identity, expected none: it is a number without a unit"
    else:
        yield from _place(tag)


def _place(tag: TagSettings) -> Iterator[tuple[str, str]]:
    """Where a tag of registers or bits lies, and how."""
    if tag.table is None:
        yield "table", "missing key `table`: coil, discrete, holding, input or identity"
    if tag.address is None:
        yield "address", "missing key `address`: 0..65535, counted from zero"
    elif tag.address + tag.width > 65_536:
        yield "address", f"{tag.width} registers from address {tag.address} end after 65535"
    if tag.table is not None:
        yield from form_faults(tag.table, tag.raw_encoding, tag.word_order, tag.bit)


def form_faults(
    table: Table, encoding: Encoding, order: WordOrder, bit: int | None
) -> Iterator[tuple[str, str]]:
    """What does not fit in how a value lies in its table: `(key, text)`."""
    if table in {Table.COIL, Table.DISCRETE}:
        if encoding is not Encoding.BIT:
            yield "encoding", f"encoding in table {table}, expected bit"
        if bit is not None:
            yield "bit", f"`bit` in table {table}, expected none: each item is one bit already"
    elif (encoding is Encoding.BIT) is not (bit is not None):
        numbers = ", ".join(e for e in Encoding if e is not Encoding.BIT)
        yield "encoding", f"encoding in table {table}, expected {numbers}; or bit with `bit`: 0..15"
    if encoding is Encoding.BIT and order is not WordOrder.BIG_ENDIAN:
        yield "word_order", "`word_order` of a bit, expected none"


def _actuator(config: Config, tag: TagSettings, actuator: ActuatorSettings) -> Told:
    if tag.device is None:
        yield ((), "an actuator needs a `device`, a `table` and an `address` to be written at")
    elif tag.table not in {Table.COIL, Table.HOLDING}:
        yield (
            (),
            f"an actuator in table {tag.table}, expected coil or holding: others are read-only",
        )
    if actuator.min >= actuator.max:
        yield ("max",), f"`max`, expected above min = {actuator.min:g}, got {actuator.max:g}"
    if tag.range is not None:
        low, high = tag.range
        for key, value in (("min", actuator.min), ("max", actuator.max)):
            if not low <= value <= high:
                yield (key,), f"`{key}`, expected inside the range {low:g}..{high:g}, got {value:g}"
    for key, listed in (
        ("controlled", actuator.controlled),
        ("interlock_tags", actuator.interlock_tags),
    ):
        for number, name in enumerate(listed):
            if name not in config.tags:
                yield (key, number), _unknown("tags", name, list(config.tags))


def _interlocks(config: Config) -> Told:
    by_variable = tags_by_variable(config)
    for name, tag in config.tags.items():
        if tag.actuator is None or not tag.actuator.interlock:
            continue
        loc = ("tags", name, "actuator", "interlock")
        for text in _unreadable(variables(tag.actuator.interlock), by_variable):
            yield loc, text


def _unreadable(names: list[str], by_variable: dict[str, list[str]]) -> Iterator[str]:
    if not names:
        yield "interlock, expected an expression over at least one tag"
    for name in names:
        tags = by_variable.get(name, [])
        if not tags:
            hint = suggestion(name, by_variable)
            yield f"variable {named(name)} in the interlock is no tag{hint}; `/` and `-` are `_` there"
        elif len(tags) > 1:
            yield f"variable {named(name)} in the interlock could be {' or '.join(map(named, tags))}"


def _overlaps(config: Config) -> Told:
    places: dict[tuple[str | None, int, Table | None], list[tuple[int, int, str, str]]]
    places = defaultdict(list)
    for name, tag in config.tags.items():
        if tag.device is not None and tag.address is not None:
            place = (tag.device, tag.modbus_unit, tag.table)
            form = f"{tag.raw_encoding}:{tag.word_order}"  # bits of one register lie side by side
            places[place].append((tag.address, tag.width, form, name))
    for taken in places.values():
        taken.sort()
        widest = taken[0]
        for this in taken[1:]:
            if this[0] < widest[0] + widest[1] and this[:3] != widest[:3]:
                text = f"address {this[0]} overlaps that of tag {named(widest[3])}"
                yield ("tags", this[3], "address"), text
            if sum(this[:2]) > sum(widest[:2]):
                widest = this


def is_loopback(host: str) -> bool:
    """True for `localhost` and for literal loopback addresses."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _encryption(config: Config) -> Told:
    """A key that lies beside what it locks locks nothing."""
    inside = config.data_dir.resolve()
    for name, path in (("core_kek", config.core_kek), ("edge_kek", config.edge_kek)):
        if path is not None and path.resolve().is_relative_to(inside):
            text = f"`{name}`, expected a file outside the data directory `{config.data}`"
            yield ("encryption", name), f"{text}: who steals that has the key with it"


def _network(config: Config) -> Told:
    if not is_loopback(config.api.host) and config.api.tls is None:
        text = f"api.host {named(config.api.host)} is not loopback, and there is no `api.tls`"
        yield ("api", "host"), f"{text}: expected 127.0.0.1, ::1 or localhost, or mutual TLS"
    for name, edge in config.edges.items():
        if edge.core.startswith("http:") and not is_loopback(_host(edge.core)):
            text = f"{named(edge.core)} leaves this machine without TLS, expected loopback"
            yield ("edges", name, "core"), text
        if edge.tls is not None and edge.core.startswith("http:"):
            text = f"{named(edge.core)} is without TLS, expected https:// beside `tls`"
            yield ("edges", name, "core"), text


def _files(config: Config) -> Told:
    if config.policy is not None and not (config.path.parent / config.policy).is_file():
        yield ("policy",), f"policy file {named(config.policy)}, no such file"
