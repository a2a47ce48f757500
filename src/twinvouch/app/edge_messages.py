"""From the messages of one broker to readings and reports: the pure half of listening.

Every tag has one place: a field of one topic, or a metric of one Sparkplug node. Nothing a message says raises:
what cannot be read is a report. Readings keep their own times; where a message has none it is now, unless
the broker kept the message, which may be of any age.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Final

import numpy as np

from twinvouch.core.batch import Quality
from twinvouch.core.errors import MalformedError
from twinvouch.core.inventory import MqttFormat, MqttPoint, ScanGroup
from twinvouch.core.ports import Message
from twinvouch.core.report import Report, Told
from twinvouch.wire import mqtt_json, senml
from twinvouch.wire.changes import Changes
from twinvouch.wire.fields import ID
from twinvouch.wire.report import MOST_REPORTS
from twinvouch.wire.sparkplug import DataType, Metric, Payload, read_payload, write_payload
from twinvouch.wire.sparkplug_node import MS, Node, Place
from twinvouch.wire.sparkplug_node import Message as NodeMessage

NAMESPACE: Final = "spBv1.0"
MAX_CELLS: Final = 100_000  # of one batch, after it is pivoted
REBIRTH_NS: Final = 10_000_000_000  # a node is asked at most so often


@dataclass(frozen=True, slots=True)
class Target:
    """Where a reading goes: group, column, and how its raw value becomes one in the tag's unit.

    `fields` say where a plain message has it.
    """

    group: str
    column: int
    point: MqttPoint
    unit: str
    fields: mqtt_json.Fields

    def value(self, raw: float) -> float:
        """The value in the tag's unit."""
        return raw * self.point.scale + self.point.offset


@dataclass(slots=True)
class Gathered:
    """Readings of one group that wait for their batch, in the order they came."""

    t_ns: list[int] = field(default_factory=list)
    column: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    quality: list[int] = field(default_factory=list)

    def take(self, most: int) -> Changes:
        """The first `most` of them, in the order of their times."""
        t_ns = np.array(self.t_ns[:most], np.int64)
        order = np.argsort(t_ns, kind="stable")
        changes = Changes(
            t_ns[order],
            np.array(self.column[:most], np.uint16)[order],
            np.array(self.values[:most], np.float64)[order],
            np.array(self.quality[:most], np.uint8)[order],
        )
        for part in (self.t_ns, self.column, self.values, self.quality):
            del part[:most]
        return changes


