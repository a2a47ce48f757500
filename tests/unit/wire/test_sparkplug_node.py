"""One Sparkplug node's session: births, data and deaths in every order an honest or hostile sender may choose."""

from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.core.batch import Quality
from twinvouch.core.errors import MalformedError
from twinvouch.core.report import Told
from twinvouch.wire.sparkplug import DataType, Metric, Payload
from twinvouch.wire.sparkplug_node import MS, Heard, Message, Node

T, U, P = ("", "T"), ("", "U"), ("dev", "P")
START = 1_800_000_000_000


class Sender:
    """A node under test and who speaks for it; time moves by a millisecond a message."""

    def __init__(self) -> None:
        self.node = Node(frozenset({T, U, P}))
        self.ms = START

    def send(
        self,
        kind: str,
        *metrics: Metric,
        seq: int | None = 0,
        ms: int | None = None,
        device: str = "",
    ) -> Heard:
        if ms is None:
            self.ms += 1
            ms = self.ms
        return self.node.feed(Message(kind), device, Payload(ms, seq, metrics), self.ms * MS)

    def birth(self, t: float = 1.0, bd_seq: int = 0, ms: int | None = None, seq: int = 0) -> Heard:
        return self.send(
            "NBIRTH", bd(bd_seq), Metric("T", 1, datatype=DataType.DOUBLE, value=t),
            Metric("U", 2, datatype=DataType.DOUBLE, value=t), seq=seq, ms=ms,
        )  # fmt: skip

    def data(self, value: float, seq: int, ms: int | None = None, alias: int = 1) -> Heard:
        return self.send("NDATA", Metric(alias=alias, value=value), seq=seq, ms=ms)

    def death(self, bd_seq: int = 0) -> Heard:
        return self.send("NDEATH", bd(bd_seq), seq=None)


def bd(seq: int) -> Metric:
    return Metric("bdSeq", datatype=DataType.UINT64, value=seq)


def told(heard: Heard) -> list[Told]:
    return [what for what, _, _ in heard.told]


def said(heard: Heard) -> list[tuple[str, float, Quality]]:
    return [(r.place[1], r.value, r.quality) for r in heard.readings]


GOOD, UNSURE, BAD = Quality.GOOD, Quality.UNCERTAIN, Quality.BAD


def test_a_birth_gives_values_and_aliases_and_data_follows() -> None:
    s = Sender()
    heard = s.birth(1.0)
    assert (told(heard), said(heard)) == ([Told.BIRTH], [("T", 1.0, GOOD), ("U", 1.0, GOOD)])
    heard = s.data(2.0, 1, alias=2)
    assert (told(heard), said(heard)) == ([], [("U", 2.0, GOOD)])
    assert heard.readings[0].t_ns == s.ms * MS


def test_sequence_goes_round_at_256() -> None:
    s = Sender()
    s.birth()
    for n in range(1, 600):
        assert told(s.data(float(n), n % 256)) == []


def test_data_before_a_birth_is_ignored_and_a_birth_is_asked_for() -> None:
    heard = Sender().data(1.0, 5)
    assert (told(heard), heard.readings, heard.rebirth) == ([Told.NO_BIRTH], [], True)


def test_a_gap_makes_uncertain_what_the_next_message_does_not_say() -> None:
    s = Sender()
    s.birth(1.0)
    heard = s.data(2.0, 3)
    assert heard.told == [
        (Told.SEQUENCE, "", (("seq", 3), ("expected", 1), ("missing", 2))),
    ]
    assert sorted(said(heard)) == [("T", 2.0, GOOD), ("U", 1.0, UNSURE)]
    assert heard.rebirth
    assert said(s.data(5.0, 4, alias=2)) == [("U", 5.0, GOOD)], "told again: certain again"


def test_a_late_message_fills_its_gap_and_the_rest_is_certain_again() -> None:
    s = Sender()
    s.birth(1.0)
    missing = s.ms = s.ms + 1
    s.data(2.0, 2)
    heard = s.data(7.0, 1, ms=missing, alias=2)
    assert told(heard) == [Told.REORDER]
    assert said(heard) == [("U", 7.0, GOOD), ("U", 7.0, GOOD)]
    assert [r.t_ns for r in heard.readings] == [missing * MS, s.ms * MS]
    assert told(s.data(3.0, 3)) == []


