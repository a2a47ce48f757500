"""From one broker's messages to readings and reports: the pure half of listening."""

import json
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mqtt.site import FLOW, LEVEL, POINTS, POWER, PRESSURE, TEMPERATURE
from tests.unit.readings.world import NOW, group_of
from twinvouch.app.edge_messages import MAX_CELLS, REBIRTH_NS, Translator, rebirth
from twinvouch.core.batch import Quality
from twinvouch.core.inventory import MqttFormat, MqttPoint, Tag
from twinvouch.core.ports import Message
from twinvouch.core.report import Report, Told
from twinvouch.wire.report import MOST_REPORTS, write_reports
from twinvouch.wire.sparkplug import DataType, Metric, Payload, read_payload, write_payload

TAGS = [Tag(name, "W" if name == POWER else "x", mqtt=p) for name, p in POINTS.items()]
Read = tuple[str, int, float, int]


def translator(tags: Iterable[Tag] = TAGS) -> Translator:
    return Translator("b", [group_of("cell", "edge-1", list(tags))])


def read(at: Translator) -> list[Read]:
    """What waits, with the names of the tags."""
    return [
        (group.ids[k], t, v, q)
        for group, c in at.changes(1000)
        for t, k, v, q in zip(*(part.tolist() for part in c), strict=True)
    ]


def plain(topic: str, content: object, *, kept: bool = False) -> Message:
    return Message(topic, json.dumps(content).encode(), is_retained=kept)


def sparkplug(topic: str, ms: int, seq: int | None, *metrics: Metric) -> Message:
    return Message(f"spBv1.0/{topic}", write_payload(Payload(ms, seq, metrics)))


BIRTH = (
    Metric("bdSeq", datatype=DataType.UINT64, value=0),
    Metric("T", 1, datatype=DataType.DOUBLE, value=20.0),
    Metric("other", 2, datatype=DataType.DOUBLE, value=1.0),
)
T0 = NOW // 1_000_000


def told(at: Translator) -> list[tuple[Told, str, int]]:
    return [(r.told, r.source, r.count) for r in at.reports()]


def test_filters_are_what_the_tags_need_and_nothing_else() -> None:
    assert translator().filters == (
        "cell/flow", "cell/level", "cell/senml", "spBv1.0/plant/+/node", "spBv1.0/plant/+/node/+",
    )  # fmt: skip
    assert Translator("another", [group_of("cell", "edge-1", TAGS)]).filters == ()


def test_plain_messages_have_their_own_time_or_that_of_arrival() -> None:
    at = translator()
    at.take(plain("cell/flow", {"v": 1.5, "t": T0 - 5, "q": "uncertain"}), NOW)
    at.take(plain("cell/level", {"v": 2}), NOW)
    at.take(plain("cell/unknown", {"v": 2}), NOW)
    assert read(at) == [(FLOW, NOW - 5_000_000, 1.5, Quality.UNCERTAIN), (LEVEL, NOW, 2.0, 0)]
    assert read(at) == [], "once"


def test_a_kept_message_is_as_old_as_it_says_or_not_live() -> None:
    at = translator()
    at.take(plain("cell/flow", {"v": 1, "t": 5, "q": "good"}, kept=True), NOW)
    at.take(plain("cell/level", {"v": 2}, kept=True), NOW)
    at.take(plain("cell/senml", [{"n": "urn:dev:1:power", "v": 3}], kept=True), NOW)
    assert read(at) == [(FLOW, 5_000_000, 1.0, 0)]
    assert told(at) == [(Told.RETAINED, "b: cell/level", 1), (Told.RETAINED, "b: cell/senml", 1)]


def test_sparkplug_metrics_of_a_node_and_its_device_become_tags() -> None:
    at = translator()
    at.take(sparkplug("plant/NBIRTH/node", T0, 0, *BIRTH), NOW)
    p = Metric("P", 9, datatype=DataType.INT32, value=7000)
    at.take(sparkplug("plant/DBIRTH/node/dev", T0 + 1, 1, p), NOW)
    assert read(at) == [
        (TEMPERATURE, T0 * 1_000_000, 20.0, 0),
        (PRESSURE, (T0 + 1) * 1_000_000, 7.0, 0),
    ]
    assert told(at) == [(Told.BIRTH, "b: plant/node", 1), (Told.BIRTH, "b: plant/node/dev", 1)]


@pytest.mark.parametrize(
    "topic",
    [
        "plant/NCMD/node",
        "plant/NBIRTH/other",
        "plant/NBIRTH/node/dev",
        "plant/DBIRTH/node",
        "plant/NBIRTH",
        "STATE/host",
    ],
)
def test_topics_that_are_none_of_a_wanted_node_are_left_alone(topic: str) -> None:
    at = translator()
    at.take(sparkplug(topic, T0, 0, *BIRTH), NOW)
    assert (read(at), told(at)) == ([], [])


