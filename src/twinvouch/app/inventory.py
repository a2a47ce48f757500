"""Config -> the inventory and rules that the engine works with (`core.inventory`, `core.site`).

The columns of a scan group are its tags in order of their ids, so the order of a file never counts.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from math import inf

from twinvouch.app import declared, failure_domains, past_rules
from twinvouch.app.config_checks import interlock_tags, tags_by_variable
from twinvouch.app.config_model import ClassSettings, Config
from twinvouch.app.config_tags import ActuatorSettings, TagSettings
from twinvouch.app.config_types import ns
from twinvouch.core.batch import Origin
from twinvouch.core.inventory import (
    Asset,
    ClassRule,
    Conduit,
    Edge,
    Limits,
    MqttPoint,
    Plant,
    Point,
    Principal,
    ScanGroup,
    Table,
    Tag,
    Zone,
)
from twinvouch.core.mode import ModeRules, Rung
from twinvouch.core.site import CommandRules, DistrustRules, ReadingRules
from twinvouch.wire.batch import columns_digest

DAY_NS = 86_400_000_000_000


def plant(config: Config) -> Plant:
    """The whole inventory; pure, and total for every Config that `load` made."""
    principals = {p.id: p for p in _principals(config)}
    names = tags_by_variable(config)
    tags = {name: _tag(config, name, names) for name in sorted(config.tags)}
    columns: dict[str, list[Tag]] = {name: [] for name in config.groups}
    for tag in tags.values():
        columns[tag.group].append(tag)
    groups = {n: _group(config, n, columns[n]) for n in config.groups}
    return Plant(
        id=config.plant.id,
        assets={
            n: Asset(n, zone=a.zone or "", description=a.description)
            for n, a in config.assets.items()
        },
        zones={
            n: Zone(n, level=z.level, description=z.description) for n, z in config.zones.items()
        },
        conduits=tuple(Conduit(c.source, c.target, c.protocols) for c in config.conduits),
        tags=tags,
        groups=groups,
        edges={
            n: Edge(n, e.groups, e.identity_cap, ns(e.lateness_s)) for n, e in config.edges.items()
        },
        principals=principals,
        classes={c: _class(rule) for c, rule in config.command_classes.items()},
        actuator=config.actuator.principal if config.actuator else "",
        declared=declared.rules(config, groups),
    )


def origin(config: Config) -> Origin:
    """The one kind of data this plant's engine takes."""
    return Origin[config.plant.origin.upper()]


def reading_rules(config: Config) -> ReadingRules:
    """Settings of gate 1."""
    s = config.readings
    return ReadingRules(
        duplicate_window_ns=ns(s.duplicate_window_s), max_gap=s.max_gap, max_cells=s.max_cells
    )


def command_rules(config: Config) -> CommandRules:
    """Settings of gate 4."""
    s = config.commands
    return CommandRules(
        permit_ns=ns(s.permit_s),
        max_age_ns=ns(s.max_age_s),
        max_ahead_ns=ns(s.max_ahead_s),
        read_memory_ns=ns(s.read_memory_s),
        outcome_ns=ns(s.outcome_s),
        undeclared_identity=s.undeclared_identity,
        token_identity=s.token_identity,
        rest_ns=ns(s.rest_s),
        max_inputs=s.max_inputs,
        withhold_advice=frozenset(s.withhold_advice),
    )


def distrust_rules(config: Config) -> DistrustRules:
    """Settings of what people say of sources, and of the return of trust by evidence."""
    s = config.distrust
    return DistrustRules(
        forward_ns=ns(s.forward_hours * 3600),
        second_person_above=s.second_person_above,
        second_person_class=s.second_person_class,
        waiting_ns=ns(s.waiting_hours * 3600),
        clean_readings=s.clean_readings,
        returns_by_evidence=s.returns_by_evidence,
    )