def test_with_two_missing_one_late_message_is_not_enough() -> None:
    s = Sender()
    s.birth(1.0)
    missing = s.ms = s.ms + 1
    s.data(2.0, 3)
    assert said(s.data(9.0, 2, ms=missing, alias=1)) == [("T", 9.0, GOOD)]


@pytest.mark.parametrize("back", [0, 1, 7])
def test_what_was_sent_before_is_ignored(back: int) -> None:
    s = Sender()
    s.birth()
    sent = []
    for n in range(1, 10):
        s.data(float(n), n)
        sent.append(s.ms)
    heard = s.data(float(9 - back), 9 - back, ms=sent[8 - back])
    assert (told(heard), heard.readings) == ([Told.REPLAY], [])
    assert told(s.data(10.0, 10)) == [], "and the sequence goes on"


def test_a_birth_that_is_not_newer_is_a_replay() -> None:
    s = Sender()
    s.birth(1.0, bd_seq=3)
    born = s.ms
    s.data(2.0, 1)
    for ms in (born, born - 1000):
        heard = s.birth(1.0, bd_seq=3, ms=ms)
        assert (told(heard), heard.readings) == ([Told.REPLAY], [])
    assert told(s.data(3.0, 2)) == []


def test_a_message_of_an_earlier_session_is_a_replay_even_with_the_next_number() -> None:
    s = Sender()
    s.birth()
    old = s.ms
    s.birth(bd_seq=1)
    assert told(s.data(9.0, 1, ms=old)) == [Told.REPLAY]


def test_a_death_of_another_session_is_ignored_and_told() -> None:
    s = Sender()
    s.birth(bd_seq=4)
    heard = s.death(3)
    assert (told(heard), heard.readings) == ([Told.REPLAY], [])
    assert told(s.data(2.0, 1)) == []


def test_after_a_death_everything_is_bad_until_the_next_birth() -> None:
    s = Sender()
    s.birth(1.0)
    heard = s.death(0)
    assert told(heard) == [Told.DEATH]
    assert said(heard) == [("T", 1.0, BAD), ("U", 1.0, BAD)]
    assert told(s.death(0)) == [], "a will and a word are one death"
    assert told(s.data(2.0, 1)) == [Told.NO_BIRTH]
    assert told(s.birth(3.0, bd_seq=1)) == [Told.BIRTH]
    assert said(s.data(4.0, 1)) == [("T", 4.0, GOOD)]


def test_a_birth_is_live_after_a_death_though_the_node_runs_behind_us() -> None:
    s = Sender()
    s.birth(1.0)
    dead = s.node.feed(Message.NDEATH, "", Payload(None, None, (bd(0),)), (s.ms + 4000) * MS)
    born = s.birth(2.0, bd_seq=1)
    assert born.readings[0].t_ns == dead.readings[0].t_ns == (s.ms - 1 + 4000) * MS


def test_a_birth_again_says_so_and_what_it_leaves_out_is_bad() -> None:
    s = Sender()
    s.birth(1.0)
    heard = s.send("NBIRTH", bd(0), Metric("T", 1, datatype=DataType.DOUBLE, value=2.0))
    assert heard.told[0][2] == (("bd_seq", 0), ("again", 1.0))
    assert said(heard) == [("T", 2.0, GOOD), ("U", 1.0, BAD)]


def test_devices_live_and_die_in_the_sequence_of_their_node() -> None:
    s = Sender()
    s.birth()
    p = Metric("P", 9, datatype=DataType.INT16, value=0xFFFF)
    assert told(s.send("DDATA", Metric(alias=9, value=1), seq=1, device="dev")) == [Told.NO_BIRTH]
    heard = s.send("DBIRTH", p, seq=2, device="dev")
    assert (told(heard), said(heard)) == ([Told.BIRTH], [("P", -1.0, GOOD)])
    assert said(s.send("DDATA", Metric(alias=9, value=5), seq=3, device="dev")) == [
        ("P", 5.0, GOOD)
    ]
    heard = s.send("DDEATH", seq=4, device="dev")
    assert (told(heard), said(heard)) == ([Told.DEATH], [("P", 5.0, BAD)])
    assert said(s.data(2.0, 5)) == [("T", 2.0, GOOD)], "the node lives"


