"""Plain JSON and SenML messages: what they say, and what is not taken from them."""

import json
from math import isnan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.core.batch import Quality
from twinvouch.core.errors import MalformedError
from twinvouch.wire import senml
from twinvouch.wire.cbor import encode
from twinvouch.wire.mqtt_json import (
    MAX_MESSAGE,
    Fields,
    TimeUnit,
    pointer,
    read_message,
    read_value,
)

NOW = 1_800_000_000_000_000_000


def value(message: Any, **but: Any) -> Any:
    usual: dict[str, Any] = {"value": pointer("/v")}
    return read_value(read_message(json.dumps(message).encode()), Fields(**{**usual, **but}))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"v": 1.5}, (None, 1.5, Quality.GOOD)),
        ({"v": 3}, (None, 3.0, Quality.GOOD)),
        ({"v": True}, (None, 1.0, Quality.GOOD)),
        ({"w": 1}, None),
        ([1], None),
    ],
)
def test_numbers_and_truths_are_values_and_absence_says_nothing(
    message: Any, expected: Any
) -> None:
    assert value(message) == expected


@pytest.mark.parametrize("bad", [None, "1.5", [], {}, 10**400])
def test_what_is_no_number_is_bad(bad: Any) -> None:
    t_ns, number, quality = value({"v": bad})
    assert (t_ns, quality) == (None, Quality.BAD)
    assert isnan(number)


def test_pointers_go_through_objects_and_lists_and_their_escapes() -> None:
    message = {"a/b": [{"c~d": 7}]}
    assert value(message, value=pointer("/a~1b/0/c~0d")) == (None, 7.0, Quality.GOOD)
    assert value(5, value=pointer("")) == (None, 5.0, Quality.GOOD)
    assert value(message, value=pointer("/a~1b/1")) is None
    with pytest.raises(ValueError, match="JSON pointer"):
        pointer("a")


@pytest.mark.parametrize(
    ("unit", "time", "t_ns"),
    [
        (TimeUnit.SECONDS, 1.5, 1_500_000_000),
        (TimeUnit.MILLISECONDS, 2, 2_000_000),
        (TimeUnit.MICROSECONDS, 2, 2_000),
        (TimeUnit.NANOSECONDS, NOW, NOW),
        (TimeUnit.TEXT, "2027-01-15T08:00:00Z", NOW),
        (TimeUnit.TEXT, "2027-01-15T09:00:00.000001+01:00", NOW + 1000),
    ],
)
def test_times_in_every_unit(unit: TimeUnit, time: Any, t_ns: int) -> None:
    assert value({"v": 1, "t": time}, time=("t",), time_unit=unit) == (t_ns, 1.0, Quality.GOOD)


@pytest.mark.parametrize(
    ("unit", "time"),
    [
        (TimeUnit.MILLISECONDS, None),
        (TimeUnit.MILLISECONDS, True),
        (TimeUnit.MILLISECONDS, "5"),
        (TimeUnit.MILLISECONDS, -1),
        (TimeUnit.MILLISECONDS, 1e300),
        (TimeUnit.SECONDS, 1e300),  # infinity, in nanoseconds
        (TimeUnit.SECONDS, 10**400),  # no float holds it
        (TimeUnit.TEXT, 5),
        (TimeUnit.TEXT, "yesterday"),
        (TimeUnit.TEXT, "2027-01-15T08:00:00"),
        (TimeUnit.TEXT, "1969-01-01T00:00:00Z"),
    ],
)
def test_a_time_that_was_promised_and_is_none_is_refused(unit: TimeUnit, time: Any) -> None:
    with pytest.raises(MalformedError):
        value({"v": 1, "t": time}, time=("t",), time_unit=unit)


@pytest.mark.parametrize(
    ("said", "quality"),
    [("Good", 0), ("UNCERTAIN", 1), ("bad", 2), (True, 0), (False, 2), (0, 2), (None, 2), ("x", 2)],
)
def test_qualities(said: Any, quality: int) -> None:
    assert value({"v": 1, "q": said}, quality=("q",))[2] == quality


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"a":1,"a":2}',
        b"NaN",
        b"[" * 100_000,
        b"\xff",
        b" " * (MAX_MESSAGE + 1),
        b"1" * 5000,
    ],
)
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        read_message(raw)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_json_or_malformed(raw: bytes) -> None:
    for read in (read_message, lambda r: list(senml.read_message(r, NOW))):
        said = ""
        try:
            read(raw)
        except MalformedError as error:
            said = str(error)
        assert len(said) < 400


def resolved(records: Any, now_ns: int | None = NOW) -> list[Any]:
    as_json = list(senml.read_message(json.dumps(records).encode(), now_ns))
    labels = {
        "bn": -2,
        "bt": -3,
        "bu": -4,
        "bv": -5,
        "bver": -1,
        "n": 0,
        "u": 1,
        "v": 2,
        "vs": 3,
        "vb": 4,
        "t": 6,
    }
    numbered = [{labels.get(k, k): v for k, v in r.items()} for r in records]
    assert repr(list(senml.read_message(encode(numbered), now_ns))) == repr(as_json)
    return as_json


def test_base_fields_hold_for_the_records_after_them() -> None:
    """The example of RFC 8428, section 5.1.3, and a base value."""
    records = [
        {"bn": "urn:dev:ow:10e2073a01080063:", "bt": 1.320067464e9, "bu": "%RH", "v": 20, "t": 0},
        {"u": "lon", "v": 24.30621},
        {"v": 20.3, "t": 60},
        {"n": "b", "bv": 100, "v": 1},
    ]
    told = resolved(records)
    assert [(r.name[-2:], r.unit, r.t_ns, r.value) for r in told] == [
        ("3:", "%RH", 1_320_067_464_000_000_000, 20.0),
        ("3:", "lon", 1_320_067_464_000_000_000, 24.30621),
        ("3:", "%RH", 1_320_067_524_000_000_000, 20.3),
        (":b", "%RH", 1_320_067_464_000_000_000, 101.0),
    ]


def test_relative_times_count_from_now_and_from_nothing_where_now_is_not_known() -> None:
    assert resolved([{"n": "a", "v": 1, "t": -5}])[0].t_ns == NOW - 5_000_000_000
    assert resolved([{"n": "a", "v": 1}], None)[0].t_ns is None


def test_text_and_truth() -> None:
    told = resolved([{"n": "a", "vb": True}, {"n": "b", "vs": "open"}])
    assert (told[0].value, told[0].quality) == (1.0, Quality.GOOD)
    assert told[1].quality is Quality.BAD


@pytest.mark.parametrize(
    "records",
    [
        {}, [5], [{"n": "a", "v": 1, "vb": True}], [{"n": 5, "v": 1}], [{"n": "a", "v": "x"}],
        [{"bver": 11, "n": "a", "v": 1}], [{"n": "a", "v": 1, "must_": 1}], [{"n": "a", "v": 1, "t": -1e12}],
        [{"n": "a", "v": 10**400}], [{"n": "a", "bv": 10**400, "v": 1}], [{"n": "a", "v": 1, "t": 10**400}],
        [{"n": "a", "v": 1, "t": 10**305}], [{"bt": 10**400}],
    ],
)  # fmt: skip
def test_what_is_no_pack_is_refused(records: Any) -> None:
    with pytest.raises(MalformedError):
        list(senml.read_message(json.dumps(records).encode(), NOW))