def mode_rules(config: Config) -> ModeRules:
    """How the mode of an asset moves."""
    s = config.modes
    by_label = {rung.label: rung for rung in Rung}
    highest = {n: by_label[a.highest_mode] for n, a in config.assets.items()}
    return ModeRules(
        dwell_ns=ns(s.dwell_s),
        autonomous_ns=ns(s.autonomous_hours * 3600),
        autonomous_classes=frozenset(s.autonomous_classes),
        down_per_day=s.down_per_day,
        on_distrust=frozenset(s.step_down_on_distrust),
        return_ns=ns(s.return_s),
        glass_ns=ns(s.break_glass_minutes * 60),
        misuses=s.on_key_misuse,
        highest={n: rung for n, rung in highest.items() if rung is not Rung.SUPERVISED},
    )


def _principals(config: Config) -> list[Principal]:
    return [
        Principal(
            id=p.id,
            kind=p.kind,
            key=base64.b64decode(p.key) if p.key else b"",
            roles=frozenset(p.roles),
            token_sha256=bytes.fromhex(p.token_sha256 or ""),
        )
        for p in config.principals
    ]


def _tag(
    config: Config,
    name: str,
    by_variable: Mapping[str, Sequence[str]],
) -> Tag:
    s = config.tags[name]
    low, high = s.range or (-inf, inf)
    return Tag(
        id=name,
        unit=s.unit,
        low=low,
        high=high,
        rate=s.rate or inf,
        resolution=s.resolution,
        group=s.group,
        point=_point(s),
        mqtt=_mqtt(s, name),
        domains=failure_domains.of(config, name),
        calibrated_ns=_midnight_ns(s.calibrated) if s.calibrated else None,
        calibration_valid_ns=s.calibration_days * DAY_NS,
        criticality=s.criticality,
        confidentiality=s.confidentiality,
        redundancy_group=s.redundancy_group,
        description=s.description,
        command_class=s.actuator.command_class if s.actuator else None,
        commanded_by=s.actuator.commanded_by if s.actuator else None,
        limits=_limits(config, name, s.actuator, by_variable) if s.actuator else None,
    )


def _point(s: TagSettings) -> Point | None:
    if s.device is None or s.table is None:
        return None
    if s.table is Table.IDENTITY:
        return Point(s.device, s.modbus_unit, s.table, 0, s.raw_encoding)
    if s.address is None:
        return None
    return Point(
        s.device,
        s.modbus_unit,
        s.table,
        s.address,
        s.raw_encoding,
        scale=s.scale,
        offset=s.offset,
        order=s.word_order,
        bit=s.bit,
    )


def _mqtt(s: TagSettings, name: str) -> MqttPoint | None:
    if s.mqtt is None:
        return None
    return MqttPoint(
        s.mqtt.broker,
        s.mqtt.format,
        s.mqtt.topic,
        metric=s.mqtt.metric or name,
        value=s.mqtt.value,
        time=s.mqtt.time,
        time_unit=s.mqtt.time_unit,
        quality=s.mqtt.quality,
        scale=s.scale,
        offset=s.offset,
    )


def _limits(
    config: Config, name: str, s: ActuatorSettings, by_variable: Mapping[str, Sequence[str]]
) -> Limits:
    return Limits(
        low=s.min,
        high=s.max,
        rate=s.rate or inf,
        interlock=s.interlock,
        controlled=s.controlled,
        interlock_tags=interlock_tags(by_variable, s),
        past=past_rules.past(config, name, s),
        clamps=s.on_excess == "clamp",
    )


def _group(config: Config, name: str, mine: Sequence[Tag]) -> ScanGroup:
    s = config.groups[name]
    dtypes = tuple(config.tags[t.id].dtype for t in mine)
    return ScanGroup(
        name=name,
        edge=s.edge,
        tags=tuple(mine),
        dtypes=dtypes,
        digest=columns_digest(name, [t.id for t in mine], dtypes),
        period_ns=ns(s.period_s or s.max_age_s),
        max_age_ns=ns(s.max_age_s),
        max_ahead_ns=ns(s.max_ahead_s),
        rhythm=s.rhythm,
    )


def _class(s: ClassSettings) -> ClassRule:
    return ClassRule(
        identity=s.identity,
        integrity=s.integrity,
        plausibility=s.plausibility,
        calibration=s.calibration,
        approvals=s.approvals,
        max_age_ns=ns(s.max_age_s),
        hold_ns=ns(s.hold_s),
    )


def _midnight_ns(day: date) -> int:
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000_000
