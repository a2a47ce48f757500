import pytest

from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.core.event import (
    AdviceGiven,
    BatchReceived,
    CommandProposed,
    DisavowalTraced,
    DiskChanged,
    Event,
    HistoryChanged,
    KeyStated,
    ModelSubmitted,
    OutcomeReported,
    QueryAsked,
    Rewound,
    Started,
    StatementReceived,
    StrangersRefused,
    Tick,
    WitnessReported,
)
from twinvouch.wire import cbor
from twinvouch.wire.eventlog import read_event, write_event

SALT = bytes(range(16))
EVENTS: list[Event] = [
    Started(SALT, b"\1" * 32, b"\2" * 32, "0.1.0"),
    BatchReceived(SALT, "10.0.0.7", b"\xff" * 100_000),
    CommandProposed(SALT, "10.0.0.7", b"", "controller"),
    AdviceGiven(SALT, "10.0.0.7", b"raw", ""),
    StatementReceived(SALT, "", b"?"),
    OutcomeReported(SALT, "10.0.0.7", b"raw"),
    ModelSubmitted(SALT, "10.0.0.7", b"raw", (("a.json", b"\3" * 32, ""), ("b", b"", "pickle"))),
    QueryAsked(SALT, "alice", "readTags", "*", "shift", ("tank-1/level", "tank-2/level")),
    QueryAsked(SALT, "", "readTags", "x" * 5_000, "a\nb"),
    KeyStated(SALT, "10.0.0.7", b"raw"),
    Tick(SALT, 1_800_000_000_000_000_000, 7),
    DiskChanged(SALT, 1, 10**9, 2**40, 12),
    WitnessReported(SALT, 1, 900, 17, "two"),
    StrangersRefused(SALT, 5, (("bad_signature", 3), ("quota", 2**40)), (("10.0.0.7", 9),)),
    HistoryChanged(SALT, "purged", "fast", 20_783, 3, b"\5" * 32),
    DisavowalTraced(
        SALT,
        9,
        0,
        2,
        3,
        (("batch", 2),),
        "A",
        (("m", 1),),
        (("twin", 4, 5),),
        b"\6" * 32,
        b"\1" + bytes(7),
    ),
    Rewound(SALT, b"\6" * 32, "net3/0", 7, b"\7" * 32, 12, "tank-1/level", 5, 9),
    BatchReceived(SALT, "10.0.0.7", b"raw", link="edge-1"),
    BatchReceived(SALT, "10.0.0.7", b"raw", link="edge-1", checked=b"\7" * 32),
    QueryAsked(SALT, "actuator-1", "takePermits", "*", "actuation", (), "edge-2"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_what_was_written_is_read(event: Event) -> None:
    assert read_event(write_event(event, 123)) == (event, 123)


def test_every_event_has_its_own_number() -> None:
    numbers = {type(e): cbor.decode(write_event(e, 0))[1] for e in EVENTS[:-3]}
    assert len(set(numbers.values())) == len(numbers) == 16
    assert {cbor.decode(write_event(e, 0))[1] for e in EVENTS[-3:]} == {139, 145}
    assert min(numbers.values()) >= 128  # apart from the kinds of contents and entries


def test_a_tick_from_before_it_carried_clocks_is_read() -> None:
    assert read_event(cbor.encode([1, 135, 123, SALT])) == (Tick(SALT), 123)
    with pytest.raises(MalformedError):
        read_event(cbor.encode([1, 138, 123, SALT]))


def test_the_raw_bytes_are_passed_through() -> None:
    assert b"\xff" * 100_000 in write_event(EVENTS[1], 1)


@pytest.mark.parametrize("event", EVENTS[2:], ids=lambda e: type(e).__name__)
def test_every_truncation_is_malformed(event: Event) -> None:
    raw = write_event(event, 123)
    for end in range(len(raw)):
        with pytest.raises(MalformedError):
            read_event(raw[:end])


@pytest.mark.parametrize(
    "items",
    [
        None,
        [],
        [1, 135],
        [1, 127, 0],
        [1, "x", 0],
        [1, [], 0],
        [2, 135, 0, SALT],
        [1, 135, -1, SALT],
        [1, 135, 2**63, SALT],
        [1, 135, 0, SALT, 0],
        [1, 135, 0],
        [1, 135, 0, "salt"],
        [1, 129, 0, SALT, "peer"],
        [1, 129, 0, SALT, b"peer", b""],
        [1, 129, 0, SALT, "peer", "raw"],
        [1, 133, 0, SALT, "peer", b"", [["a", b""]]],
        [1, 134, 0, SALT, "", "", "", "", [1]],
    ],
)
def test_other_records_are_malformed(items: object) -> None:
    with pytest.raises(MalformedError):
        read_event(cbor.encode(items))


def test_text_without_utf_8_is_an_error() -> None:
    with pytest.raises(UsageError):
        write_event(StatementReceived(SALT, "\udcff", b""), 1)
