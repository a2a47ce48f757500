"""Checks of MQTT sources across the sections of a configuration: every tag has one place that can be."""

from collections.abc import Iterator
from typing import TypeAlias

from twinvouch.app.config_model import Config
from twinvouch.app.config_mqtt import MqttSettings
from twinvouch.app.config_tags import TagSettings
from twinvouch.app.problems import named
from twinvouch.app.yaml_file import suggestion
from twinvouch.app.yaml_tree import Loc
from twinvouch.core.inventory import MqttFormat, Rhythm

Told: TypeAlias = Iterator[tuple[Loc, str]]


def brokers(config: Config) -> Told:
    """Each broker's credentials fit together."""
    for name, edge in config.edges.items():
        for broker, settings in edge.mqtt.items():
            if (settings.username is None) is not (settings.password_file is None):
                loc = ("edges", name, "mqtt", broker, "username")
                yield loc, "`username` and `password_file`, expected both or neither"


def places(config: Config) -> Told:
    """Each tag with `mqtt` has a broker of its edge and a place that its format has."""
    for name, tag in config.tags.items():
        if tag.mqtt is None or tag.group not in config.groups:
            continue
        loc = ("tags", name, "mqtt")
        for key, text in (*_source(config, tag), *_place(tag.mqtt)):
            yield ((*loc, key) if key else loc), text


def _source(config: Config, tag: TagSettings) -> Iterator[tuple[str, str]]:
    assert tag.mqtt is not None
    group = config.groups[tag.group]
    if group.rhythm is not Rhythm.EXCEPTION:
        yield "", f"`mqtt` in group {named(tag.group)}, expected one of rhythm exception"
    if tag.device is not None:
        yield "", "`mqtt` and `device`: a tag comes from one place"
    edge = config.edges.get(group.edge)
    known = list(edge.mqtt) if edge is not None else []
    if tag.mqtt.broker not in known:
        hint = suggestion(tag.mqtt.broker, known)
        yield (
            "broker",
            f"{named(tag.mqtt.broker)} is not in `mqtt:` of edge {named(group.edge)}{hint}",
        )


def _place(mqtt: MqttSettings) -> Iterator[tuple[str, str]]:
    pointers = {"value", "time", "time_unit", "quality"} & mqtt.model_fields_set
    if mqtt.format is not MqttFormat.JSON:
        for key in sorted(pointers):
            yield key, f"`{key}` with format {mqtt.format}, which says itself where it stands"
    elif "metric" in mqtt.model_fields_set:
        yield "metric", "`metric` with format json, expected `value`: a pointer to it"
    if mqtt.format is MqttFormat.SPARKPLUG:
        parts = mqtt.topic.split("/")
        if len(parts) not in {2, 3} or not all(parts):
            yield "topic", f"topic {named(mqtt.topic)}, expected group/node or group/node/device"
        if not mqtt.metric:
            yield "metric", "missing key `metric`: the name of the metric in its birth"