def test_a_retained_birth_is_a_replay() -> None:
    at = translator()
    at.take(replace(sparkplug("plant/NBIRTH/node", T0, 0, *BIRTH), is_retained=True), NOW)
    assert (read(at), told(at)) == ([], [(Told.REPLAY, "b: plant/node", 1)])


def test_a_node_without_a_birth_is_asked_for_at_most_every_ten_seconds() -> None:
    at = translator()
    for later in (0, REBIRTH_NS - 1):
        at.take(sparkplug("plant/NDATA/node", T0, 5), NOW + later)
    assert at.rebirths == {("plant", "node")}
    at.rebirths.clear()
    at.take(sparkplug("plant/NDATA/node", T0, 5), NOW + REBIRTH_NS)
    assert at.rebirths == {("plant", "node")}
    assert told(at) == [(Told.NO_BIRTH, "b: plant/node", 3)]
    topic, payload = rebirth(("plant", "node"), NOW)
    assert topic == "spBv1.0/plant/NCMD/node"
    assert [(m.name, m.value) for m in read_payload(payload).metrics] == [
        ("Node Control/Rebirth", True)
    ]


def test_senml_in_another_unit_is_told_and_left_out() -> None:
    at = translator()
    at.take(plain("cell/senml", [{"bn": "urn:dev:1:", "n": "power", "u": "kW", "v": 1}]), NOW)
    assert (read(at), told(at)) == ([], [(Told.MALFORMED, "b: cell/senml", 1)])


def test_a_value_that_scaling_makes_infinite_is_bad() -> None:
    point = MqttPoint("b", MqttFormat.JSON, "t", scale=1e300)
    at = translator([Tag("a/x", "m", mqtt=point)])
    at.take(Message("t", b"1e300"), NOW)
    assert [q for _, _, _, q in read(at)] == [Quality.BAD]


def test_readings_are_in_the_order_of_their_times_and_batches_have_a_size() -> None:
    tags = [
        Tag(f"a/t{n}", "m", mqtt=MqttPoint("b", MqttFormat.JSON, "t", value=f"/{n}"))
        for n in range(400)
    ]
    at = translator(tags)
    at.take(plain("t", {str(n): n for n in range(400)}), NOW)
    at.take(plain("t", {"0": 7}), NOW - 1)
    sizes, times = [], []
    for _, changes in at.changes(1_000_000):
        sizes.append(len(changes.t_ns))
        times.append(changes.t_ns.tolist())
    assert sizes == [MAX_CELLS // 400, 151]
    assert all(t == sorted(t) for t in times)
    assert at.size == 0


def test_reports_are_counted_and_never_more_than_one_content_holds() -> None:
    at = translator()
    for n in range(MOST_REPORTS * 3):
        at.tell(Told.MALFORMED, f"topic\n{n}", NOW)
    for _ in range(5):
        at.tell(Told.LOST, "", NOW, seq=1)
    reports = at.reports()
    assert len(reports) <= MOST_REPORTS
    assert write_reports(reports)
    assert sum(r.count for r in reports if r.told is Told.MALFORMED) == MOST_REPORTS * 3
    assert at.reports() == []
    at.tell(Told.LOST, "", NOW, dropped=2)
    assert at.reports() == [Report(Told.LOST, "b", NOW, 1, (("dropped", 2.0),))]


@given(
    topic=st.sampled_from(
        [
            "cell/flow",
            "cell/level",
            "cell/senml",
            "spBv1.0/plant/NBIRTH/node",
            "spBv1.0/plant/NDATA/node",
            "spBv1.0//",
            "\x00",
        ]
    ),
    payload=st.binary(max_size=80)
    | st.recursive(
        st.none() | st.floats() | st.text(max_size=3),
        lambda x: (
            st.lists(x, max_size=3)
            | st.dictionaries(st.sampled_from(["v", "t", "q", "n", "bn"]), x, max_size=3)
        ),
        max_leaves=5,
    ).map(lambda x: json.dumps(x).encode()),
    kept=st.booleans(),
)
def test_no_message_raises_and_what_is_told_can_be_signed(
    topic: str, payload: bytes, *, kept: bool
) -> None:
    at = translator()
    at.take(Message(topic, payload, is_retained=kept), NOW)
    assert all(0 <= t < 2**63 for _, t, _, _ in read(at))
    if reports := at.reports():
        assert write_reports(reports)
