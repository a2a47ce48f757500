"""Messages of a broker, one after the other: Sparkplug sessions, plain JSON and SenML, as an edge translates them."""

import json

from tests.mqtt.site import POINTS, POWER
from tests.unit.readings.world import NOW, group_of
from twinvouch.app.edge_messages import Translator
from twinvouch.core.inventory import Tag
from twinvouch.core.ports import Message
from twinvouch.wire.report import write_reports
from twinvouch.wire.sparkplug import DataType, Metric, Payload, write_payload

TAGS = [Tag(name, "W" if name == POWER else "x", mqtt=point) for name, point in POINTS.items()]
NODE = [f"spBv1.0/plant/{kind}/node" for kind in ("NBIRTH", "NDATA", "NDEATH")]
DEVICE = [f"spBv1.0/plant/{kind}/node/dev" for kind in ("DBIRTH", "DDATA", "DDEATH")]
TOPICS = (*NODE, *DEVICE, "cell/flow", "cell/level", "cell/senml", "spBv1.0/plant/STATE")
BETWEEN = b"\xff\xfe\xfd"  # no payload of the seeds holds it
MS = NOW // 1_000_000


def told(topic: int, payload: bytes, kept: int = 0) -> bytes:
    """One message: its topic, whether it was kept, and what it says."""
    return bytes((topic, kept)) + payload


def sparkplug(topic: int, seq: int | None, *metrics: Metric) -> bytes:
    return told(topic, write_payload(Payload(MS + (seq or 0), seq, metrics)))


BD = Metric("bdSeq", datatype=DataType.UINT64, value=0)
BIRTH = sparkplug(0, 0, BD, Metric("T", 1, datatype=DataType.DOUBLE, value=1.5))
SEEDS = [
    BETWEEN.join([BIRTH, sparkplug(1, 1, Metric(alias=1, value=2.5)), sparkplug(2, None, BD), BIRTH]),
    BETWEEN.join([BIRTH, sparkplug(1, 3, Metric(alias=1, value=2.5)), sparkplug(1, 2, Metric(alias=9))]),
    BETWEEN.join(
        [
            BIRTH,
            sparkplug(3, 1, Metric("P", 7, datatype=DataType.INT32, value=5)),
            sparkplug(4, 2, Metric(alias=7, is_null=True)),
            sparkplug(5, 3),
        ]
    ),
    told(6, json.dumps({"v": 1, "t": MS, "q": "good"}).encode()) + BETWEEN + told(7, b'{"v":true}', 1),
    told(8, json.dumps([{"bn": "urn:dev:1:", "n": "power", "u": "W", "v": 1, "t": -3}]).encode()),
]  # fmt: skip


def one(raw: bytes) -> None:
    """Nothing raises; readings have possible times and columns, and what is reported can be signed."""
    at = Translator("b", [group_of("cell", "edge-1", TAGS)])
    for message in raw.split(BETWEEN)[:50]:
        if len(message) >= 2:
            topic = TOPICS[message[0] % len(TOPICS)]
            at.take(Message(topic, message[2:], is_retained=bool(message[1] & 1)), NOW)
    for group, changes in at.changes(1000):
        assert (changes.t_ns >= 0).all()
        assert (changes.column < len(group.tags)).all()
        assert (changes.quality <= 2).all()
    if reports := at.reports():
        assert write_reports(reports)
