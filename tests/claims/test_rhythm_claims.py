"""C25 and C26 of docs/explanation/threat-model.md."""

from collections import Counter
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from tests.claims.site import PLANT, Toy, published
from tests.mqtt.site import line as mqtt_line
from tests.unit.readings.test_rhythms import A, B, line_of, tell
from tests.unit.readings.world import NOW, SECOND, rules
from twinvouch import verifier
from twinvouch.app.edge_messages import Translator
from twinvouch.core.batch import Identity, Origin, Quality
from twinvouch.core.event import BatchReceived
from twinvouch.core.inventory import Rhythm, ScanGroup
from twinvouch.core.kind import Kind
from twinvouch.core.ports import Message
from twinvouch.core.report import Report, Told
from twinvouch.wire.batch import Header, write_changed, write_report
from twinvouch.wire.changes import Changes
from twinvouch.wire.sparkplug import DataType, Metric, Payload, write_payload


@pytest.mark.parametrize("rhythm", list(Rhythm))
def test_c25_what_is_late_never_changes_live_state(rhythm: Rhythm) -> None:
    line = line_of(lateness_s=10, rhythm=rhythm)
    tell(line, [NOW], a=1.0, b=1.0, c=1.0)
    before = line.frame.rows("slow")
    for ago in (11, 60, 86_400):
        assert "late" in rules(tell(line, [NOW - ago * SECOND], a=9.0)) or rhythm is Rhythm.SCAN
        assert line.frame.rows("slow") == before
    assert line.frame.value(A) == 1.0


def test_c25_older_than_what_is_live_of_its_tag_is_history_though_another_tag_takes_it() -> None:
    line = line_of(lateness_s=10)
    tell(line, [NOW], a=1.0)
    assert rules(tell(line, [NOW - SECOND], a=9.0, b=2.0)) == ["late"]
    assert [line.frame.value(t) for t in (A, B)] == [1.0, 2.0]


def test_c25_a_source_that_says_it_is_gone_counts_for_nothing_at_once() -> None:
    line = line_of()
    tell(line, [NOW], a=1.0)
    tell(line, [NOW + 1], Quality.BAD, a=1.0)
    assert line.frame.label([A], line.now).axes.min() == 0


def sparkplug(kind: str, ms: int, seq: int | None, *metrics: Metric) -> Message:
    return Message(f"spBv1.0/plant/{kind}/node", write_payload(Payload(ms, seq, metrics)))


BIRTH = Metric("bdSeq", datatype=DataType.UINT64, value=1)
T0 = NOW // 1_000_000


def test_c26_nothing_but_the_next_message_of_a_living_session_changes_a_value() -> None:
    at = Translator("b", list(mqtt_line().site.plant.groups.values()))
    born = sparkplug("NBIRTH", T0, 0, BIRTH, Metric("T", 1, datatype=DataType.DOUBLE, value=1.0))
    told: Counter[str] = Counter()

    def values(*messages: Message) -> list[float]:
        for message in messages:
            at.take(message, NOW)
        for report in at.reports():
            told[report.told.name] += report.count
        return [float(v) for _, changes in at.changes(1000) for v in changes.values]

    def data(value: float, seq: int, ms: int) -> Message:
        return sparkplug("NDATA", T0 + ms, seq, Metric(alias=1, value=value))

    assert values(data(9.0, 5, -1)) == [], "without a birth"
    assert values(born, data(2.0, 1, 1)) == [1.0, 2.0]
    assert values(data(2.0, 1, 1), born, data(9.0, 7, -50)) == [], "sent before"
    assert values(sparkplug("NDEATH", T0, None, Metric("bdSeq", value=0))) == [], "another session"
    assert values(Message(born.topic, born.payload, is_retained=True)) == []
    assert values(data(3.0, 2, 2)) == [3.0], "and the session goes on"
    assert told == {"NO_BIRTH": 1, "BIRTH": 1, "REPLAY": 5}, "each told"


def by_exception(toy: Toy) -> ScanGroup:
    """The toy's plant with its fast group by exception, and a core that knows it."""
    plant = toy.site.plant
    group = replace(plant.groups["fast"], rhythm=Rhythm.EXCEPTION)
    toy.site = replace(toy.site, plant=replace(plant, groups={**plant.groups, "fast": group}))
    toy.core.close()
    toy.open()
    return group


def header(toy: Toy, kind: Kind, group: ScanGroup) -> Header:
    seq = toy.seq.get("edge-1", -1) + 1
    prev = toy.prev.get("edge-1", bytes(32))
    return Header(kind, PLANT, Identity("edge-1", 0, seq), prev, Origin.LIVE, "fast", group.digest)


def sent(toy: Toy, content: bytes) -> int:
    toy.seq["edge-1"] = toy.seq.get("edge-1", -1) + 1
    toy.prev["edge-1"] = sha256(content).digest()
    answer = toy.send(toy.sealed(content))
    assert answer.body["status"] == "admitted", answer
    return int(str(answer.body["entry"]))


def test_c26_what_an_edge_reports_is_signed_entered_and_outlives_a_restart(toy: Toy) -> None:
    group = by_exception(toy)
    now = np.array([toy.now], np.int64)
    level = group.ids.index("tank/level")
    told = Changes(now, np.array([level], np.uint16), np.array([5.0]), np.array([0], np.uint8))
    sent(toy, write_changed(header(toy, Kind.BATCH_CHANGES, group), group, told))
    report = [Report(Told.REPLAY, "b: plant/node", toy.now, 2, (("seq", 3.0),))]
    entry = sent(toy, write_report(header(toy, Kind.SOURCE_REPORT, group), group, report))
    assert entry == 1
    assert toy.rules() == ["sparkplug_replay"]
    assert toy.memory.frame.value("tank/level") == 5.0
    assert toy.memory.frame.entry("tank/level") == 0, "a report is no reading"
    toy.core.close()
    ledger = toy.directory / "ledger"
    assert verifier.verify(ledger, (ledger / "log.vkey").read_text()).ok
    toy.open()
    assert toy.rules() == ["sparkplug_replay"]
    assert toy.memory.links["edge-1"].seq == 1
    assert toy.memory.frame.value("tank/level") == 5.0


def test_c25_the_stream_shows_all_tags_of_a_group_by_exception_as_they_are(toy: Toy) -> None:
    group = by_exception(toy)
    shown = []
    for at, (tag, value) in enumerate((("tank/level", 5.0), ("tank/flow", 1.5))):
        column = np.array([group.ids.index(tag)], np.uint16)
        now = np.array([toy.now + at], np.int64)
        told = Changes(now, column, np.array([value]), np.array([0], np.uint8))
        content = write_changed(header(toy, Kind.BATCH_CHANGES, group), group, told)
        toy.seq["edge-1"], toy.prev["edge-1"] = at, sha256(content).digest()
        effects = toy.core.feed(BatchReceived(toy.salt(), "peer", toy.sealed(content)), toy.now)
        shown = published(list(effects), "labels")
    (body,) = shown
    values = dict(zip(group.ids, body["values"], strict=True))
    assert (values["tank/level"], values["tank/flow"]) == (5.0, 1.5)