def test_a_metric_that_no_birth_named_is_told_and_left_out() -> None:
    s = Sender()
    s.birth()
    heard = s.send("NDATA", Metric(alias=99, value=1.0), Metric("X", value=1.0), seq=1)
    assert heard.told == [(Told.UNBORN, "", (("metrics", 2),))]
    assert heard.readings == []


def test_an_alias_of_another_device_is_none_of_this_one() -> None:
    s = Sender()
    s.birth()
    s.send("DBIRTH", Metric("P", 9, datatype=DataType.DOUBLE, value=1.0), seq=1, device="dev")
    assert told(s.send("DDATA", Metric(alias=1, value=9.0), seq=2, device="dev")) == [Told.UNBORN]


def test_null_is_bad_with_the_last_known_value() -> None:
    s = Sender()
    s.birth(1.0)
    heard = s.send("NDATA", Metric(alias=1, is_null=True), seq=1)
    assert said(heard) == [("T", 1.0, BAD)]
    first = Sender().send("NBIRTH", bd(0), Metric("T", is_null=True))
    assert isnan(first.readings[0].value)


@pytest.mark.parametrize(
    ("kind", "metrics", "seq", "ms"),
    [
        ("NBIRTH", (), 0, START + 10),
        ("NBIRTH", (Metric("bdSeq", value=256),), 0, START + 10),
        ("NBIRTH", (bd(0), Metric(alias=1, value=1.0)), 0, START + 10),
        ("NBIRTH", (bd(0), Metric("T", 1), Metric("U", 1)), 0, START + 10),
        ("NBIRTH", (bd(0), Metric("T"), Metric("T")), 0, START + 10),
        ("NBIRTH", (bd(0),), None, START),
        ("NBIRTH", (bd(0),), 0, 2**64 - 1),
        ("NDATA", (Metric(value=1.0),), 1, START + 10),
        ("NDATA", (Metric(alias=1, timestamp=2**63, value=1.0),), 1, START + 10),
        ("NDEATH", (), None, START),
    ],
)
def test_what_sparkplug_does_not_allow_changes_nothing(
    kind: str, metrics: tuple[Metric, ...], seq: int | None, ms: int
) -> None:
    s = Sender()
    s.birth(1.0)
    with pytest.raises(MalformedError):
        s.send(kind, *metrics, seq=seq, ms=ms)
    heard = s.data(2.0, 1)
    assert (told(heard), said(heard)) == ([], [("T", 2.0, GOOD)])


NUMBER = st.none() | st.integers(0, 3) | st.sampled_from([2**32 - 1, 2**64 - 1])
METRIC = st.builds(
    Metric,
    name=st.none() | st.sampled_from(["T", "U", "P", "bdSeq", "X"]),
    alias=NUMBER,
    timestamp=st.none() | st.integers(START - 5, START + 50) | st.just(2**64 - 1),
    datatype=st.none() | st.sampled_from(list(DataType)),
    is_null=st.booleans(),
    value=NUMBER | st.floats() | st.booleans() | st.just("text"),
)
SENT = st.tuples(
    st.sampled_from(list(Message)),
    st.sampled_from(["", "dev"]),
    st.integers(0, 5),
    st.integers(START - 5, START + 50),
    st.lists(METRIC, max_size=3),
)


@given(st.lists(SENT, max_size=30))
def test_nothing_a_sender_chooses_raises_but_malformed_and_no_time_goes_back_over_a_death(
    messages: list[tuple[Message, str, int, int, list[Metric]]],
) -> None:
    node = Node(frozenset({T, U, P}))
    dead_ns = 0
    for kind, device, seq, ms, metrics in messages:
        try:
            heard = node.feed(kind, device, Payload(ms, seq, tuple(metrics)), (START + 20) * MS)
        except MalformedError:
            continue
        assert all(r.place in {T, U, P} for r in heard.readings)
        assert all(r.t_ns >= dead_ns for r in heard.readings)
        if kind is Message.NDEATH and heard.readings:
            dead_ns = heard.readings[0].t_ns
        if not node.is_alive:
            assert all(r.quality is Quality.BAD for r in heard.readings)