class Translator:
    """What one broker's messages say of the tags of some groups; `take` them, then `changes` and `reports`."""

    def __init__(self, broker: str, groups: Sequence[ScanGroup]) -> None:
        self.broker = broker
        self.groups = {g.name: g for g in groups}
        self.rebirths: set[tuple[str, str]] = set()
        self._asked_ns: dict[tuple[str, str], int] = {}
        self._waiting = {g.name: Gathered() for g in groups}
        self._told: dict[tuple[Told, str], Report] = {}
        self._topics: dict[tuple[str, MqttFormat], list[Target]] = defaultdict(list)
        self._metrics: dict[tuple[str, str], dict[Place, list[Target]]] = defaultdict(dict)
        for target in _targets(broker, groups):
            if target.point.format is MqttFormat.SPARKPLUG:
                node, device = _node(target.point.topic)
                place = device, target.point.metric
                self._metrics[node].setdefault(place, []).append(target)
            else:
                self._topics[target.point.topic, target.point.format].append(target)
        self._nodes = {n: Node(frozenset(places)) for n, places in self._metrics.items()}

    @property
    def filters(self) -> tuple[str, ...]:
        """The topic filters to subscribe to."""
        nodes = [
            f"{NAMESPACE}/{group}/+/{node}{rest}"
            for group, node in self._metrics
            for rest in ("", "/+")
        ]
        return tuple(sorted({*nodes, *(topic for topic, _ in self._topics)}))

    @property
    def size(self) -> int:
        """How many readings wait."""
        return sum(len(g.t_ns) for g in self._waiting.values())

    def take(self, message: Message, now_ns: int) -> None:
        """One message, received at `now_ns`."""
        try:
            if message.topic.startswith(NAMESPACE + "/"):
                self._sparkplug(message, now_ns)
            if targets := self._topics.get((message.topic, MqttFormat.JSON)):
                self._json(message, targets, now_ns)
            if targets := self._topics.get((message.topic, MqttFormat.SENML)):
                self._senml(message, targets, now_ns)
        except MalformedError:
            self.tell(Told.MALFORMED, message.topic, now_ns)

    def tell(self, told: Told, source: str, now_ns: int, **numbers: float) -> None:
        """Something to report; the same again before it is sent only counts."""
        where = f"{self.broker}: {source}" if source else self.broker
        where = "".join(c if c.isprintable() else "?" for c in where)[:ID]
        key = told, where
        if key not in self._told and len(self._told) >= MOST_REPORTS - 1:
            key = told, self.broker  # too many different ones: of these only the number is told
            if key not in self._told and len(self._told) >= MOST_REPORTS:
                return
        count = self._told[key].count + 1 if key in self._told else 1
        said = tuple((name, float(value)) for name, value in numbers.items())
        self._told[key] = Report(told, key[1], max(0, now_ns), count, said)

    def changes(self, most_rows: int) -> Iterator[tuple[ScanGroup, Changes]]:
        """What waits, in batches that the core takes; nothing waits afterwards."""
        for name, waiting in self._waiting.items():
            group = self.groups[name]
            most = max(1, min(most_rows, MAX_CELLS // len(group.tags)))
            while waiting.t_ns:
                yield group, waiting.take(most)

    def reports(self) -> list[Report]:
        """What is to be reported; nothing is afterwards."""
        told = list(self._told.values())
        self._told = {}
        return told

    def _say(self, target: Target, t_ns: int, value: float, quality: int) -> None:
        waiting = self._waiting[target.group]
        scaled = target.value(value)
        if quality == Quality.GOOD and not isfinite(scaled):
            quality = Quality.BAD
        waiting.t_ns.append(t_ns)
        waiting.column.append(target.column)
        waiting.values.append(scaled)
        waiting.quality.append(quality)

    def _json(self, message: Message, targets: Sequence[Target], now_ns: int) -> None:
        content = mqtt_json.read_message(message.payload)
        for target in targets:
            found = mqtt_json.read_value(content, target.fields)
            if found is None:
                continue
            t_ns, value, quality = found
            if t_ns is None and message.is_retained:
                self.tell(Told.RETAINED, message.topic, now_ns)
            else:
                self._say(target, now_ns if t_ns is None else t_ns, value, quality)

    def _senml(self, message: Message, targets: Sequence[Target], now_ns: int) -> None:
        by_name = {t.point.metric: t for t in targets}
        at_ns = None if message.is_retained else now_ns
        for r in list(senml.read_message(message.payload, at_ns)):
            target = by_name.get(r.name)
            if target is None:
                continue
            if r.unit not in {"", target.unit}:
                self.tell(Told.MALFORMED, message.topic, now_ns)
            elif r.t_ns is None:
                self.tell(Told.RETAINED, message.topic, now_ns)
            else:
                self._say(target, r.t_ns, r.value, r.quality)

    def _sparkplug(self, message: Message, now_ns: int) -> None:
        parts = message.topic.split("/")
        if len(parts) not in {4, 5} or parts[2] not in NodeMessage.__members__:
            return
        kind, device = NodeMessage(parts[2]), parts[4] if len(parts) == 5 else ""
        key = parts[1], parts[3]
        node = self._nodes.get(key)
        if node is None or (kind[0] == "D") != bool(device):
            return
        name = "/".join(key)
        if message.is_retained:  # neither births nor data are ever retained: somebody kept it
            self.tell(Told.REPLAY, name, now_ns)
            return
        heard = node.feed(kind, device, read_payload(message.payload), now_ns)
        for told, of_device, numbers in heard.told:
            source = f"{name}/{of_device}" if of_device else name
            self.tell(told, source, now_ns, **dict(numbers))
        for reading in heard.readings:
            for target in self._metrics[key].get(reading.place, ()):
                self._say(target, reading.t_ns, reading.value, reading.quality)
        if heard.rebirth and now_ns - self._asked_ns.get(key, 0) >= REBIRTH_NS:
            self._asked_ns[key] = now_ns
            self.rebirths.add(key)


def rebirth(node: tuple[str, str], now_ns: int) -> tuple[str, bytes]:
    """Topic and payload of the request for a new birth."""
    asked = Metric(
        "Node Control/Rebirth", timestamp=now_ns // MS, datatype=DataType.BOOLEAN, value=True
    )
    payload = write_payload(Payload(timestamp=now_ns // MS, metrics=(asked,)))
    return f"{NAMESPACE}/{node[0]}/NCMD/{node[1]}", payload


def _targets(broker: str, groups: Sequence[ScanGroup]) -> Iterator[Target]:
    for group in groups:
        for column, tag in enumerate(group.tags):
            if tag.mqtt is not None and tag.mqtt.broker == broker:
                yield Target(group.name, column, tag.mqtt, tag.unit, _fields(tag.mqtt))


def _node(topic: str) -> tuple[tuple[str, str], str]:
    """`group/node` or `group/node/device`."""
    group, node, *device = topic.split("/")
    return (group, node), device[0] if device else ""


def _fields(point: MqttPoint) -> mqtt_json.Fields:
    return mqtt_json.Fields(
        mqtt_json.pointer(point.value),
        None if point.time is None else mqtt_json.pointer(point.time),
        mqtt_json.TimeUnit(point.time_unit),
        None if point.quality is None else mqtt_json.pointer(point.quality),
    )
