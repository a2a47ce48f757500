"""C25 and C26 of docs/explanation/threat-model.md."""

from collections import Counter

import pytest

from tests.mqtt.site import line as mqtt_line
from tests.unit.readings.test_rhythms import A, B, line_of, tell
from tests.unit.readings.world import NOW, SECOND, rules
from twinvouch.app.edge_messages import Translator
from twinvouch.core.batch import Quality
from twinvouch.core.inventory import Rhythm
from twinvouch.core.ports import Message
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
